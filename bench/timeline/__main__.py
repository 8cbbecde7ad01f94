"""`python -m bench.timeline`: how long a million records take to verify, and what a record costs to write.

The floor is the hashing alone: one SHA-256 over each record, in Python, in the same run. A ratio to it means
something on any machine; the seconds are this machine's.
"""

import argparse
import asyncio
import hashlib
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from andon.kernel.clock import SystemClock
from andon.store.engine import Database
from andon.store.schema import metadata
from andon.timeline import chain, keys, verify
from andon.timeline.checkpoints import Checkpointer
from andon.timeline.export import Exporter, verifier, write
from andon.timeline.records import Event
from andon.timeline.store import Filter, TimelineStore, append

BAR_SECONDS = 5.0
AT = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("rollout.share", "rollout.created", "access.login", "release.published", "pipeline.ended")
ROW = text(
    "INSERT INTO timeline VALUES (:number, :at, :kind, :subject, :actor, :unit, :env, :sev, :body, :hash)"
)


def an_event(number: int, chance: random.Random) -> Event:
    """About 520 bytes as a line, as the real ones are."""
    return Event(
        kind=KINDS[number % len(KINDS)],
        subject=f"rollout/ro-0kz3v1q8x-{number:08d}",
        actor="kim.minjun",
        reason=f"no harm after {chance.randrange(9999)} requests: the share goes from 10 % to 25 %",
        unit="mes",
        environment="production",
        before={"share": 0.1, "phase": "stepping"},
        after={"share": 0.25, "phase": "stepping", "verdict": "inconclusive"},
        correlation=f"req-{number:012d}",
        role="engineer@production",
        source="10.20.30.40",
    )


async def fill(database: Database, records: int) -> None:
    """Rows as `append` writes them, many in a transaction."""
    chance, previous, number = random.Random(1), chain.GENESIS.hex(), 0
    async with database.transaction() as tx:
        await tx.run_sync(metadata.create_all)
    while number < records:
        rows = []
        for _ in range(min(20_000, records - number)):
            number += 1
            at, event = AT + timedelta(seconds=number), an_event(number, chance)
            made = chain.link(number, previous, at, event)
            previous = made.hash
            rows.append({
                "number": number, "at": f"{at:%Y-%m-%d %H:%M:%S.%f}", "kind": event.kind,
                "subject": event.subject, "actor": event.actor, "unit": event.unit, "env": event.environment,
                "sev": "info", "body": made.body, "hash": made.hash,
            })  # fmt: skip
        async with database.transaction() as tx:
            await tx.execute(ROW, rows)
            head = {"number": number, "hash": previous}
            await tx.execute(text("UPDATE timeline_head SET number = :number, hash = :hash"), head)


