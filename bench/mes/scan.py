"""Rate and server CPU of a start and a completion over HTTP, beside the same statements without the MES.

The server is a process of its own with all rules, history, audit and seals, on SQLite (FULL) or on a
PostgreSQL that writes its log to the disk (fsync on). CPU is that of the MES and of the database server
together, as the operating system counts it. Client and server share the machine's cores. Beside it: pgbench
with the same statements on the same server, and sqlite3 in a loop on the same file.
"""

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import sqlalchemy as sa
from andon_mes.access.devices import store as devices
from andon_mes.access.devices.store import NewDevice
from andon_mes.access.model import Role
from andon_mes.lots import store as lots
from andon_mes.lots.model import LotStatus, NewLot, Priority
from andon_mes.serials import store as serials
from andon_mes.store.engine import make_engine
from andon_mes.store.history import Change
from andon_mes.store.migrate import migrate

from andon.testing.database import Server
from bench.mes import bare

_TOKEN = "mesd_of-the-bench"
_LOT = 100
_HEAD = f"{'what':<34}{'clients':>8}{'pairs/s':>9}{'CPU ms':>8}{'MES':>7}{'db':>7}{'p50 ms':>8}{'p99 ms':>8}"


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table; CPU in milliseconds a pair."""

    what: str
    clients: int
    rate: float
    mes_ms: float
    database_ms: float
    p50_ms: float
    p99_ms: float

    def show(self) -> None:
        total = self.mes_ms + self.database_ms
        print(
            f"{self.what:<34}{self.clients:>8}{self.rate:>9.0f}{total:>8.2f}{self.mes_ms:>7.2f}"
            f"{self.database_ms:>7.2f}{self.p50_ms:>8.1f}{self.p99_ms:>8.1f}",
            flush=True,
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--without-bare", action="store_true", help="leave out pgbench and raw sqlite3")


def main(arguments: argparse.Namespace) -> None:
    print(_HEAD)
    for kind in arguments.databases:
        with database(kind) as (url, postmaster):
            prepare(url, clients=max(arguments.clients), seconds=sum([arguments.seconds] * 3))
            found = [over_http(url, postmaster, each, arguments.seconds) for each in arguments.clients]
            if arguments.without_bare:
                continue
            for clients, ours in zip(arguments.clients, found, strict=True):
                if kind == "sqlite" and clients > 1:
                    continue
                without = bare.measure(url, postmaster, clients, arguments.seconds)
                without_mes = Measured(*without)
                without_mes.show()
                print(f"{'  of that rate the MES has':<34}{clients:>8}{ours.rate / without_mes.rate:>8.0%}")


@contextlib.contextmanager
def database(kind: str) -> Iterator[tuple[str, psutil.Process | None]]:
    """A migrated database and, where it has one, the process of its server."""
    with tempfile.TemporaryDirectory(prefix="andon-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if kind == "sqlite":
            migrate(folder / "mes.db")
            yield str(folder / "mes.db"), None
            return
        folder.chmod(0o755)
        server = Server(folder / "pg")
        server.start()
        try:
            with server.fresh_database() as url:
                engine = sa.create_engine(
                    url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
                )
                with engine.connect() as connection:  # the tests' server writes nothing to the disk
                    connection.exec_driver_sql("ALTER SYSTEM SET fsync = on")
                    connection.exec_driver_sql("SELECT pg_reload_conf()")
                engine.dispose()
                migrate(url)
                pid = int((folder / "pg" / "data" / "postmaster.pid").read_text().splitlines()[0])
                yield url, psutil.Process(pid)
        finally:
            server.stop()


def prepare(url: str, *, clients: int, seconds: float) -> None:
    """A device, and released lots with more serials than the stations can work on."""
    now = datetime.now(UTC)
    engine = make_engine(url, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        devices.issue(connection, NewDevice("bench", Role.STATION), _TOKEN, "bench", now)
        for _ in range(max(clients, int(seconds * 1000 / 7 / _LOT))):
            new = NewLot("KR", "NH-F2X-001", now.date(), "D", _LOT, Priority.NORMAL, None, None)
            lot = lots.create(connection, new, now)
            serials.generate(connection, lot, _LOT, Change("bench", now))
            lots.set_status(connection, lot, LotStatus.RELEASED, Change("bench", now))
        connection.exec_driver_sql("COMMIT")
    engine.dispose()


def over_http(url: str, postmaster: psutil.Process | None, clients: int, seconds: float) -> Measured:
    """Stations at a server of its own, after a second to warm up."""
    with serving(url) as (port, process):
        waiting = _waiting(url, clients)
        _stations(port, [" ".join(each.split()[:20]) for each in waiting], min(1.0, seconds))
        waiting = _waiting(url, clients)
        before = cpu(process), cpu(postmaster)
        took = _stations(port, waiting, seconds)
        after = cpu(process), cpu(postmaster)
    mes, db = ((two - one) * 1000 / len(took) for one, two in zip(before, after, strict=True))
    quantiles = statistics.quantiles(took, n=100)
    what = "MES on " + ("SQLite" if postmaster is None else "PostgreSQL")
    found = Measured(what, clients, len(took) / seconds, mes, db, quantiles[49] * 1000, quantiles[98] * 1000)
    found.show()
    return found


@contextlib.contextmanager
def serving(url: str) -> Iterator[tuple[int, psutil.Process]]:
    """One instance, and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "andon_mes", "serve", "--port", str(port)]
    environment = {
        **os.environ,
        "ANDON_MES_DATABASE": url,
        "ANDON_MES_LOG_LEVEL": "ERROR",
        "ANDON_MES_SECRET_FILE": f"{tempfile.gettempdir()}/andon-bench-{os.getpid()}.secret",
    }
    with subprocess.Popen(command, env=environment) as process:
        try:
            deadline = time.monotonic() + 30
            while not _is_ready(port):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError("the MES did not become ready")
                time.sleep(0.1)
            yield port, psutil.Process(process.pid)
        finally:
            process.terminate()


def cpu(process: psutil.Process | None) -> float:
    """Seconds of CPU of a process and of all that came from it, ended ones too."""
    if process is None:
        return 0.0
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            said = each.cpu_times()
            total += said.user + said.system
            if each.pid == process.pid:
                total += said.children_user + said.children_system
    return total


def _is_ready(port: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2).status == 200)
    return False


def _stations(port: int, waiting: list[str], seconds: float) -> list[float]:
    command = [sys.executable, "-m", "bench.mes.stations", str(port), _TOKEN, str(seconds)]
    done = subprocess.run(command, input="\n".join(waiting), text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return list(json.loads(done.stdout))


def _waiting(url: str, clients: int) -> list[str]:
    """For each station a line of serials that nobody has begun, dealt out so that stations share lots."""
    engine = make_engine(url, busy_timeout=timedelta(seconds=60))
    with engine.connect() as connection:
        query = "select serial_number from serials where status = 'CREATED' order by id"
        numbers = [row[0] for row in connection.exec_driver_sql(query)]
    engine.dispose()
    return [" ".join(numbers[each::clients]) for each in range(clients)]
