"""OEE: availability, performance, quality; and that unknown time is never counted as up or down."""

import itertools
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from andon_mes.api.report_documents import OeePage
from andon_mes.equipment.model import E10, ResourceState, StateSpan
from andon_mes.oee.model import Made, Unknown, judge, roll_up
from andon_mes.store.engine import make_engine
from andon_mes.store.schema import equipment, equipment_states
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import ledger
from ledger import BEGINS, DAY

PRD, SBY, ENG, SDT, USD, NST = E10
HOUR = 3600.0
_ids = itertools.count(1)


def at(hours):
    return datetime(2025, 11, 10, tzinfo=UTC) + timedelta(hours=hours)


def span(state, begin, end):
    known = None if state is None else ResourceState(state)
    return StateSpan(next(_ids), known, at(begin), None if end is None else at(end))


def test_the_three_factors_and_their_product():
    seen = judge({PRD: 6 * HOUR, SBY: HOUR, USD: HOUR, SDT: HOUR, NST: 3 * HOUR}, [Made(300, 63, 60)])
    assert seen.availability == 7 / 8
    assert seen.performance == pytest.approx(63 * 300 / (7 * HOUR))
    assert seen.quality == pytest.approx(60 / 63)
    assert seen.oee == pytest.approx(seen.availability * seen.performance * seen.quality)
    assert (seen.coverage, seen.unknown) == (1, None)
    assert seen.oee_bounds.lower == seen.oee_bounds.upper == pytest.approx(seen.oee)


@pytest.mark.parametrize(
    ("state", "availability"),
    [(PRD, 1.0), (SBY, 1.0), (ENG, 1.0), (USD, 0.5), (SDT, 1.0), (NST, 1.0)],
)
def test_an_hour_of_each_state_counts_as_e10_says(state, availability):
    seen = judge({PRD: HOUR} if state is PRD else {PRD: HOUR, state: HOUR}, [Made(60, 60, 60)])
    assert seen.availability == availability
    assert seen.performance == (0.5 if state in {SBY, ENG} else 1.0)


def test_one_machine_for_two_processes_weighs_their_standards():
    seen = judge({PRD: HOUR}, [Made(60, 10, 10), Made(300, 10, 5)])
    assert seen.performance == pytest.approx(1.0)
    assert seen.quality == pytest.approx(2100 / 3600)


@pytest.mark.parametrize(
    ("seconds", "made", "why"),
    [
        ({}, [], Unknown.NOTHING_PLANNED),
        ({SDT: HOUR, NST: HOUR}, [Made(60, 5, 5)], Unknown.NOTHING_PLANNED),
        ({None: HOUR}, [Made(60, 5, 5)], Unknown.LITTLE_COVERAGE),
        ({PRD: 9 * HOUR, None: HOUR}, [Made(60, 5, 5)], Unknown.LITTLE_COVERAGE),
        ({PRD: HOUR}, [], Unknown.NOTHING_COUNTED),
    ],
)
def test_without_enough_knowledge_there_is_no_figure_but_a_reason(seconds, made, why):
    seen = judge(seconds, made)
    assert (seen.oee, seen.performance, seen.unknown) == (None, None, why)


def test_of_too_little_coverage_the_bounds_are_what_is_known():
    seen = judge({PRD: 6 * HOUR, None: 4 * HOUR}, [Made(360, 45, 40)])
    assert (seen.coverage, seen.availability, seen.oee) == (0.6, None, None)
    assert (seen.availability_bounds.lower, seen.availability_bounds.upper) == (0.6, 1.0)
    assert seen.oee_bounds.lower == pytest.approx(4 / 10)
    assert seen.oee_bounds.upper == pytest.approx(4 / 6)


def test_of_nothing_known_nothing_limits_the_figure_from_above():
    assert judge({None: HOUR}, [Made(36, 10, 10)]).oee_bounds.upper is None


def test_a_machine_that_was_down_all_day_has_an_oee_of_0_which_is_known():
    seen = judge({USD: 8 * HOUR}, [])
    assert (seen.availability, seen.performance, seen.quality, seen.oee) == (0, None, None, 0)


def test_only_planned_time_counts_and_what_no_state_covers_is_unknown():
    spans = [span("PRD_RegularWork", -1, 2), span("USD_Repair", 2, 3), span(None, 3, 4), span("SBY", 5, None)]
    seen = roll_up(spans, [(at(0), at(4)), (at(4.5), at(8))])
    assert seen == {PRD: 2 * HOUR, USD: HOUR, None: 1.5 * HOUR, SBY: 3 * HOUR}


