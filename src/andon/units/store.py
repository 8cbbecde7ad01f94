"""Desired state, one row per unit and environment. Written by decisions, read by reconcilers."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import JSON, Column, Integer, String, Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.kernel.errors import Conflict
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.store.engine import Database
from andon.store.schema import metadata
from andon.units.desired import NO_ROUTING, Desired, DesiredRelease, Match, MatchKind, Routing

desired = Table(
    "desired",
    metadata,
    Column("unit", String(60), primary_key=True),
    Column("environment", String(60), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("stable", String(60), nullable=True),
    Column("releases", JSON, nullable=False),
    Column("routing", JSON, nullable=True),
)


async def write_desired(tx: AsyncConnection, wanted: Desired) -> None:
    """Store `wanted` in the transaction of the decision; its revision must be one more than the row's.

    Raises:
        Conflict: somebody changed it in between.
    """
    values = {
        "revision": wanted.revision,
        "stable": wanted.stable,
        "releases": [
            {"version": each.version, "instances": each.instances, "share": each.share}
            for each in wanted.releases
        ],
        "routing": None if wanted.routing == NO_ROUTING else asdict(wanted.routing),
    }
    key = (desired.c.unit == wanted.unit, desired.c.environment == wanted.environment)
    if wanted.revision == 1:
        row = {"unit": wanted.unit, "environment": wanted.environment, **values}
        await tx.execute(insert(desired).values(row))
        return
    done = await tx.execute(
        update(desired).where(*key, desired.c.revision == wanted.revision - 1).values(values)
    )
    if done.rowcount != 1:
        raise Conflict("desired-moved", f"the desired state of {wanted.unit} changed in between")


async def find_desired(
    connection: AsyncConnection, unit: UnitName, environment: EnvironmentName
) -> Desired | None:
    """What should run of `unit` there, as this connection or transaction sees it; None before the first."""
    query = select(desired).where(desired.c.unit == unit, desired.c.environment == environment)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _desired(row)


class DesiredStore:
    """Reads what should run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, unit: UnitName, environment: EnvironmentName) -> Desired | None:
        """What should run of `unit` there; None when nothing was ever deployed."""
        async with self._database.reading() as connection:
            return await find_desired(connection, unit, environment)

    async def list(self) -> list[Desired]:
        """All of it, by unit and environment."""
        query = select(desired).order_by(desired.c.unit, desired.c.environment)
        async with self._database.reading() as connection:
            return [_desired(row) for row in (await connection.execute(query)).all()]


def _desired(row: Any) -> Desired:
    return Desired(
        unit=UnitName(row.unit),
        environment=EnvironmentName(row.environment),
        revision=row.revision,
        stable=None if row.stable is None else Version(row.stable),
        releases=tuple(
            DesiredRelease(Version(each["version"]), each["instances"], each["share"])
            for each in row.releases
        ),
        routing=NO_ROUTING if row.routing is None else _routing(row.routing),
    )


def _routing(stored: dict[str, Any]) -> Routing:
    matches = [Match(MatchKind(each["kind"]), each["name"], each["value"]) for each in stored["matches"]]
    return Routing(tuple(matches), stored["mirror"], stored["has_preview"])
