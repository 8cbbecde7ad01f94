"""What each release gained in each minute, in the database. The recorder writes, a new rollout reads."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Column, Integer, String, Table, delete, insert, select

from andon.judge.model import Counts
from andon.kernel.ids import Version
from andon.rollouts.noises.model import Minute, Series
from andon.store import leases
from andon.store.engine import Database
from andon.store.leases import Lease
from andon.store.schema import metadata

noise_minutes = Table(
    "noise_minutes",
    metadata,
    Column("unit", String(60), primary_key=True),
    Column("environment", String(60), primary_key=True),
    Column("metric", String(60), primary_key=True),
    Column("minute", Integer, primary_key=True),
    Column("version", String(60), primary_key=True),
    Column("exposure", Integer, nullable=False),
    Column("bad", Integer, nullable=False),
)


class NoiseStore:
    """Adds, reads and forgets minutes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, ended: Mapping[Series, Sequence[Minute]], lease: Lease) -> None:
        """Keep minutes that ended.

        Raises:
            Conflict: one of them is there already, after a clock was set back, or the lease was lost.
        """
        rows = [
            {
                "unit": series.unit,
                "environment": series.environment,
                "metric": series.metric,
                "minute": each.number,
                "version": each.version,
                "exposure": each.counts.exposure,
                "bad": each.counts.bad,
            }
            for series, minutes in ended.items()
            for each in minutes
        ]
        async with self._database.transaction() as tx:
            await leases.guard(tx, lease)
            await tx.execute(insert(noise_minutes), rows)

    async def list(self, series: Series, since: int) -> Sequence[Minute]:
        """The minutes of one metric from number `since` on, in order; of one minute by version."""
        table = noise_minutes.c
        query = (
            select(table.version, table.minute, table.exposure, table.bad)
            .where(
                table.unit == series.unit,
                table.environment == series.environment,
                table.metric == series.metric,
                table.minute >= since,
            )
            .order_by(table.minute, table.version)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [Minute(Version(row.version), row.minute, Counts(row.exposure, row.bad)) for row in rows]

    async def forget(self, before: int) -> None:
        """Remove all minutes before number `before`."""
        async with self._database.transaction() as tx:
            await tx.execute(delete(noise_minutes).where(noise_minutes.c.minute < before))
