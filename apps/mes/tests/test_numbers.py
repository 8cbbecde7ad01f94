"""Numbers, their checksum, and the dates of shifts."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from andon_mes.kernel.errors import InvalidInput
from andon_mes.numbers.calendar import plain_calendar
from andon_mes.numbers.checksum import checksum, is_intact, likely_cause
from andon_mes.numbers.pattern_rules import check_pattern, read_number
from andon_mes.numbers.patterns import (
    LOT_PATTERN,
    SERIAL_PATTERN,
    LotKey,
    SerialKey,
    lot_number,
    parse_lot,
    parse_serial,
    serial_number,
)
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SERIAL = "FN-KR-251110D-001-0001"
STEADY = {"deadline": None, "derandomize": True}  # a build must not fail by chance

lot_keys = st.builds(
    LotKey,
    st.text(ALPHABET, min_size=1, max_size=10),
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
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
    calendar = plain_calendar(seoul, time(8), time(20))
    instant = datetime.fromisoformat(local).replace(tzinfo=seoul).astimezone(UTC)
    assert calendar.shift_at(instant) == expected


texts = st.text("ABCXYZ019-", min_size=0, max_size=3)


@st.composite
def legal_patterns(draw):
    """Any pattern with the fields of a serial, in any order, that the rules let pass."""
    fields = ["{plant}", draw(st.sampled_from(["{date8}", "{date6}"])), "{shift}"]
    fields += [f"{{{name}:{draw(st.integers(1, 9))}}}" for name in ("seq", "unit")]
    pattern = draw(texts) + "".join(each + draw(texts) for each in draw(st.permutations(fields)))
    try:
        check_pattern("serial_pattern", pattern, is_serial=True)
    except InvalidInput:
        assume(False)
    return pattern


@settings(max_examples=12, suppress_health_check=[HealthCheck.filter_too_much], **STEADY)
@given(legal_patterns(), serial_keys, serial_keys)
def test_with_any_legal_pattern_numbers_are_unique_and_read_back(pattern, key, other):
    number = serial_number(key, pattern)
    assert 10 <= len(number) <= 50
    assert parse_serial(number, pattern) == key
    assert checksum(number)
    assert (serial_number(other, pattern) == number) == (other == key)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("FN-{plant}-{date8}-{seq:6}", "Add {shift}"),
        ("FN-{plant}-{shift}-{seq:6}", "Add {date8}"),
        ("FN-{date8}-{shift}-{seq:6}", "Add {plant}"),
        ("FN-{plant}-{date8}-{shift}-{unit:6}", "Add {seq}"),
        ("FN-{plant}-{date8}-{shift}-{seq:3}-{unit:6}", "Take out {unit}"),
        ("FN-{plant}-{date8}-{date6}-{shift}-{seq:3}", "Take out {date6}"),
        ("FN-{plant}-{date8}-{shift}-{seq:3}-{seq:4}", "Take out {seq}"),
        ("FN-{plant}{date8}-{shift}-{seq:3}", "Put a hyphen behind it"),
        ("FN-{plant}-{shift}-{seq:3}{date8}", "Put a hyphen behind it"),
        ("FN-{plant}-{date8}-{shift}-{seq:0}", "Write {seq:1} to {seq:9}"),
        ("fn-{plant}-{date8}-{shift}-{seq:3}", "Use capital letters"),
        ("FN-{plant}-{date8}-{shift}-{seq:3}-{colour}", "Use capital letters"),
        ("FN-{plant:3}-{date8}-{shift}-{seq:3}", "Write {plant}"),
        ("FN-" * 9 + "{plant}-{date8}-{shift}-{seq:3}", "Make it 1 to 50"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_how_to_mend_it(pattern, says):
    with pytest.raises(InvalidInput) as caught:
        check_pattern("lot_pattern", pattern, is_serial=False)
    assert says in caught.value.problem.fix.en


def test_the_default_patterns_are_legal():
    check_pattern("lot_pattern", LOT_PATTERN, is_serial=False)
    check_pattern("serial_pattern", SERIAL_PATTERN, is_serial=True)


@pytest.mark.parametrize(
    ("number", "key"),
    [
        (SERIAL, SerialKey(LotKey("KR", date(2025, 11, 10), "D", 1), 1)),
        ("FN-KR-251110D-000001-0001", SerialKey(LotKey("KR", date(2025, 11, 10), "D", 1), 1)),
        ("FN-KR-20251110-D-000001", LotKey("KR", date(2025, 11, 10), "D", 1)),
        ("FN-KR-251110D-001", LotKey("KR", date(2025, 11, 10), "D", 1)),
        ("FN-KR-251110D-000001", LotKey("KR", date(2025, 11, 10), "D", 1)),
        ("FN-KR-251110D", None),
    ],
)
def test_a_number_is_read_in_either_form(number, key):
    assert read_number(number, [(LOT_PATTERN, SERIAL_PATTERN)]) == key
