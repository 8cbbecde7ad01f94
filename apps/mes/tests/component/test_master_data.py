"""What a plant configures, on both databases: the same files, no row made twice, no number given twice."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from andon_mes.configuration.exchange import Form, give, parse, take
from andon_mes.configuration.store import By
from andon_mes.demo_data.controller import Doing, Wanted, happenings, set_up
from andon_mes.kernel.errors import Conflict
from andon_mes.store import schema
from andon_mes.store.engine import open_database

API = "/api/v1"
_SHOWN = (
    *("process_data", "defects", "reworks", "component_uses", "equipment_states", "calibrations"),
    *("contested_events", "operators", "qualifications", "calls", "label_prints"),
)
"""What every page of the dashboard needs something of."""

NOON = datetime(2025, 11, 10, 3, 0, tzinfo=UTC)


async def test_a_thousand_lots_at_once_get_a_thousand_numbers_without_gaps(any_database, run_instance):
    turns = asyncio.Semaphore(500)  # more than the instances take at once: the others wait their turn

    async def make(plant):
        async with turns:
            return await plant.lot(1)

    async with run_instance(any_database) as one, run_instance(any_database) as two:
        lots = await asyncio.gather(*(make((one, two)[at % 2]) for at in range(1000)))
    wanted = [f"FN-KR-20251110-D-{number:06d}" for number in range(1, 1001)]
    assert sorted(lot["lot_number"] for lot in lots) == wanted


async def test_of_many_who_make_the_same_row_on_two_instances_one_does(any_database, run_instance):
    body = {"process": "LMA", "document": {"type": "object"}}
    async with run_instance(any_database) as one, run_instance(any_database) as two:
        asked = [each.post(f"{API}/data-schemas", body) for each in (one, two) for _ in range(4)]
        answers = sorted(each.status_code for each in await asyncio.gather(*asked))
        assert answers == [201] + 7 * [409]
        etag = (await one.get(f"{API}/processes/LMA")).headers["ETag"]
        changes = [
            each.client.patch(
                f"{API}/processes/LMA", json={"standard_cycle_time": 100 + at}, headers={"If-Match": etag}
            )
            for at, each in enumerate((one, two) * 3)
        ]
        answers = sorted(each.status_code for each in await asyncio.gather(*changes))
        assert answers == [200] + 5 * [412]


async def test_the_demonstrated_plant_runs_and_its_files_come_back_as_the_same_bytes(any_database):
    database = open_database(any_database, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    wanted = Wanted(2, 1, NOON, "KR", "1.0.0")
    calendar = await database.write(lambda each: set_up(each, wanted))
    doing = Doing(wanted, calendar)
    events = await database.read(lambda each: happenings(each, wanted, calendar))
    for at in range(0, len(events), 200):
        await database.write(lambda each, at=at: doing.do(each, events[at : at + 200]))
    assert doing.refused == {}
    for table in _SHOWN:
        counted = sa.select(sa.func.count()).select_from(schema.metadata.tables[table])
        assert await database.read(lambda each, counted=counted: each.execute(counted).scalar_one()), table
    statuses = await database.read(lambda each: set(each.scalars(sa.select(schema.lots.c.status))))
    assert {"DRAFT", "HOLD", "CANCELLED", "IN_PROGRESS"} <= statuses
    with pytest.raises(Conflict):
        await database.write(lambda each: set_up(each, wanted))

    def take_back(connection, content):
        return take(connection, parse(connection, content, calendar), By("Kim", NOON), is_dry=False)

    for form in Form:
        content = await database.read(lambda each, form=form: give(each, form))
        assert await database.write(lambda each, content=content: take_back(each, content)) == []
        assert await database.read(lambda each, form=form: give(each, form)) == content
    database.close()
