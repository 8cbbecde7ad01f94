"""Components in the database. Every function works inside the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.components.model import BomItem, Elsewhere, Holder, Scan, Take, Use, bom_of
from andon_mes.kernel.errors import NotFound, Problem, Words
from andon_mes.lots.model import LotStatus
from andon_mes.processes.refusals import Refusal, problem_of
from andon_mes.recalls import store as recalls
from andon_mes.recalls.model import Target
from andon_mes.serials.model import SerialStatus
from andon_mes.store.schema import component_uses, lots, process_data, processes, product_models, serials
from andon_mes.store.tables.columns import UtcDateTime

_HOLDER = (
    sa.select(
        serials.c.id,
        serials.c.serial_number,
        serials.c.status,
        lots.c.lot_number,
        lots.c.status.label("lot_status"),
        product_models.c.bom,
    )
    .select_from(serials.join(lots).join(product_models))
    .where(serials.c.serial_number == sa.bindparam("number"))
)
_HOLDER_LOCKED = _HOLDER.with_for_update(of=serials, key_share=True)
_USES = (
    sa.select(
        component_uses.c.id,
        component_uses.c.component,
        component_uses.c.component_serial,
        component_uses.c.component_lot,
        component_uses.c.quantity,
        component_uses.c.removed_at,
    )
    .where(component_uses.c.serial_id == sa.bindparam("serial_id"))
    .order_by(component_uses.c.id)
)
_SHOWN = (
    sa.select(component_uses, processes.c.code.label("process"), process_data.c.attempt)
    .select_from(
        component_uses.outerjoin(
            process_data, process_data.c.id == component_uses.c.process_data_id
        ).outerjoin(processes, processes.c.id == process_data.c.process_id)
    )
    .where(component_uses.c.serial_id == sa.bindparam("serial_id"))
    .order_by(component_uses.c.id)
)
_OPEN_ATTEMPT = (
    sa.select(process_data.c.id)
    .join(processes, processes.c.id == process_data.c.process_id)
    .where(
        process_data.c.serial_id == sa.bindparam("serial_id"),
        processes.c.code == sa.bindparam("process"),
        process_data.c.status == "IN_PROGRESS",
    )
)
_HELD_BY = (
    sa.select(component_uses.c.component, serials.c.serial_number)
    .join(serials, serials.c.id == component_uses.c.serial_id)
    .where(
        component_uses.c.component_serial == sa.bindparam("number"),
        component_uses.c.removed_at.is_(None),
    )
)
_OWN = sa.select(serials.c.id, serials.c.status).where(serials.c.serial_number == sa.bindparam("number"))
# Whether `outer_id` is `inner_id`, or holds it at any depth: up to all that the inner one is in. The case is
# store/recursive.py.
_CONTAINS = sa.text("""
    with recursive above (id) as (
        select id from serials where id = :inner_id
        union
        select u.serial_id from above
        join component_uses u on u.subassembly_id = above.id
            and case when above.id is not null then u.removed_at end is null
    )
    select 1 from above where id = :outer_id limit 1
""")
# Nothing is returned where another serial took the component in this very moment (component_uses_one_place).
_INSERT = sa.text("""
    insert into component_uses
        (serial_id, process_data_id, component, component_serial, component_lot, subassembly_id, quantity,
         operator_id, scanned_at)
    values (:serial_id, :process_data_id, :component, :component_serial, :component_lot, :subassembly_id,
            :quantity, :operator_id, :scanned_at)
    on conflict do nothing returning id
