"""Evidence out of the rows: each completion is read once, in the order of the commits.

So any instance answers for all that share the database, exactly, and after any crash; and a scrape of a
million attempts costs as much as what was added since the last one.
"""

import asyncio
from datetime import timedelta

import sqlalchemy as sa

from andon_mes.evidence.model import BUCKETS, Group, Production, Totals, add
from andon_mes.kernel.clock import Clock
from andon_mes.store import order
from andon_mes.store.engine import Database
from andon_mes.store.schema import process_data, processes

_FRESH = timedelta(milliseconds=250)

_BUCKET = sa.case(
    (process_data.c.cycle_time.is_(None), None),
    *((process_data.c.cycle_time <= bound, number) for number, bound in enumerate(BUCKETS)),
    else_=len(BUCKETS),
).label("bucket")
_IS_FIRST = (process_data.c.attempt == 1).label("is_first")
_NEW_GROUPS = (
    sa.select(
        process_data.c.release,
        processes.c.code,
        _IS_FIRST,
        process_data.c.is_pass,
        _BUCKET,
        sa.func.count(),
        sa.func.coalesce(sa.func.sum(process_data.c.cycle_time), 0.0),
        process_data.c.application_version,
    )
    .join(processes, processes.c.id == process_data.c.process_id)
    .where(
        process_data.c.completion_seq > sa.bindparam("after"),
        process_data.c.completion_seq <= sa.bindparam("upto"),
    )
    .group_by(
        process_data.c.release,
        processes.c.code,
        _IS_FIRST,
        process_data.c.is_pass,
        _BUCKET,
        process_data.c.application_version,
    )
)


def count_all(connection: sa.Connection) -> Totals:
    """The totals of releases counted from the beginning, as an instance does when it starts."""
    production = Production()
    rows = connection.execute(_NEW_GROUPS, {"after": 0, "upto": order.settled_place(connection)})
    for row in rows:
        add(production, Group(*row))
    return production.releases


class ProductionEvidence:
    """The totals of all releases and applications, kept up to date at each look."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._totals = Production()
        self._counted_upto = 0
        self._looked_at: float | None = None
        self._lock = asyncio.Lock()

    async def totals(self) -> Production:
        """By release or application, and process; at most a quarter of a second old. Nobody changes them."""
        async with self._lock:
            now = self._clock.monotonic()
            if self._looked_at is None or now - self._looked_at >= _FRESH.total_seconds():
                upto, groups = await self._database.read(self._read_new)
                for group in groups:
                    add(self._totals, group)
                self._counted_upto = upto
                self._looked_at = now
            return self._totals

    def _read_new(self, connection: sa.Connection) -> tuple[int, list[Group]]:
        upto = order.settled_place(connection)
        rows = connection.execute(_NEW_GROUPS, {"after": self._counted_upto, "upto": upto})
        return upto, [Group(*row) for row in rows]
