"""Lots in the database. Every function works inside the caller's transaction."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.kernel.errors import NotFound, Problem, Words, invalid
from andon_mes.lots.decide import may_close
from andon_mes.lots.model import OPEN, RUNNING, Lot, LotStatus, NewLot, Priority, Production, Quantities
from andon_mes.numbers.patterns import LotKey, lot_number
from andon_mes.serials.model import DONE, SerialStatus
from andon_mes.store import counters, history
from andon_mes.store.history import Change
from andon_mes.store.schema import lots, product_models, serials

_LOT = sa.select(lots, product_models.c.code.label("product_model")).join(product_models)
_BY_NUMBER = _LOT.where(lots.c.lot_number == sa.bindparam("number"))
_BY_ID = _LOT.where(lots.c.id == sa.bindparam("id"))
COUNTED_AS = sa.case(
    (serials.c.status == sa.literal_column(f"'{SerialStatus.HOLD}'"), serials.c.held_from),
    else_=serials.c.status,
)
"""A serial's status for counting: one that is held counts as what it was."""

_QUANTITIES = (
    sa.select(COUNTED_AS, serials.c.is_defective, sa.func.count())
    .where(serials.c.lot_id == sa.bindparam("lot_id"))
    .group_by(COUNTED_AS, serials.c.is_defective)
)
_FINISHED = frozenset({SerialStatus.COMPLETED, SerialStatus.SHIPPED})
_UNFINISHED = (
    sa.select(serials.c.id)
    .where(
        serials.c.lot_id == sa.bindparam("lot_id"),
        serials.c.status.in_([status for status in SerialStatus if status not in DONE]),
    )
    .limit(1)
)
_BY_MODEL = (
    sa.select(
        product_models.c.code,
        sa.func.count(lots.c.id).label("open_lots"),
        sa.func.count(sa.case((lots.c.status.in_(sorted(RUNNING)), 1))).label("running_lots"),
    )
    .outerjoin(lots, sa.and_(lots.c.product_model_id == product_models.c.id, lots.c.status.in_(sorted(OPEN))))
    .group_by(product_models.c.code)
    .order_by(product_models.c.code)
)
_IN_PROCESS = (
    sa.select(product_models.c.code, sa.func.count().label("serials"))
    .select_from(serials.join(lots).join(product_models))
    .where(lots.c.status.in_(sorted(OPEN)), serials.c.status == SerialStatus.IN_PROCESS)
    .group_by(product_models.c.code)
)
_LOCK = sa.select(lots.c.id).where(lots.c.id == sa.bindparam("lot_id")).with_for_update(key_share=True)
_GENERATED = sa.select(sa.func.count()).where(serials.c.lot_id == sa.bindparam("lot_id"))


@dataclass(frozen=True, slots=True)
class LotFilter:
    """Which lots a page shows; None and nothing mean any."""

    statuses: tuple[LotStatus, ...] = ()
    priority: Priority | None = None
    plant_code: str | None = None
    production_date: date | None = None


def create(connection: sa.Connection, new: NewLot, at: datetime) -> Lot:
    """Make a lot in DRAFT, with the next number of its plant, date and shift.

    Raises: InvalidInput when the product model is not there or not active.
    """
    model = connection.execute(
        sa.select(product_models).where(
            product_models.c.code == new.product_model, product_models.c.is_active
        )
    ).one_or_none()
    if model is None:
        raise _unknown_model(connection, new.product_model)
    counter = f"lot/{new.plant_code}/{new.production_date:%Y%m%d}/{new.shift}"
    sequence = counters.next_value(connection, counter)
    key = LotKey(new.plant_code, new.production_date, new.shift, sequence)
    values = {
        "lot_number": lot_number(key, model.lot_pattern),
        "plant_code": new.plant_code,
        "product_model_id": model.id,
        "shift": new.shift,
        "production_date": new.production_date,
        "sequence": sequence,
        "target_quantity": new.target_quantity,
        "status": LotStatus.DRAFT,
        "priority": new.priority,
        "created_at": at,
        "created_by": new.created_by,
        "notes": new.notes,
    }
    lot_id = connection.execute(sa.insert(lots).returning(lots.c.id), values).scalar_one()
    history.record(connection, "lot", lot_id, (None, LotStatus.DRAFT), Change(new.created_by, at))
    return get_by_id(connection, lot_id)


def get(connection: sa.Connection, number: str) -> Lot:
    """The lot with this number. Raises: NotFound (LOT_UNKNOWN)."""
    row = connection.execute(_BY_NUMBER, {"number": number}).one_or_none()
    if row is None:
        raise _unknown_lot(number)
    return _lot(row)


def get_by_id(connection: sa.Connection, lot_id: int) -> Lot:
    """The lot with this id. Raises: NotFound (LOT_UNKNOWN)."""
    row = connection.execute(_BY_ID, {"id": lot_id}).one_or_none()
    if row is None:
        raise _unknown_lot(str(lot_id))
    return _lot(row)


