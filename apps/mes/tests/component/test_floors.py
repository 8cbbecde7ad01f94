"""Floors gone wild on PostgreSQL and, longer than in the quick suite, on SQLite."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from andon_mes.store.engine import open_database

sys.path.insert(0, str(Path(__file__).parent.parent))
from floor import configure
from machine import run_machine
from storm import Storm

PATIENCE = timedelta(seconds=60)


@pytest.fixture
def pair(any_database):
    """Two instances on one database."""
    opened = [open_database(any_database, busy_timeout=PATIENCE, durability="NORMAL") for _ in range(2)]
    asyncio.run(opened[0].write(configure))
    yield opened
    for each in opened:
        each.close()


def test_in_no_sequence_of_events_is_a_law_broken_or_an_answer_another_than_the_models(pair):
    run_machine(pair[0], examples=12, steps=25)


async def test_sixty_four_stations_on_two_instances_break_no_law(pair):
    counts = await Storm(pair, seed=2).rage(1500)
    assert counts["completed"] > 150


async def test_of_many_starts_at_once_exactly_one_gets_through(any_plant):
    _, serials = await any_plant.released_lot(4)
    answers = await asyncio.gather(*(any_plant.start(serials[n % 4], "SPRING") for n in range(64)))
    assert sorted(each.status_code for each in answers) == [201] * 4 + [409] * 60
