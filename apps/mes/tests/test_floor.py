"""Random floors: whatever the stations do, in whatever order, no law of production is broken."""

import asyncio
import random
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from andon_mes.store.engine import open_database

sys.path.insert(0, str(Path(__file__).parent))
from floor import ROUTE, Floor, check_laws, configure
from machine import run_machine
from storm import Storm

PATIENCE = timedelta(seconds=60)


@pytest.fixture
def database(database_path):
    opened = open_database(database_path, busy_timeout=PATIENCE, durability="NORMAL")
    yield opened
    opened.close()


def test_in_no_sequence_of_events_is_a_law_broken_or_an_answer_another_than_the_models(database):
    asyncio.run(database.write(configure))
    run_machine(database, examples=6, steps=20)


async def test_sixty_four_stations_on_two_instances_break_no_law(database, database_path):
    other = open_database(database_path, busy_timeout=PATIENCE, durability="NORMAL")
    await database.write(configure)
    counts = await Storm([database, other], seed=1).rage(500)
    other.close()
    assert counts["completed"] > 50


async def test_of_many_starts_at_once_exactly_one_gets_through(plant):
    _, serials = await plant.released_lot(4)
    answers = await asyncio.gather(*(plant.start(serials[n % 4], "SPRING") for n in range(64)))
    assert sorted(each.status_code for each in answers) == [201] * 4 + [409] * 60


async def test_stations_on_two_releases_at_once_break_no_law(database, database_path, run_instance):
    chance = random.Random(7)
    async with run_instance(database_path) as one, run_instance(database_path, release="1.1.0") as two:
        lot, serials = await one.released_lot(6)
        fit = {"equipment_id": "E-1", "application_version": "2.0"}

        async def station(plant, process):
            for _ in range(4):
                serial = chance.choice(serials)
                started = await plant.start(serial, process, **fit)
                done = await plant.complete(serial, process, **fit)
                assert started.status_code in {201, 409}
                assert done.status_code in {200, 409}

        await asyncio.gather(*(station(plant, process) for process in ROUTE[:4] for plant in (one, two)))
    floor = Floor(6, serials, lot["lot_number"], lot["id"])
    await database.read(lambda connection: check_laws(connection, floor))
