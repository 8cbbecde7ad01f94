"""Defects in the database. Every function works inside the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.defects.decide import decide_status
from andon_mes.defects.model import (
    LIVE,
    Defect,
    DefectAction,
    DefectEvent,
    DefectStatus,
    Disposition,
    NewDefect,
    Standing,
)
from andon_mes.kernel.errors import NotFound, Problem, Words
from andon_mes.processes.model import MOST_ATTEMPTS, MOST_REWORKS, AttemptStatus
from andon_mes.serials import store as serial_rows
from andon_mes.serials.model import SerialStatus
from andon_mes.store import history
from andon_mes.store.history import Change
from andon_mes.store.schema import (
    defect_codes,
    defects,
    lots,
    process_data,
    processes,
    reworks,
    serials,
    status_history,
)

ENTITY = "defect"
AUTOMATIC = "automatic"
"""Who dispositions where the rule does, and not a person."""

_TO_DISPOSITION: dict[DefectStatus, tuple[DefectAction | DefectEvent, ...]] = {
    DefectStatus.OPEN: (DefectAction.CONTAIN, DefectAction.DISPOSITION),
    DefectStatus.CONTAINED: (DefectAction.DISPOSITION,),
    DefectStatus.DISPOSITIONED: (DefectEvent.RETURN, DefectAction.DISPOSITION),
}
"""The steps from each live status to another disposition."""

_INSERT = sa.insert(defects).returning(defects.c.id)
_LIVE_AT = sa.select(defects.c.id, defects.c.status, defects.c.disposition).where(
    defects.c.serial_id == sa.bindparam("serial_id"),
    defects.c.process_id == sa.bindparam("process_id"),
    defects.c.status.in_(sorted(LIVE)),
)
WAITING = sa.and_(
    defects.c.status.in_(sorted(LIVE)),
    sa.or_(
        defects.c.status != DefectStatus.DISPOSITIONED.value,
        defects.c.disposition == Disposition.REWORK.value,
    ),
)
"""Somebody has still to do something: decide, or rework. A signed concession or a scrap waits for nobody."""

_UPDATE = sa.update(defects).where(defects.c.id == sa.bindparam("defect_id"))
_WAITING_COUNT = sa.select(sa.func.count()).select_from(defects).where(WAITING)
_JOINED = (
    defects.join(serials, serials.c.id == defects.c.serial_id)
    .join(lots, lots.c.id == serials.c.lot_id)
    .join(processes, processes.c.id == defects.c.process_id)
    .outerjoin(defect_codes, defect_codes.c.code == defects.c.defect_code)
)
_DEFECT = sa.select(
    defects,
    serials.c.serial_number,
    lots.c.id.label("lot_id"),
    lots.c.lot_number,
    processes.c.code.label("process"),
    defect_codes.c.severity,
).select_from(_JOINED)
_BY_ID = _DEFECT.where(defects.c.id == sa.bindparam("id"))
_STANDING = sa.select(
    serials.c.status,
    serials.c.held_from,
    serials.c.current_process,
    sa.select(sa.func.count())
    .where(
        process_data.c.serial_id == serials.c.id,
        process_data.c.process_id == sa.bindparam("process_id"),
        process_data.c.status != AttemptStatus.ABORTED,
    )
    .scalar_subquery()
    .label("attempts"),
    sa.select(sa.func.count()).where(reworks.c.serial_id == serials.c.id).scalar_subquery().label("reworks"),
).where(serials.c.id == sa.bindparam("serial_id"))


@dataclass(frozen=True, slots=True)
class DefectFilter:
    """Which defects a page shows; None and nothing mean any. `since` is inclusive, `until` is not."""

    statuses: tuple[DefectStatus, ...] = ()
    is_waiting: bool = False
    process: str | None = None
    code: str | None = None
    lot_number: str | None = None
    serial_number: str | None = None
    disposition: Disposition | None = None
    since: datetime | None = None
    until: datetime | None = None


def open_defect(connection: sa.Connection, new: NewDefect, change: Change) -> int:
    """Write that a defect was found; it is OPEN. Gives its id."""
    defect_id: int = connection.execute(_INSERT, _new_row(new, change)).scalar_one()
    _record(connection, defect_id, [(None, DefectStatus.OPEN)], change)
    return defect_id


def open_failed(connection: sa.Connection, new: NewDefect, rework_id: int | None, change: Change) -> int:
    """Write the defect of a failed attempt: contained, as the interlock lets its serial go nowhere else.

    With a rework that the rule opened it is dispositioned too. The defect whose rework this attempt was
    gives way to it, so that a serial has one live defect at a process.
    """
    _supersede(connection, new, change)
    row = _new_row(new, change) | {"contained_by": change.by, "contained_at": change.at}
    states: list[tuple[str | None, str]] = [
        (None, DefectStatus.OPEN),
        (DefectStatus.OPEN, DefectStatus.CONTAINED),
    ]
    row["status"] = DefectStatus.CONTAINED
    if rework_id is not None:
        states.append((DefectStatus.CONTAINED, DefectStatus.DISPOSITIONED))
        row |= {
            "status": DefectStatus.DISPOSITIONED,
            "disposition": Disposition.REWORK,
            "rework_id": rework_id,
            "dispositioned_by": AUTOMATIC,
            "dispositioned_at": change.at,
        }
    defect_id: int = connection.execute(_INSERT, row).scalar_one()
    _record(connection, defect_id, states, change)
    return defect_id


def verify_reworked(connection: sa.Connection, serial_id: int, process_id: int, change: Change) -> None:
    """Write that the rework of the serial at the process passed: what waited for it is verified."""
    for row in connection.execute(_LIVE_AT, {"serial_id": serial_id, "process_id": process_id}).all():
        if row.disposition == Disposition.REWORK:
            values = {"verified_by": change.by, "verified_at": change.at}
            step = (DefectStatus(row.status), DefectAction.VERIFY)
            set_status(connection, row.id, step, change, **values)


def set_status(
    connection: sa.Connection,
    defect_id: int,
    step: tuple[DefectStatus, DefectAction | DefectEvent],
    change: Change,
    **values: Any,
) -> None:
    """From its status, do what is to be done: write the next one with these columns, and the history.

    Raises: Conflict (DEFECT_STATE) when its status does not allow it.
    """
    before, what = step
    after = decide_status(before, what)
    connection.execute(_UPDATE.values(status=after, **values), {"defect_id": defect_id})
    _record(connection, defect_id, [(before, after)], change)


def give_back(connection: sa.Connection, rework_id: int, change: Change) -> None:
    """Write that the rework came to nothing: its defects wait for quality again."""
    found = connection.execute(
        sa.select(defects.c.id).where(
            defects.c.rework_id == rework_id, defects.c.status == DefectStatus.DISPOSITIONED
        )
    )
    for row in found.all():
        step = (DefectStatus.DISPOSITIONED, DefectEvent.RETURN)
        undone = dict.fromkeys(("disposition", "dispositioned_by", "dispositioned_at", "rework_id"))
        set_status(connection, row.id, step, change, **undone)


def scrap_live(connection: sa.Connection, serial_id: int, change: Change) -> None:
    """Write that scrapping the serial is the disposition of every defect that stood in its way.

    A signed concession stays what was signed.
    """
    scrapped = {
        "disposition": Disposition.SCRAP,
        "dispositioned_by": change.by,
        "dispositioned_at": change.at,
        "reason": change.reason,
    }
    for each in list_live_of_serial(connection, serial_id):
        if each.disposition in {Disposition.SCRAP, Disposition.USE_AS_IS}:
            continue
        before, ahead = each.status, _TO_DISPOSITION[each.status]
        for what in ahead:
            values = scrapped if what is DefectAction.DISPOSITION else {}
            set_status(connection, each.id, (before, what), change, **values)
            before = decide_status(before, what)


def find_of_rework(connection: sa.Connection, rework_id: int) -> int | None:
    """The defect that the rework is of; None when it is of none."""
    return connection.scalar(
        sa.select(defects.c.id).where(defects.c.rework_id == rework_id).order_by(defects.c.id.desc()).limit(1)
    )


def get(connection: sa.Connection, defect_id: int) -> Defect:
    """The defect with this id. Raises: NotFound (DEFECT_UNKNOWN)."""
    row = connection.execute(_BY_ID, {"id": defect_id}).one_or_none()
    if row is None:
        raise NotFound(
            Problem(
                "DEFECT_UNKNOWN",
                Words("There is no such defect", "해당 불량이 없습니다"),
                Words(f"No defect has the id {defect_id}", f"불량 번호 {defect_id}을(를) 찾을 수 없습니다"),
                Words("Look it up under GET defects", "GET defects에서 확인하세요"),
            )
        )
    return _defect(row)


def list_page(
    connection: sa.Connection, chosen: DefectFilter, *, page: int, page_size: int
) -> tuple[list[Defect], int]:
    """One page of defects, newest first, pages from 1, and how many there are in all."""
    conditions = _conditions(chosen)
    total = connection.execute(
        sa.select(sa.func.count()).select_from(_JOINED).where(*conditions)
    ).scalar_one()
    query = (
        _DEFECT.where(*conditions)
        .order_by(defects.c.id.desc())
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    return [_defect(row) for row in connection.execute(query)], total


def count_waiting(connection: sa.Connection) -> int:
    """How many defects wait for a decision or a rework."""
    found: int = connection.execute(_WAITING_COUNT).scalar_one()
    return found


def list_live_of_serial(connection: sa.Connection, serial_id: int) -> list[Defect]:
    """The defects that still stand in the way of the serial, oldest first."""
    query = _DEFECT.where(defects.c.serial_id == serial_id, defects.c.status.in_(sorted(LIVE)))
    return [_defect(row) for row in connection.execute(query.order_by(defects.c.id))]


def list_history(connection: sa.Connection, defect_id: int) -> list[dict[str, Any]]:
    """Every change of a defect's status, oldest first."""
    query = (
        sa.select(status_history)
        .where(status_history.c.entity_type == ENTITY, status_history.c.entity_id == defect_id)
        .order_by(status_history.c.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def standing(connection: sa.Connection, defect: Defect) -> Standing:
    """The serial of `defect` as a disposition finds it."""
    row = connection.execute(
        _STANDING, {"serial_id": defect.serial_id, "process_id": defect.process_id}
    ).one()
    serial = SerialStatus(row.status)
    held_from = SerialStatus(row.held_from) if row.held_from else None
    return Standing(
        serial=serial,
        held_from=held_from,
        at_process=row.current_process == defect.process and SerialStatus.DEFECTIVE in {serial, held_from},
        is_past_limit=row.attempts >= MOST_ATTEMPTS or row.reworks >= MOST_REWORKS,
    )


def is_held_for(connection: sa.Connection, defect: Defect) -> bool:
    """Whether the serial is held for this defect and nothing else."""
    return serial_rows.list_hold_reasons(connection, defect.serial_id) == [hold_reason(defect.id)]


def is_held_otherwise(connection: sa.Connection, defect: Defect) -> bool:
    """Whether more holds the serial than what its failed attempts did: a person, a recall, another defect."""
    ours = {"", defect.defect_code, hold_reason(defect.id)}
    reasons = serial_rows.list_hold_reasons(connection, defect.serial_id)
    return any(each not in ours and not each.startswith("OFFLINE_") for each in reasons)


def hold_reason(defect_id: int) -> str:
    """What the history of a serial says when a defect holds it."""
    return f"defect {defect_id}"


def find_process_id(connection: sa.Connection, code: str) -> int | None:
    """The process with this code, also one that is out of use; None when there is none."""
    return connection.scalar(sa.select(processes.c.id).where(processes.c.code == code))


def find_contained(connection: sa.Connection, serial_id: int, process_id: int) -> int | None:
    """The oldest defect of the serial at the process that waits for a disposition; None when none does."""
    query = (
        sa.select(defects.c.id)
        .where(
            defects.c.serial_id == serial_id,
            defects.c.process_id == process_id,
            defects.c.status.in_([DefectStatus.OPEN, DefectStatus.CONTAINED]),
        )
        .order_by(defects.c.id)
        .limit(1)
    )
    return connection.scalar(query)


def find_unclaimed_failure(connection: sa.Connection, serial_id: int, process_id: int) -> int | None:
    """The attempt at which the serial failed the process last, where no defect is of it; None elsewhere.

    A release without defects may have written it.
    """
    query = (
        sa.select(process_data.c.id, process_data.c.status, defects.c.id.label("defect_id"))
        .outerjoin(defects, defects.c.process_data_id == process_data.c.id)
        .where(process_data.c.serial_id == serial_id, process_data.c.process_id == process_id)
        .order_by(process_data.c.attempt.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    is_unclaimed = row is not None and row.status == AttemptStatus.FAIL and row.defect_id is None
    return row.id if row is not None and is_unclaimed else None


def _supersede(connection: sa.Connection, new: NewDefect, change: Change) -> None:
    for row in connection.execute(_LIVE_AT, {"serial_id": new.serial_id, "process_id": new.process_id}).all():
        if row.disposition == Disposition.REWORK:
            values = {"closed_by": change.by, "closed_at": change.at}
            step = (DefectStatus(row.status), DefectEvent.SUPERSEDE)
            set_status(connection, row.id, step, change, **values)


def _new_row(new: NewDefect, change: Change) -> dict[str, Any]:
    return {
        "serial_id": new.serial_id,
        "process_id": new.process_id,
        "process_data_id": new.attempt_id,
        "defect_code": new.defect_code,
        "description": new.description,
        "status": DefectStatus.OPEN,
        "opened_by": change.by,
        "opened_at": change.at,
    }


def _record(
    connection: sa.Connection, defect_id: int, states: Sequence[tuple[str | None, str]], change: Change
) -> None:
    for each in states:
        history.record(connection, ENTITY, defect_id, each, change)


def _conditions(chosen: DefectFilter) -> list[sa.ColumnElement[bool]]:
    conditions = [
        column == value
        for column, value in (
            (processes.c.code, chosen.process),
            (defects.c.defect_code, chosen.code),
            (lots.c.lot_number, chosen.lot_number),
            (serials.c.serial_number, chosen.serial_number),
            (defects.c.disposition, chosen.disposition),
        )
        if value is not None
    ]
    if chosen.statuses:
        conditions.append(defects.c.status.in_(chosen.statuses))
    if chosen.is_waiting:
        conditions.append(WAITING)
    if chosen.since is not None:
        conditions.append(defects.c.opened_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(defects.c.opened_at < chosen.until)
    return conditions


def _defect(row: sa.Row[Any]) -> Defect:
    return Defect(
        id=row.id,
        serial_id=row.serial_id,
        serial_number=row.serial_number,
        lot_id=row.lot_id,
        lot_number=row.lot_number,
        process_id=row.process_id,
        process=row.process,
        attempt_id=row.process_data_id,
        rework_id=row.rework_id,
        defect_code=row.defect_code,
        severity=row.severity,
        description=row.description,
        status=DefectStatus(row.status),
        disposition=Disposition(row.disposition) if row.disposition else None,
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        contained_by=row.contained_by,
        contained_at=row.contained_at,
        dispositioned_by=row.dispositioned_by,
        dispositioned_at=row.dispositioned_at,
        reason=row.reason,
        signature=row.signature,
        verified_by=row.verified_by,
        verified_at=row.verified_at,
        closed_by=row.closed_by,
        closed_at=row.closed_at,
    )
