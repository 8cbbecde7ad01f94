"""Reads all that a decision about a serial may look at, in two statements; a third where parts are asked for.

This is the path of every scan: the statements are made once. A start or completion locks its serial; what
else it looks at is changed only by writes that are alone in the database (store/engine.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.components.model import Missing, Use, bom_of, missing
from andon_mes.defects.model import Disposition
from andon_mes.lots.model import LotStatus
from andon_mes.processes.model import Attempt, AttemptStatus, CompletionEvent, Situation, StartEvent
from andon_mes.processes.workplace import Demands, Equipment, Operator, Recipe, Workplace
from andon_mes.serials.model import SerialStatus
from andon_mes.store.schema import (
    component_uses,
    defects,
    equipment,
    lots,
    operators,
    plant_settings,
    process_data,
    processes,
    product_models,
    qualifications,
    reworks,
    serials,
)
from andon_mes.store.tables.columns import Json

ENFORCEMENT = "enforcement"
"""The plant setting that says what is enforced everywhere: {"known_operators": true}."""

_its_process = sa.select(processes.c.id).where(processes.c.code == sa.bindparam("process")).scalar_subquery()
_bound = equipment.alias("bound")
_its_station = (
    sa.select(sa.func.min(sa.case((_bound.c.process_id == _its_process, 0), else_=_bound.c.process_id)))
    .where(_bound.c.station == sa.bindparam("station"), _bound.c.is_active)
    .scalar_subquery()
)
_enforcement = (
    sa.select(plant_settings.c.document).where(plant_settings.c.name == ENFORCEMENT).scalar_subquery()
)
_SUBJECT = (
    sa.select(
        serials.c.id,
        serials.c.status,
        serials.c.held_from,
        serials.c.started_at,
        serials.c.lot_id,
        lots.c.lot_number,
        lots.c.status.label("lot_status"),
        product_models.c.route,
        product_models.c.bom,
        operators.c.is_active.label("operator_is_active"),
        qualifications.c.id.label("qualification_id"),
        qualifications.c.valid_until,
        equipment.c.id.label("equipment_id"),
        equipment.c.process_id.label("equipment_process_id"),
        equipment.c.is_active.label("equipment_is_active"),
        equipment.c.state,
        equipment.c.calibration_due_at,
        _its_station.label("station_process_id"),
        sa.type_coerce(_enforcement, Json).label("enforcement"),
    )
    .join(lots, lots.c.id == serials.c.lot_id)
    .join(product_models, product_models.c.id == lots.c.product_model_id)
    .outerjoin(operators, operators.c.badge == sa.bindparam("operator"))
    .outerjoin(
        qualifications,
        sa.and_(qualifications.c.operator_id == operators.c.id, qualifications.c.process_id == _its_process),
    )
    .outerjoin(equipment, equipment.c.code == sa.bindparam("equipment"))
    .where(serials.c.serial_number == sa.bindparam("number"))
)
_SUBJECT_LOCKED = _SUBJECT.with_for_update(of=serials)
_REWORKS = (
    sa.select(sa.func.count()).where(reworks.c.serial_id == sa.bindparam("serial_id")).scalar_subquery()
)
_GRANTED = (
    sa.select(sa.func.max(reworks.c.original_process_id))
    .where(
        reworks.c.serial_id == sa.bindparam("serial_id"),
        reworks.c.is_granted,
        reworks.c.is_completed.is_(False),
    )
    .scalar_subquery()
)
# Every process, with the attempts of the serial at it: a plant has few, and it is one statement less.
_PROCESSES = (
    sa.select(
        processes.c.id.label("process_id"),
        processes.c.code,
        processes.c.is_active,
        processes.c.infers_start,
        processes.c.needs_qualification,
        processes.c.needs_equipment,
        processes.c.recipe,
        processes.c.held_reason,
        process_data.c.id,
        process_data.c.attempt,
        process_data.c.status,
        process_data.c.started_at,
        process_data.c.equipment_id,
        process_data.c.completed_at,
        process_data.c.completion_digest,
        process_data.c.violation,
        process_data.c.clock_ahead,
        _REWORKS.label("reworks"),
        _GRANTED.label("granted"),
    )
    .outerjoin(
        process_data,
        sa.and_(
            process_data.c.process_id == processes.c.id,
            process_data.c.serial_id == sa.bindparam("serial_id"),
        ),
    )
    .order_by(processes.c.sequence_order, processes.c.id, process_data.c.id)
)
_ACCEPTED = (
    sa.select(processes.c.code)
    .join(defects, defects.c.process_id == processes.c.id)
    .where(
        defects.c.serial_id == sa.bindparam("serial_id"),
        defects.c.disposition == Disposition.USE_AS_IS,
        defects.c.process_data_id.is_not(None),  # what a person found aside from the route accepts no process
    )
)
_USES = sa.select(
    component_uses.c.id,
    component_uses.c.component,
    component_uses.c.component_serial,
    component_uses.c.component_lot,
    component_uses.c.quantity,
).where(component_uses.c.serial_id == sa.bindparam("serial_id"), component_uses.c.removed_at.is_(None))


@dataclass(frozen=True, slots=True)
class Asked:
    """About which serial and process, and who and what would work; the instant by which it is judged."""

    serial_number: str
    process: str
    at: datetime
    operator_id: str | None = None
    equipment_id: str | None = None
    station: str | None = None
    application_version: str | None = None
    configuration_hash: str | None = None
    bound_to: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """The serial in hand, its lot, and the ids that writing needs."""

    serial_id: int
    serial_number: str
    started_at: datetime | None
    lot_id: int
    lot_number: str
    process_ids: dict[str, int]
    infers_start: dict[str, bool]
    has_components: bool
    seen: Situation


def asked_of(event: StartEvent | CompletionEvent, at: datetime) -> Asked:
    """What `event` asks; an event that was made offline is judged by its own time, another by `at`."""
    return Asked(
        event.serial_number,
        event.process,
        event.at if event.is_offline else at,
        event.operator_id,
        event.equipment_id,
        event.station,
        event.application_version,
        event.configuration_hash,
        event.bound_to,
    )


def find_subject(connection: sa.Connection, asked: Asked, *, locks: bool = True) -> Subject | None:
    """All that a decision may look at; None when there is no such serial.

    `locks` keeps the serial as it is until the transaction ends.
    """
    about = {
        "number": asked.serial_number,
        "process": asked.process,
        "operator": asked.operator_id,
        "equipment": asked.equipment_id,
        "station": asked.station,
    }
    row = connection.execute(_SUBJECT_LOCKED if locks else _SUBJECT, about).one_or_none()
    if row is None:
        return None
    rows = connection.execute(_PROCESSES, {"serial_id": row.id}).all()
    by_code = {each.code: each for each in rows}
    codes = {each.process_id: each.code for each in rows}
    route, optional = _route(row.route, [code for code, each in by_code.items() if each.is_active])
    attempts = tuple(_attempt(each) for each in sorted(rows, key=_by_age) if each.id is not None)
    seen = Situation(
        lot=LotStatus(row.lot_status),
        serial=SerialStatus(row.status),
        held_from=SerialStatus(row.held_from) if row.held_from else None,
        route=route,
        attempts=attempts,
        reworks=rows[0].reworks if rows else 0,
        optional=optional,
        accepted=_accepted(connection, row.id, attempts),
        granted=frozenset(code for code, each in by_code.items() if each.process_id == each.granted),
        held={code: each.held_reason for code, each in by_code.items() if each.held_reason},
        missing=_missing(connection, row.id, row.bom),
        workplace=_workplace(asked, row, by_code.get(asked.process), codes),
    )
    return Subject(
        serial_id=row.id,
        serial_number=asked.serial_number,
        started_at=row.started_at,
        lot_id=row.lot_id,
        lot_number=row.lot_number,
        process_ids={code: each.process_id for code, each in by_code.items()},
        infers_start={code: each.infers_start for code, each in by_code.items()},
        has_components=bool(row.bom),
        seen=seen,
    )


def _route(document: Any, active: list[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """The model's own route, without what was taken out of use; else every active process in order."""
    if not document:
        return tuple(active), frozenset()
    steps = [(each["process"], bool(each.get("optional"))) for each in document if each["process"] in active]
    return tuple(code for code, _ in steps), frozenset(code for code, is_optional in steps if is_optional)


