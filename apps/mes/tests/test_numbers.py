"""Numbers, their checksum, and the dates of shifts."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from andon_mes.kernel.errors import InvalidInput
from andon_mes.numbers.calendar import Calendar
from andon_mes.numbers.checksum import checksum, is_intact, likely_cause
from andon_mes.numbers.patterns import (
    LotKey,
    SerialKey,
    lot_number,
    parse_lot,
    parse_serial,
    serial_number,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SERIAL = "FN-KR-251110D-001-0001"
STEADY = {"deadline": None, "derandomize": True}  # a build must not fail by chance

lot_keys = st.builds(
    LotKey,
    st.text(ALPHABET, min_size=1, max_size=10),
    st.dates(date(2000, 1, 1), date(2068, 12, 31)),
    st.sampled_from("DN"),
    st.integers(1, 999_999),
)
serial_keys = st.builds(SerialKey, lot_keys, st.integers(1, 99_999))


def test_the_checksum_is_the_standards_own_example():
    assert checksum("ISO79") == "3W"
    assert is_intact("ISO79", "3W")
    assert not is_intact("ISO79", "3X")


def single_errors(number):
    for at, old in enumerate(number):
        if old != "-":
            yield from (number[:at] + new + number[at + 1 :] for new in ALPHABET if new != old)


def swaps(number):
    bare = number.replace("-", "")
    for at in range(len(bare) - 1):
        if bare[at] != bare[at + 1]:
            yield bare[:at] + bare[at + 1] + bare[at] + bare[at + 2 :]


@settings(max_examples=10, **STEADY)
@given(serial_keys)
def test_no_single_error_and_no_swap_is_missed(key):
    number = serial_number(key)
    check = checksum(number)
    assert not [wrong for wrong in single_errors(number) if is_intact(wrong, check)]
    assert not [wrong for wrong in swaps(number) if is_intact(wrong, check)]


def test_an_error_in_the_check_characters_is_found():
    check = checksum(SERIAL)
    for wrong in single_errors(check):
        assert not is_intact(SERIAL, wrong)
    assert check[::-1] == check or not is_intact(SERIAL, check[::-1])


def test_a_mistyped_number_is_told_its_likely_cause():
    check = checksum(SERIAL)
    assert likely_cause("FN-KR-251101D-001-0001", check) == SERIAL
    assert likely_cause("FN-KR-251110D-O01-0001", check) == SERIAL
    assert likely_cause("FN-KR-999999D-999-9999", check) is None


def test_the_example_of_the_requirements_parses():
    key = parse_serial(SERIAL)
    assert key == SerialKey(LotKey("KR", date(2025, 11, 10), "D", 1), 1)
    assert lot_number(key.lot) == "FN-KR-20251110-D-000001"


@settings(max_examples=40, **STEADY)
@given(serial_keys)
@example(SerialKey(LotKey("KR", date(2025, 11, 10), "D", 1000), 10_000))
def test_what_is_written_is_read_back(key):
    assert parse_serial(serial_number(key)) == key
    assert parse_lot(lot_number(key.lot)) == key.lot


@settings(max_examples=40, **STEADY)
@given(st.text(max_size=60) | st.from_regex(r"FN-[A-Z]{2}-[0-9]{6}[DN]-[0-9]{3}-[0-9]{4}"))
@example("FN-KR-251399D-001-0001")
@example("FN-KR-٢٥١١١٠D-001-0001")
def test_any_text_is_a_number_or_a_bad_input_that_shows_an_example(text):
    problem = None
    try:
        key = parse_serial(text)
    except InvalidInput as error:
        problem = error.problem
    if problem is None:
        assert serial_number(key) == text
    else:
        assert problem.code == "NUMBER_MALFORMED"
        assert "FN-KR-251110D-001-0001" in problem.fix.en


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2025-11-10T08:00:00", (date(2025, 11, 10), "D")),
        ("2025-11-10T19:59:59", (date(2025, 11, 10), "D")),
        ("2025-11-10T20:00:00", (date(2025, 11, 10), "N")),
        ("2025-11-11T00:00:01", (date(2025, 11, 10), "N")),
        ("2025-11-11T07:59:59", (date(2025, 11, 10), "N")),
        ("2026-01-01T03:00:00", (date(2025, 12, 31), "N")),
    ],
)
def test_a_night_shift_keeps_the_date_it_began_on(local, expected):
    seoul = ZoneInfo("Asia/Seoul")
    calendar = Calendar(seoul, time(8), time(20))
    instant = datetime.fromisoformat(local).replace(tzinfo=seoul).astimezone(UTC)
    assert calendar.shift_at(instant) == expected
