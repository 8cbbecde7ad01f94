"""A verification is shared by who asks at once, and leaves the event loop to those who need it."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from andon.api.auditing import TimelineAudit
from andon.kernel.clock import ManualClock
from andon.store.engine import Database
from andon.timeline import keys, verify
from andon.timeline.checkpoints import Checkpointer
from andon.timeline.checks import Memory, Trust
from andon.timeline.export import Exporter
from andon.timeline.keys import KeyFiles
from andon.timeline.records import Event
from andon.timeline.store import TimelineStore

DEADLINE = 60.0


class Opening:
    """Opens the database elsewhere, once `gate` is open, and counts how often."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.gate = threading.Event()
        self.threads: list[int] = []
        self.was_open = True

    def __call__(self) -> Database:
        self.threads.append(threading.get_ident())
        self.was_open = self.gate.wait(DEADLINE) and self.was_open
        return Database.open(self.url)


Made = tuple[TimelineAudit, Opening]


@pytest.fixture
async def made(database: Database, tmp_path: Path) -> Made:
    places, clock = KeyFiles.at(tmp_path), ManualClock()
    keys.ensure(places, "plant.example/andon")
    for number in range(5):
        await TimelineStore(database).record(
            Event("test.happened", f"thing/{number}", "kim", "because"), clock.now()
        )
    await Checkpointer(database, places, clock).checkpoint_now()

    async def memories() -> Sequence[Memory]:
        return []

    opening = Opening(f"sqlite:///{tmp_path / 'andon.db'}")

    def believed() -> Trust:
        return verify.trust(keys.public(places))

    return TimelineAudit(Exporter(database, places, clock), believed, memories, opening), opening


async def test_the_loop_goes_on_while_a_verification_computes(made: Made) -> None:
    audit, opening = made
    asked = asyncio.create_task(audit.verify())
    for _ in range(100):  # as many turns of a control loop; were it blocked, the gate would never open
        await asyncio.sleep(0)
    opening.gate.set()
    found = await asked
    assert opening.was_open
    assert (found.is_intact, found.records) == (True, 5)
    assert threading.get_ident() not in opening.threads


async def test_who_asks_meanwhile_shares_the_result_though_the_first_hangs_up(made: Made) -> None:
    audit, opening = made
    first, *others = (asyncio.create_task(audit.verify()) for _ in range(5))
    while not opening.threads:
        await asyncio.sleep(0.001)
    first.cancel()
    opening.gate.set()
    results = await asyncio.gather(*others)
    assert {id(each) for each in results} == {id(results[0])}
    assert len(opening.threads) == 1
    assert (await audit.verify()) is not results[0]
