"""What stands beside a rollout (pins, recalls, windows, attempts), what was opened, and the documents.

A document's revision is written before anybody is given it, so that it never falls, whatever crashes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.access.policies import calendar
from andon.access.signatures import store as signatures
from andon.access.signatures.model import Signature
from andon.fleet.model import Opened, Pin, Recall, Scope, Window
from andon.kernel.ids import EnvironmentName, StationName, UnitName, Version
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event

Place = tuple[UnitName, EnvironmentName]

pins = Table(
    "fleet_pins",
    metadata,
    Column("station", String(60), primary_key=True),
    Column("unit", String(60), primary_key=True),
    Column("version", String(60), nullable=True),
    Column("reason", Text, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=True),
)
recalls = Table(
    "fleet_recalls",
    metadata,
    Column("unit", String(60), primary_key=True),
    Column("environment", String(60), primary_key=True),
    Column("version", String(60), primary_key=True),
    Column("to", String(60), nullable=False),
    Column("direct", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
windows = Table(
    "fleet_windows",
    metadata,
    Column("scope", String(20), primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("calendar", JSON, nullable=False),
)
attempts = Table(
    "fleet_attempts",
    metadata,
    Column("station", String(60), primary_key=True),
    Column("unit", String(60), primary_key=True),
    Column("number", Integer, nullable=False),
)
opened = Table(
    "fleet_opened",
    metadata,
    Column("unit", String(60), primary_key=True),
    Column("environment", String(60), primary_key=True),
    Column("version", String(60), nullable=True),
    Column("share", Float, nullable=False),
    Column("stations", JSON, nullable=False),
    Column("permitted", JSON, nullable=False),
    Column("earlier", JSON, nullable=False),
)
wanted = Table(
    "fleet_wanted",
    metadata,
    Column("station", String(60), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Said:
    """All that people said beside rollouts. attempts: number by station and unit."""

    pins: Sequence[Pin] = ()
    recalls: Sequence[Recall] = ()
    windows: Sequence[Window] = ()
    attempts: Mapping[tuple[StationName, UnitName], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """What a station was told last. text: the JSON of a `Wanted`, without its signature."""

    station: StationName
    revision: int
    text: str


class WantingStore:
    """Reads and writes all of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def said(self) -> Said:
        """All that people said, as of one moment."""
        async with self._database.reading() as connection:
            return Said(
                pins=[_pin(row) for row in (await connection.execute(select(pins))).all()],
                recalls=[_recall(row) for row in (await connection.execute(select(recalls))).all()],
                windows=[_window(row) for row in (await connection.execute(select(windows))).all()],
                attempts={
                    (StationName(row.station), UnitName(row.unit)): row.number
                    for row in (await connection.execute(select(attempts))).all()
                },
            )

    async def opened(self) -> Mapping[Place, Opened]:
        """What candidates have been given, by unit and environment."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(opened))).all()
        return {(UnitName(row.unit), EnvironmentName(row.environment)): _opened(row) for row in rows}

    async def documents(self) -> Sequence[Document]:
        """What each station was told last."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(wanted))).all()
        return [Document(StationName(row.station), row.revision, row.document) for row in rows]

    async def tell(self, given: Mapping[Place, Opened], documents: Sequence[Document]) -> None:
        """Keep what was opened, and the documents that changed, in one transaction."""
        if not given and not documents:
            return
        async with self._database.transaction() as tx:
            for (unit, environment), each in given.items():
                here = (opened.c.unit == unit, opened.c.environment == environment)
                await tx.execute(delete(opened).where(*here))
                await tx.execute(insert(opened).values(unit=unit, environment=environment, **_given(each)))
            if documents:
                names = [each.station for each in documents]
                for start in range(0, len(names), 500):
                    some = names[start : start + 500]
                    await tx.execute(delete(wanted).where(wanted.c.station.in_(some)))
                rows = [
                    {"station": each.station, "revision": each.revision, "document": each.text}
                    for each in documents
                ]
                await tx.execute(insert(wanted), rows)

    async def pin(self, made: Pin, told: Event) -> None:
        """Pin a unit on a station; another pin there is replaced."""
        values = {each: getattr(made, each) for each in ("station", "unit", "version", "reason", "actor")}
        async with self._database.transaction() as tx:
            await tx.execute(_unpinned(made.station, made.unit))
            await tx.execute(insert(pins).values(**values, at=made.at, expires_at=made.expires_at))
            await timeline.append(tx, told, made.at)

    async def unpin(self, station: StationName, unit: UnitName, told: Event, at: datetime) -> bool:
        """Take a pin off; False where there was none."""
        async with self._database.transaction() as tx:
            is_gone = (await tx.execute(_unpinned(station, unit))).rowcount > 0
            if is_gone:
                await timeline.append(tx, told, at)
            return is_gone

    async def recall(self, made: Recall, told: Event, signature: Signature | None = None) -> None:
        """Recall a release; an older recall of it is replaced."""
        values = {each: getattr(made, each) for each in ("unit", "environment", "version", "to", "direct")}
        async with self._database.transaction() as tx:
            await tx.execute(_uncalled(made.unit, made.environment, made.version))
            await tx.execute(
                insert(recalls).values(**values, reason=made.reason, actor=made.actor, at=made.at)
            )
            if signature is not None:
                await signatures.append(tx, signature, made.at)
            await timeline.append(tx, told, made.at)

    async def lift(
        self, release: tuple[UnitName, EnvironmentName, Version], told: Event, at: datetime
    ) -> bool:
        """End a recall; False where there was none."""
        async with self._database.transaction() as tx:
            is_gone = (await tx.execute(_uncalled(*release))).rowcount > 0
            if is_gone:
                await timeline.append(tx, told, at)
            return is_gone

    async def set_window(
        self, place: tuple[Scope, str], made: Window | None, told: Event, at: datetime
    ) -> None:
        """Set the window of a place, or with None take it away."""
        scope, name = place
        async with self._database.transaction() as tx:
            await tx.execute(delete(windows).where(windows.c.scope == scope.value, windows.c.name == name))
            if made is not None:
                values = calendar.to_values(made.calendar)
                await tx.execute(insert(windows).values(scope=scope.value, name=name, calendar=values))
            await timeline.append(tx, told, at)

    async def raise_attempts(
        self, numbers: Mapping[tuple[StationName, UnitName], int], told: Event, at: datetime
    ) -> None:
        """Let stations try again what failed."""
        async with self._database.transaction() as tx:
            for (station, unit), number in numbers.items():
                here = (attempts.c.station == station, attempts.c.unit == unit)
                await tx.execute(delete(attempts).where(*here))
                await tx.execute(insert(attempts).values(station=station, unit=unit, number=number))
            await timeline.append(tx, told, at)


