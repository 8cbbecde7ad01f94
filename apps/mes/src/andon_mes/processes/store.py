"""Attempts in the database. Every function works inside the caller's transaction.

The statements are made once: this is the path of every scan.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.idempotency.store import Answer, Question, once
from andon_mes.kernel.errors import InvalidInput, Words, invalid
from andon_mes.lots.model import LotStatus
from andon_mes.processes.limits import Breach, Characteristic
from andon_mes.processes.model import (
    Attempt,
    AttemptStatus,
    CompletionEvent,
    OpenSerial,
    OpenWork,
    Place,
    Serving,
    StartEvent,
)
from andon_mes.serials.model import SerialStatus
from andon_mes.situations.store import Subject
from andon_mes.store import history, order
from andon_mes.store.history import Change
from andon_mes.store.later import later
from andon_mes.store.schema import (
    characteristics,
    contested_events,
    data_schemas,
    defect_codes,
    lots,
    process_data,
    processes,
    reworks,
    serials,
)

_DEFECTS = sa.select(defect_codes.c.code).where(
    defect_codes.c.process_id == sa.bindparam("process_id"), defect_codes.c.is_active
)
_CHARACTERISTICS = (
    sa.select(
        characteristics.c.name,
        characteristics.c.unit,
        characteristics.c.lower,
        characteristics.c.upper,
        characteristics.c.defect_code,
    )
    .where(characteristics.c.process_id == sa.bindparam("process_id"), characteristics.c.is_active)
    .order_by(characteristics.c.id)
)
_DATA_SCHEMA = (
    sa.select(data_schemas.c.document)
    .where(
        data_schemas.c.process_id == sa.bindparam("process_id"),
        data_schemas.c.is_active,
        sa.or_(
            data_schemas.c.product_model_id.is_(None),
            data_schemas.c.product_model_id
            == sa.select(lots.c.product_model_id)
            .where(lots.c.id == sa.bindparam("lot_id"))
            .scalar_subquery(),
        ),
    )
    .order_by(data_schemas.c.product_model_id.is_(None), data_schemas.c.id)
    .limit(1)
)
_OPEN_WORK = (
    sa.select(
        serials.c.serial_number,
        lots.c.lot_number,
        processes.c.code.label("process_code"),
        process_data.c.attempt,
        process_data.c.station,
        process_data.c.equipment_id,
        process_data.c.started_at,
    )
    .select_from(process_data)
    .join(serials, serials.c.id == process_data.c.serial_id)
    .join(lots, lots.c.id == serials.c.lot_id)
    .join(processes, processes.c.id == process_data.c.process_id)
    .where(process_data.c.status == AttemptStatus.IN_PROGRESS)
    .order_by(process_data.c.started_at)
)
_KEEP = sa.insert(contested_events)
_CONFLICT = 409
_MOST_SHOWN = 20
_PROCESS_CODES = sa.select(processes.c.code).order_by(processes.c.sequence_order)
_OPEN_ATTEMPT = sa.insert(process_data).returning(process_data.c.id)
_CLOSE_ATTEMPT = (
    sa.update(process_data)
    .where(process_data.c.id == sa.bindparam("attempt_id"))
    .values(completion_seq=order.Place())
)
_BEGIN_LOT = (
    sa.update(lots)
    .where(lots.c.id == sa.bindparam("lot_id"), lots.c.status == LotStatus.RELEASED)
    .values(status=LotStatus.IN_PROGRESS, started_at=sa.bindparam("began_at"))
)
_OPEN_REWORK = sa.insert(reworks).returning(reworks.c.id)
_MOVE_SERIAL = sa.update(serials).where(serials.c.id == sa.bindparam("serial_id"))


@dataclass(frozen=True, slots=True)
class Opening:
    """How an attempt begins: its number, and whether somebody said so. See offline/ for the rest."""

    number: int
    is_inferred: bool = False
    status: AttemptStatus = AttemptStatus.IN_PROGRESS
    violation: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended, as it is written."""

    passed: bool
    defect_code: str | None
    breaches: list[Breach]
    cycle_time: float | None
    release: str
    clock_ahead: bool = False


def find_attempt_key(connection: sa.Connection, attempt_id: int) -> tuple[str, str] | None:
    """Serial number and process code of an attempt; None when there is no such attempt."""
    query = (
        sa.select(serials.c.serial_number, processes.c.code)
        .select_from(process_data)
        .join(serials, serials.c.id == process_data.c.serial_id)
        .join(processes, processes.c.id == process_data.c.process_id)
        .where(process_data.c.id == attempt_id)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row[0], row[1])


