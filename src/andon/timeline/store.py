"""The timeline's rows. Appended in the transaction of the change that they tell; never changed.

A row's body is the truth and is what is read back; the other columns are there to find it. One row,
`timeline_head`, has the last number and hash: whoever appends holds it until the end of the transaction, so
append last, after the rows of the change, and two transactions never wait for each other in a circle.
"""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    cast,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy import event as database_events
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.kernel.errors import Damaged, InvalidInput, NotFound, Unavailable
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import chain, ddl, origin, told
from andon.timeline.records import Event, Kept, Record, Severity
from andon_wire.merkle import Node

timeline = Table(
    "timeline",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(60), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("unit", String(60), nullable=False),
    Column("environment", String(60), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_timeline_subject", "subject", "number"),
    Index("ix_timeline_unit", "unit", "environment", "number"),
    Index("ix_timeline_kind", "kind", "number"),
    Index("ix_timeline_actor", "actor", "number"),
)
timeline_head = Table(
    "timeline_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
timeline_checkpoints = Table(
    "timeline_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("root", String(64), nullable=False),
    Column("note", Text, nullable=False),
)
timeline_cosignatures = Table(
    "timeline_cosignatures",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("witness", String(200), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("line", Text, nullable=False),
)
timeline_tiles = Table(
    "timeline_tiles",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False),
)


def _also_run(table: Table, statements: Sequence[str], dialect: str | None = None) -> None:
    for statement in statements:
        ran = DDL(statement)  # type: ignore[no-untyped-call]
        database_events.listen(table, "after_create", ran.execute_if(dialect=dialect) if dialect else ran)


_also_run(timeline, ddl.SQLITE, "sqlite")
_also_run(timeline, ddl.POSTGRESQL, "postgresql")
_also_run(timeline_head, ddl.HEAD)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records to list; an empty field matches all.

    kind: exact, or all that begin with it when it ends in a dot, as `access.` does. text: found in subject
    or reason, in either case of letters. since, until: from, and before, that time. after, before: numbers.
    """

    subject: str = ""
    unit: str = ""
    environment: str = ""
    kind: str = ""
    severity: Severity | None = None
    after: int = 0
    before: int | None = None
    actor: str = ""
    role: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_everything(self) -> bool:
        """Whether every record matches."""
        return self == Filter()


async def append(tx: AsyncConnection, event: Event, at: datetime) -> int:
    """Write `event` in the transaction `tx` of the change that it tells, as its last step; gives its number.

    Raises:
        InvalidInput: the event has text or a number that cannot be written.
        Damaged: the head of the timeline is gone, or another row has its next number.
    """
    head = (await tx.execute(_HEAD)).one_or_none()
    if head is None:
        raise Damaged("timeline-damaged", "the timeline has lost its head", hint="andon audit verify")
    event = _from_here(event)
    try:
        made = chain.link(head.number + 1, head.hash, at, event)
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            "cannot-be-recorded", f"{event.kind} of {event.subject} cannot be recorded: {error}"
        ) from error
    row = {
        "number": made.number,
        "at": at,
        "kind": event.kind,
        "subject": event.subject,
        "actor": event.actor,
        "unit": event.unit,
        "environment": event.environment,
        "severity": event.severity.value,
        "body": made.body,
        "hash": made.hash,
    }
    await tx.execute(_INSERT, row)
    await tx.execute(_NEW_HEAD, {"number": made.number, "hash": made.hash})
    return made.number


_ROWS_AT_ONCE = 1000
_HASH = re.compile("[0-9a-f]{64}")
_HEAD = select(timeline_head.c.number, timeline_head.c.hash).where(timeline_head.c.id == 1).with_for_update()
_INSERT = insert(timeline)
_NEW_HEAD = update(timeline_head).where(timeline_head.c.id == 1)


def _from_here(event: Event) -> Event:
    here = origin.current()
    if not (here.role or here.source or here.correlation):
        return event
    return replace(
        event,
        role=event.role or here.role,
        source=event.source or here.source,
        correlation=event.correlation or here.correlation,
    )


class TimelineStore:
    """Reads the timeline."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, event: Event, at: datetime) -> int:
        """Write an event that changes nothing else, such as an alert."""
        async with self._database.transaction() as tx:
            return await append(tx, event, at)

    async def get(self, number: int) -> Record:
        """One record.

        Raises:
            NotFound: there is none with this number.
        """
        query = select(timeline).where(timeline.c.number == number)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("no-such-record", f"there is no record {number}", hint="andon timeline")
        return read_record(row)

    async def list(self, wanted: Filter, *, limit: int = 100, newest_first: bool = True) -> list[Record]:
        """At most `limit` records that match."""
        order = timeline.c.number.desc() if newest_first else timeline.c.number.asc()
        query = self._matching(select(timeline), wanted).order_by(order).limit(limit)
        async with self._database.reading() as connection:
            return [read_record(row) for row in (await connection.execute(query)).all()]

    async def head(self) -> tuple[int, str]:
        """Number and hash of the last record as the head has them; 0 and zeros before the first.

        Raises:
            Damaged: the head's row is gone.
        """
        query = select(timeline_head.c.number, timeline_head.c.hash).where(timeline_head.c.id == 1)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise Damaged("timeline-damaged", "the timeline has lost its head", hint="andon audit verify")
        return row.number, row.hash

    async def rows(
        self, wanted: Filter | None = None, *, until: int | None = None, batch: int = 5000
    ) -> AsyncIterator[Sequence[Row[Any]]]:
        """All rows that match as they are stored, oldest first, up to number `until`, in batches.

        Each batch is a transaction of its own, so that nobody waits for a long reading.
        """
        wanted = wanted or Filter()
        while True:
            query = self._matching(select(timeline), wanted).order_by(timeline.c.number).limit(batch)
            if until is not None:
                query = query.where(timeline.c.number <= until)
            async with self._database.reading() as connection:
                found = (await connection.execute(query)).all()
            if found:
                yield found
                wanted = replace(wanted, after=found[-1].number)
            if len(found) < batch:
                return

    async def kept(self, *, batch: int = 10_000) -> AsyncIterator[Sequence[Sequence[Any]]]:
        """All rows, oldest first, for a walk (`walk.Row`): nothing is made of them that is not compared.

        Each batch is a transaction of its own, so that nobody waits for a long reading.
        """
        forms = [told.SQLITE, told.SQLITE_WITH_BYTES] if self._database.is_sqlite else [told.POSTGRESQL]
        after = 0
        while True:
            try:
                found = await self._kept(forms[0], after, batch)
            except Unavailable:
                if len(forms) == 1:
                    raise
                del forms[0]
                continue
            if found:
                yield found
                after = found[-1][0]
            if len(found) < batch:
                return

    async def _kept(self, form: Sequence[str], after: int, limit: int) -> Sequence[Sequence[Any]]:
        query = select(timeline.c.number, *map(literal_column, form)).where(timeline.c.number > after)
        async with self._database.reading() as connection:
            return await connection.run_sync(_drained, query.order_by(timeline.c.number).limit(limit))

    def _matching(self, query: Select[Any], wanted: Filter) -> Select[Any]:
        columns = timeline.c
        query = query.where(columns.number > wanted.after)
        for name in ("subject", "unit", "environment", "actor"):
            if value := getattr(wanted, name):
                query = query.where(columns[name] == value)
        conditions: list[ColumnElement[bool]] = []
        if wanted.kind:
            is_prefix = wanted.kind.endswith(".")
            conditions.append(
                columns.kind.startswith(wanted.kind, autoescape=True)
                if is_prefix
                else columns.kind == wanted.kind
            )
        if wanted.severity is not None:
            conditions.append(columns.severity == wanted.severity.value)
        if wanted.before is not None:
            conditions.append(columns.number < wanted.before)
        if wanted.since is not None:
            conditions.append(columns.at >= wanted.since)
        if wanted.until is not None:
            conditions.append(columns.at < wanted.until)
        if wanted.role:
            conditions.append(self._of_body("role") == wanted.role)
        if wanted.text:
            conditions.append(self._contains(wanted.text))
        return query.where(*conditions)

    def _contains(self, text: str) -> ColumnElement[bool]:
        parts = (timeline.c.subject, self._of_body("reason"))
        return or_(*(each.icontains(text, autoescape=True) for each in parts))

    def _of_body(self, key: str) -> ColumnElement[str]:
        body = timeline.c.body
        value = type_coerce(body, JSON) if self._database.is_sqlite else cast(body, JSON)
        found: ColumnElement[str] = value[key].as_string()
        return found


class CheckpointStore:
    """Keeps checkpoints, their cosignatures, and the nodes of the tree that proofs are made of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, kept: Kept, tiles: Sequence[Node]) -> None:
        """Keep a checkpoint; what another process was faster with stays as it is."""
        row = {"size": kept.size, "at": kept.at, "root": kept.root.hex(), "note": kept.note}
        async with self._database.transaction() as tx:
            await self._insert_new(tx, timeline_checkpoints, [row])
            of_tiles = [{"level": n.level, "number": n.number, "hash": n.hash.hex()} for n in tiles]
            for start in range(0, len(of_tiles), _ROWS_AT_ONCE):
                await self._insert_new(tx, timeline_tiles, of_tiles[start : start + _ROWS_AT_ONCE])

    async def cosign(self, size: int, witness: str, line: str, at: datetime) -> None:
        """Keep a witness' line under the checkpoint of `size`; the first one stays."""
        row = {"size": size, "witness": witness, "at": at, "line": line}
        async with self._database.transaction() as tx:
            await self._insert_new(tx, timeline_cosignatures, [row])

    async def latest(self) -> Kept | None:
        """The checkpoint of the largest size, with its cosignatures."""
        found = await self.list(limit=1, newest_first=True)
        return found[0] if found else None

    async def get(self, size: int) -> Kept:
        """The checkpoint of that size, with its cosignatures.

        Raises:
            NotFound: there is none.
        """
        found = await self.list(after=size - 1, limit=1)
        if not found or found[0].size != size:
            raise NotFound("no-such-checkpoint", f"there is no checkpoint of size {size}")
        return found[0]

    async def list(self, *, after: int = -1, limit: int = 1000, newest_first: bool = False) -> list[Kept]:
        """Checkpoints larger than `after` with their cosignatures, by size."""
        columns = timeline_checkpoints.c
        order = columns.size.desc() if newest_first else columns.size
        query = select(timeline_checkpoints).where(columns.size > after).order_by(order).limit(limit)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            if not rows:
                return []
            sizes = [row.size for row in rows]
            of_these = timeline_cosignatures.c.size.between(min(sizes), max(sizes))
            query = select(timeline_cosignatures).where(of_these).order_by(timeline_cosignatures.c.witness)
            lines: dict[int, str] = {}
            for each in (await connection.execute(query)).all():
                lines[each.size] = lines.get(each.size, "") + each.line
        return [
            Kept(row.size, bytes.fromhex(row.root), row.note + lines.get(row.size, ""), row.at)
            for row in rows
        ]

    async def cosigned(self, witness: str) -> int:
        """The largest size that the witness cosigned, as we know it; 0 before its first."""
        columns = timeline_cosignatures.c
        query = select(func.max(columns.size)).where(columns.witness == witness)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one() or 0

    async def hashes(self, begin: int, end: int) -> Sequence[bytes]:
        """The hashes of records `begin` + 1 to `end`, as they are stored."""
        columns = timeline.c
        query = select(columns.hash).where(columns.number > begin, columns.number <= end)
        async with self._database.reading() as connection:
            found = (await connection.execute(query.order_by(columns.number))).scalars()
            return [bytes.fromhex(each) for each in found]

    async def tiles(self, level: int, begin: int, end: int) -> dict[int, bytes]:
        """Nodes `begin` to `end` (exclusive) of a level that is a multiple of 8."""
        columns = timeline_tiles.c
        query = select(columns.number, columns.hash).where(
            columns.level == level, columns.number >= begin, columns.number < end
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        # One that cannot be read is as good as missing: it is made again from the records.
        return {row.number: bytes.fromhex(row.hash) for row in rows if _HASH.fullmatch(row.hash)}

    async def all_tiles(self) -> dict[tuple[int, int], str]:
        """Every node that is kept, by level and number, as it is stored."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(timeline_tiles))).all()
        return {(row.level, row.number): row.hash for row in rows}

    async def replace_tiles(
        self, tiles: Sequence[Node], wrong: Sequence[tuple[int, int]], event: Event, at: datetime
    ) -> None:
        """Keep `tiles`, and nothing by the names `wrong` that is not among them; `event` tells why."""
        columns = timeline_tiles.c
        of_tiles = [{"level": n.level, "number": n.number, "hash": n.hash.hex()} for n in tiles]
        async with self._database.transaction() as tx:
            for level, number in wrong:
                await tx.execute(
                    delete(timeline_tiles).where(columns.level == level, columns.number == number)
                )
            for start in range(0, len(of_tiles), _ROWS_AT_ONCE):
                await self._insert_new(tx, timeline_tiles, of_tiles[start : start + _ROWS_AT_ONCE])
            await append(tx, event, at)

    async def _insert_new(self, tx: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            made = insert_sqlite(table) if self._database.is_sqlite else insert_postgresql(table)
            await tx.execute(made.on_conflict_do_nothing(), rows)


def _drained(connection: Connection, query: Select[Any]) -> Sequence[Sequence[Any]]:
    """Rows as the driver gives them: to make SQLAlchemy's of a million costs as much as to hash them."""
    cursor = connection.execute(query).cursor
    return cursor.fetchall() if cursor else []


def read_record(row: Row[Any]) -> Record:
    """A row as a record; one that cannot be read is shown as that, so that the others still are."""
    try:
        return chain.parse(row.body, row.hash)
    except ValueError as error:
        reason = f"record {row.number} cannot be read ({error}); andon audit verify says more"
        unreadable = Event("timeline.damaged", row.subject, row.actor, reason, severity=Severity.ALERT)
        return Record(row.number, row.at, unreadable, row.hash)
