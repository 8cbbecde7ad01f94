"""Defects, reworks, calls and charts on both databases."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from andon_mes.kernel.clock import ManualClock
from andon_mes.numbers.calendar import plain_calendar
from andon_mes.spc.shifts import ShiftWatch
from andon_mes.spc.watch import Watch
from andon_mes.store.engine import open_database
from andon_mes.store.schema import calls, spc_points, spc_signals
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

sys.path.insert(0, str(Path(__file__).parents[1]))
from charted import STABLE, T0, Measuring, chart
from quality_floor import machine


@pytest.fixture
def database(any_database):
    opened = open_database(any_database, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    yield opened
    opened.close()


def test_no_sequence_of_failures_and_decisions_breaks_the_laws_on_either_database(database):
    sample = settings(max_examples=10, stateful_step_count=25, deadline=None, derandomize=True)
    run_state_machine_as_test(machine(database), settings=sample)


async def test_several_instances_chart_the_same_points_once(any_database, database):
    def work(connection):
        chart(connection, on_signal="call")
        Measuring(connection).complete(connection, [*STABLE, *STABLE, *STABLE[:5], 60.0, *STABLE])

    await database.write(work)
    others = [open_database(any_database, busy_timeout=timedelta(seconds=60)) for _ in range(3)]
    clock = ManualClock(T0 + timedelta(hours=1))
    for _ in range(2):
        await asyncio.gather(*(Watch(each, clock).tick() for each in (database, *others)))
    for each in others:
        each.close()

    def see(connection):
        return [
            connection.execute(sa.select(table)).mappings().all()
            for table in (spc_points, spc_signals, calls)
        ]

    points, signals, raised = await database.read(see)
    assert [each["ordinal"] for each in points] == list(range(1, 37))
    assert [each["points"]["subgroups"] for each in signals] == [[26]]
    assert len(raised) == 1


async def test_defects_calls_and_charts_are_asked_for_on_either_database(any_plant, database):
    _, [serial] = await any_plant.released_lot(1)
    await any_plant.fail(serial, "SPRING", "D001")
    for path in (
        "defects?is_live=true&process=SPRING&lot=FN-KR-20251110-D-000001&date=2025-11-10",
        "reworks?status=OPEN",
        "contested-events",
        "calls/statistics",
        "calls?open=true&kind=SAFETY",
        "spc",
        "spc/signals?open=true",
        "spc/SPRING",
        "spc/SPRING/spring_force",
    ):
        answer = await any_plant.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.text
    first = await any_plant.post("/api/v1/calls", {"kind": "SAFETY", "process_code": "LMA"})
    again = await any_plant.post("/api/v1/calls", {"kind": "SAFETY", "process_code": "LMA"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert (await any_plant.get("/api/v1/calls?open=true")).json()["data"]["total"] == 1
    zone = any_plant.clock
    await ShiftWatch(database, zone, _calendar()).tick()


def _calendar():
    from datetime import time
    from zoneinfo import ZoneInfo

    return plain_calendar(ZoneInfo("Asia/Seoul"), time(8), time(20))
