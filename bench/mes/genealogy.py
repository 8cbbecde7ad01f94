"""Birth certificates, and recalls of 10,000 units, beside the bare SQL of the same question.

What is measured is the MES's own work, from the question to the JSON that is sent, on an instance's database
with all of its triggers; HTTP adds about two milliseconds. A recall that holds is one transaction, from its
number to its commit: it finds, keeps, holds, writes history and audit, and lists the units.
"""

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from andon_mes.api.recalls import _found_view, _recall_view
from andon_mes.genealogy import store as genealogy
from andon_mes.genealogy.certificate import certificate
from andon_mes.genealogy.model import Issued
from andon_mes.recalls import store as recalls
from andon_mes.recalls.model import Target
from andon_mes.recalls.store import Opened
from andon_mes.store.actor import Actor
from andon_mes.store.engine import Connection, Database, open_database
from andon_mes.store.migrate import migrate
from sqlalchemy.pool import NullPool

from andon.testing.database import shared_server
from bench.mes import genealogy_past as past

_NOW = datetime(2025, 11, 10, 4, tzinfo=UTC)
_ISSUED = Issued("1.0.0", _NOW, "KR", "Asia/Seoul")
_BARE_CERTIFICATE = (
    """select * from serials s join lots l on l.id = s.lot_id
       join product_models m on m.id = l.product_model_id where s.id = {id}""",
    """select * from process_data d join processes p on p.id = d.process_id
       where d.serial_id = {id} order by d.id""",
    """with recursive inside (id) as (
           select {id} union select u.subassembly_id from inside
           join component_uses u on u.serial_id = inside.id
           where case when inside.id is not null then u.subassembly_id end is not null)
       select u.* from component_uses u join inside on inside.id = u.serial_id""",
    "select * from defects where serial_id = {id}",
    "select * from reworks where serial_id = {id}",
    "select * from label_prints where serial_id = {id}",
    "select * from status_history where entity_type = 'serial' and entity_id = {id}",
)
_BARE_RECALL = """
    with recursive hit (id) as (
        select serial_id from component_uses where component_lot = '{lot}' and removed_at is null
        union select u.serial_id from hit join component_uses u on u.subassembly_id = hit.id
        and case when hit.id is not null then u.removed_at end is null)
    select s.serial_number, l.lot_number, s.status from serials s join hit on hit.id = s.id
    join lots l on l.id = s.lot_id
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--serials", type=int, default=1_000_000)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--certificates", type=int, default=2_000)
    parser.add_argument("--recalls", type=int, default=10)


def main(arguments: argparse.Namespace) -> None:
    for kind in arguments.databases:
        with _database(kind) as url:
            began = time.perf_counter()
            engine = _engine(url)
            past.fill(engine, arguments.serials)
            print(f"{kind}: {arguments.serials:,} serials in {time.perf_counter() - began:.0f} s", flush=True)
            opened = open_database(url, busy_timeout=timedelta(seconds=60))
            try:
                asyncio.run(_measure(opened, engine, arguments))
            finally:
                opened.close()
                engine.dispose()


async def _measure(database: Database, engine: sa.Engine, arguments: argparse.Namespace) -> None:
    noise = random.Random(7)
    places = [noise.randint(1, arguments.serials) for _ in range(arguments.certificates)]
    for place in places[:20]:
        await database.read(lambda each, place=place: _certificate(each, place))
    asked = [
        await _timed_read(database, lambda each, place=place: _certificate(each, place)) for place in places
    ]
    bare = _bare(engine, [[each.format(id=place) for each in _BARE_CERTIFICATE] for place in places])
    _row("certificate", asked, bare)
    reels = [
        f"REEL-{each}" for each in range(min(arguments.recalls, arguments.serials // past.UNITS_OF_REEL))
    ]
    targets = [Target(component_lot=each) for each in reels]
    looked = [await _timed_read(database, lambda each, of=of: _look(each, of)) for of in targets]
    bare = _bare(engine, [[_BARE_RECALL.format(lot=each)] for each in reels])
    _row("recall, looked", looked, bare)
    held = []
    for of in targets:
        began = time.perf_counter()
        body = await database.write(lambda each, of=of: _hold(each, of), Actor("Kim", "10.0.0.1", "bench"))
        held.append(time.perf_counter() - began)
        assert json.loads(body)["data"]["held"] == past.UNITS_OF_REEL, body[:200]
    _row("recall, held", held, bare)


def _certificate(connection: Connection, place: int) -> str:
    record = genealogy.get_record(connection, past.number_of(place))
    return json.dumps({"data": certificate(record, _ISSUED)}, ensure_ascii=False)


def _look(connection: Connection, target: Target) -> str:
    return json.dumps({"data": _found_view(recalls.list_affected(connection, target))}, ensure_ascii=False)


def _hold(connection: Connection, target: Target) -> str:
    made = recalls.open_recall(connection, target, Opened("Kim", _NOW, "cracked"))
    shown = _recall_view(made) | _found_view(recalls.list_units(connection, made))
    return json.dumps({"data": shown}, ensure_ascii=False)


async def _timed_read(database: Database, work: Callable[[Connection], object]) -> float:
    began = time.perf_counter()
    await database.read(work)
    return time.perf_counter() - began


def _bare(engine: sa.Engine, questions: Sequence[Sequence[str]]) -> list[float]:
    """The driver alone, without SQLAlchemy's statements or a document."""
    found = []
    with engine.connect() as connection:
        cursor: Any = connection.connection.cursor()
        for statements in questions:
            began = time.perf_counter()
            for statement in statements:
                cursor.execute(statement)
                cursor.fetchall()
            found.append(time.perf_counter() - began)
    return found


def _row(name: str, times: Sequence[float], bare: Sequence[float]) -> None:
    late = sorted(times)[min(int(len(times) * 0.99), len(times) - 1)]
    middle, alone = statistics.median(times), statistics.median(bare)
    print(
        f"  {name:<16} p50 {middle * 1000:8.1f} ms   p99 {late * 1000:8.1f} ms   "
        f"bare SQL p50 {alone * 1000:8.1f} ms   ratio {middle / alone:5.2f}",
        flush=True,
    )


def _engine(url: str) -> sa.Engine:
    named = url.replace("postgresql://", "postgresql+psycopg://") if "://" in url else f"sqlite:///{url}"
    return sa.create_engine(named, poolclass=NullPool)


@contextlib.contextmanager
def _database(kind: str) -> Iterator[str]:
    """The path or URL of a migrated, empty database."""
    with tempfile.TemporaryDirectory(prefix="andon-bench-genealogy-", ignore_cleanup_errors=True) as folder:
        if kind == "sqlite":
            path = str(Path(folder) / "mes.db")
            migrate(path)
            yield path
            return
        Path(folder).chmod(0o755)
        with shared_server(Path(folder)) as server, server.fresh_database() as url:
            migrate(url)
            yield url