def list_page(
    connection: sa.Connection, chosen: LotFilter, *, page: int, page_size: int
) -> tuple[list[Lot], int]:
    """One page of lots, newest first, pages from 1, and how many there are in all."""
    conditions = [
        column == value
        for column, value in (
            (lots.c.priority, chosen.priority),
            (lots.c.plant_code, chosen.plant_code),
            (lots.c.production_date, chosen.production_date),
        )
        if value is not None
    ]
    if chosen.statuses:
        conditions.append(lots.c.status.in_(chosen.statuses))
    total = connection.execute(sa.select(sa.func.count()).select_from(lots).where(*conditions)).scalar_one()
    query = _LOT.where(*conditions).order_by(lots.c.id.desc()).limit(page_size).offset((page - 1) * page_size)
    return [_lot(row) for row in connection.execute(query)], total


def set_status(connection: sa.Connection, lot: Lot, after: LotStatus, change: Change) -> None:
    """Move the lot to `after`, remember where a hold came from, and write the history."""
    values: dict[str, Any] = {"status": after, "held_from": lot.status if after is LotStatus.HOLD else None}
    if after is LotStatus.IN_PROGRESS and lot.started_at is None:
        values["started_at"] = change.at
    if after is LotStatus.CLOSED:
        values["completed_at"] = change.at
    connection.execute(sa.update(lots).where(lots.c.id == lot.id).values(**values))
    history.record(connection, "lot", lot.id, (lot.status, after), change)


def close_when_complete(connection: sa.Connection, lot_id: int, change: Change) -> None:
    """Close the lot when every serial it is to have is there, and finished or scrapped.

    docs/design/mes.md, rule 4.
    """
    connection.execute(_LOCK, {"lot_id": lot_id})  # of two last serials, the later sees the earlier one
    if connection.execute(_UNFINISHED, {"lot_id": lot_id}).first() is not None:
        return
    lot = get_by_id(connection, lot_id)
    generated: int = connection.execute(_GENERATED, {"lot_id": lot_id}).scalar_one()
    if may_close(lot.status, generated=generated, target=lot.target_quantity):
        set_status(connection, lot, LotStatus.CLOSED, change)


def amend(connection: sa.Connection, lot: Lot, *, priority: Priority | None, notes: str | None) -> None:
    """Change the lot's priority or notes; None leaves them."""
    values = {key: value for key, value in (("priority", priority), ("notes", notes)) if value is not None}
    if values:
        connection.execute(sa.update(lots).where(lots.c.id == lot.id).values(**values))


def quantities(connection: sa.Connection, lot_id: int) -> Quantities:
    """Counted from the serials, never stored (docs/design/mes.md, rule 4)."""
    generated = actual = defect = 0
    for status, is_defective, count in connection.execute(_QUANTITIES, {"lot_id": lot_id}):
        generated += count
        actual += count if status in _FINISHED else 0
        defect += count if status not in _FINISHED and is_defective else 0
    return Quantities(generated, actual, defect)


def production(connection: sa.Connection, product_model: str | None = None) -> list[Production]:
    """What is under way, by product model; of one alone where it is named.

    Raises: InvalidInput when there is no such model: a misspelt one must not look as if nothing ran.
    """
    in_process = {row.code: row.serials for row in connection.execute(_IN_PROCESS)}
    found = [
        Production(row.code, row.open_lots, row.running_lots, in_process.get(row.code, 0))
        for row in connection.execute(_BY_MODEL)
        if product_model in {None, row.code}
    ]
    if product_model is not None and not found:
        raise _unknown_model(connection, product_model)
    return found


def _lot(row: sa.Row[Any]) -> Lot:
    return Lot(
        id=row.id,
        lot_number=row.lot_number,
        plant_code=row.plant_code,
        product_model=row.product_model,
        shift=row.shift,
        production_date=row.production_date,
        sequence=row.sequence,
        target_quantity=row.target_quantity,
        status=LotStatus(row.status),
        held_from=LotStatus(row.held_from) if row.held_from else None,
        priority=Priority(row.priority),
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        created_by=row.created_by,
        notes=row.notes,
    )


def _unknown_lot(number: str) -> NotFound:
    return NotFound(
        Problem(
            "LOT_UNKNOWN",
            Words("There is no such lot", "해당 로트가 없습니다"),
            Words(f"No lot has the number {number!r}", f"로트 번호 {number!r}을(를) 찾을 수 없습니다"),
            Words("Check the number on the traveller", "작업 지시서의 번호를 확인하세요"),
        )
    )


def _unknown_model(connection: sa.Connection, code: str) -> Exception:
    known = ", ".join(
        connection.scalars(sa.select(product_models.c.code).where(product_models.c.is_active).limit(10))
    )
    return invalid(
        "product_model",
        code,
        Words(f"There is no product model {code!r}", f"제품 모델 {code!r}이(가) 없습니다"),
        Words(f"Use one of: {known}", f"다음 중 하나를 사용하세요: {known}"),
        code="PRODUCT_MODEL_UNKNOWN",
    )
