"""How fast, and whether now."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon_agent.flow import CANCELLED_S, LONGEST_PAUSE_S, Bucket, Flow
from andon_agent.pace import LONGEST_S, Backoff, jittered
from andon_wire.protocol import Pace, Windows

pytestmark = pytest.mark.unit

MONDAY = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class Clock:
    """A machine's two clocks, moved by hand."""

    def __init__(self) -> None:
        self.at, self.rising = MONDAY, 0.0

    def flow(self, bandwidth: int = 0) -> Flow:
        return Flow(lambda: self.at, lambda: self.rising, bandwidth=bandwidth)


class FixedChance:
    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


@given(st.lists(st.tuples(st.integers(1, 100_000), st.floats(0, 3)), min_size=1, max_size=50))
def test_no_more_passes_than_the_rate_allows_whoever_waits_as_told(steps: list[tuple[int, float]]) -> None:
    bucket, now, passed = Bucket(10_000), 0.0, 0
    for count, idle in steps:
        now += idle
        now += bucket.take(count, now)
        passed += count
    assert passed <= 10_000 * (now + 1) + 1  # one second's worth may come at once


def test_without_a_rate_nothing_waits() -> None:
    assert Bucket(0).take(1 << 40, 0) == 0


def test_what_was_idle_is_no_credit_beyond_a_second() -> None:
    bucket = Bucket(1000)
    bucket.take(1, 0)
    assert bucket.take(11_000, 3600) == pytest.approx(10.0, abs=0.1)


def test_the_lower_of_the_two_limits_counts() -> None:
    for own, plant, seconds in ((1000, 5000, 10), (5000, 1000, 10), (0, 1000, 10), (1000, 0, 10)):
        clock = Clock()
        flow = clock.flow(own)
        flow.set_pace(Pace(bandwidth=plant))
        assert flow._bucket.take(10_000, 0.0) == pytest.approx(seconds)


def test_a_download_window_holds_and_lets_go() -> None:
    clock = Clock()
    flow = clock.flow()
    flow.set_pace(Pace(download=Windows(spans=[(0, 22 * 60, 60)])))
    assert flow.rests() == "outside of the download window"
    clock.at = MONDAY.replace(hour=23)
    assert flow.rests() == ""


def test_windows_of_an_unknown_zone_are_never_open() -> None:
    clock = Clock()
    flow = clock.flow()
    flow.set_pace(Pace(download=Windows(zone="Mars/Base", spans=[(0, 0, 1)])))
    assert "Mars/Base" in flow.rests()


def test_a_pause_that_was_forgotten_ends_by_itself() -> None:
    clock = Clock()
    flow = clock.flow()
    flow.pause()
    assert flow.rests()
    clock.rising = LONGEST_PAUSE_S + 1
    assert not flow.rests()


def test_a_cancelled_download_waits_an_hour_or_for_a_word() -> None:
    clock = Clock()
    flow = clock.flow()
    before = flow.dropped
    flow.cancel()
    assert flow.dropped > before
    clock.rising = CANCELLED_S - 1
    assert flow.is_paused
    flow.resume()
    assert not flow.is_paused


def test_backoff_doubles_to_its_end_and_begins_anew() -> None:
    backoff = Backoff(FixedChance(1.0))
    waits = [backoff.failed() for _ in range(12)]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == LONGEST_S
    backoff.again()
    assert backoff.failed() == 1


def test_what_the_other_side_asks_for_is_kept_but_not_for_ever() -> None:
    assert Backoff(FixedChance(0)).failed(120) == 120
    assert Backoff(FixedChance(0)).failed(1e9) == 3600


@given(st.floats(0, 1, exclude_max=True))
def test_jitter_stays_in_its_part(chance: float) -> None:
    assert 2880 <= jittered(3600, 0.2, FixedChance(chance)) <= 4320
