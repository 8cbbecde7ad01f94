"""What may come from the environment before, and what Andon brings by itself."""

from datetime import timedelta

import pytest

from andon.access.policies.model import Bounds
from andon.kernel.ids import RolloutId, Version
from andon.rollouts.advance.rules import newest, refusal
from andon.rollouts.stables.store import Stable
from andon.testing.rolling import AT

HOUR = timedelta(hours=1)
OLD, NEW, NEXT = Version("1.0.0"), Version("1.1.0"), Version("1.2.0")
BOUNDS = Bounds("staging", 24 * HOUR, is_auto=True)


def stood(version: Version, hours_ago: float, *, is_withdrawn: bool = False) -> Stable:
    return Stable(version, RolloutId(f"ro-{version}"), AT - hours_ago * HOUR, is_withdrawn)


CASES = [
    ("without an environment before, everything may come", Bounds(), [], ""),
    ("what never finished there", BOUNDS, [], "it did not finish a rollout in staging"),
    ("stable for long enough", BOUNDS, [stood(NEW, 24)], ""),
    (
        "not for long enough",
        BOUNDS,
        [stood(NEW, 23.5)],
        "stable in staging for 23 h 30 min, and 1 d 0 h",
    ),
    ("replaced after long enough", BOUNDS, [stood(NEXT, 1), stood(NEW, 26)], ""),
    ("replaced too early", BOUNDS, [stood(NEXT, 40), stood(NEW, 50)], "for 10 h 0 min"),
    (
        "somebody went back from it",
        BOUNDS,
        [stood(OLD, 1), stood(NEW, 50, is_withdrawn=True)],
        "went back from",
    ),
    ("it is back there", BOUNDS, [stood(NEW, 30), stood(OLD, 31), stood(NEW, 32, is_withdrawn=True)], ""),
    ("seconds, without an age", Bounds("staging"), [stood(NEW, 0)], ""),
]


@pytest.mark.parametrize(("name", "bounds", "history", "words"), CASES, ids=[each[0] for each in CASES])
def test_whether_a_release_may_come(name: str, bounds: Bounds, history: list[Stable], words: str) -> None:
    said = refusal(NEW, bounds, history, AT)
    assert words in said if words else said == "", name


def test_the_newest_that_may_come_is_moved() -> None:
    history = [stood(NEXT, 30), stood(NEW, 60), stood(OLD, 90)]
    assert newest(BOUNDS, history, {OLD}, AT) == NEXT
    fresh = [stood(NEXT, 2), stood(NEW, 60), stood(OLD, 90)]
    assert newest(BOUNDS, fresh, {OLD}, AT) == NEW


def test_each_release_is_tried_once_and_nothing_older_after_it() -> None:
    history = [stood(NEXT, 30), stood(NEW, 60), stood(OLD, 90)]
    assert newest(BOUNDS, history, {NEXT}, AT) is None
    assert newest(BOUNDS, history, {NEW, OLD, NEXT}, AT) is None
    assert newest(BOUNDS, [], set(), AT) is None


def test_short_times_are_said_in_seconds() -> None:
    bounds = Bounds("staging", timedelta(seconds=30))
    assert refusal(NEW, bounds, [stood(NEW, 1 / 3600)], AT).endswith("for 1 s, and 30 s are asked for")
