"""The plant's calendar: shifts over midnight and over changes of the clock, planned time, its document."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from andon_mes.kernel.errors import InvalidInput
from andon_mes.numbers.calendar import plain_calendar
from andon_mes.numbers.calendar_document import calendar_document, read_calendar
from hypothesis import given, settings
from hypothesis import strategies as st

STEADY = {"deadline": None, "derandomize": True}
SEOUL = {
    "zone": "Asia/Seoul",
    "shifts": [
        {"code": "D", "starts": "08:00", "breaks": [{"starts": "12:00", "minutes": 60}]},
        {"code": "N", "starts": "20:00", "ends": "06:00", "breaks": [{"starts": "00:00", "minutes": 30}]},
    ],
    "working_days": ["MON", "TUE", "WED", "THU", "FRI"],
    "holidays": [{"date": "2025-10-03", "name": "개천절"}],
    "extra_working_days": [{"date": "2025-10-18", "name": "for the 10th"}],
}
BERLIN = plain_calendar(ZoneInfo("Europe/Berlin"), time(6), time(18))


def hours(number):
    return timedelta(hours=number)


def local(text, zone="Asia/Seoul"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def test_planned_time_is_without_breaks_and_ends_with_the_shift():
    plant = read_calendar(SEOUL)
    day, night = plant.shifts_of(date(2025, 11, 10))
    assert (day.planned_time, night.planned_time) == (hours(11), hours(9.5))
    assert day.planned[0] == (local("2025-11-10T08:00"), local("2025-11-10T12:00"))
    assert (night.starts_at, night.ends_at) == (local("2025-11-10T20:00"), local("2025-11-11T08:00"))
    assert night.starts_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("on", "works"),
    [
        ("2025-10-03", False),  # a holiday
        ("2025-10-04", False),  # Saturday
        ("2025-10-18", True),  # Saturday, but worked
        ("2025-10-02", True),
    ],
)
def test_nothing_is_planned_on_holidays(on, works):
    plant = read_calendar(SEOUL)
    shifts = plant.shifts_of(date.fromisoformat(on))
    assert [bool(each.planned_time) for each in shifts] == [works, works]


def test_a_shift_that_nobody_works_is_not_planned_but_has_its_events():
    document = {**SEOUL, "shifts": [SEOUL["shifts"][0], {"code": "N", "starts": "20:00", "is_worked": False}]}
    plant = read_calendar(document)
    assert plant.shift(date(2025, 11, 10), "N").planned_time == timedelta()
    assert plant.shift_at(local("2025-11-11T02:00")) == (date(2025, 11, 10), "N")


def test_planned_time_of_a_span_is_cut_at_both_ends():
    plant = read_calendar(SEOUL)
    assert plant.planned_within(local("2025-11-10T11:30"), local("2025-11-10T13:30")) == hours(1)
    assert plant.planned_within(local("2025-11-14T20:00"), local("2025-11-17T08:00")) == hours(9.5)
    week = plant.planned_within(local("2025-11-10T08:00"), local("2025-11-17T08:00"))
    assert week == 5 * hours(20.5)


def test_a_night_with_a_change_of_the_clock_is_an_hour_longer_or_shorter():
    assert BERLIN.shift(date(2025, 10, 25), "N").planned_time == hours(13)
    assert BERLIN.shift(date(2026, 3, 28), "N").planned_time == hours(11)


def test_the_hour_that_comes_twice_does_not_fall_back_into_the_shift_before():
    plant = plain_calendar(ZoneInfo("Europe/Berlin"), time(2, 30), time(14, 30))
    first = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)  # 02:30 in summer time
    found = [plant.shift_at(first + timedelta(minutes=minutes))[1] for minutes in (-1, 0, 29, 30, 59, 60)]
    assert found == ["N", "D", "D", "D", "D", "D"]


@settings(max_examples=30, **STEADY)
@given(
    instant=st.integers(1_704_067_200, 1_893_456_000).map(lambda at: datetime.fromtimestamp(at, UTC)),
    zone=st.sampled_from(["Asia/Seoul", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    starts=st.lists(st.integers(0, 1439), min_size=2, max_size=2, unique=True),
)
def test_every_instant_is_in_exactly_one_shift(instant, zone, starts):
    plant = plain_calendar(ZoneInfo(zone), *(time(each // 60, each % 60) for each in starts))
    running = plant.running_at(instant)
    assert running.starts_at <= instant
    assert plant.shift_at(instant) == (running.production_date, running.code)
    if instant < running.ends_at:
        after = plant.running_at(running.ends_at)
        assert after.code != running.code
    assert plant.planned_within(instant, instant) == timedelta()


def test_before_dawn_the_day_shift_is_the_coming_ones():
    plant = read_calendar(SEOUL)
    assert plant.shift_at(local("2025-11-11T03:00"), "D") == (date(2025, 11, 11), "D")
    assert plant.shift_at(local("2025-11-11T03:00"), "N") == (date(2025, 11, 10), "N")


def test_what_is_read_is_written_and_read_again():
    plant = read_calendar(SEOUL)
    assert read_calendar(calendar_document(plant)) == plant


def changed(**change):
    return {**SEOUL, **change}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "calendar"),
        (changed(zone="Asia/Soul"), "zone"),
        (changed(zone="../../etc/passwd"), "zone"),
        (changed(zone=9), "zone"),
        (changed(shift=[]), "calendar.shift"),
        (changed(shifts=SEOUL["shifts"][:1]), "shifts"),
        (changed(shifts=[{"code": "D", "starts": "08:00"}, {"code": "N", "starts": "08:00"}]), "shifts"),
        (changed(shifts=[{"code": "E", "starts": "08:00"}]), "shifts.1.code"),
        (changed(shifts=[{"code": "D", "starts": "8"}]), "shifts.1.starts"),
        (changed(shifts=[{"code": "D", "starts": "08:00", "is_worked": 1}]), "shifts.1.is_worked"),
        (changed(shifts=[{"code": "D", "starts": "08:00", "breaks": [{"starts": "09:00"}]}]),
         "shifts.1.breaks.1.minutes"),
        (changed(shifts=[{"code": "D", "starts": "08:00", "ends": "21:00"}, SEOUL["shifts"][1]]),
         "shifts.1.ends"),
        (changed(shifts=[{"code": "D", "starts": "08:00", "breaks": [{"starts": "19:30", "minutes": 60}]},
                         SEOUL["shifts"][1]]), "shifts.1.breaks"),
        (changed(working_days=["MON", "MON"]), "working_days"),
        (changed(working_days=["Monday"]), "working_days"),
        (changed(holidays=[{"date": "2025-02-30"}]), "holidays.1.date"),
        (changed(holidays=[{"date": "2025-10-03"}, {"date": "2025-10-03"}]), "holidays.2.date"),
        (changed(holidays=[{"date": "2025-10-18"}]), "extra_working_days"),
        (changed(holidays=["2025-10-18"]), "holidays.1"),
    ],
)  # fmt: skip
def test_a_calendar_that_cannot_be_used_names_its_field(document, field):
    with pytest.raises(InvalidInput) as caught:
        read_calendar(document)
    assert caught.value.problem.field == field
    assert any("가" <= letter <= "힣" for letter in caught.value.problem.fix.ko)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        [*SEOUL, "code", "starts", "ends", "breaks", "minutes", "date", "x"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=30, **STEADY)
@given(st.dictionaries(st.sampled_from([*SEOUL]), anything, max_size=3))
def test_any_document_is_a_calendar_or_a_bad_input(change):
    try:
        plant = read_calendar(changed(**change))
    except InvalidInput:
        return
    assert read_calendar(calendar_document(plant)) == plant
