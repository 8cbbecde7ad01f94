"""Random floors: whatever the stations do, in whatever order, no law of production is broken."""

import asyncio
import contextlib
import random
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from andon_mes.kernel.errors import MesError
from andon_mes.lots.model import LotAction
from andon_mes.store.engine import make_engine
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

sys.path.insert(0, str(Path(__file__).parent))
from floor import DEFECT, ROUTE, Floor


@pytest.fixture
def engine(database_path):
    made = make_engine(database_path, busy_timeout=timedelta(seconds=5), durability="NORMAL")
    yield made
    made.dispose()


def test_no_sequence_of_events_breaks_the_laws(engine):
    with engine.connect() as connection:

        class Stations(RuleBasedStateMachine):
            def __init__(self):
                super().__init__()
                self.floor = Floor(connection)
                self.last = None

            @rule(serial=st.integers(0, 1), process=st.sampled_from(ROUTE))
            def start_anything(self, serial, process):
                self.floor.start(self.floor.numbers[serial], process)

            @rule(serial=st.integers(0, 1), process=st.sampled_from(ROUTE), passed=st.booleans())
            def complete_anything(self, serial, process, passed):
                with contextlib.suppress(MesError):  # PACK has no defect code to fail with
                    self.floor.complete(self.floor.numbers[serial], process, passed=passed)

            @rule(serial=st.integers(0, 1), failures=st.integers(0, 2))
            def do_what_is_next(self, serial, failures):
                number = self.floor.numbers[serial]
                rows = [row for row in self.floor.rows() if row[0] == number and row[3] == "PASS"]
                process = ROUTE[min(len(rows), len(ROUTE) - 1)]
                for _ in range(failures if process in DEFECT else 0):
                    self.floor.start(number, process)
                    self.floor.complete(number, process, passed=False)
                self.floor.start(number, process)
                self.floor.complete(number, process)

            @rule(serial=st.integers(0, 1), process=st.sampled_from(ROUTE), key=st.sampled_from("abc"))
            def ask_twice_under_one_key(self, serial, process, key):
                number = self.floor.numbers[serial]
                key = f"{number}/{process}/{key}"
                first = self.floor.start(number, process, key=key)
                before = self.floor.rows()
                again = self.floor.start(number, process, key=key)
                assert again.is_replayed
                assert (again.status_code, again.body) == (first.status_code, first.body)
                assert self.floor.rows() == before

            @rule(action=st.sampled_from([LotAction.HOLD, LotAction.RELEASE]))
            def hold_or_release(self, action):
                with contextlib.suppress(MesError):
                    self.floor.change_lot(action)

            @invariant()
            def laws(self):
                self.floor.check_laws()

        run_state_machine_as_test(
            Stations,
            settings=settings(max_examples=6, stateful_step_count=20, deadline=None, derandomize=True),
        )


async def test_of_many_starts_at_once_exactly_one_gets_through(plant):
    _, serials = await plant.released_lot(4)
    answers = await asyncio.gather(*(plant.start(serials[n % 4], "SPRING") for n in range(64)))
    assert sorted(each.status_code for each in answers) == [201] * 4 + [409] * 60


async def test_stations_on_two_releases_at_once_break_no_law(database_path, run_instance, engine):
    chance = random.Random(7)
    async with run_instance(database_path) as one, run_instance(database_path, release="1.1.0") as two:
        _, serials = await one.released_lot(6)

        async def station(plant, process):
            for _ in range(4):
                serial = chance.choice(serials)
                started = await plant.start(serial, process)
                done = await plant.complete(serial, process)
                assert started.status_code in {201, 409}
                assert done.status_code in {200, 409}

        await asyncio.gather(*(station(plant, process) for process in ROUTE[:4] for plant in (one, two)))
    with engine.connect() as connection:
        floor = Floor(connection)
        floor.numbers, floor.size, floor.lot_number = serials, 6, "FN-KR-20251110-D-000001"
        floor.check_laws()