def _accepted(connection: sa.Connection, serial_id: int, attempts: tuple[Attempt, ...]) -> frozenset[str]:
    """Processes whose failed part quality accepted as it is; asked only where something has failed."""
    if not any(each.status is AttemptStatus.FAIL for each in attempts):
        return frozenset()
    return frozenset(connection.scalars(_ACCEPTED, {"serial_id": serial_id}))


def _missing(connection: sa.Connection, serial_id: int, document: Any) -> tuple[Missing, ...]:
    """The required components that are not in the serial; asked only where a model has some."""
    if not document:
        return ()
    rows = connection.execute(_USES, {"serial_id": serial_id}).all()
    uses = [Use(row.id, row.component, row.component_serial, row.component_lot, row.quantity) for row in rows]
    bom = bom_of(document)
    return tuple(each for process in {item.process for item in bom} for each in missing(bom, uses, process))


def _workplace(asked: Asked, row: Any, process: Any, codes: dict[int, str]) -> Workplace:
    operator = None
    if row.operator_is_active is not None:
        is_qualified = row.qualification_id is not None
        operator = Operator(row.operator_is_active, is_qualified, row.valid_until)
    machine = None
    if row.equipment_id is not None:
        machine = Equipment(
            codes.get(row.equipment_process_id),
            row.equipment_is_active,
            row.state,
            row.calibration_due_at,
        )
    return Workplace(
        at=asked.at,
        demands=_demands(process, row.enforcement),
        operator_id=asked.operator_id,
        operator=operator,
        equipment_id=asked.equipment_id,
        equipment=machine,
        station=asked.station,
        bound_to=asked.bound_to or codes.get(row.station_process_id or 0),
        application_version=asked.application_version,
        configuration_hash=asked.configuration_hash,
    )


def _demands(process: Any, enforcement: Any) -> Demands:
    knows_all = bool((enforcement or {}).get("known_operators"))
    if process is None:
        return Demands(known_operator=knows_all)
    recipe = process.recipe or {}
    return Demands(
        known_operator=knows_all,
        qualification=process.needs_qualification,
        equipment=process.needs_equipment,
        recipe=Recipe(recipe.get("minimum_version"), recipe.get("configuration_hash")),
    )


def _by_age(row: Any) -> int:
    return row.id or 0


def _attempt(row: Any) -> Attempt:
    return Attempt(
        id=row.id,
        process=row.code,
        number=row.attempt,
        status=AttemptStatus(row.status),
        started_at=row.started_at,
        equipment_id=row.equipment_id,
        completed_at=row.completed_at,
        digest=row.completion_digest,
        violation=row.violation,
        clock_ahead=row.clock_ahead,
    )
