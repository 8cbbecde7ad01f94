"""Audit records and their seals in the database. Every function works inside the caller's transaction."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.audit.chain import GENESIS, Record, Seal, make_seal
from andon_mes.store import order
from andon_mes.store.schema import audit_log, audit_seals

_SEAL_IN_TURN = 6_012_025_112
"""The advisory lock of the instances that would seal one PostgreSQL database."""

_MOST = 5000
_CONTENT = (
    audit_log.c.id,
    audit_log.c.table_name,
    audit_log.c.record_id,
    audit_log.c.action,
    sa.cast(audit_log.c.old_data, sa.Text).label("old_text"),
    sa.cast(audit_log.c.new_data, sa.Text).label("new_text"),
    audit_log.c.changed_by,
    sa.cast(audit_log.c.changed_at, sa.Text).label("at_text"),
    audit_log.c.ip_address,
    audit_log.c.user_agent,
    audit_log.c.transaction,
)
_LAST = sa.select(audit_seals).order_by(audit_seals.c.id.desc()).limit(1)
_INSERT = sa.insert(audit_seals)
_BY_ID = (
    sa.select(*_CONTENT)
    .where(audit_log.c.id > sa.bindparam("after"), audit_log.c.id <= sa.bindparam("upto"))
    .order_by(audit_log.c.id)
    .limit(sa.bindparam("most"))
)
_BY_TRANSACTION = (
    sa.select(*_CONTENT)
    .where(audit_log.c.transaction >= sa.bindparam("start"), audit_log.c.transaction < sa.bindparam("end"))
    .order_by(audit_log.c.id)
)
_UP_TO_TRANSACTION = (
    sa.select(*_CONTENT)
    .where(sa.or_(audit_log.c.transaction < sa.bindparam("end"), audit_log.c.transaction.is_(None)))
    .order_by(audit_log.c.id)
)
_CUT = (
    sa.select(audit_log.c.transaction)
    .where(audit_log.c.transaction >= sa.bindparam("start"), audit_log.c.transaction < sa.bindparam("end"))
    .order_by(audit_log.c.transaction)
    .offset(_MOST)
    .limit(1)
)
_SEALS = (
    sa.select(audit_seals)
    .where(audit_seals.c.id > sa.bindparam("after"))
    .order_by(audit_seals.c.id)
    .limit(200)
)
_NEWEST = 2**62


def seal_once(connection: sa.Connection, now: datetime) -> int:
    """Seal what is committed and not sealed, 5,000 records or one transaction at most; how many they were.

    Of several instances one seals and the others do nothing. On PostgreSQL the transactions below the oldest
    that still runs are sealed: none can appear among them any more.
    """
    if connection.dialect.name == "postgresql":
        turn = sa.select(sa.func.pg_try_advisory_xact_lock(_SEAL_IN_TURN))
        if not connection.execute(turn).scalar_one():
            return 0
    last = connection.execute(_LAST).one_or_none()
    horizon, records = _unsealed(connection, last)
    if not records:
        return 0
    seal = make_seal(last.digest if last else GENESIS, records, now, horizon)
    values = {
        "first_record": records[0].id,
        "last_record": records[-1].id,
        "records": len(records),
        "horizon": horizon,
        "leaves": seal.leaves,
        "previous": seal.previous,
        "digest": seal.digest,
        "sealed_at": now,
    }
    connection.execute(_INSERT, values)
    return len(records)


def has_unsealed(connection: sa.Connection) -> bool:
    """Whether there may be something to seal; asked by a reader, so that an idle plant writes nothing."""
    last = connection.execute(_LAST).one_or_none()
    if connection.dialect.name == "postgresql":
        query = sa.select(audit_log.c.id).where(audit_log.c.transaction >= (last.horizon if last else 0))
    else:
        query = sa.select(audit_log.c.id).where(audit_log.c.id > (last.last_record if last else 0))
    return connection.execute(query.limit(1)).first() is not None


def list_seals(connection: sa.Connection) -> Iterator[Seal]:
    """Every seal, in the order of their ids."""
    after = 0
    while rows := connection.execute(_SEALS, {"after": after}).all():
        after = rows[-1].id
        for row in rows:
            yield Seal(row.id, row.previous, row.digest, row.sealed_at, row.horizon, row.leaves)


def list_records(connection: sa.Connection, before: Seal | None, seal: Seal) -> list[Record]:
    """The records that are where those of `seal` belong: behind what the seal `before` covers."""
    if seal.horizon is not None:
        if before is None or before.horizon is None:
            return _records(connection, _UP_TO_TRANSACTION, {"end": seal.horizon})
        return _records(connection, _BY_TRANSACTION, {"start": before.horizon, "end": seal.horizon})
    after = max(before.named(), default=0) if before is not None else -_NEWEST
    upto = max(seal.named(), default=after)
    return _records(connection, _BY_ID, {"after": after, "upto": upto, "most": -1})


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which records a page shows; None is any. `since` is within, `until` is not."""

    table_name: str | None = None
    record_id: str | None = None
    changed_by: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_page(
    connection: sa.Connection, chosen: AuditFilter, *, page: int, page_size: int
) -> tuple[list[dict[str, Any]], int]:
    """One page of records, newest first, pages from 1, and how many there are in all."""
    conditions: list[sa.ColumnElement[bool]] = [
        column == value
        for column, value in (
            (audit_log.c.table_name, chosen.table_name),
            (audit_log.c.record_id, chosen.record_id),
            (audit_log.c.changed_by, chosen.changed_by),
        )
        if value is not None
    ]
    if chosen.since is not None:
        conditions.append(audit_log.c.changed_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(audit_log.c.changed_at < chosen.until)
    total = connection.execute(
        sa.select(sa.func.count()).select_from(audit_log).where(*conditions)
    ).scalar_one()
    query = (
        sa.select(audit_log)
        .where(*conditions)
        .order_by(audit_log.c.id.desc())
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    return [dict(row) for row in connection.execute(query).mappings()], total


def _unsealed(connection: sa.Connection, last: Any) -> tuple[int | None, list[Record]]:
    if connection.dialect.name != "postgresql":
        after = last.last_record if last else 0
        return None, _records(connection, _BY_ID, {"after": after, "upto": _NEWEST, "most": _MOST})
    start = last.horizon if last else 0
    end = order.settled_place(connection) + 1
    cut = connection.execute(_CUT, {"start": start, "end": end}).scalar_one_or_none()
    if cut is not None:
        first = connection.execute(
            sa.select(sa.func.min(audit_log.c.transaction)).where(audit_log.c.transaction >= start)
        ).scalar_one()
        end = cut if cut > first else cut + 1
    return end, _records(connection, _BY_TRANSACTION, {"start": start, "end": end})


def _records(connection: sa.Connection, query: sa.Select[Any], about: dict[str, int]) -> list[Record]:
    return [_record(row) for row in connection.execute(query, about)]


def _record(row: Any) -> Record:
    said = (
        row.table_name,
        row.record_id,
        row.action,
        row.old_text,
        row.new_text,
        row.changed_by,
        row.at_text,
        row.ip_address,
        row.user_agent,
        None if row.transaction is None else str(row.transaction),
    )
    return Record(row.id, said)
