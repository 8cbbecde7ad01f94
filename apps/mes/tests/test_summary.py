"""The summary and the live floor: recomputed naively from the rows of random floors, and through the API."""

import sys
from collections import Counter
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from andon_mes.api.report_documents import FloorShown, SummaryShown
from andon_mes.numbers.calendar import plain_calendar
from andon_mes.reports import controller
from andon_mes.store.engine import make_engine
from andon_mes.store.schema import calls, equipment
from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parent))
import ledger
from ledger import BEGINS, DAY, NOW, ROUTE

SEOUL = plain_calendar(ZoneInfo("Asia/Seoul"), time(8), time(20))
OPEN_LOTS = {"RELEASED", "IN_PROGRESS", "HOLD", "CLOSING"}
AT_WORK = {"WAITING", "IN_PROCESS", "REWORK", "DEFECTIVE", "HOLD"}


@pytest.fixture(scope="module")
def connection(template, tmp_path_factory):
    """A migrated database; what a test writes into it is rolled back."""
    path = tmp_path_factory.mktemp("summary") / "mes.db"
    path.write_bytes(template.read_bytes())
    engine = make_engine(path, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def summary_of(connection, past):
    connection.exec_driver_sql("BEGIN")
    try:
        ledger.write(connection, past)
        return controller.summary(connection, SEOUL, NOW)
    finally:
        connection.exec_driver_sql("ROLLBACK")


def naive_yield(tries):
    first = [each.passed for each in tries if each.number == 1]
    return sum(first) / len(first) if first else None


@given(ledger.a_past())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_summary_says_what_a_naive_count_of_the_rows_says(connection, past):
    seen = summary_of(connection, past)
    check_against_rows(seen, past)


def check_against_rows(seen, past):
    """The figures of `seen`, each recounted from `past` in the plainest way."""
    today = [lot for lot in past if lot.on == DAY and lot.status != "CANCELLED"]
    units = [unit for lot in today for unit in lot.units]
    finished = [unit for unit in units if unit.counted_as in {"COMPLETED", "SHIPPED"}]
    bad = [unit for unit in units if unit not in finished and unit.is_defective]
    counted = seen.quantities
    assert (seen.lots, counted.generated) == (len(today), len(units))
    assert (counted.target, counted.actual) == (sum(lot.target for lot in today), len(finished))
    assert counted.defect == len(bad)
    live = [unit for lot in past if lot.status in OPEN_LOTS for unit in lot.units]
    wip = Counter(unit.at_process for unit in live if unit.status in AT_WORK)
    assert seen.attention.active_lots == sum(lot.status in OPEN_LOTS for lot in past)
    assert seen.attention.serials_not_started == sum(unit.status == "CREATED" for unit in live)
    tries = [
        each
        for lot in past
        for unit in lot.units
        for each in unit.tries
        if BEGINS <= each.at < BEGINS + timedelta(days=1)
    ]
    rolled = 1.0
    for process in seen.processes:
        own = [each for each in tries if each.process == process.process.code]
        times = [each.seconds for each in own if each.seconds is not None]
        assert process.waiting.wip == wip[process.process.code]
        assert (process.tally.processed, process.tally.passed) == (len(own), sum(each.passed for each in own))
        assert process.tally.average == pytest.approx(sum(times) / len(times) if times else None)
        assert process.tally.shortest == min(times, default=None)
        assert process.tally.longest == max(times, default=None)
        assert process.tally.first_pass_yield == pytest.approx(naive_yield(own))
        own_yield = naive_yield(own)
        rolled = None if rolled is None or own_yield is None else rolled * own_yield
        assert process.rolled_throughput_yield == pytest.approx(rolled)
    for model in seen.models:
        own = [each for lot in past if lot.model == model.code for unit in lot.units for each in unit.tries]
        assert model.tally.processed == sum(each in tries for each in own)


def test_an_attempt_belongs_to_the_day_in_which_it_was_completed_to_the_second(connection):
    at = [BEGINS - timedelta(seconds=1), BEGINS, BEGINS + timedelta(days=1), BEGINS + timedelta(hours=23.99)]
    tries = [ledger.Try("SPRING", 1, True, each, 60.0) for each in at]
    units = tuple(ledger.Unit("WAITING", "LMA", False, (each,)) for each in tries)
    seen = summary_of(connection, [ledger.Past(ledger.MODELS[0], DAY, "IN_PROGRESS", 5, units)])
    assert seen.processes[0].tally.processed == 2


async def test_a_plant_that_has_done_nothing_knows_no_rate(plant):
    seen = (await plant.get("/api/v1/dashboard/summary")).json()["data"]
    SummaryShown.model_validate(seen)
    assert [each["process"] for each in seen["processes"]] == ROUTE
    unknown = ("completion_rate", "defect_rate", "scrap_ratio", "takt_time", "rolled_throughput_yield")
    assert {seen[name] for name in unknown} == {None}
    assert {each["first_pass_yield"] for each in seen["processes"]} == {None}
    assert {each["wip"] for each in seen["processes"]} == {0}


async def test_the_summary_shows_a_shift_as_it_went(plant):
    lot, serials = await plant.released_lot(4)
    await plant.fail(serials[0], "SPRING", "D001")
    for serial in serials[1:3]:
        await plant.pass_process(serial, "SPRING")
    await plant.start(serials[1], "LMA")
    seen = (await plant.get("/api/v1/dashboard/summary")).json()["data"]
    SummaryShown.model_validate(seen)
    spring, lma = seen["processes"][:2]
    assert seen["production_date"] == lot["production_date"]
    assert (seen["lots_today"], seen["active_lots"], seen["running_lots"]) == (1, 1, 1)
    assert (seen["completion_rate"], seen["serials_not_started"]) == (0.0, 1)
    assert (spring["processed"], spring["passed"], spring["failed"]) == (3, 2, 1)
    assert (spring["first_pass_yield"], spring["rolled_throughput_yield"]) == (66.67, 66.67)
    assert (lma["wip"], lma["waiting"], lma["in_process"]) == (2, 1, 1)
    assert lma["rolled_throughput_yield"] is None
    assert seen["takt_time"] == 24 * 3600 / 4


async def test_the_floor_shows_who_works_on_what_where_and_since_when(plant, database_path):
    _, serials = await plant.released_lot(2)
    await plant.start(serials[0], "SPRING", equipment_id="E-1")
    await plant.start(serials[1], "SPRING")
    add_equipment_and_call(database_path)
    plant.clock.advance(timedelta(seconds=200))
    seen = (await plant.get("/api/v1/floor")).json()["data"]
    FloorShown.model_validate(seen)
    spring = seen["processes"][0]
    assert [each["serial_number"] for each in spring["running"]] == serials
    oldest = spring["running"][0]
    assert (oldest["operator"], oldest["equipment"], oldest["seconds"]) == ("OP-1", "E-1", 190.0)
    assert [each["is_over_standard"] for each in spring["running"]] == [True, True]
    assert [(each["code"], each["state"]) for each in spring["equipment"]] == [("E-1", "PRD")]
    assert [(each["code"], each["state"]) for each in seen["other_equipment"]] == [("E-9", None)]
    assert [each["message"] for each in seen["calls"]] == ["No springs"]
    assert seen["attempts_left_off"] == 0


def add_equipment_and_call(path):
    engine = make_engine(path, busy_timeout=timedelta(seconds=60))
    common = {"is_active": True, "created_at": NOW, "updated_at": NOW}
    call = {"kind": "MATERIAL", "status": "OPEN", "raised_by": "OP-1", "raised_at": NOW}
    with engine.connect() as connection:
        connection.execute(
            sa.insert(equipment),
            [
                {
                    "code": "E-1",
                    "name": "Press",
                    "process_id": 1,
                    "state": "PRD",
                    "state_since": NOW,
                    **common,
                },
                {
                    "code": "E-9",
                    "name": "Lift",
                    "process_id": None,
                    "state": None,
                    "state_since": None,
                    **common,
                },
            ],
        )
        connection.execute(
            sa.insert(calls),
            [
                {**call, "message": "No springs", "resolved_at": None},
                {**call, "message": "Done with", "resolved_at": NOW},
            ],
        )
    engine.dispose()
