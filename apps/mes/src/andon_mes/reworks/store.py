"""Reworks in the database. Every function works inside the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.kernel.errors import NotFound, Problem, Words
from andon_mes.reworks.model import NewRework, Rework, ReworkResult, ReworkStatus
from andon_mes.store.history import Change
from andon_mes.store.schema import lots, processes, reworks, serials

_JOINED = (
    reworks.join(serials, serials.c.id == reworks.c.serial_id)
    .join(lots, lots.c.id == serials.c.lot_id)
    .join(processes, processes.c.id == reworks.c.original_process_id)
)
_REWORK = sa.select(
    reworks, serials.c.serial_number, lots.c.lot_number, processes.c.code.label("original_process")
).select_from(_JOINED)
_BY_ID = _REWORK.where(reworks.c.id == sa.bindparam("id"))
_INSERT = sa.insert(reworks).returning(reworks.c.id)
_END = sa.update(reworks).where(reworks.c.id == sa.bindparam("rework_id"))
_CANCELLED = reworks.c.final_result == ReworkResult.CANCELLED
_STATUS: dict[ReworkStatus, sa.ColumnElement[bool]] = {
    ReworkStatus.OPEN: reworks.c.is_completed.is_(False),
    ReworkStatus.COMPLETED: sa.and_(
        reworks.c.is_completed, sa.or_(reworks.c.final_result.is_(None), ~_CANCELLED)
    ),
    ReworkStatus.CANCELLED: sa.and_(reworks.c.is_completed, _CANCELLED),
}


@dataclass(frozen=True, slots=True)
class ReworkFilter:
    """Which reworks a page shows; None means any. `since` is inclusive, `until` is not."""

    status: ReworkStatus | None = None
    process: str | None = None
    serial_number: str | None = None
    lot_number: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def open_rework(connection: sa.Connection, new: NewRework, change: Change) -> int:
    """Write that the serial is to be reworked. Gives the rework's id."""
    values = {
        "serial_id": new.serial_id,
        "original_process_id": new.process_id,
        "defect_code": new.defect_code,
        "reason": change.reason,
        "started_at": change.at,
        "operator": change.by,
        "is_completed": False,
        "is_granted": new.is_granted,
    }
    rework_id: int = connection.execute(_INSERT, values).scalar_one()
    return rework_id


def end(
    connection: sa.Connection, rework_id: int, result: ReworkResult, change: Change, notes: str | None = None
) -> None:
    """Write how the rework ended."""
    values: dict[str, Any] = {"is_completed": True, "completed_at": change.at, "final_result": result}
    if notes is not None:
        values["notes"] = notes
    connection.execute(_END.values(**values), {"rework_id": rework_id})


def get(connection: sa.Connection, rework_id: int) -> Rework:
    """The rework with this id. Raises: NotFound (REWORK_UNKNOWN)."""
    row = connection.execute(_BY_ID, {"id": rework_id}).one_or_none()
    if row is None:
        raise NotFound(
            Problem(
                "REWORK_UNKNOWN",
                Words("There is no such rework", "해당 재작업이 없습니다"),
                Words(f"No rework has the id {rework_id}", f"재작업 번호 {rework_id}을(를) 찾을 수 없습니다"),
                Words("Look it up under GET reworks", "GET reworks에서 확인하세요"),
            )
        )
    return _rework(row)


def list_page(
    connection: sa.Connection, chosen: ReworkFilter, *, page: int, page_size: int
) -> tuple[list[Rework], int]:
    """One page of reworks, newest first, pages from 1, and how many there are in all."""
    conditions = _conditions(chosen)
    total = connection.execute(
        sa.select(sa.func.count()).select_from(_JOINED).where(*conditions)
    ).scalar_one()
    query = (
        _REWORK.where(*conditions)
        .order_by(reworks.c.id.desc())
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    return [_rework(row) for row in connection.execute(query)], total


def _conditions(chosen: ReworkFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [
        column == value
        for column, value in (
            (processes.c.code, chosen.process),
            (serials.c.serial_number, chosen.serial_number),
            (lots.c.lot_number, chosen.lot_number),
        )
        if value is not None
    ]
    if chosen.status is not None:
        conditions.append(_STATUS[chosen.status])
    if chosen.since is not None:
        conditions.append(reworks.c.started_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(reworks.c.started_at < chosen.until)
    return conditions


def _rework(row: sa.Row[Any]) -> Rework:
    return Rework(
        id=row.id,
        serial_number=row.serial_number,
        lot_number=row.lot_number,
        process_id=row.original_process_id,
        original_process=row.original_process,
        defect_code=row.defect_code,
        reason=row.reason,
        started_at=row.started_at,
        completed_at=row.completed_at,
        operator=row.operator,
        is_completed=row.is_completed,
        is_granted=row.is_granted,
        final_result=ReworkResult(row.final_result) if row.final_result else None,
        notes=row.notes,
    )
