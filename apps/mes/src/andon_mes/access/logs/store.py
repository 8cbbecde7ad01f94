"""The rows of the access and error logs, and when a device was seen last."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.access.logs.model import Fault, FaultFilter, Request, RequestFilter
from andon_mes.kernel.errors import Conflict, NotFound, Problem, Words
from andon_mes.store.schema import access_logs, devices, error_logs

_SEEN = (
    sa.update(devices).where(devices.c.name == sa.bindparam("device")).values(last_seen_at=sa.bindparam("at"))
)
_RESOLVE = sa.update(error_logs).where(error_logs.c.id == sa.bindparam("fault"))
_ONE = sa.select(error_logs).where(error_logs.c.id == sa.bindparam("fault"))
_OLD = (
    sa.select(access_logs.c.id)
    .where(access_logs.c.timestamp < sa.bindparam("before", type_=access_logs.c.timestamp.type))
    .order_by(access_logs.c.timestamp)
    .limit(sa.bindparam("most"))
)


def write(
    connection: sa.Connection,
    requests: Sequence[Request],
    faults: Sequence[Fault],
    seen: Mapping[str, datetime],
) -> None:
    """Write what was gathered. `seen`: when each device asked last."""
    if requests:
        connection.execute(sa.insert(access_logs), [asdict(each) for each in requests])
    if faults:
        connection.execute(sa.insert(error_logs), [{**asdict(each), "resolved": False} for each in faults])
    if seen:
        connection.execute(_SEEN, [{"device": name, "at": at} for name, at in seen.items()])


def forget(connection: sa.Connection, before: datetime, most: int) -> int:
    """Delete the oldest access records from before then, `most` at once; how many they were."""
    old = list(connection.scalars(_OLD, {"before": before, "most": most}))
    if old:
        connection.execute(sa.delete(access_logs).where(access_logs.c.id.in_(old)))
    return len(old)


def list_requests(connection: sa.Connection, chosen: RequestFilter) -> Sequence[dict[str, Any]]:
    """Requests, newest first."""
    columns = access_logs.c
    asked: Iterable[sa.ColumnElement[bool] | None] = (
        columns.user == chosen.user if chosen.user else None,
        columns.status_code == chosen.status_code if chosen.status_code else None,
        columns.timestamp >= chosen.since if chosen.since else None,
        columns.timestamp < chosen.until if chosen.until else None,
        columns.id < chosen.before if chosen.before else None,
    )
    return _page(connection, access_logs, asked, chosen.limit)


def list_faults(connection: sa.Connection, chosen: FaultFilter) -> Sequence[dict[str, Any]]:
    """Faults, newest first, without their stack traces."""
    columns = error_logs.c
    asked: Iterable[sa.ColumnElement[bool] | None] = (
        columns.resolved == chosen.is_resolved if chosen.is_resolved is not None else None,
        columns.severity == chosen.severity if chosen.severity else None,
        columns.error_code == chosen.error_code if chosen.error_code else None,
        columns.id < chosen.before if chosen.before else None,
    )
    found = _page(connection, error_logs, asked, chosen.limit)
    return [{key: value for key, value in each.items() if key != "stack_trace"} for each in found]


def get_fault(connection: sa.Connection, fault: int) -> dict[str, Any]:
    """A fault with its stack trace. Raises: NotFound."""
    row = connection.execute(_ONE, {"fault": fault}).one_or_none()
    if row is None:
        raise _unknown(fault)
    return dict(row._mapping)  # noqa: SLF001  the public name of a row's mapping


def resolve(connection: sa.Connection, fault: int, by: str, at: datetime, notes: str) -> dict[str, Any]:
    """Say that a fault is dealt with, and how. Raises: NotFound; Conflict when it was before."""
    found = get_fault(connection, fault)
    if found["resolved"]:
        raise _resolved(found)
    values = {"resolved": True, "resolved_at": at, "resolved_by": by, "notes": notes}
    connection.execute(_RESOLVE.values(**values), {"fault": fault})
    return get_fault(connection, fault)


def _page(
    connection: sa.Connection, table: sa.Table, asked: Iterable[sa.ColumnElement[bool] | None], limit: int
) -> Sequence[dict[str, Any]]:
    query = sa.select(table).where(*(each for each in asked if each is not None))
    rows = connection.execute(query.order_by(table.c.id.desc()).limit(limit))
    return [dict(row._mapping) for row in rows]  # noqa: SLF001


def _unknown(fault: int) -> NotFound:
    return NotFound(
        Problem(
            "ERROR_UNKNOWN",
            Words("There is no such error record", "해당 오류 기록이 없습니다"),
            Words(f"No record has the number {fault}", f"번호 {fault}의 기록이 없습니다"),
            Words("List them with GET /api/v1/error-logs", "GET /api/v1/error-logs로 확인하세요"),
        )
    )


def _resolved(found: Mapping[str, Any]) -> Conflict:
    return Conflict(
        Problem(
            "ERROR_RESOLVED",
            Words("It is dealt with already", "이미 처리된 오류입니다"),
            Words(f"{found['resolved_by']} did so", f"처리자: {found['resolved_by']}"),
            Words("Read its notes", "기록된 메모를 확인하세요"),
        )
    )
