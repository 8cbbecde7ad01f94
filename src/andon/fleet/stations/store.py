"""Stations and rings, one row each. A change is told in the transaction that does it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Integer, String, Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.fleet.model import RINGS, Ring, Standing, Station
from andon.kernel.errors import NotFound
from andon.kernel.ids import EnvironmentName, StationName
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event
from andon_wire.protocol import Machine

stations = Table(
    "fleet_stations",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("environment", String(60), nullable=False),
    Column("ring", String(60), nullable=False),
    Column("line", String(60), nullable=False),
    Column("labels", JSON, nullable=False),
    Column("standing", String(10), nullable=False),
    Column("public_key", String(64), nullable=False, unique=True),
    Column("machine", JSON, nullable=False),
    Column("token", String(60), nullable=False),
    Column("enrolled_at", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime, nullable=True),
)
rings = Table(
    "fleet_rings",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("position", Integer, nullable=False),
)


class StationStore:
    """Reads and writes stations and the order of rings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> Sequence[Station]:
        """All stations by name, also those that are retired."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(stations).order_by(stations.c.name))).all()
        return [_station(row) for row in rows]

    async def get(self, name: StationName) -> Station:
        """The station of this name; raises NotFound."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(stations).where(stations.c.name == name))).one_or_none()
        if row is None:
            raise no_station(name)
        return _station(row)

    async def add(self, made: Station, told: Event, at: datetime) -> None:
        """Write a new station that no token lets in; raises Conflict."""
        async with self._database.transaction() as tx:
            await add(tx, made)
            await timeline.append(tx, told, at)

    async def change(self, changed: Station, told: Event, at: datetime) -> None:
        """Write a station that is there; raises NotFound."""
        async with self._database.transaction() as tx:
            await write(tx, changed)
            await timeline.append(tx, told, at)

    async def rings(self) -> Sequence[Ring]:
        """The rings in the order in which waves open them; the usual ones, where nobody set others."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(rings).order_by(rings.c.position))).all()
        found = [Ring(row.name, row.position) for row in rows]
        return found or [Ring(name, position) for position, name in enumerate(RINGS)]

    async def set_rings(self, names: Sequence[str], told: Event, at: datetime) -> None:
        """Set the rings, in their order."""
        async with self._database.transaction() as tx:
            await tx.execute(delete(rings))
            rows = [{"name": name, "position": position} for position, name in enumerate(names)]
            await tx.execute(insert(rings), rows)
            await timeline.append(tx, told, at)


async def add(tx: AsyncConnection, station: Station) -> None:
    """Write a new station in the transaction that lets it in; raises Conflict."""
    await tx.execute(insert(stations).values(**values_of(station)))


async def write(tx: AsyncConnection, station: Station) -> None:
    """Write one that is there; raises NotFound."""
    query = update(stations).where(stations.c.name == station.name).values(**values_of(station))
    if (await tx.execute(query)).rowcount != 1:
        raise no_station(station.name)


async def write_machines(tx: AsyncConnection, machines: Mapping[StationName, Machine]) -> None:
    """Write what stations are made of, as they reported it."""
    for name, machine in machines.items():
        values = machine.model_dump(mode="json")
        await tx.execute(update(stations).where(stations.c.name == name).values(machine=values))


def no_station(name: str) -> NotFound:
    """What one hears who names a station that is not there."""
    return NotFound("no-such-station", f"there is no station {name[:60]}", hint="andon fleet list")


def retired(station: Station, at: datetime) -> Station:
    """`station` as one whose key is worth nothing any more."""
    return replace(station, standing=Standing.RETIRED, retired_at=at)


def values_of(station: Station) -> dict[str, Any]:
    """The row of a station."""
    plain = ("name", "environment", "ring", "line", "public_key", "token", "enrolled_at", "retired_at")
    return {
        **{each: getattr(station, each) for each in plain},
        "labels": dict(station.labels),
        "standing": station.standing.value,
        "machine": station.machine.model_dump(mode="json"),
    }


def _station(row: Any) -> Station:
    return Station(
        name=StationName(row.name),
        environment=EnvironmentName(row.environment),
        ring=row.ring,
        line=row.line,
        public_key=row.public_key,
        machine=Machine.model_validate(row.machine),
        enrolled_at=row.enrolled_at,
        labels=row.labels,
        standing=Standing(row.standing),
        token=row.token,
        retired_at=row.retired_at,
    )
