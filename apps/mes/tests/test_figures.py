"""Figures by their names: of nothing they are unknown, a yield counts attempt 1, a route rolls its yields."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from andon_mes.numbers.calendar import plain_calendar
from andon_mes.reports.model import (
    Counts,
    Quantities,
    Step,
    Tally,
    per_hour,
    percent,
    rolled_throughput_yield,
    route_of,
    takt,
    tally,
)
from andon_mes.reports.period import Period, production_day, production_days
from hypothesis import given, settings
from hypothesis import strategies as st

SEOUL = plain_calendar(ZoneInfo("Asia/Seoul"), time(8), time(20))


def some(count, *, process="SPRING", first=True, passed=True, seconds=None):
    """`count` attempts that took `seconds` each."""
    timed = count if seconds is not None else 0
    return Counts(process, "M", first, passed, count, timed, timed * (seconds or 0), seconds, seconds)


def test_of_nothing_every_figure_is_unknown():
    seen = tally([])
    figures = [seen.first_pass_yield, seen.rework_ratio, seen.average, seen.shortest, seen.longest]
    nothing = Quantities()
    figures += [nothing.completion_rate, nothing.defect_rate, nothing.scrap_ratio, takt(3600, 0)]
    figures += [per_hour(5, 0), percent(None), rolled_throughput_yield([], {})]
    assert figures == [None] * 12


def test_first_pass_yield_counts_attempt_1_only_and_rework_ratio_the_others():
    seen = tally([some(8), some(2, passed=False), some(2, first=False)])
    assert (seen.processed, seen.passed, seen.failed) == (12, 10, 2)
    assert seen.first_pass_yield == 0.8
    assert seen.rework_ratio == pytest.approx(2 / 12)


def test_a_cycle_time_that_nobody_measured_is_not_averaged_as_0():
    seen = tally([some(2, seconds=100.0), some(1, seconds=40.0), some(5)])
    assert (seen.average, seen.shortest, seen.longest) == (80.0, 40.0, 100.0)


def test_defects_and_scrap_are_of_the_serials_whose_outcome_is_known():
    seen = Quantities(target=20, generated=20, actual=9, defect=3, scrapped=1)
    assert (seen.completion_rate, seen.defect_rate, seen.scrap_ratio) == (0.45, 0.25, 0.1)


def test_a_route_rolls_the_yields_of_its_processes():
    tallies = {"A": tally([some(9), some(1, passed=False)]), "B": tally([some(8), some(2, passed=False)])}
    assert rolled_throughput_yield([Step("A"), Step("B")], tallies) == pytest.approx(0.72)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step("C"), None),
        (Step("C", is_optional=True), 0.5),
    ],
)
def test_a_route_with_an_unmeasured_process_is_unknown_unless_it_is_optional(step, expected):
    tallies = {"A": tally([some(1), some(1, passed=False)]), "C": Tally()}
    assert rolled_throughput_yield([Step("A"), step], tallies) == expected


def test_a_model_without_a_route_goes_through_every_active_process():
    assert route_of(None, ["A", "B"]) == (Step("A"), Step("B"))
    assert route_of([{"process": "B", "optional": True}], ["A"]) == (Step("B", is_optional=True),)


def test_takt_is_planned_time_for_each_serial_wanted():
    assert takt(8 * 3600, 96) == 300
    assert per_hour(30, 1800) == 60


def test_a_production_day_begins_with_its_day_shift_and_has_both_shifts():
    day = production_day(SEOUL, date(2025, 11, 10))
    assert day == Period(datetime(2025, 11, 9, 23, tzinfo=UTC), datetime(2025, 11, 10, 23, tzinfo=UTC))
    assert day.upto(day.begins_at - timedelta(hours=1)).length == timedelta()
    assert day.upto(day.ends_at + timedelta(hours=1)) == day


def test_a_day_of_a_clock_change_is_as_long_as_it_is():
    berlin = plain_calendar(ZoneInfo("Europe/Berlin"), time(6), time(18))
    lengths = [production_day(berlin, date(2025, 3, day)).length for day in (28, 29, 30)]
    assert lengths == [timedelta(hours=24), timedelta(hours=23), timedelta(hours=24)]


@given(
    st.sampled_from(["Asia/Seoul", "Europe/Berlin", "America/St_Johns"]),
    st.integers(0, 2 * 365 * 24 * 60).map(
        lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
)
@settings(max_examples=60)
def test_an_instant_is_in_the_day_of_its_production_date_alone(zone, instant):
    calendar = plain_calendar(ZoneInfo(zone), time(8), time(20, 30))
    on, _ = calendar.shift_at(instant)
    near = [on + timedelta(days=days) for days in (-1, 0, 1)]
    days = [(each, production_day(calendar, each)) for each in near]
    assert [each for each, day in days if day.begins_at <= instant < day.ends_at] == [on]
    assert production_days(calendar, near[0], near[2]) == Period(days[0][1].begins_at, days[2][1].ends_at)


@given(st.lists(st.builds(some, st.integers(1, 5), first=st.booleans(), passed=st.booleans(),
                          seconds=st.none() | st.floats(0, 1000)), max_size=8))  # fmt: skip
@settings(max_examples=60)
def test_every_share_is_between_none_and_all(counts):
    seen = tally(counts)
    for value in (seen.first_pass_yield, seen.rework_ratio):
        assert value is None or 0 <= value <= 1
    if seen.average is not None:
        assert seen.shortest - 1e-6 <= seen.average <= seen.longest + 1e-6