def test_a_state_ends_where_the_next_one_begins():
    assert roll_up([span("PRD", 0, None), span("USD", 1, 2)], [(at(0), at(2))]) == {PRD: HOUR, USD: HOUR}


STATES = st.sampled_from([*E10, None])
MADE = st.lists(
    st.integers(0, 50).flatmap(
        lambda good: st.builds(Made, st.integers(1, 300), st.integers(good, 60), st.just(good))
    ),
    max_size=2,
)


@given(st.dictionaries(STATES, st.integers(1, 40_000).map(float)), MADE)
@settings(max_examples=80)
def test_factors_are_shares_and_the_figure_lies_in_its_bounds(seconds, made):
    seen = judge(seconds, made)
    for value in (seen.availability, seen.quality, seen.coverage):
        assert value is None or 0 <= value <= 1
    assert seen.performance is None or seen.performance >= 0
    if None not in (seen.performance, seen.quality):
        assert seen.oee == pytest.approx(seen.availability * seen.performance * seen.quality)
    if seen.oee is not None:
        assert inside(seen.oee, seen.oee_bounds)
        assert inside(seen.availability, seen.availability_bounds)


@given(
    st.dictionaries(STATES, st.integers(1, 40_000).map(float)),
    MADE,
    st.lists(st.sampled_from(E10), min_size=4, max_size=4),
)
@settings(max_examples=80)
def test_whatever_the_unknown_time_was_the_true_figure_is_within_the_bounds(seconds, made, truth):
    before = judge(seconds, made)
    known = {state: value for state, value in seconds.items() if state is not None}
    for state in truth:
        known[state] = known.get(state, 0.0) + seconds.get(None, 0.0) / len(truth)
    after = judge(known, made)
    if after.oee is not None:
        assert inside(after.oee, before.oee_bounds)
    if after.availability is not None:
        assert inside(after.availability, before.availability_bounds)


def inside(value, bounds):
    return bounds.lower - 1e-9 <= value and (bounds.upper is None or value <= bounds.upper + 1e-9)


async def test_oee_of_a_machine_over_the_api(plant, database_path):
    add_a_day(database_path)
    seen = (await plant.get(f"/api/v1/oee?from={DAY}&to={DAY}")).json()["data"]
    OeePage.model_validate(seen)
    press, other = seen["equipment"]
    # Noon: four of the day's hours are over. Three productive, one down; 100 standard seconds short of half.
    assert (press["equipment"], press["planned_seconds"], press["coverage"]) == ("E-1", 4 * HOUR, 100.0)
    assert (press["availability"], press["quality"]) == (75.0, 50.0)
    assert (press["processed"], press["good"]) == (4, 2)
    assert press["performance"] == round(100 * 4 * 120 / (3 * HOUR), 2)
    assert (other["oee"], other["coverage"], other["unknown_because"]) == (None, 0.0, "LITTLE_COVERAGE")
    alone = (await plant.get("/api/v1/oee?equipment=E-1")).json()["data"]
    assert alone["equipment"] == [press]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("equipment=E-404", 404, "EQUIPMENT_UNKNOWN"),
        ("from=2025-11-10&to=2025-11-09", 422, "PERIOD_REVERSED"),
        ("from=2020-01-01&to=2025-11-09", 422, "PERIOD_TOO_LONG"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused(plant, query, status, code):
    answer = await plant.get(f"/api/v1/oee?{query}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def add_a_day(path):
    tries = [
        ledger.Try("SPRING", number, number > 2, BEGINS + timedelta(minutes=number), 60.0, equipment="E-1")
        for number in (1, 2, 3, 4)
    ]
    past = ledger.Past(
        ledger.MODELS[0], DAY, "IN_PROGRESS", 5, (ledger.Unit("WAITING", "LMA", False, tuple(tries)),)
    )
    common = {"process_id": 1, "is_active": True, "created_at": BEGINS, "updated_at": BEGINS}
    engine = make_engine(path, busy_timeout=timedelta(seconds=60))
    with engine.connect() as connection:
        ledger.write(connection, [past])
        rows = [{"code": "E-1", "name": "Press", **common}, {"code": "E-2", "name": "Other", **common}]
        connection.execute(sa.insert(equipment), rows)
        down = BEGINS + timedelta(hours=3)
        first = {"equipment_id": 1, "state": "PRD", "started_at": BEGINS, "ended_at": down}
        second = {"equipment_id": 1, "state": "USD_Repair", "started_at": down, "ended_at": None}
        connection.execute(sa.insert(equipment_states), [first, second])
    engine.dispose()
