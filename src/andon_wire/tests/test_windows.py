"""When a window is open: midnight, the plant's own time, no window at all."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon_wire.errors import Malformed
from andon_wire.protocol import Windows
from andon_wire.windows import MINUTES_OF_DAY, is_open

pytestmark = pytest.mark.unit

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)  # 00:00


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of a certain week, in UTC."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def test_without_a_span_every_moment_will_do() -> None:
    assert is_open(Windows(), at(3, 12))


def test_the_end_of_a_span_is_outside_and_its_beginning_inside() -> None:
    windows = Windows(spans=[(0, 600, 660)])
    assert is_open(windows, at(0, 10))
    assert is_open(windows, at(0, 10, 59))
    assert not is_open(windows, at(0, 11))
    assert not is_open(windows, at(1, 10))


def test_a_span_may_pass_midnight_also_that_of_sunday() -> None:
    windows = Windows(spans=[(6, 22 * 60, 6 * 60)])
    assert is_open(windows, at(6, 23))
    assert is_open(windows, at(0, 5, 59))
    assert not is_open(windows, at(0, 6))
    assert not is_open(windows, at(6, 5))


def test_the_plants_own_time_counts() -> None:
    windows = Windows(zone="Asia/Seoul", spans=[(1, 0, 60)])  # Tuesday 00:00 there is Monday 15:00 in UTC
    assert is_open(windows, at(0, 15, 30))
    assert not is_open(windows, at(1, 0, 30))


def test_a_zone_that_does_not_exist_is_said() -> None:
    with pytest.raises(Malformed, match="Mars/Olympus"):
        is_open(Windows(zone="Mars/Olympus", spans=[(0, 0, 1)]), MONDAY)


@given(st.integers(0, 6), st.integers(0, MINUTES_OF_DAY - 1), st.integers(0, MINUTES_OF_DAY - 1))
def test_a_span_is_open_as_many_minutes_of_the_week_as_it_is_long(day: int, begin: int, end: int) -> None:
    windows = Windows(spans=[(day, begin, end)])
    found = sum(
        is_open(windows, MONDAY + timedelta(minutes=each)) for each in range(0, 7 * MINUTES_OF_DAY, 7)
    )
    length = (end - begin) % MINUTES_OF_DAY or MINUTES_OF_DAY
    assert abs(found - length / 7) <= 1
