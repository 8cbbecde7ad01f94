"""Calls in the database. Every function works inside the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.calls.model import Call, CallAction, CallKind, CallStatus, NewCall, decide_status
from andon_mes.kernel.errors import NotFound, Problem, Words
from andon_mes.store import history
from andon_mes.store.history import Change
from andon_mes.store.schema import calls, processes

_ENTITY = "call"
_JOINED = calls.outerjoin(processes, processes.c.id == calls.c.process_id)
_CALL = sa.select(calls, processes.c.code.label("process")).select_from(_JOINED)
_BY_ID = _CALL.where(calls.c.id == sa.bindparam("id"))
_INSERT = sa.insert(calls).returning(calls.c.id)
_IS_OVER = sa.case((calls.c.status == CallStatus.RESOLVED, 1), else_=0)
_OPEN_FIRST = (_IS_OVER, sa.case((_IS_OVER == 1, -calls.c.id), else_=calls.c.id))
"""Open ones first, of them the oldest; then those that are over, of them the newest."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls a page shows; None means any. `since` is inclusive, `until` is not."""

    status: CallStatus | None = None
    is_open: bool | None = None
    kind: CallKind | None = None
    process: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def raise_call(connection: sa.Connection, new: NewCall, change: Change) -> tuple[int, bool]:
    """Write the call; gives its id, and whether it is new.

    Who presses the button again calls about the same: what is open for the same kind, process, equipment
    and serial is that call.
    """
    known = connection.scalar(_same(new))
    if known is not None:
        return known, False
    values = {
        "kind": new.kind,
        "process_id": new.process_id,
        "equipment_code": new.equipment_code,
        "serial_number": new.serial_number,
        "message": new.message,
        "status": CallStatus.RAISED,
        "raised_by": change.by or "-",
        "raised_at": change.at,
    }
    call_id = connection.execute(_INSERT, values).scalar_one()
    history.record(connection, _ENTITY, call_id, (None, CallStatus.RAISED), change)
    return call_id, True


def change_status(connection: sa.Connection, call: Call, action: CallAction, change: Change) -> Call:
    """Acknowledge the call, or resolve it with the change's reason; who resolves has come.

    Raises: Conflict (CALL_STATE).
    """
    after = decide_status(call.status, action)
    values: dict[str, Any] = {"status": after}
    if call.acknowledged_at is None:
        values |= {"acknowledged_by": change.by, "acknowledged_at": change.at}
    if after is CallStatus.RESOLVED:
        values |= {"resolved_by": change.by, "resolved_at": change.at, "resolution": change.reason}
    connection.execute(sa.update(calls).where(calls.c.id == call.id).values(**values))
    history.record(connection, _ENTITY, call.id, (call.status, after), change)
    return get(connection, call.id)


def get(connection: sa.Connection, call_id: int) -> Call:
    """The call with this id. Raises: NotFound (CALL_UNKNOWN)."""
    row = connection.execute(_BY_ID, {"id": call_id}).one_or_none()
    if row is None:
        raise NotFound(
            Problem(
                "CALL_UNKNOWN",
                Words("There is no such call", "해당 호출이 없습니다"),
                Words(f"No call has the id {call_id}", f"호출 번호 {call_id}을(를) 찾을 수 없습니다"),
                Words("Look it up under GET calls", "GET calls에서 확인하세요"),
            )
        )
    return _call(row)


def list_page(
    connection: sa.Connection, chosen: CallFilter, *, page: int, page_size: int
) -> tuple[list[Call], int]:
    """One page of calls, open ones first, pages from 1, and how many there are in all."""
    conditions = _conditions(chosen)
    total = connection.execute(
        sa.select(sa.func.count()).select_from(_JOINED).where(*conditions)
    ).scalar_one()
    query = _CALL.where(*conditions).order_by(*_OPEN_FIRST).limit(page_size).offset((page - 1) * page_size)
    return [_call(row) for row in connection.execute(query)], total


def list_raised(connection: sa.Connection, chosen: CallFilter) -> list[Call]:
    """The calls that `chosen` means, oldest first."""
    query = _CALL.where(*_conditions(chosen)).order_by(calls.c.id)
    return [_call(row) for row in connection.execute(query)]


def find_process_id(connection: sa.Connection, code: str) -> int | None:
    """The process with this code; None when there is none."""
    return connection.scalar(sa.select(processes.c.id).where(processes.c.code == code))


def _same(new: NewCall) -> sa.Select[Any]:
    said = (
        (calls.c.process_id, new.process_id),
        (calls.c.equipment_code, new.equipment_code),
        (calls.c.serial_number, new.serial_number),
    )
    alike = [column.is_(None) if value is None else column == value for column, value in said]
    return sa.select(calls.c.id).where(
        calls.c.status != CallStatus.RESOLVED, calls.c.kind == new.kind, *alike
    )


def _conditions(chosen: CallFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [
        column == value
        for column, value in (
            (calls.c.status, chosen.status),
            (calls.c.kind, chosen.kind),
            (processes.c.code, chosen.process),
        )
        if value is not None
    ]
    if chosen.is_open is not None:
        is_open = calls.c.status != CallStatus.RESOLVED
        conditions.append(is_open if chosen.is_open else ~is_open)
    if chosen.since is not None:
        conditions.append(calls.c.raised_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(calls.c.raised_at < chosen.until)
    return conditions


def _call(row: sa.Row[Any]) -> Call:
    return Call(
        id=row.id,
        kind=CallKind(row.kind),
        process=row.process,
        equipment_code=row.equipment_code,
        serial_number=row.serial_number,
        message=row.message,
        status=CallStatus(row.status),
        raised_by=row.raised_by,
        raised_at=row.raised_at,
        acknowledged_by=row.acknowledged_by,
        acknowledged_at=row.acknowledged_at,
        resolved_by=row.resolved_by,
        resolved_at=row.resolved_at,
        resolution=row.resolution,
    )