def list_open(connection: sa.Connection, place: Place) -> OpenWork:
    """What is in work at `place`. A station with nothing open may be restarted.

    Raises: InvalidInput when the process is none of the plant's: a misspelt one must not look safe.
    """
    if place.process is not None:
        known = list(connection.scalars(_PROCESS_CODES))
        if place.process not in known:
            raise unknown_process("process", place.process, known)
    named = (
        (processes.c.code, place.process),
        (process_data.c.station, place.station),
        (process_data.c.equipment_id, place.equipment),
    )
    query = _OPEN_WORK.where(*(column == value for column, value in named if value is not None))
    rows = connection.execute(query).all()
    oldest = tuple(OpenSerial(*row) for row in rows[:_MOST_SHOWN])
    return OpenWork(len(rows), len({row.lot_number for row in rows}), oldest)


def list_defect_codes(connection: sa.Connection, process_id: int) -> list[str]:
    """The active defect codes of a process."""
    return list(connection.scalars(_DEFECTS, {"process_id": process_id}))


def list_characteristics(connection: sa.Connection, process_id: int) -> list[Characteristic]:
    """The active limits of a process, in their order."""
    rows = connection.execute(_CHARACTERISTICS, {"process_id": process_id})
    return [Characteristic(*row) for row in rows]


def find_data_schema(connection: sa.Connection, process_id: int, lot_id: int) -> dict[str, Any] | None:
    """The JSON Schema of a process's measurements: the model's own, else that of all models, else None."""
    found = connection.execute(_DATA_SCHEMA, {"process_id": process_id, "lot_id": lot_id})
    return found.scalar_one_or_none()


def open_attempt(
    connection: sa.Connection, subject: Subject, event: StartEvent, opening: Opening, serving: Serving
) -> Attempt:
    """Write an attempt of the serial at the event's process. The caller has decided that it may be."""
    now, is_ahead = serving.now, serving.is_ahead(event.at)
    values = {
        "serial_id": subject.serial_id,
        "process_id": subject.process_ids[event.process],
        "attempt": opening.number,
        "status": opening.status,
        "started_at": event.at,
        "recorded_at": now,
        "operator_id": event.operator_id,
        "equipment_id": event.equipment_id,
        "station": event.station,
        "application_version": event.application_version,
        "configuration_hash": event.configuration_hash,
        "start_inferred": opening.is_inferred,
        "is_offline": event.is_offline,
        "violation": opening.violation,
        "clock_ahead": is_ahead,
        "created_at": now,
        "updated_at": now,
    }
    attempt_id = connection.execute(_OPEN_ATTEMPT, values).scalar_one()
    return Attempt(
        id=attempt_id,
        process=event.process,
        number=opening.number,
        status=opening.status,
        started_at=event.at,
        equipment_id=event.equipment_id,
        violation=opening.violation,
        clock_ahead=is_ahead,
    )


def close_attempt(
    connection: sa.Connection, attempt: Attempt, event: CompletionEvent, result: Result, now: datetime
) -> None:
    """Write how the attempt ended, which release served it, and its place in the order of completions."""
    values = {
        "attempt_id": attempt.id,
        "status": AttemptStatus.PASS if result.passed else AttemptStatus.FAIL,
        "completed_at": event.at,
        "cycle_time": result.cycle_time,
        "clock_ahead": result.clock_ahead,
        "is_pass": result.passed,
        "process_specific_data": event.data or None,
        "inspection_result": event.inspection_result,
        "limit_breaches": [each.as_document() for each in result.breaches] or None,
        "defect_code": result.defect_code,
        "defect_description": event.defect_description,
        "completion_digest": event.digest,
        "release": result.release,
        "updated_at": now,
    }
    order.take_place(connection)
    later(connection, _CLOSE_ATTEMPT, values)


def mark_offline(connection: sa.Connection, attempt_id: int, violation: str | None) -> None:
    """Write that the attempt was ended offline, and what it violates; None is nothing, or no longer."""
    values = {"is_offline": True, "violation": violation}
    connection.execute(sa.update(process_data).where(process_data.c.id == attempt_id).values(**values))


def move_serial(
    connection: sa.Connection, subject: Subject, after: SerialStatus, values: dict[str, Any], change: Change
) -> None:
    """Move the serial to `after` with these columns, and write the history."""
    later(connection, _MOVE_SERIAL, {"serial_id": subject.serial_id, "status": after, **values})
    history.record(connection, "serial", subject.serial_id, (subject.seen.serial, after), change)


