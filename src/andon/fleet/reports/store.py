"""What stations reported: their last state, their samples, the tallies. Many reports are one transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Float, Index, Integer, String, Table, Text, delete, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.fleet.model import Seen
from andon.fleet.reports.model import NO_TALLY, Taken, Tally, TallyKey
from andon.fleet.stations import store as stations
from andon.kernel.ids import EnvironmentName, StationName, UnitName, Version
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon_wire.protocol import Sample, UnitState

seen = Table(
    "fleet_seen",
    metadata,
    Column("station", String(60), primary_key=True),
    Column("at", UtcDateTime, nullable=True),
    Column("boot", String(60), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("units", JSON, nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("address", String(64), nullable=False),
)
samples = Table(
    "fleet_samples",
    metadata,
    Column("station", String(60), primary_key=True),
    Column("at", UtcDateTime, primary_key=True),
    Column("cpu", Float, nullable=False),
    Column("memory", Float, nullable=False),
    Column("disk", Float, nullable=False),
    Column("sent", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("processes", Integer, nullable=False),
    Column("uptime_s", Float, nullable=False),
    Column("response_s", Float, nullable=True),
)
Index("ix_fleet_samples_at", samples.c.at)
tallies = Table(
    "fleet_tallies",
    metadata,
    Column("unit", String(60), primary_key=True),
    Column("environment", String(60), primary_key=True),
    Column("version", String(60), primary_key=True),
    Column("installs_ok", BigInteger, nullable=False),
    Column("installs_failed", BigInteger, nullable=False),
    Column("returns", BigInteger, nullable=False),
    Column("starts", BigInteger, nullable=False),
    Column("crashes", BigInteger, nullable=False),
    Column("refusals", BigInteger, nullable=False),
    Column("run_s", Float, nullable=False),
)
_COUNTS = ("installs_ok", "installs_failed", "returns", "starts", "crashes", "refusals", "run_s")
_MEASURES = (
    "cpu", "memory", "disk", "sent", "received", "processes", "uptime_s", "response_s",
)  # fmt: skip
_AT_ONCE = 2000  # rows of a statement that forgets; others wait for no longer than that takes


class ReportStore:
    """Reads and writes what was reported."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert: Any = insert_sqlite if database.is_sqlite else insert_postgresql

    async def seen(self) -> Mapping[StationName, Seen]:
        """The last report of each station."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(seen))).all()
        return {StationName(row.station): _seen(row) for row in rows}

    async def take(self, reports: Sequence[Taken], at: datetime) -> None:
        """Make reports durable, all of them or none. Of one station the last one's state is kept."""
        last = {each.station: each for each in reports}
        async with self._database.transaction() as tx:
            await self._write(tx, seen, [_row(each) for each in last.values()], ("station",))
            await self._add_samples(tx, reports)
            await self._add_tallies(tx, reports)
            machines = {each.station: each.machine for each in reports if each.machine is not None}
            await stations.write_machines(tx, machines)
            for each in reports:
                for event in each.told:
                    await timeline.append(tx, event, at)

    async def tallies(
        self, unit: UnitName | None = None, environment: EnvironmentName | None = None
    ) -> Mapping[TallyKey, Tally]:
        """The tallies of a unit in an environment, or of all."""
        query = select(tallies)
        if unit is not None:
            query = query.where(tallies.c.unit == unit)
        if environment is not None:
            query = query.where(tallies.c.environment == environment)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return {_key(row): Tally(*(getattr(row, each) for each in _COUNTS)) for row in rows}

    async def samples(self, station: StationName, since: datetime, limit: int = 5000) -> Sequence[Sample]:
        """What a station measured from `since` on, oldest first; the newest `limit` of it."""
        query = (
            select(samples)
            .where(samples.c.station == station, samples.c.at >= since)
            .order_by(samples.c.at.desc())
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [_sample(row) for row in reversed(rows)]

    async def forget_samples(self, before: datetime) -> int:
        """Remove samples from before `before`, a bounded piece at a time; gives how many went."""
        gone = 0
        while True:
            async with self._database.transaction() as tx:
                old = select(samples.c.at).where(samples.c.at < before).order_by(samples.c.at).limit(_AT_ONCE)
                times = (await tx.execute(old)).scalars().all()
                if not times:
                    return gone
                result = await tx.execute(delete(samples).where(samples.c.at <= times[-1]))
                gone += result.rowcount

    async def _write(
        self, tx: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]], key: Sequence[str]
    ) -> None:
        if not rows:
            return
        query = self._insert(table)
        others = {each.name: query.excluded[each.name] for each in table.c if each.name not in key}
        await tx.execute(query.on_conflict_do_update(index_elements=key, set_=others), rows)

    async def _add_samples(self, tx: AsyncConnection, reports: Sequence[Taken]) -> None:
        rows = [
            {"station": each.station, "at": one.at, **{name: getattr(one, name) for name in _MEASURES}}
            for each in reports
            for one in each.samples
        ]
        if rows:
            await tx.execute(self._insert(samples).on_conflict_do_nothing(), rows)

    async def _add_tallies(self, tx: AsyncConnection, reports: Sequence[Taken]) -> None:
        gained: dict[TallyKey, Tally] = defaultdict(lambda: NO_TALLY)
        for each in reports:
            for key, tally in each.tallies.items():
                gained[key] += tally
        rows = [
            {"unit": unit, "environment": environment, "version": version}
            | {each: getattr(tally, each) for each in _COUNTS}
            for (unit, environment, version), tally in gained.items()
        ]
        if rows:
            query = self._insert(tallies)
            sums = {each: tallies.c[each] + query.excluded[each] for each in _COUNTS}
            place = ("unit", "environment", "version")
            await tx.execute(query.on_conflict_do_update(index_elements=place, set_=sums), rows)


async def forget(tx: AsyncConnection, station: StationName) -> None:
    """Forget the last report of a station whose place another machine takes: its events begin anew."""
    await tx.execute(delete(seen).where(seen.c.station == station))


def _row(each: Taken) -> Mapping[str, Any]:
    known = each.seen
    return {
        "station": each.station,
        "at": known.at,
        "boot": known.boot,
        "revision": known.revision,
        "seq": known.seq,
        "units": {name: state.model_dump(mode="json") for name, state in known.units.items()},
        "checkpoint": known.checkpoint,
        "address": known.address[:64],
    }


def _seen(row: Any) -> Seen:
    units = {name: UnitState.model_validate(state) for name, state in row.units.items()}
    return Seen(row.at, row.boot, row.revision, row.seq, units, row.checkpoint, row.address)


def _sample(row: Any) -> Sample:
    return Sample(at=row.at, **{name: getattr(row, name) for name in _MEASURES})


def _key(row: Any) -> TallyKey:
    return UnitName(row.unit), EnvironmentName(row.environment), Version(row.version)
