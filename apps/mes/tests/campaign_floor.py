"""Long floors: `python -m pytest tests/campaign_floor.py`; ANDON_MES_EVENTS is how many (100,000)."""

import contextlib
import random
import sys
from datetime import timedelta
from os import environ
from pathlib import Path

from andon_mes.kernel.errors import MesError
from andon_mes.lots.model import LotAction
from andon_mes.store.engine import make_engine

sys.path.insert(0, str(Path(__file__).parent))
from floor import ROUTE, Floor

EVENTS = int(environ.get("ANDON_MES_EVENTS", "100000"))
EVENTS_PER_FLOOR = 500


def test_no_event_gets_through_that_should_not(database_path):
    chance = random.Random(EVENTS)
    engine = make_engine(database_path, busy_timeout=timedelta(seconds=5), durability="NORMAL")
    with engine.connect() as connection:
        for _ in range(EVENTS // EVENTS_PER_FLOOR):
            floor = Floor(connection, size=4)
            for _ in range(EVENTS_PER_FLOOR):
                throw(floor, chance)
            floor.check_laws()
    engine.dispose()


def throw(floor, chance):
    """One event of any kind; mostly sensible ones, or no serial would ever reach the end."""
    number = chance.choice(floor.numbers)
    passed = sum(row[0] == number and row[3] == "PASS" for row in floor.rows())
    process = ROUTE[min(passed, 6)] if chance.random() < 0.6 else chance.choice(ROUTE)
    with contextlib.suppress(MesError):
        if chance.random() < 0.02:
            floor.change_lot(chance.choice(list(LotAction)[:2]))
        elif chance.random() < 0.5:
            floor.start(number, process)
        else:
            floor.complete(number, process, passed=chance.random() < 0.9)