""").bindparams(sa.bindparam("scanned_at", type_=UtcDateTime()))
_REMOVE = (
    sa.update(component_uses)
    .where(component_uses.c.id == sa.bindparam("use_id"))
    .values(removed_at=sa.bindparam("at"), removed_by=sa.bindparam("by"), removal_reason=sa.bindparam("why"))
)


@dataclass(frozen=True, slots=True)
class Taker:
    """The serial that takes components, with its bill of materials and what is in it."""

    serial_id: int
    holder: Holder
    bom: tuple[BomItem, ...]
    uses: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class Booked:
    """Who booked, when, and in which attempt; None where none is open."""

    by: str
    at: datetime
    attempt_id: int | None


def get_taker(connection: sa.Connection, number: str, *, locked: bool = True) -> Taker:
    """The serial with this number as one that takes components; `locked` until the transaction ends.

    Raises: NotFound (SERIAL_UNKNOWN).
    """
    row = connection.execute(_HOLDER_LOCKED if locked else _HOLDER, {"number": number}).one_or_none()
    if row is None:
        raise NotFound(problem_of(Refusal.SERIAL_UNKNOWN, {"serial": number}))
    holder = Holder(row.serial_number, SerialStatus(row.status), row.lot_number, LotStatus(row.lot_status))
    return Taker(row.id, holder, bom_of(row.bom), tuple(list_uses(connection, row.id)))


def list_uses(connection: sa.Connection, serial_id: int) -> list[Use]:
    """What is and was in the serial, in the order of the scans."""
    return [Use(*row) for row in connection.execute(_USES, {"serial_id": serial_id})]


def list_shown(connection: sa.Connection, serial_id: int) -> list[dict[str, Any]]:
    """What is and was in the serial, as rows with the process and attempt at which it was put in."""
    return [dict(row) for row in connection.execute(_SHOWN, {"serial_id": serial_id}).mappings()]


def find_open_attempt(connection: sa.Connection, serial_id: int, process: str) -> int | None:
    """The attempt of the serial that is open at `process`; None when there is none."""
    found: int | None = connection.execute(
        _OPEN_ATTEMPT, {"serial_id": serial_id, "process": process}
    ).scalar_one_or_none()
    return found


def look_elsewhere(connection: sa.Connection, taker: Taker, scan: Scan) -> Elsewhere:
    """What is known of the scanned number beside the serial that takes it."""
    number = scan.component_serial
    target = Target(number, scan.component_lot, scan.component)
    recall = recalls.find_open(connection, target)
    if number is None:
        return Elsewhere(recall=recall)
    own = connection.execute(_OWN, {"number": number}).one_or_none()
    if own is not None and recall is None:  # it may be what is inside of it that is recalled
        recall = recalls.find_open_of(connection, own.id)
    held_by = [
        row.serial_number
        for row in connection.execute(_HELD_BY, {"number": number})
        if own is not None or row.component == scan.component
    ]
    is_around = own is not None and (
        connection.execute(_CONTAINS, {"inner_id": taker.serial_id, "outer_id": own.id}).first() is not None
    )
    return Elsewhere(
        is_in=held_by[0] if held_by else None,
        status=SerialStatus(own.status) if own else None,
        contains_holder=is_around,
        recall=recall,
    )


def insert_use(connection: sa.Connection, serial_id: int, take: Take, booked: Booked) -> int | None:
    """Write the use; its id, or None when another serial has the component meanwhile."""
    own = connection.execute(_OWN, {"number": take.scan.component_serial}).one_or_none()
    values = {
        "subassembly_id": own.id if own else None,
        "serial_id": serial_id,
        "process_data_id": booked.attempt_id,
        "component": take.scan.component,
        "component_serial": take.scan.component_serial,
        "component_lot": take.scan.component_lot,
        "quantity": take.quantity,
        "operator_id": booked.by,
        "scanned_at": booked.at,
    }
    made: int | None = connection.execute(_INSERT, values).scalar_one_or_none()
    return made


def remove_use(connection: sa.Connection, use_id: int, *, by: str | None, at: datetime, reason: str) -> None:
    """Write that the component was taken out; the row stays."""
    connection.execute(_REMOVE, {"use_id": use_id, "at": at, "by": by, "why": reason})


def get_use(taker: Taker, use_id: int) -> Use:
    """The use of this serial with this id. Raises: NotFound (COMPONENT_USE_UNKNOWN)."""
    found = next((each for each in taker.uses if each.id == use_id), None)
    if found is None:
        raise NotFound(
            Problem(
                "COMPONENT_USE_UNKNOWN",
                Words("There is no such component", "해당 구성품 기록이 없습니다"),
                Words(
                    f"{taker.holder.serial_number} has no component use {use_id}",
                    f"{taker.holder.serial_number}에 구성품 기록 {use_id}이(가) 없습니다",
                ),
                Words("List the components of the serial", "시리얼의 구성품 목록을 확인하세요"),
            )
        )
    return found
