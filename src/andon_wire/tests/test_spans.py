"""Windows hold in the plant's own time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon_wire.errors import Malformed
from andon_wire.protocol import Windows
from andon_wire.spans import is_open, opens_at

pytestmark = pytest.mark.unit

SEOUL_NIGHT = Windows(zone="Asia/Seoul", spans=[(6, 22 * 60, 4 * 60)])  # Sunday 22:00 to Monday 04:00


@pytest.mark.parametrize(
    ("at", "is_so"),
    [
        (datetime(2026, 1, 4, 12, 59, tzinfo=UTC), False),
        (datetime(2026, 1, 4, 13, 0, tzinfo=UTC), True),
        (datetime(2026, 1, 4, 18, 59, tzinfo=UTC), True),
        (datetime(2026, 1, 4, 19, 0, tzinfo=UTC), False),
        (datetime(2026, 1, 5, 13, 0, tzinfo=UTC), False),
    ],
)
def test_a_window_passes_midnight_in_its_own_zone(at: datetime, is_so: bool) -> None:
    assert is_open(SEOUL_NIGHT, at) is is_so


def test_without_windows_it_is_always_time() -> None:
    assert is_open(Windows(), datetime(2026, 1, 1, tzinfo=UTC))


def test_the_same_hour_on_the_wall_holds_on_both_sides_of_daylight_saving() -> None:
    windows = Windows(zone="Europe/Berlin", spans=[(each, 120, 180) for each in range(7)])
    assert is_open(windows, datetime(2026, 7, 1, 0, 30, tzinfo=UTC))
    assert is_open(windows, datetime(2026, 1, 1, 1, 30, tzinfo=UTC))
    assert not is_open(windows, datetime(2026, 1, 1, 0, 30, tzinfo=UTC))


def test_an_unknown_zone_is_said() -> None:
    for zone in ("Mars/Base", "../etc/passwd", ""):
        with pytest.raises(Malformed, match="time zone"):
            is_open(Windows(zone=zone, spans=[(0, 0, 60)]), datetime(2026, 1, 1, tzinfo=UTC))


@given(
    st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1439)),
    st.integers(0, 7 * 1440),
)
def test_the_next_opening_is_the_first_open_minute(span: tuple[int, int, int], minute: int) -> None:
    windows = Windows(spans=[span])
    at = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=minute)
    found = opens_at(windows, at)
    assert found is not None
    assert is_open(windows, found)
    assert found == at or not is_open(windows, found - timedelta(minutes=1))