async def timed(what: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await what()
    return time.perf_counter() - begun


def floor(path: Path) -> float:
    """Hashing each record and nothing else: seconds of a processor."""
    taken, sha256 = 0.0, hashlib.sha256
    with path.open("rb") as stream:
        while lines := stream.readlines(64 << 20):
            begun = time.process_time()
            for line in lines:
                sha256(line).digest()
            taken += time.process_time() - begun
    return taken


@dataclass(frozen=True, slots=True)
class Taken:
    seconds: float
    processor: float


def audited(folder: Path, processes: int, records: int) -> Taken:
    """As an auditor does it: from the start of Python to the answer, everything read from disk."""
    command = [sys.executable, "-I", "-S", "verify.pyz", "timeline.jsonl", "--json"]
    command += ["--key", "keys/timeline.vkey", "--processes", str(processes)]
    before, begun = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - begun, os.times()
    found = json.loads(done.stdout)
    if not found["is_intact"] or found["records"] != records:
        raise SystemExit(f"the export does not verify: {found}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Taken(seconds, used)


async def verified(database: Database, places: keys.KeyFiles) -> Taken:
    """A live database, as `andon audit verify` reads it."""
    begun = time.process_time()
    found = await verify.verify(database, verify.trust(keys.public(places)), [], SystemClock())
    if not found.is_intact:
        raise SystemExit(f"the database does not verify: {found.findings}")
    return Taken(found.seconds, time.process_time() - begun)


async def rates(folder: Path, records: int) -> tuple[float, float]:
    """Records a second: through `append`, and a plain insert of the same row, a transaction each."""
    database = Database.open(f"sqlite:///{folder / 'rate.db'}")
    async with database.transaction() as tx:
        await tx.run_sync(metadata.create_all)
        await tx.execute(text("CREATE TABLE plain AS SELECT * FROM timeline"))
    chance, plain = random.Random(2), text(str(ROW).replace("INTO timeline", "INTO plain"))
    row = {
        "number": 1,
        "at": "x",
        "kind": "x",
        "subject": "x",
        "actor": "x",
        "unit": "x",
        "env": "x",
        "sev": "x",
    }
    row |= {"body": chain.body(1, AT, an_event(1, chance)), "hash": "0" * 64}

    async def appended() -> None:
        for number in range(records):
            async with database.transaction() as tx:
                await append(tx, an_event(number, chance), AT)

    async def inserted() -> None:
        for _ in range(records):
            async with database.transaction() as tx:
                await tx.execute(plain, row)

    await inserted()  # warm
    taken = [(await timed(appended), await timed(inserted)) for _ in range(3)]
    await database.close()
    return records / min(each for each, _ in taken), records / min(each for _, each in taken)


async def run(records: int, folder: Path) -> bool:
    database = Database.open(f"sqlite:///{folder / 'andon.db'}")
    places, clock = keys.KeyFiles.at(folder), SystemClock()
    keys.ensure(places, "andon/bench")
    await fill(database, records)
    checkpointer = Checkpointer(database, places, clock)
    first = await timed(checkpointer.checkpoint_now)
    await TimelineStore(database).record(an_event(1, random.Random(3)), AT)
    following = await timed(checkpointer.checkpoint_now)
    path = folder / "timeline.jsonl"
    exporting = await timed(lambda: write(path, Exporter(database, places, clock).jsonl()))
    (folder / "verify.pyz").write_bytes(verifier())
    print(f"{records:,} records, {path.stat().st_size / 1e6:,.0f} MB as lines, {os.cpu_count()} processors")
    print(f"  load of this machine                 {os.getloadavg()[0]:7.1f}")
    bare = min(floor(path) for _ in range(3))
    print(f"  hashing alone                        {bare:7.2f} s of a processor")
    best = least = math.inf
    for processes in (1, 2):
        taken = [audited(folder, processes, records + 1) for _ in range(3)]
        seconds, used = min(each.seconds for each in taken), min(each.processor for each in taken)
        best, least = min(best, seconds), min(least, used)
        name = f"an export, {processes} process{'es' if processes > 1 else ''}"
        print(
            f"  {name:<36} {seconds:7.2f} s (worst of 3: {max(each.seconds for each in taken):.2f}); ", end=""
        )
        print(f"{used:.2f} s of a processor, {used / bare:.1f} times the floor")
    live = [await verified(database, places) for _ in range(3)]
    seconds, of_live = min(each.seconds for each in live), min(each.processor for each in live)
    print(
        f"  a live SQLite database               {seconds:7.2f} s (worst of 3: "
        f"{max(each.seconds for each in live):.2f}); {of_live:.2f} s of a processor, "
        f"{of_live / bare:.1f} times the floor"
    )
    print(f"  writing the export                   {exporting:7.2f} s")
    print(f"  the first checkpoint                 {first:7.2f} s; one record later {following * 1e3:.0f} ms")
    newest = await timed(lambda: TimelineStore(database).list(Filter(), limit=100))
    print(f"  the newest 100 records               {newest * 1e3:7.0f} ms")
    await database.close()
    appended, inserted = await rates(folder, 300)
    print(f"  appends a second, one transaction each {appended:,.0f}; bare inserts {inserted:,.0f}", end="")
    print(f" ({appended / inserted:.0%})")
    bar = BAR_SECONDS * records / 1_000_000
    best, least = max(best, seconds), max(least, of_live)  # the slower of both ways
    by_clock = "met" if best <= bar else "NOT met"
    print(
        f"  the bar, {BAR_SECONDS:.0f} s from disk for a million, by an export and live: {by_clock} ", end=""
    )
    print(f"by the clock, {'met' if least <= bar else 'NOT met'} in seconds of a processor")
    # The bar is for a machine that is free: where others take the processors, the clock says little.
    return least <= bar if os.getloadavg()[0] > (os.cpu_count() or 1) else best <= bar


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.timeline", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where to work; else a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        is_met = asyncio.run(run(options.records, Path(folder)))
    raise SystemExit(0 if is_met else 1)


if __name__ == "__main__":
    main()
