"""Serials in the database. Every function works inside the caller's transaction."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.kernel.errors import NotFound
from andon_mes.lots.model import Lot
from andon_mes.numbers.checksum import checksum
from andon_mes.numbers.patterns import LotKey, SerialKey, serial_number
from andon_mes.processes.refusals import Refusal, problem_of
from andon_mes.serials.model import DONE, Serial, SerialStatus, is_only_abort
from andon_mes.store import history
from andon_mes.store.history import Change
from andon_mes.store.schema import (
    process_data,
    processes,
    product_models,
    recall_units,
    recalls,
    serials,
    status_history,
)

_BY_NUMBER = sa.select(serials).where(serials.c.serial_number == sa.bindparam("number"))
_OF_LOT = (
    sa.select(serials).where(serials.c.lot_id == sa.bindparam("lot_id")).order_by(serials.c.sequence_in_lot)
)
_HOLDS = (
    sa.select(status_history.c.old_status, status_history.c.reason)
    .where(
        status_history.c.entity_type == "serial",
        status_history.c.entity_id == sa.bindparam("serial_id"),
        status_history.c.new_status == SerialStatus.HOLD,
    )
    .order_by(status_history.c.id.desc())
)
_IS_UNBEGUN = (serials.c.started_at.is_(None), serials.c.status.not_in(sorted(DONE)))
_IS_UNDER_WAY = (
    serials.c.started_at.is_not(None),
    serials.c.status.not_in(sorted({*DONE, SerialStatus.HOLD})),
)
_IS_SHIPPABLE = (
    serials.c.status == SerialStatus.COMPLETED,
    ~sa.exists()
    .where(recall_units.c.serial_id == serials.c.id)
    .where(recalls.c.id == recall_units.c.recall_id, recalls.c.ended_at.is_(None)),
)


def generate(connection: sa.Connection, lot: Lot, quantity: int, change: Change) -> list[Serial]:
    """Make `quantity` serials behind those the lot has, in CREATED. The caller has checked the room."""
    last = connection.execute(
        sa.select(sa.func.max(serials.c.sequence_in_lot)).where(serials.c.lot_id == lot.id)
    ).scalar_one()
    pattern = connection.execute(
        sa.select(product_models.c.serial_pattern).where(product_models.c.code == lot.product_model)
    ).scalar_one()
    key = LotKey(lot.plant_code, lot.production_date, lot.shift, lot.sequence)
    first = (last or 0) + 1
    rows = [
        _new_row(lot, SerialKey(key, place), pattern, change.at) for place in range(first, first + quantity)
    ]
    connection.execute(sa.insert(serials), rows)
    made = [each for each in list_of_lot(connection, lot.id) if each.sequence_in_lot >= first]
    states = (None, SerialStatus.CREATED)
    rows = [history.row("serial", each.id, states, change) for each in made]
    connection.execute(sa.insert(status_history), rows)
    return made


def get(connection: sa.Connection, number: str) -> Serial:
    """The serial with this number. Raises: NotFound (SERIAL_UNKNOWN)."""
    row = connection.execute(_BY_NUMBER, {"number": number}).one_or_none()
    if row is None:
        raise NotFound(problem_of(Refusal.SERIAL_UNKNOWN, {"serial": number}))
    return _serial(row)


def list_of_lot(connection: sa.Connection, lot_id: int) -> list[Serial]:
    """The serials of a lot, in their order."""
    return [_serial(row) for row in connection.execute(_OF_LOT, {"lot_id": lot_id})]


def list_attempts(connection: sa.Connection, serial_id: int) -> list[dict[str, Any]]:
    """Every attempt of a serial as its row with the process's code, in the order of their own times."""
    query = (
        sa.select(process_data, processes.c.code.label("process"))
        .join(processes, processes.c.id == process_data.c.process_id)
        .where(process_data.c.serial_id == serial_id)
        .order_by(process_data.c.started_at, process_data.c.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def list_history(connection: sa.Connection, serial_id: int) -> list[dict[str, Any]]:
    """Every change of a serial's status, oldest first; what came late stands at its own time."""
    query = (
        sa.select(status_history)
        .where(status_history.c.entity_type == "serial", status_history.c.entity_id == serial_id)
        .order_by(status_history.c.changed_at, status_history.c.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def set_status(connection: sa.Connection, serial: Serial, after: SerialStatus, change: Change) -> None:
    """Move the serial to `after` at a person's word, remember where a hold came from, write the history.

    A hold that joins another is on the history and changes nothing else.
    """
    came_from = serial.held_from or serial.status
    values: dict[str, Any] = {
        "status": after,
        "held_from": came_from if after is SerialStatus.HOLD else None,
    }
    if after is SerialStatus.SCRAPPED:
        values |= {"completed_at": change.at, "is_defective": True}
    if after is SerialStatus.SHIPPED:
        values["shipped_at"] = change.at
    connection.execute(sa.update(serials).where(serials.c.id == serial.id).values(**values))
    history.record(connection, "serial", serial.id, (serial.status, after), change)


def list_hold_reasons(connection: sa.Connection, serial_id: int) -> list[str]:
    """Why the serial is held, newest first: what began its last hold, and what joined it."""
    reasons = []
    for old, reason in connection.execute(_HOLDS, {"serial_id": serial_id}):
        if not is_only_abort(old, reason):
            reasons.append(reason or "")
        if old != SerialStatus.HOLD:
            break
    return reasons


def keep_held(connection: sa.Connection, serial: Serial, after: SerialStatus, **values: Any) -> None:
    """Let a held serial go to `after` once it is released; until then it stays held."""
    connection.execute(sa.update(serials).where(serials.c.id == serial.id).values(held_from=after, **values))


def void_unbegun(connection: sa.Connection, lot_id: int, change: Change) -> None:
    """End the serials of a lot that were never begun: numbers without a part, SCRAPPED but not defective.

    They count neither as made nor as defective (docs/design/mes.md, rule 9).
    """
    _move_all(connection, _IS_UNBEGUN, lot_id, {"status": SerialStatus.SCRAPPED, "held_from": None}, change)


def hold_unfinished(connection: sa.Connection, lot_id: int, change: Change) -> None:
    """Hold what is under way in a lot that is over, where a person finds it. One on a machine waits then."""
    values = {
        "status": SerialStatus.HOLD,
        "held_from": sa.case(
            (serials.c.status == SerialStatus.IN_PROCESS, SerialStatus.WAITING), else_=serials.c.status
        ),
    }
    _move_all(connection, _IS_UNDER_WAY, lot_id, values, change)
    # What was held while it was on a machine waits as well: its attempt is ended.
    held = (serials.c.lot_id == lot_id, serials.c.held_from == SerialStatus.IN_PROCESS)
    connection.execute(sa.update(serials).where(*held).values(held_from=SerialStatus.WAITING))


def ship_finished(connection: sa.Connection, lot_id: int, change: Change) -> int:
    """Ship every finished serial of a lot that is neither held nor recalled, and give how many."""
    values = {"status": SerialStatus.SHIPPED, "shipped_at": change.at}
    return _move_all(connection, _IS_SHIPPABLE, lot_id, values, change)


def _move_all(
    connection: sa.Connection,
    which: tuple[sa.ColumnElement[bool], ...],
    lot_id: int,
    values: dict[str, Any],
    change: Change,
) -> int:
    chosen = (serials.c.lot_id == lot_id, *which)
    found = connection.execute(sa.select(serials.c.id, serials.c.status).where(*chosen)).all()
    if not found:
        return 0
    connection.execute(sa.update(serials).where(*chosen).values(**values))
    rows = [history.row("serial", each.id, (each.status, values["status"]), change) for each in found]
    connection.execute(sa.insert(status_history), rows)
    return len(found)


def _new_row(lot: Lot, key: SerialKey, pattern: str, at: datetime) -> dict[str, Any]:
    number = serial_number(key, pattern)
    return {
        "serial_number": number,
        "lot_id": lot.id,
        "sequence_in_lot": key.place,
        "checksum": checksum(number),
        "status": SerialStatus.CREATED,
        "is_defective": False,
        "created_at": at,
    }


def _serial(row: sa.Row[Any]) -> Serial:
    return Serial(
        id=row.id,
        serial_number=row.serial_number,
        lot_id=row.lot_id,
        sequence_in_lot=row.sequence_in_lot,
        checksum=row.checksum,
        status=SerialStatus(row.status),
        held_from=SerialStatus(row.held_from) if row.held_from else None,
        current_process=row.current_process,
        is_defective=row.is_defective,
        defect_code=row.defect_code,
        defect_description=row.defect_description,
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        shipped_at=row.shipped_at,
    )
