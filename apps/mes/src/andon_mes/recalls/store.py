"""Recalls in the database: sets, never serial by serial. Every function works in the caller's transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.kernel.errors import NotFound, Problem, Words
from andon_mes.recalls.model import Outcome, Recall, Target, Unit, look_of, number_of, outcome_of
from andon_mes.serials.model import SerialStatus
from andon_mes.store import counters
from andon_mes.store.recursive import tied
from andon_mes.store.schema import component_uses, lots, recall_units, recalls, serials, status_history

_COUNTER = "recalls"
_OUTCOME = sa.case(*((serials.c.status == status.value, outcome_of(status).value) for status in SerialStatus))
_LOOK = sa.case(*((serials.c.status == status.value, look_of(status).value) for status in SerialStatus))


def _seed(number: Any, *, by_lot: bool) -> sa.CTE:
    """The serials that hold the component themselves, and those whose own number it is."""
    named = component_uses.c.component_lot if by_lot else component_uses.c.component_serial
    component: sa.BindParameter[str | None] = sa.bindparam("component", type_=sa.String())
    direct = sa.select(component_uses.c.serial_id.label("id")).where(
        named == number,
        component_uses.c.removed_at.is_(None),
        sa.or_(component.is_(None), component_uses.c.component == component),
    )
    own = sa.select(serials.c.id).where(component.is_(None))
    if by_lot:
        own = own.join(lots, lots.c.id == serials.c.lot_id).where(lots.c.lot_number == number)
    else:
        own = own.where(serials.c.serial_number == number)
    return sa.union(direct, own).cte("seed")


def _affected(*, by_lot: bool) -> sa.CTE:
    """The ids of all units that contain the component at any depth; each once, whatever leads to it."""
    seed = _seed(sa.bindparam("number", type_=sa.String()), by_lot=by_lot)
    affected = sa.select(seed.c.id).cte("affected", recursive=True)
    around = (
        sa.select(component_uses.c.serial_id)
        .join(affected, component_uses.c.subassembly_id == affected.c.id)
        .where(tied(affected.c.id, component_uses.c.removed_at).is_(None))
    )
    return affected.union(around)


def _found(*, by_lot: bool) -> sa.Select[Any]:
    affected = _affected(by_lot=by_lot)
    return (
        sa.select(
            serials.c.serial_number,
            lots.c.lot_number,
            serials.c.status.label("found_status"),
            serials.c.status,
            _LOOK.label("outcome"),
            serials.c.shipped_at,
        )
        .join(affected, affected.c.id == serials.c.id)
        .join(lots, lots.c.id == serials.c.lot_id)
        .order_by(serials.c.id)
    )


def _keep(*, by_lot: bool) -> sa.Insert:
    """In the order of their ids, so that two recalls at once wait for each other instead of both."""
    affected = _affected(by_lot=by_lot)
    found = (
        sa.select(
            sa.bindparam("recall_id", type_=sa.Integer()).label("recall_id"),
            serials.c.id,
            serials.c.status,
            _OUTCOME,
        )
        .where(serials.c.id.in_(sa.select(affected.c.id)))
        .order_by(serials.c.id)
        .with_for_update(of=serials, key_share=True)
    )
    return sa.insert(recall_units).from_select(["recall_id", "serial_id", "status", "outcome"], found)


_FOUND = {by_lot: _found(by_lot=by_lot) for by_lot in (False, True)}
_KEEP = {by_lot: _keep(by_lot=by_lot) for by_lot in (False, True)}
_OF_RECALL = recall_units.c.recall_id == sa.bindparam("recall_id", type_=sa.Integer())
_HISTORY_COLUMNS = [
    "entity_type", "entity_id", "old_status", "new_status", "changed_by", "changed_at", "reason",
]  # fmt: skip
_HOLD_HISTORY = sa.insert(status_history).from_select(
    _HISTORY_COLUMNS,
    sa.select(
        sa.literal("serial"),
        recall_units.c.serial_id,
        recall_units.c.status,
        sa.literal(SerialStatus.HOLD.value),
        sa.bindparam("by", type_=sa.String()),
        sa.bindparam("at", type_=status_history.c.changed_at.type),
        sa.bindparam("why", type_=sa.String()),
    ).where(_OF_RECALL, recall_units.c.outcome.in_([Outcome.HELD, Outcome.ALREADY_HELD])),
)
_HOLD = (
    sa.update(serials)
    .where(
        serials.c.id.in_(
            sa.select(recall_units.c.serial_id).where(_OF_RECALL, recall_units.c.outcome == Outcome.HELD)
        )
    )
    .values(held_from=serials.c.status, status=SerialStatus.HOLD.value)
)
_UNITS = (
    sa.select(
        serials.c.serial_number,
        lots.c.lot_number,
        recall_units.c.status.label("found_status"),
        serials.c.status,
        recall_units.c.outcome,
        serials.c.shipped_at,
    )
    .select_from(recall_units)
    .join(serials, serials.c.id == recall_units.c.serial_id)
    .join(lots, lots.c.id == serials.c.lot_id)
    .where(_OF_RECALL)
    .order_by(recall_units.c.serial_id)
)
_RECALL = sa.select(recalls)
_OPEN_OF_SERIAL = (
    sa.select(recalls.c.number)
    .join(recall_units, recall_units.c.recall_id == recalls.c.id)
    .where(recall_units.c.serial_id == sa.bindparam("serial_id"), recalls.c.ended_at.is_(None))
    .order_by(recalls.c.id)
    .limit(1)
)
_OPEN = sa.select(recalls.c.number).where(
    recalls.c.ended_at.is_(None),
    sa.or_(
        recalls.c.component_serial == sa.bindparam("component_serial", type_=sa.String()),
        recalls.c.component_lot == sa.bindparam("component_lot", type_=sa.String()),
    ),
    sa.or_(
        recalls.c.component.is_(None),
        recalls.c.component == sa.bindparam("component", type_=sa.String()),
    ),
).limit(1)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opened:
    """Who opened a recall, when and why."""

    by: str
    at: datetime
    reason: str


def list_affected(connection: sa.Connection, target: Target) -> list[Unit]:
    """The units that contain the target now, in the order they were made; nothing is written."""
    query = _FOUND[target.component_lot is not None]
    return _units(connection.execute(query, _named(target)))


def open_recall(connection: sa.Connection, target: Target, opened: Opened) -> Recall:
    """Keep a recall of the target, and hold every unit that contains it and can be held."""
    number = number_of(counters.next_value(connection, _COUNTER))
    recall_id: int = connection.execute(
        sa.insert(recalls).returning(recalls.c.id),
        {
            "number": number,
            "component": target.component,
            "component_serial": target.component_serial,
            "component_lot": target.component_lot,
            "reason": opened.reason,
            "opened_by": opened.by,
            "opened_at": opened.at,
        },
    ).scalar_one()
    connection.execute(_KEEP[target.component_lot is not None], _named(target) | {"recall_id": recall_id})
    why = f"{number}: {opened.reason}"[:500]
    about = {"recall_id": recall_id, "by": opened.by, "at": opened.at, "why": why}
    connection.execute(_HOLD_HISTORY, about)
    connection.execute(_HOLD, {"recall_id": recall_id})
    return get(connection, number)


def get(connection: sa.Connection, number: str) -> Recall:
    """The recall with this number. Raises: NotFound (RECALL_UNKNOWN)."""
    row = connection.execute(_RECALL.where(recalls.c.number == number)).one_or_none()
    if row is None:
        raise NotFound(
            Problem(
                "RECALL_UNKNOWN",
                Words("There is no such recall", "해당 리콜이 없습니다"),
                Words(f"No recall has the number {number!r}", f"리콜 {number!r}을(를) 찾을 수 없습니다"),
                Words("See GET /api/v1/recalls", "GET /api/v1/recalls를 확인하세요"),
            )
        )
    return _recall(row)


def list_page(connection: sa.Connection, *, page: int, page_size: int) -> tuple[list[Recall], int]:
    """One page of recalls, newest first, pages from 1, and how many there are in all."""
    total: int = connection.execute(sa.select(sa.func.count()).select_from(recalls)).scalar_one()
    query = _RECALL.order_by(recalls.c.id.desc()).limit(page_size).offset((page - 1) * page_size)
    return [_recall(row) for row in connection.execute(query)], total


def list_units(connection: sa.Connection, recall: Recall) -> list[Unit]:
    """The units that the recall found, in the order they were made."""
    return _units(connection.execute(_UNITS, {"recall_id": recall.id}))


def find_open(connection: sa.Connection, target: Target) -> str | None:
    """The number of an open recall of this component serial or lot; None when there is none."""
    found: str | None = connection.execute(
        _OPEN,
        {
            "component_serial": target.component_serial,
            "component_lot": target.component_lot,
            "component": target.component,
        },
    ).scalar_one_or_none()
    return found


def find_open_of(connection: sa.Connection, serial_id: int) -> str | None:
    """The number of the oldest open recall that names this serial; None when there is none."""
    return connection.scalar(_OPEN_OF_SERIAL, {"serial_id": serial_id})


def end(connection: sa.Connection, recall: Recall, ended: Opened) -> Recall:
    """Write that the recall is over. What it held stays held until a person releases it."""
    connection.execute(
        sa.update(recalls)
        .where(recalls.c.id == recall.id)
        .values(ended_by=ended.by, ended_at=ended.at, end_reason=ended.reason)
    )
    return get(connection, recall.number)


def _named(target: Target) -> dict[str, Any]:
    return {"number": target.component_lot or target.component_serial, "component": target.component}


def _units(rows: Iterable[Any]) -> list[Unit]:
    return [Unit._make(row) for row in rows]


def _recall(row: sa.Row[Any]) -> Recall:
    return Recall(
        id=row.id,
        number=row.number,
        target=Target(row.component_serial, row.component_lot, row.component),
        reason=row.reason,
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        ended_by=row.ended_by,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
    )
