"""The control plane of the bench, a process of its own: the real API with all that stands before it, the real
fleet over a real SQLite with its loops. What else Andon does (rollouts, Envoy) is not there.

    python -m bench.fleet.server fleet HOME STATIONS    prints its port
    python -m bench.fleet.server bare                   a FastAPI endpoint with a text, to compare with
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from sqlalchemy import insert

from andon.api.http import create
from andon.fleet.assign import Wish
from andon.fleet.reports.store import ReportStore
from andon.fleet.stations import store as rows
from andon.fleet.stations.store import StationStore
from andon.fleet.tokens.store import EnrolmentTokenStore
from andon.fleet.wanting.store import WantingStore
from andon.fleet.whole import FleetStores
from andon.kernel.clock import SystemClock
from andon.kernel.supervise import Loop
from andon.store import migrate
from andon.store.engine import Database
from andon.testing.fleet import fleet_over
from andon.testing.services import FakePlant
from bench.fleet.stations import CANDIDATE, HERE, STABLE, UNIT, key, station

_TICK = timedelta(seconds=1)


async def _seeded(home: Path, count: int) -> Database:
    url = f"sqlite:///{home / 'andon.db'}"
    await migrate.upgrade(url)
    database = Database.open(url)
    values = [rows.values_of(station(number)) for number in range(count)]
    async with database.transaction() as tx:
        await tx.execute(insert(rows.stations), values)
    return database


async def fleet(home: Path, count: int) -> None:
    """Serve until the standard input ends. A line on it lets the candidate have another share."""
    database, clock, plant = await _seeded(home, count), SystemClock(), FakePlant()
    stores = FleetStores(
        StationStore(database), EnrolmentTokenStore(database), WantingStore(database), ReportStore(database)
    )
    plant.fleet = fleet_over(stores, clock, plant.stations, key=key("fleet"))
    made = plant.fleet
    await made.controller.load()
    made.controller.want((UNIT, HERE), Wish(STABLE))
    await made.controller.tick()
    loops = [
        Loop(each.__qualname__, each, interval=_TICK, clock=clock)
        for each in (made.controller.tick, made.inbox.tick)
    ]
    made.wake_by(loops[0].wake, loops[1].wake)

    def share(line: str) -> None:
        made.controller.want((UNIT, HERE), Wish(STABLE, CANDIDATE, float(line), "ro-bench"))
        loops[0].wake()

    await _serve(create(plant.services()), [asyncio.create_task(each.run()) for each in loops], share)
    await database.close()


async def bare() -> None:
    """The same server with nothing behind it."""
    app = FastAPI()
    text = "x" * 900  # as long as a signed document

    @app.get("/api/v1/agents/wanted")
    async def wanted() -> PlainTextResponse:
        return PlainTextResponse(text)

    await _serve(app, [], lambda _line: None)


async def _serve(app: FastAPI, tasks: list[asyncio.Task[None]], said: Callable[[str], None]) -> None:
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off", backlog=4096)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        said(line)
    server.should_exit = True
    await serving
    for each in tasks:
        each.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks)


def main() -> None:
    what = sys.argv[1]
    asyncio.run(bare() if what == "bare" else fleet(Path(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    main()
