"""The holds in force, one row each. Making and releasing are told in the transaction that does it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, String, Table, Text, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.rollouts.holds import rules
from andon.rollouts.holds.model import Hold
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event

holds = Table(
    "holds",
    metadata,
    Column("unit", String(60), primary_key=True),
    Column("environment", String(60), primary_key=True),
    Column("version", String(60), nullable=True),
    Column("rollout", String(60), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


class HoldStore:
    """Reads and writes holds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> Sequence[Hold]:
        """The holds in force, by environment and unit."""
        query = select(holds).order_by(holds.c.environment, holds.c.unit)
        async with self._database.reading() as connection:
            return [_hold(row) for row in (await connection.execute(query)).all()]

    async def find(self, unit: UnitName, environment: EnvironmentName) -> Hold | None:
        """The hold there, if there is one."""
        async with self._database.reading() as connection:
            return await find_hold(connection, unit, environment)

    async def make(self, hold: Hold) -> None:
        """Hold a place; another hold there is replaced, and its record says what stood before."""
        async with self._database.transaction() as tx:
            await make(tx, hold)

    async def release(self, held: Hold, by: tuple[str, str], at: datetime) -> None:
        """Release the hold `held`. by: who says so, and why.

        Raises:
            NotFound: there is none. Conflict: another one was made there in between.
        """
        actor, reason = by
        async with self._database.transaction() as tx:
            row = (await tx.execute(_gone(held))).one_or_none()
            if row is None:
                raise not_held(held.unit, held.environment)
            if _hold(row) != held:
                raise held_again()
            await timeline.append(tx, told_released(held, actor, reason), at)


async def find_hold(connection: AsyncConnection, unit: UnitName, environment: EnvironmentName) -> Hold | None:
    """The hold there, as this connection or transaction sees it."""
    query = select(holds).where(holds.c.unit == unit, holds.c.environment == environment)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _hold(row)


async def make(tx: AsyncConnection, hold: Hold) -> None:
    """Make a hold in the transaction of what makes it."""
    row = (await tx.execute(_gone(hold))).one_or_none()
    values = {name: getattr(hold, name) for name in ("unit", "environment", "version", "rollout")}
    await tx.execute(insert(holds).values(**values, actor=hold.actor, reason=hold.reason, at=hold.at))
    await timeline.append(tx, told_made(hold, None if row is None else _hold(row)), hold.at)


async def check_free(tx: AsyncConnection, unit: UnitName, environment: EnvironmentName) -> None:
    """See that automation may begin something there; raises Conflict."""
    if (hold := await find_hold(tx, unit, environment)) is not None:
        raise on_hold(hold)


def on_hold(hold: Hold) -> Conflict:
    """What whoever is kept out hears."""
    return Conflict("on-hold", rules.refusal(hold), hint=f"andon hold {hold.unit} --release --reason ...")


def not_held(unit: UnitName, environment: EnvironmentName) -> NotFound:
    """What a person hears who releases what is not held."""
    return NotFound("no-hold", f"{unit} is not held in {environment}", hint="andon holds")


def held_again() -> Conflict:
    """What a person hears who releases another hold than the one that they saw."""
    return Conflict("hold-moved", "it was held once more in between", hint="andon holds")


def told_made(hold: Hold, before: Hold | None) -> Event:
    """How a hold is told. before: the one that it replaces."""
    return _event("hold.made", hold, hold.actor, hold.reason, {} if before is None else _values(before))


def told_released(hold: Hold, actor: str, reason: str) -> Event:
    """How its end is told."""
    return _event("hold.released", hold, actor, reason)


def _gone(hold: Hold) -> Any:
    here = (holds.c.unit == hold.unit, holds.c.environment == hold.environment)
    return delete(holds).where(*here).returning(holds)


def _event(kind: str, hold: Hold, actor: str, reason: str, before: dict[str, Any] | None = None) -> Event:
    return Event(
        kind=kind,
        subject=f"hold/{hold.environment}/{hold.unit}",
        actor=actor,
        reason=reason,
        unit=hold.unit,
        environment=hold.environment,
        before=before or {},
        after=_values(hold),
        correlation=hold.rollout,
    )


def _values(hold: Hold) -> dict[str, Any]:
    return {
        "version": hold.version,
        "rollout": hold.rollout,
        "held_by": hold.actor,
        "reason": hold.reason,
        "held_at": hold.at.isoformat(),
    }


def _hold(row: Any) -> Hold:
    version = None if row.version is None else Version(row.version)
    place = UnitName(row.unit), EnvironmentName(row.environment)
    return Hold(*place, row.actor, row.reason, row.at, version, row.rollout)
