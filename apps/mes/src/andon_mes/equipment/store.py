"""Equipment, its states and calibrations in the database; every function in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.equipment.model import (
    Calibration,
    CalibrationResult,
    Equipment,
    ResourceState,
    StateReport,
    StateSpan,
)
from andon_mes.kernel.errors import NotFound, Problem, Words
from andon_mes.store.schema import calibrations, equipment, equipment_states, processes

_BY_CODE = (
    sa.select(equipment, processes.c.code.label("process"))
    .outerjoin(processes, processes.c.id == equipment.c.process_id)
    .where(equipment.c.code == sa.bindparam("code"))
)
_LOCKED = sa.select(equipment.c.id).where(equipment.c.id == sa.bindparam("id")).with_for_update()
_OF = equipment_states.c.equipment_id == sa.bindparam("id")
_BEFORE = (
    sa.select(equipment_states)
    .where(_OF, equipment_states.c.started_at <= sa.bindparam("at"))
    .order_by(equipment_states.c.started_at.desc(), equipment_states.c.id.desc())
    .limit(1)
)
_AFTER = (
    sa.select(equipment_states)
    .where(_OF, equipment_states.c.started_at > sa.bindparam("at"))
    .order_by(equipment_states.c.started_at, equipment_states.c.id)
    .limit(1)
)
_STATES = (
    sa.select(equipment_states)
    .where(
        _OF,
        equipment_states.c.started_at < sa.bindparam("until"),
        sa.or_(equipment_states.c.ended_at.is_(None), equipment_states.c.ended_at > sa.bindparam("since")),
    )
    .order_by(equipment_states.c.started_at, equipment_states.c.id)
    .limit(sa.bindparam("most"))
)
_CALIBRATIONS = (
    sa.select(calibrations)
    .where(calibrations.c.equipment_id == sa.bindparam("id"))
    .order_by(calibrations.c.calibrated_at.desc(), calibrations.c.id.desc())
)


def get(connection: sa.Connection, code: str) -> Equipment:
    """The equipment of this code. Raises: NotFound (EQUIPMENT_UNKNOWN)."""
    row = connection.execute(_BY_CODE, {"code": code}).one_or_none()
    if row is None:
        raise NotFound(
            Problem(
                "EQUIPMENT_UNKNOWN",
                Words("There is no such equipment", "해당 설비가 없습니다"),
                Words(f"No equipment has the code {code!r}", f"설비 코드 {code!r}을(를) 찾을 수 없습니다"),
                Words("Register it: POST /api/v1/equipment", "먼저 등록하세요: POST /api/v1/equipment"),
            )
        )
    return Equipment(
        row.id,
        row.code,
        row.name,
        row.process,
        row.station,
        ResourceState(row.state) if row.state else None,
        row.state_since,
        row.calibration_due_at,
        row.is_active,
    )


def lock(connection: sa.Connection, equipment_id: int) -> None:
    """Let no other write of this equipment run until this transaction ends."""
    connection.execute(_LOCKED, {"id": equipment_id})


def spans_around(connection: sa.Connection, equipment_id: int, at: datetime) -> list[StateSpan]:
    """The last span that began by `at` and the first that began after, oldest first."""
    rows = [
        connection.execute(query, {"id": equipment_id, "at": at}).one_or_none() for query in (_BEFORE, _AFTER)
    ]
    return [_span(row) for row in rows if row is not None]


def list_states(
    connection: sa.Connection, equipment_id: int, since: datetime, until: datetime, *, most: int
) -> list[StateSpan]:
    """The spans that reach into `since` to `until`, oldest first, at most `most`."""
    asked = {"id": equipment_id, "since": since, "until": until, "most": most}
    return [_span(row) for row in connection.execute(_STATES, asked)]


def begin_state(
    connection: sa.Connection,
    equipment_id: int,
    report: StateReport,
    ends: StateSpan | None,
    until: datetime | None,
) -> None:
    """Write a span from the report's time to `until`, cut off `ends`, and show it when it lasts."""
    if ends is not None:
        connection.execute(
            sa.update(equipment_states).where(equipment_states.c.id == ends.id).values(ended_at=report.at)
        )
    connection.execute(
        sa.insert(equipment_states),
        {
            "equipment_id": equipment_id,
            "state": report.state,
            "reason": report.reason,
            "reported_by": report.by,
            "started_at": report.at,
            "ended_at": until,
        },
    )
    if until is None:
        connection.execute(
            sa.update(equipment)
            .where(equipment.c.id == equipment_id)
            .values(state=report.state, state_since=report.at)
        )


def add_calibration(connection: sa.Connection, equipment_id: int, made: Calibration) -> None:
    """Write a calibration."""
    connection.execute(
        sa.insert(calibrations),
        {
            "equipment_id": equipment_id,
            "calibrated_at": made.calibrated_at,
            "due_at": made.due_at,
            "result": made.result,
            "certificate": made.certificate,
            "performed_by": made.performed_by,
            "notes": made.notes,
        },
    )


def set_due(connection: sa.Connection, equipment_id: int, due_at: datetime | None) -> None:
    """Write when the next calibration is due."""
    connection.execute(
        sa.update(equipment).where(equipment.c.id == equipment_id).values(calibration_due_at=due_at)
    )


def list_calibrations(connection: sa.Connection, equipment_id: int) -> Sequence[Calibration]:
    """Every calibration, newest first."""
    return [
        Calibration(
            row.calibrated_at,
            row.due_at,
            CalibrationResult(row.result),
            row.performed_by,
            row.certificate,
            row.notes,
        )
        for row in connection.execute(_CALIBRATIONS, {"id": equipment_id})
    ]


def _span(row: sa.Row[Any]) -> StateSpan:
    state = ResourceState(row.state) if row.state else None
    return StateSpan(row.id, state, row.started_at, row.ended_at, row.reason, row.reported_by)
