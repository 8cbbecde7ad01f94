"""What OEE is reckoned from: equipment, the states it was in, what was made at it. Reads only."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from andon_mes.equipment.model import ResourceState, StateSpan
from andon_mes.kernel.errors import NotFound, Problem, Words
from andon_mes.oee.model import Made
from andon_mes.reports.period import Period
from andon_mes.store.schema import equipment, equipment_states, process_data, processes

_EQUIPMENT: sa.Select[Any] = (
    sa.select(equipment.c.id, equipment.c.code, equipment.c.name, processes.c.code.label("process"))
    .outerjoin(processes, processes.c.id == equipment.c.process_id)
    .order_by(equipment.c.code)
)
_STATES = (
    sa.select(
        equipment_states.c.equipment_id,
        equipment_states.c.id,
        equipment_states.c.state,
        equipment_states.c.started_at,
        equipment_states.c.ended_at,
    )
    .where(
        equipment_states.c.equipment_id.in_(sa.bindparam("ids", expanding=True)),
        equipment_states.c.started_at < sa.bindparam("ends_at"),
        sa.or_(
            equipment_states.c.ended_at.is_(None), equipment_states.c.ended_at > sa.bindparam("begins_at")
        ),
    )
    .order_by(equipment_states.c.started_at, equipment_states.c.id)
)
_MADE: sa.Select[Any] = (
    sa.select(
        process_data.c.equipment_id,
        processes.c.standard_cycle_time,
        sa.func.count(),
        sa.func.count(sa.case((process_data.c.is_pass, 1))),
    )
    .join(processes, processes.c.id == process_data.c.process_id)
    .where(
        process_data.c.completed_at >= sa.bindparam("begins_at"),
        process_data.c.completed_at < sa.bindparam("ends_at"),
        process_data.c.is_pass.is_not(None),
        process_data.c.equipment_id.is_not(None),
    )
    .group_by(process_data.c.equipment_id, processes.c.id, processes.c.standard_cycle_time)
)


def list_equipment(connection: sa.Connection, code: str | None) -> list[sa.Row[Any]]:
    """The equipment in use as (id, code, name, process); the one named, whether it is in use or not.

    Raises: NotFound (EQUIPMENT_UNKNOWN) when the one named is not there.
    """
    if code is None:
        return list(connection.execute(_EQUIPMENT.where(equipment.c.is_active)))
    found = list(connection.execute(_EQUIPMENT.where(equipment.c.code == code)))
    if not found:
        raise _unknown(code)
    return found


def states_in(connection: sa.Connection, ids: Sequence[int], period: Period) -> dict[int, list[StateSpan]]:
    """The states of each of `ids` that reach into `period`, in order."""
    asked = {"ids": list(ids), "begins_at": period.begins_at, "ends_at": period.ends_at}
    found: dict[int, list[StateSpan]] = {each: [] for each in ids}
    for equipment_id, number, state, started_at, ended_at in connection.execute(_STATES, asked):
        known = None if state is None else ResourceState(state)
        found[equipment_id].append(StateSpan(number, known, started_at, ended_at))
    return found


def made_in(connection: sa.Connection, period: Period) -> dict[str, list[Made]]:
    """What was completed in `period`, by the equipment that the attempts name."""
    asked = {"begins_at": period.begins_at, "ends_at": period.ends_at}
    found: dict[str, list[Made]] = {}
    for code, standard, processed, good in connection.execute(_MADE, asked):
        found.setdefault(code, []).append(Made(standard, processed, good))
    return found


def _unknown(code: str) -> NotFound:
    return NotFound(
        Problem(
            "EQUIPMENT_UNKNOWN",
            Words("There is no such equipment", "해당 설비가 없습니다"),
            Words(f"No equipment has the code {code!r}", f"설비 코드 {code!r}을(를) 찾을 수 없습니다"),
            Words("See GET /api/v1/equipment", "GET /api/v1/equipment에서 설비 코드를 확인하세요"),
            field="equipment",
            value=code,
        )
    )
