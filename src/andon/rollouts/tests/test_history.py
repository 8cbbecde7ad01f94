"""What ran where and when."""

from dataclasses import replace
from datetime import timedelta

from andon.kernel.ids import RolloutId, Version
from andon.rollouts import history
from andon.rollouts.history import Entry, entries, is_back, went_back
from andon.rollouts.model import Phase, Trigger
from andon.rollouts.stables.store import Stable
from andon.testing.rolling import AT, NEW, OLD, a_rollout

HOUR = timedelta(hours=1)
NEXT = Version("1.2.0")
ONE, TWO, THREE = (a_rollout(id=RolloutId(f"ro-{number}")) for number in (1, 2, 3))


def stood(rollout: str, version: Version, hours: int, *, is_withdrawn: bool = False) -> Stable:
    return Stable(version, RolloutId(rollout), AT + hours * HOUR, is_withdrawn)


def test_each_release_ran_until_the_next_took_its_place() -> None:
    found = entries([THREE, TWO, ONE], [stood("ro-3", NEXT, 9), stood("ro-2", NEW, 5), stood("ro-1", OLD, 1)])
    assert [(each.ran_from, each.ran_until) for each in found] == [
        (AT + 9 * HOUR, None),
        (AT + 5 * HOUR, AT + 9 * HOUR),
        (AT + HOUR, AT + 5 * HOUR),
    ]
    assert [each.can_return for each in found] == [False, True, True]


def test_what_never_finished_ran_at_no_time() -> None:
    assert entries([TWO, ONE], [stood("ro-1", OLD, 1)])[0] == Entry(TWO)


def test_what_somebody_went_back_from_needs_a_gate_to_return() -> None:
    stables = [stood("ro-3", OLD, 9), stood("ro-2", NEW, 5, is_withdrawn=True), stood("ro-1", OLD, 1)]
    back, left, first = entries([THREE, TWO, ONE], stables)
    assert (left.is_withdrawn, left.can_return) == (True, False)
    assert (back.can_return, first.can_return) == (False, False), "it is there now"


def test_what_came_after_the_present_release_first_did_needs_a_gate_as_the_return_itself_says() -> None:
    stables = [stood("ro-3", OLD, 9), stood("ro-2", NEW, 5), stood("ro-1", OLD, 1)]
    assert [each.can_return for each in entries([THREE, TWO, ONE], stables)] == [False, False, False]
    assert not is_back(NEW, stables)


def test_the_next_plan_says_that_this_release_was_taken_back_here():
    bad = replace(
        a_rollout(phase=Phase.RETURNED),
        because="it fails 9 times as often",
        finished_at=AT,
        trigger=Trigger.JUDGE,
    )
    said = history.taken_back([bad], NEW)
    assert said == f"1.1.0 was taken back here on {AT:%Y-%m-%d %H:%M} UTC: it fails 9 times as often."
    assert history.taken_back([bad], OLD) is None
    never_tried = replace(bad, trigger=Trigger.GATE)
    assert history.taken_back([never_tried], NEW) is None
    assert history.taken_back([never_tried, bad], NEW) == said
    promoted = replace(bad, phase=Phase.PROMOTED, trigger=None)
    assert history.taken_back([promoted, bad], NEW) is None
    assert history.taken_back([a_rollout()], NEW) is None


def test_a_release_is_known_to_be_bad_when_its_last_stay_ended_by_going_back() -> None:
    returned = replace(TWO, candidate=NEW, phase=Phase.RETURNED, finished_at=AT, reason="it drops units")
    stables = [stood("ro-3", OLD, 9), stood("ro-2", NEW, 5, is_withdrawn=True), stood("ro-1", OLD, 1)]
    assert "it drops units" in str(went_back([returned], [], NEW))
    assert went_back([], stables, NEW) == f"somebody went back from {NEW} here."
    assert went_back([returned], stables, OLD) is None
    assert went_back([], [stood("ro-4", NEW, 12), *stables], NEW) is None, "it came again and stands"
