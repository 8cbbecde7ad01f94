"""What ran where and when."""

from datetime import timedelta

from andon.kernel.ids import RolloutId, Version
from andon.rollouts.history import Entry, entries, is_back
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