def begin_lot(connection: sa.Connection, subject: Subject, change: Change) -> None:
    """The first start of a serial is that of its lot, unless another serial was quicker."""
    begun = connection.execute(_BEGIN_LOT, {"lot_id": subject.lot_id, "began_at": change.at})
    if begun.rowcount == 0:
        return
    history.record(connection, "lot", subject.lot_id, (subject.seen.lot, LotStatus.IN_PROGRESS), change)


def open_rework(connection: sa.Connection, subject: Subject, event: CompletionEvent, defect_code: str) -> int:
    """Write that the serial is to repeat the process. Gives the rework's id."""
    rework_id: int = connection.execute(
        _OPEN_REWORK,
        {
            "serial_id": subject.serial_id,
            "original_process_id": subject.process_ids[event.process],
            "defect_code": defect_code,
            "reason": event.defect_description,
            "started_at": event.at,
            "operator": event.operator_id,
            "is_completed": False,
        },
    ).scalar_one()
    return rework_id


def close_reworks(
    connection: sa.Connection, subject: Subject, process: str, result: str, at: datetime
) -> None:
    """Write how the open rework of the serial at `process` ended."""
    connection.execute(
        sa.update(reworks)
        .where(
            reworks.c.serial_id == subject.serial_id,
            reworks.c.original_process_id == subject.process_ids[process],
            reworks.c.is_completed.is_(False),
        )
        .values(is_completed=True, completed_at=at, final_result=result)
    )


def end_open_work(connection: sa.Connection, serial_id: int, now: datetime) -> None:
    """Close what is open of a scrapped serial: its attempt, which counts in no yield, and its rework."""
    connection.execute(
        sa.update(reworks)
        .where(reworks.c.serial_id == serial_id, reworks.c.is_completed.is_(False))
        .values(is_completed=True, completed_at=now, final_result=SerialStatus.SCRAPPED)
    )
    connection.execute(
        sa.update(process_data)
        .where(process_data.c.serial_id == serial_id, process_data.c.status == AttemptStatus.IN_PROGRESS)
        .values(status=AttemptStatus.ABORTED, updated_at=now)
    )


def abort_attempt(connection: sa.Connection, attempt: Attempt, at: datetime, now: datetime) -> None:
    """End one attempt without a result, at its own time `at`; it counts in no yield."""
    values = {"status": AttemptStatus.ABORTED, "completed_at": at, "updated_at": now}
    connection.execute(sa.update(process_data).where(process_data.c.id == attempt.id).values(**values))


def abort_open_of_lot(connection: sa.Connection, lot_id: int, now: datetime) -> None:
    """End the attempts that are open in a cancelled lot; they count in no yield."""
    of_lot = sa.select(serials.c.id).where(serials.c.lot_id == lot_id)
    connection.execute(
        sa.update(process_data)
        .where(process_data.c.serial_id.in_(of_lot), process_data.c.status == AttemptStatus.IN_PROGRESS)
        .values(status=AttemptStatus.ABORTED, updated_at=now)
    )


def keep_contested(
    connection: sa.Connection,
    event: StartEvent | CompletionEvent,
    code: str,
    content: object,
    *,
    serving: Serving,
) -> None:
    """Keep a report that cannot be taken as it is, for a person to look at; once, however often it comes."""
    values = {
        "serial_number": event.serial_number,
        "process_code": event.process,
        "code": code,
        "content": content,
        "release": serving.release,
        "received_at": serving.now,
        "resolved": False,
    }

    def keep() -> Answer:
        connection.execute(_KEEP, values)
        return Answer(_CONFLICT, "")

    said = json.dumps([event.serial_number, event.process, content], sort_keys=True)
    fingerprint = hashlib.sha256(said.encode()).hexdigest()
    once(connection, Question(f"kept:{code}:{fingerprint}", fingerprint, serving.now), keep)


def list_contested(connection: sa.Connection, serial_number: str) -> list[dict[str, Any]]:
    """The reports about a serial that wait for a person's look, oldest first."""
    query = (
        sa.select(contested_events)
        .where(contested_events.c.serial_number == serial_number, contested_events.c.resolved.is_(False))
        .order_by(contested_events.c.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def unknown_process(field: str, value: str, known: list[str]) -> InvalidInput:
    """The error for a process code that is none of the plant's."""
    listed = ", ".join(known) or "-"
    return invalid(
        field,
        value,
        Words(f"There is no process {value!r}", f"공정 {value!r}이(가) 없습니다"),
        Words(f"Use one of: {listed}", f"다음 중 하나를 사용하세요: {listed}"),
        code="PROCESS_UNKNOWN",
    )
