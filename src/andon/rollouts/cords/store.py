"""The cords that are pulled, one row each. Pulling and releasing are told in the transaction that does it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, String, Table, Text, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.access.signatures import store as signatures
from andon.access.signatures.model import Signature
from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import EnvironmentName
from andon.rollouts import refusals, telling
from andon.rollouts.model import Cord
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline

cords = Table(
    "cords",
    metadata,
    Column("environment", String(60), primary_key=True),  # empty: everywhere
    Column("returns", Boolean(create_constraint=False), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


class CordStore:
    """Reads and writes cords."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> Sequence[Cord]:
        """The cords that are pulled, by environment; everywhere comes first."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(cords).order_by(cords.c.environment))).all()
        return [_cord(row) for row in rows]

    async def get(self, environment: EnvironmentName | None) -> Cord:
        """The cord of `environment`, or the one that is pulled everywhere; raises NotFound."""
        found = next((each for each in await self.list() if each.environment == environment), None)
        if found is None:
            raise not_pulled(environment)
        return found

    async def check_pull(self, environment: EnvironmentName | None, *, returns: bool) -> None:
        """Say early what `pull` would refuse; it checks again in its transaction. Raises Conflict."""
        found = next((each for each in await self.list() if each.environment == environment), None)
        _check_pull(found, environment, returns=returns)

    async def pull(self, cord: Cord, signature: Signature | None = None) -> None:
        """Pull the cord. One that only froze becomes one that returns; nothing else replaces a pulled one.

        signature: of the aborts that a return is.

        Raises:
            Conflict: it is pulled there already, or the signature was used before.
        """
        place = cord.environment or ""
        values = {"returns": cord.returns, "actor": cord.actor, "reason": cord.reason, "at": cord.at}
        async with self._database.transaction() as tx:
            gone = delete(cords).where(cords.c.environment == place).returning(cords)
            row = (await tx.execute(gone)).one_or_none()
            before = None if row is None else _cord(row)
            _check_pull(before, cord.environment, returns=cord.returns)
            try:
                await tx.execute(insert(cords).values(environment=place, **values))
            except IntegrityError as error:
                raise already_pulled(cord.environment, "somebody was faster") from error
            if signature is not None:
                await signatures.append(tx, signature, cord.at)
            signed = "" if signature is None else signature.id
            await timeline.append(tx, telling.cord_pulled(cord, before, signed), cord.at)

    async def release(
        self, pulled: Cord, by: tuple[str, str], at: datetime, signature: Signature | None = None
    ) -> None:
        """Release the cord that is `pulled`. by: who says so, and why.

        Raises:
            NotFound: it is not pulled there. Conflict: another one was pulled there in between.
        """
        gone = delete(cords).where(cords.c.environment == (pulled.environment or "")).returning(cords)
        actor, reason = by
        async with self._database.transaction() as tx:
            row = (await tx.execute(gone)).one_or_none()
            if row is None:
                raise not_pulled(pulled.environment)
            if _cord(row) != pulled:
                raise Conflict("cord-moved", "it was pulled once more in between", hint="andon status")
            if signature is not None:
                await signatures.append(tx, signature, at)
            signed = "" if signature is None else signature.id
            await timeline.append(tx, telling.cord_released(pulled, actor, reason, signed), at)


async def find_cord(tx: AsyncConnection, environment: EnvironmentName) -> Cord | None:
    """A cord that holds in `environment`, its own or the one of everywhere."""
    query = select(cords).where(cords.c.environment.in_(["", environment])).limit(1)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _cord(row)


def corded(cord: Cord) -> Conflict:
    """What a person hears who wants to go on while the cord is pulled."""
    where = f"in {cord.environment}" if cord.environment else "everywhere"
    return Conflict(
        "corded",
        f"{cord.actor} pulled the cord {where}: {cord.reason}",
        hint="andon cord --release --reason ...",
    )


def _check_pull(before: Cord | None, environment: EnvironmentName | None, *, returns: bool) -> None:
    if why := refusals.no_pull(before, returns=returns):
        raise already_pulled(environment, why)


def already_pulled(environment: EnvironmentName | None, why: str) -> Conflict:
    """What who pulls it once more hears."""
    where = f"in {environment}" if environment else "everywhere"
    return Conflict(
        "already-pulled",
        f"the cord is pulled {where} already: {why}",
        hint="it holds; andon cord --release --reason ... before another is pulled",
    )


def not_pulled(environment: EnvironmentName | None) -> NotFound:
    """What who wants to release it there hears."""
    where = f"in {environment}" if environment else "everywhere"
    return NotFound("no-cord", f"the cord is not pulled {where}", hint="andon status")


def _cord(row: Any) -> Cord:
    environment = EnvironmentName(row.environment) if row.environment else None
    return Cord(environment, row.returns, row.actor, row.reason, row.at)
