"""The timeline's rows. Appended in the transaction of the change that they tell; never changed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline.records import Event, Record, Severity

timeline = Table(
    "timeline",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(60), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("reason", Text, nullable=False),
    Column("unit", String(60), nullable=False),
    Column("environment", String(60), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("before", JSON, nullable=False),
    Column("after", JSON, nullable=False),
    Column("correlation", String(80), nullable=False),
    Index("ix_timeline_subject", "subject", "number"),
    Index("ix_timeline_unit", "unit", "environment", "number"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records to list; an empty field matches all. `after` and `before` are record numbers."""

    subject: str = ""
    unit: str = ""
    environment: str = ""
    kind: str = ""
    severity: Severity | None = None
    after: int = 0
    before: int | None = None


async def append(tx: AsyncConnection, event: Event, at: datetime) -> int:
    """Write `event` in the transaction `tx` of the change that it tells; gives its number."""
    values = {
        "at": at,
        "kind": event.kind,
        "subject": event.subject,
        "actor": event.actor,
        "reason": event.reason,
        "unit": event.unit,
        "environment": event.environment,
        "severity": event.severity.value,
        "before": event.before,
        "after": event.after,
        "correlation": event.correlation,
    }
    number = (await tx.execute(insert(timeline).values(values).returning(timeline.c.number))).scalar_one()
    return int(number)


class TimelineStore:
    """Reads the timeline."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, event: Event, at: datetime) -> int:
        """Write an event that changes nothing else, such as an alert."""
        async with self._database.transaction() as tx:
            return await append(tx, event, at)

    async def list(self, wanted: Filter, *, limit: int = 100, newest_first: bool = True) -> list[Record]:
        """At most `limit` records that match."""
        query = select(timeline).where(timeline.c.number > wanted.after)
        for column in ("subject", "unit", "environment", "kind"):
            value = getattr(wanted, column)
            if value:
                query = query.where(timeline.c[column] == value)
        if wanted.severity is not None:
            query = query.where(timeline.c.severity == wanted.severity.value)
        if wanted.before is not None:
            query = query.where(timeline.c.number < wanted.before)
        order = timeline.c.number.desc() if newest_first else timeline.c.number.asc()
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(order).limit(limit))).all()
        return [
            Record(
                number=row.number,
                at=row.at,
                event=Event(
                    kind=row.kind,
                    subject=row.subject,
                    actor=row.actor,
                    reason=row.reason,
                    unit=row.unit,
                    environment=row.environment,
                    severity=Severity(row.severity),
                    before=row.before,
                    after=row.after,
                    correlation=row.correlation,
                ),
            )
            for row in rows
        ]