async def forget_station(tx: AsyncConnection, station: StationName) -> None:
    """Remove what was said of a station that is retired; its document stays, as its revision may not fall."""
    for table in (pins, attempts):
        await tx.execute(delete(table).where(table.c.station == station))


def _unpinned(station: StationName, unit: UnitName) -> Any:
    return delete(pins).where(pins.c.station == station, pins.c.unit == unit)


def _uncalled(unit: UnitName, environment: EnvironmentName, version: Version) -> Any:
    columns = recalls.c
    return delete(recalls).where(
        columns.unit == unit, columns.environment == environment, columns.version == version
    )


def _given(each: Opened) -> dict[str, Any]:
    return {
        "version": each.version,
        "share": each.share,
        "stations": sorted(each.stations),
        "permitted": sorted(each.permitted),
        "earlier": sorted(each.earlier),
    }


def _opened(row: Any) -> Opened:
    parts = (row.stations, row.permitted, row.earlier)
    names = [frozenset(StationName(each) for each in part) for part in parts]
    return Opened(None if row.version is None else Version(row.version), row.share, *names)


def _pin(row: Any) -> Pin:
    version = None if row.version is None else Version(row.version)
    place = StationName(row.station), UnitName(row.unit)
    return Pin(*place, version, row.reason, row.actor, row.at, row.expires_at)


def _recall(row: Any) -> Recall:
    place = UnitName(row.unit), EnvironmentName(row.environment)
    versions = Version(row.version), Version(row.to)
    return Recall(*place, *versions, row.direct, row.reason, row.actor, row.at)


def _window(row: Any) -> Window:
    return Window(Scope(row.scope), row.name, calendar.from_values(row.calendar))
