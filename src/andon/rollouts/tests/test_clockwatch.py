"""A clock that was set is told apart from time that passed, until a rollout has taken it into account."""

from datetime import timedelta

from andon.kernel.clock import ManualClock
from andon.kernel.ids import RolloutId
from andon.rollouts.clockwatch import ClockWatch

ONE, OTHER = RolloutId("ro-1"), RolloutId("ro-2")
HOUR, NOTHING = timedelta(hours=1), timedelta()


def test_time_that_passes_is_no_step() -> None:
    clock = ManualClock()
    watch = ClockWatch(clock)
    assert watch.step(ONE) == NOTHING
    clock.advance(HOUR)
    assert watch.step(ONE) == NOTHING


def test_a_step_is_said_until_it_was_taken_by_each_rollout() -> None:
    clock = ManualClock()
    watch = ClockWatch(clock)
    watch.step(ONE)
    watch.step(OTHER)
    clock.step(-HOUR)
    assert watch.step(ONE) == watch.step(ONE) == -HOUR  # the tick that saw it may have been dropped
    watch.taken(ONE)
    assert (watch.step(ONE), watch.step(OTHER)) == (NOTHING, -HOUR)


def test_a_rollout_that_is_over_is_forgotten() -> None:
    clock = ManualClock()
    watch = ClockWatch(clock)
    watch.step(ONE)
    watch.keep({OTHER})
    clock.step(HOUR)
    assert watch.step(ONE) == NOTHING
