"""Leases with fencing: who may run a loop, decided by the database's own clock.

A holder renews within the time to live; when it dies another takes over with a higher token. A write
that depends on the lease calls `guard` in its transaction, so that a holder which slept through its
lease cannot write afterwards (a fencing token, Kleppmann 2016).
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import BigInteger, Column, Float, String, Table, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.kernel.errors import Conflict
from andon.store.engine import Database
from andon.store.schema import metadata

leases = Table(
    "leases",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("holder", String(120), nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires_at", Float, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run `name` until the time to live passes. A higher token is a later holder."""

    name: str
    holder: str
    token: int


class LeaseStore:
    """Takes, renews and gives back leases."""

    def __init__(self, database: Database) -> None:
        self._database = database
        seconds = (
            "(julianday('now') - 2440587.5) * 86400.0"
            if database.is_sqlite
            else "extract(epoch from clock_timestamp())::float8"
        )
        self._now = literal_column(seconds, Float)

    async def acquire(self, name: str, holder: str, time_to_live: timedelta) -> Lease | None:
        """Take or renew the lease; None while another holder's has not run out."""
        async with self._database.transaction() as tx:
            row = (
                await tx.execute(
                    select(leases, (leases.c.expires_at < self._now).label("is_over"))
                    .where(leases.c.name == name)
                    .with_for_update()
                )
            ).one_or_none()
            until = self._now + time_to_live.total_seconds()
            if row is None:
                values = {"name": name, "holder": holder, "token": 1, "expires_at": until}
                await tx.execute(insert(leases).values(values))
                return Lease(name, holder, 1)
            if row.holder != holder and not row.is_over:
                return None
            token = row.token if row.holder == holder and not row.is_over else row.token + 1
            await tx.execute(
                update(leases)
                .where(leases.c.name == name)
                .values(holder=holder, token=token, expires_at=until)
            )
            return Lease(name, holder, token)

    async def release(self, lease: Lease) -> None:
        """Give the lease back, so that another need not wait; nothing happens when it was lost."""
        async with self._database.transaction() as tx:
            await tx.execute(
                update(leases)
                .where(leases.c.name == lease.name, leases.c.token == lease.token)
                .values(expires_at=0.0)
            )

    async def end_of_former(self, place: str) -> None:
        """End the leases of all holders whose names begin with `place`.

        For who knows that they are dead, as the owner of a home's lock does: nobody need wait then.
        """
        async with self._database.transaction() as tx:
            await tx.execute(
                update(leases)
                .where(leases.c.holder.startswith(place, autoescape=True))
                .values(expires_at=0.0)
            )


async def guard(tx: AsyncConnection, lease: Lease) -> None:
    """Stop this transaction when somebody else holds the lease by now.

    Raises:
        Conflict: the lease was lost.
    """
    query = select(leases.c.token).where(leases.c.name == lease.name).with_for_update()
    token = (await tx.execute(query)).scalar_one_or_none()
    if token != lease.token:
        raise Conflict("lease-lost", f"another process took over {lease.name}")
