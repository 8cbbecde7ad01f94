"""A line that insists, and what goes wrong under it. Used by campaign_crash.py and component/test_faults.py.

Stations ask with the same key until they are answered; sometimes they hang up in the middle. Meanwhile an
instance, its database server, every connection, the disk or the clock fails. Afterwards each event is there
exactly once, and `andon-mes verify` has nothing to say.
"""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import sqlalchemy as sa
from andon_mes.audit.controller import Sealing
from andon_mes.kernel.clock import SystemClock
from andon_mes.store.engine import make_engine, open_database
from andon_mes.verify.controller import verify
from test_process import free_port

PATIENCE = timedelta(seconds=60)
_SERVE = """
import random, sys
from datetime import timedelta
import uvicorn
from andon_mes.app import create_app
from andon_mes.kernel.clock import SystemClock
from andon_mes.settings import Settings

class Jumping(SystemClock):
    offset, asked = timedelta(0), 0
    def now(self):
        Jumping.asked += 1
        if Jumping.asked % 40 == 0:
            Jumping.offset = timedelta(minutes=random.uniform(-600, 600))
        return super().now() + Jumping.offset

app = create_app(Settings(), Jumping())
uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False)
"""


@dataclass
class Line:
    """One instance on one database, and stations at it."""

    database: str
    token: str
    secret_file: Path
    chance: random.Random
    jumps: bool = False
    stations: int = 8
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        what = (
            ["-c", _SERVE, str(self.port)]
            if self.jumps
            else ["-m", "andon_mes", "serve", "--port", str(self.port)]
        )
        environment = {
            **os.environ,
            "ANDON_MES_DATABASE": self.database,
            "ANDON_MES_LOG_LEVEL": "ERROR",
            "ANDON_MES_BUSY_TIMEOUT": "PT5S",
            "ANDON_MES_SECRET_FILE": str(self.secret_file),
        }
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, *what, env=environment, stdout=asyncio.subprocess.DEVNULL
        )

    async def kill(self) -> None:
        """kill -9, and another one."""
        self.process.kill()
        await self.process.wait()
        await self.start()

    async def end(self) -> None:
        self.process.terminate()
        await self.process.wait()

    async def until_served(self) -> None:
        """Until it is ready again: what went wrong is over."""
        async with asyncio.timeout(60), httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}") as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get("/ready", timeout=5)).status_code == 200:
                        return
                await asyncio.sleep(0.05)

    async def work(self) -> int:
        """Until it is over; how many parts were answered to be done."""
        done = await asyncio.gather(*(self._station(f"S{number}") for number in range(self.stations)))
        return sum(done)

    async def _station(self, name: str) -> int:
        done = 0
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}/api/v1", timeout=8, headers=headers
        ) as client:
            while not self.over.is_set():
                await self._part(client, f"{name}-{done}", name)
                done += 1
        return done

    async def _part(self, client: httpx.AsyncClient, key: str, name: str) -> None:
        lot = await self._insist(client, "POST", "/lots", {"target_quantity": 1}, f"{key}-lot")
        number = lot["lot_number"]
        await self._insist(client, "PATCH", f"/lots/{number}", {"action": "release"}, f"{key}-release")
        made = await self._insist(
            client, "POST", f"/lots/{lot['id']}/serials/generate", {"quantity": 1}, f"{key}-serial"
        )
        who = {
            "serial_number": made["serials"][0]["serial_number"],
            "process_code": "SPRING",
            "operator_id": name,
            "timestamp": "2025-11-10T12:00:00+09:00",
        }
        await self._insist(client, "POST", "/process/start", who, f"{key}-start")
        done = await self._insist(
            client, "POST", "/process/complete", {**who, "is_pass": True}, f"{key}-done"
        )
        assert done["result"] == "PASS"

    async def _insist(self, client, method, path, body, key):
        while True:
            patience = self.chance.uniform(0.001, 0.05) if self.chance.random() < 0.05 else 30
            try:
                answer = await asyncio.wait_for(
                    client.request(method, path, json=body, headers={"Idempotency-Key": key}), patience
                )
            except (httpx.TransportError, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            if answer.status_code in {503, 401}:  # 401: a database that is away knows no device either
                await asyncio.sleep(0.1)
                continue
            assert answer.status_code < 300, answer.text
            return answer.json()["data"]


Fault = Callable[[], Awaitable[None]]


async def endure(line: Line, faults: list[Fault], times: int) -> int:
    """Let `times` faults happen under load; how many parts were done."""
    await line.start()
    working = asyncio.create_task(line.work())
    for number in range(times):
        await line.until_served()
        await asyncio.sleep(line.chance.uniform(0.0, 0.5))
        if working.done():
            break
        await faults[number % len(faults)]()
    await line.until_served()
    line.over.set()
    done = await working
    await line.end()
    return done


async def cut(url: str) -> None:
    """Every connection of the MES to its database breaks."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'andon-mes' and datname = current_database()"
        )


async def fill(folder: Path) -> None:
    """The disk is full for a while."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(b"0" * 65536)
            file.flush()
    await asyncio.sleep(0.4)
    filler.unlink()


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int):
    """A disk of its own; only root can make one."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def open_folder():
    """A folder that the database server's user may enter; pytest closes its own to others."""
    with tempfile.TemporaryDirectory(prefix="andon-faults-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def own_server(postgres, folder: Path):
    """Another server like the one of all tests, which may be killed."""
    server = type(postgres)(folder / "pg")
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def require_exactly_once(database: str, done: int) -> None:
    """Each part that was answered is there once, numbered without a gap, and everything verifies."""
    engine = make_engine(database, busy_timeout=PATIENCE)
    with engine.connect() as connection:
        counts = {
            "lots": "select count(*) from lots",
            "numbered": "select sum(value) from counters where name like 'lot/%'",
            "attempts": "select count(*) from process_data",
            "passed": "select count(*) from process_data where status = 'PASS'",
            "serials": "select count(distinct serial_id) from process_data",
        }
        found = {name: int(connection.execute(sa.text(each)).scalar_one()) for name, each in counts.items()}
    engine.dispose()
    assert found == dict.fromkeys(counts, done)
    opened = open_database(database, busy_timeout=PATIENCE)
    try:
        await Sealing(opened, SystemClock()).tick()
        report = await opened.read(lambda each: verify(each, head=None, progress=lambda _: None))
    finally:
        opened.close()
    assert report.is_whole, [each.words().en for each in report.named]
