"""What the figures are counted from. Every function reads inside the caller's transaction; none writes.

The statements are made once, and each is bounded by what is open or by the period asked for, never by all
that was ever made (bench/mes: the summary takes the same time over a hundred times the history).
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from andon_mes.defects import store as defect_rows
from andon_mes.lots.model import OPEN, RUNNING, LotStatus
from andon_mes.lots.store import COUNTED_AS
from andon_mes.reports.model import Counts, Quantities, route_of
from andon_mes.reports.period import Period
from andon_mes.reports.today import (
    IN_WORK,
    Attention,
    Call,
    Equipment,
    Model,
    Process,
    Rows,
    Running,
    Waiting,
)
from andon_mes.serials.model import SerialStatus
from andon_mes.store.schema import (
    calls,
    equipment,
    lots,
    process_data,
    processes,
    product_models,
    reworks,
    serials,
)

_FINISHED = (SerialStatus.COMPLETED, SerialStatus.SHIPPED)
_OPEN_LOTS = sorted(OPEN)

_PROCESSES = (
    sa.select(processes.c.code, processes.c.name, processes.c.name_ko, processes.c.standard_cycle_time)
    .where(processes.c.is_active)
    .order_by(processes.c.sequence_order)
)
_MODELS = (
    sa.select(product_models.c.code, product_models.c.route)
    .where(product_models.c.is_active)
    .order_by(product_models.c.code)
)
_OF_PERIOD = (
    process_data.c.completed_at >= sa.bindparam("begins_at"),
    process_data.c.completed_at < sa.bindparam("ends_at"),
    process_data.c.is_pass.is_not(None),
)
# The lot is looked up for each attempt: a join lets PostgreSQL read every serial that was ever made.
_LOT_OF_ATTEMPT = (
    sa.select(serials.c.lot_id).where(serials.c.id == process_data.c.serial_id).scalar_subquery()
)


def _counted(lot: sa.ColumnElement[Any]) -> sa.Subquery:
    tried = (
        sa.select(
            process_data.c.process_id,
            lot.label("lot_id"),
            (process_data.c.attempt == 1).label("is_first"),
            process_data.c.is_pass,
            process_data.c.cycle_time,
        )
        .where(*_OF_PERIOD)
        .subquery()
    )
    groups = (tried.c.process_id, tried.c.lot_id, tried.c.is_first, tried.c.is_pass)
    return (
        sa.select(
            *groups,
            sa.func.count().label("count"),
            sa.func.count(tried.c.cycle_time).label("timed"),
            sa.func.coalesce(sa.func.sum(tried.c.cycle_time), 0.0).label("seconds"),
            sa.func.min(tried.c.cycle_time).label("shortest"),
            sa.func.max(tried.c.cycle_time).label("longest"),
        )
        .group_by(*groups)
        .subquery()
    )


def _counts(counted: sa.Subquery, model: sa.ColumnElement[Any]) -> sa.Select[Any]:
    figures = (counted.c[name] for name in ("count", "timed", "seconds", "shortest", "longest"))
    return sa.select(counted.c.process_id, model, counted.c.is_first, counted.c.is_pass, *figures)


_BY_LOT = _counted(_LOT_OF_ATTEMPT)
_COUNTS = _counts(_BY_LOT, lots.c.product_model_id).join(lots, lots.c.id == _BY_LOT.c.lot_id)
_COUNTS_OF_ONE_MODEL = _counts(_counted(sa.null()), sa.cast(sa.bindparam("model_id"), sa.Integer))
_PROCESS_CODES = sa.select(processes.c.id, processes.c.code)
_MODEL_CODES = sa.select(product_models.c.id, product_models.c.code)
_WAITING = (
    sa.select(serials.c.current_process, serials.c.status, sa.func.count())
    .join(lots, lots.c.id == serials.c.lot_id)
    .where(serials.c.status.in_([*IN_WORK, SerialStatus.CREATED]), lots.c.status.in_(_OPEN_LOTS))
    .group_by(serials.c.current_process, serials.c.status)
)
_LOTS_OF_DATE = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(lots.c.target_quantity), 0)).where(
    lots.c.production_date == sa.bindparam("on"), lots.c.status != LotStatus.CANCELLED
)
_SERIALS_OF_DATE = (
    sa.select(COUNTED_AS, serials.c.is_defective, sa.func.count())
    .join(lots, lots.c.id == serials.c.lot_id)
    .where(lots.c.production_date == sa.bindparam("on"), lots.c.status != LotStatus.CANCELLED)
    .group_by(COUNTED_AS, serials.c.is_defective)
)
_OPEN_LOT_COUNTS = (
    sa.select(lots.c.status, sa.func.count()).where(lots.c.status.in_(_OPEN_LOTS)).group_by(lots.c.status)
)
_HELD_SERIALS = sa.select(sa.func.count()).where(serials.c.status == SerialStatus.HOLD)
_OPEN_CALLS = sa.select(
    sa.func.count(), sa.func.count(sa.case((calls.c.acknowledged_at.is_(None), 1)))
).where(calls.c.resolved_at.is_(None))
_OPEN_REWORKS = sa.select(sa.func.count()).where(reworks.c.is_completed.is_(False))
# The condition is written out: a partial index serves only a statement that says the same.
_IS_OPEN = sa.text("process_data.status = 'IN_PROGRESS'")
# The limit stands inside, so that no database begins with the lots, of which there are many.
_OLDEST = (
    sa.select(process_data)
    .where(_IS_OPEN)
    .order_by(process_data.c.started_at, process_data.c.id)
    .limit(sa.bindparam("most"))
    .subquery()
)
_RUNNING = (
    sa.select(
        serials.c.serial_number,
        lots.c.lot_number,
        processes.c.code,
        _OLDEST.c.attempt,
        _OLDEST.c.station,
        _OLDEST.c.equipment_id,
        _OLDEST.c.operator_id,
        _OLDEST.c.started_at,
    )
    .join(processes, processes.c.id == _OLDEST.c.process_id)
    .join(serials, serials.c.id == _OLDEST.c.serial_id)
    .join(lots, lots.c.id == serials.c.lot_id)
    .order_by(_OLDEST.c.started_at, _OLDEST.c.id)
)
_RUNNING_COUNT = sa.select(sa.func.count()).select_from(process_data).where(_IS_OPEN)
_EQUIPMENT = (
    sa.select(
        equipment.c.code,
        equipment.c.name,
        processes.c.code.label("process"),
        equipment.c.station,
        equipment.c.state,
        equipment.c.state_since,
        equipment.c.calibration_due_at,
    )
    .outerjoin(processes, processes.c.id == equipment.c.process_id)
    .where(equipment.c.is_active)
    .order_by(equipment.c.code)
)
_CALLS: sa.Select[Any] = (
    sa.select(
        calls.c.id,
        calls.c.kind,
        processes.c.code,
        calls.c.equipment_code,
        calls.c.serial_number,
        calls.c.message,
        calls.c.raised_by,
        calls.c.raised_at,
        calls.c.acknowledged_by,
        calls.c.acknowledged_at,
    )
    .outerjoin(processes, processes.c.id == calls.c.process_id)
    .where(calls.c.resolved_at.is_(None))
    .order_by(calls.c.raised_at, calls.c.id)
    .limit(sa.bindparam("most"))
)


def rows_of_day(connection: sa.Connection, on: date, day: Period) -> Rows:
    """All that the summary of the production date `on` is made of."""
    waiting, not_started = waiting_by_process(connection)
    known = list_processes(connection)
    count, quantities = quantities_of_date(connection, on)
    return Rows(
        processes=known,
        models=list_models(connection, [each.code for each in known]),
        counts=counts_in(connection, day),
        waiting=waiting,
        lots=count,
        quantities=quantities,
        attention=attention(connection, not_started),
    )


def list_processes(connection: sa.Connection) -> tuple[Process, ...]:
    """The active processes in the order of the default route."""
    return tuple(Process(*row) for row in connection.execute(_PROCESSES))


def list_models(connection: sa.Connection, default_route: Sequence[str]) -> tuple[Model, ...]:
    """The active product models, each with its own route or the default one."""
    return tuple(Model(row.code, route_of(row.route, default_route)) for row in connection.execute(_MODELS))


def counts_in(connection: sa.Connection, period: Period) -> tuple[Counts, ...]:
    """Attempts that were completed in `period`, by the stations' own times; in one or several groups."""
    process_codes = _codes(connection, _PROCESS_CODES)
    model_codes = _codes(connection, _MODEL_CODES)
    asked: dict[str, Any] = {"begins_at": period.begins_at, "ends_at": period.ends_at}
    query = _COUNTS
    if len(model_codes) == 1:  # all are of it, and the index alone answers
        query, asked = _COUNTS_OF_ONE_MODEL, {**asked, "model_id": next(iter(model_codes))}
    return tuple(
        Counts(process_codes[process_id], model_codes[model_id], *rest)
        for process_id, model_id, *rest in connection.execute(query, asked)
    )


def waiting_by_process(connection: sa.Connection) -> tuple[dict[str, Waiting], int]:
    """Serials of open lots by the process they are at, and how many have not begun."""
    found: dict[str, dict[SerialStatus, int]] = {}
    not_started = 0
    for process, status, count in connection.execute(_WAITING):
        if status == SerialStatus.CREATED:
            not_started += count
        elif process is not None:
            found.setdefault(process, {})[SerialStatus(status)] = count
    return {process: Waiting(by_status) for process, by_status in found.items()}, not_started


def quantities_of_date(connection: sa.Connection, on: date) -> tuple[int, Quantities]:
    """How many lots the production date `on` has, and their serials; cancelled lots are left out."""
    count, target = connection.execute(_LOTS_OF_DATE, {"on": on}).one()
    rows = [tuple(row) for row in connection.execute(_SERIALS_OF_DATE, {"on": on})]
    return count, add_serials(target, rows)


def add_serials(target: int, rows: Sequence[tuple[Any, ...]]) -> Quantities:
    """Quantities of (status, is_defective, count); a serial counts once, as in lots/store.py."""
    scrapped = sum(
        count for status, is_defective, count in rows if is_defective and status == SerialStatus.SCRAPPED
    )
    actual = sum(count for status, _, count in rows if status in _FINISHED)
    defective = sum(
        count
        for status, is_defective, count in rows
        if is_defective and status not in {*_FINISHED, SerialStatus.SCRAPPED}
    )
    generated = sum(count for _, _, count in rows)
    return Quantities(int(target), generated, actual, defective + scrapped, scrapped)


def attention(connection: sa.Connection, not_started: int) -> Attention:
    """What waits for a person, over everything that is open."""
    by_status: dict[str, int] = {row[0]: row[1] for row in connection.execute(_OPEN_LOT_COUNTS)}
    open_calls, unacknowledged = connection.execute(_OPEN_CALLS).one()
    return Attention(
        active_lots=sum(by_status.values()),
        running_lots=sum(by_status.get(each, 0) for each in RUNNING),
        held_lots=by_status.get(LotStatus.HOLD, 0),
        held_serials=connection.execute(_HELD_SERIALS).scalar_one(),
        serials_not_started=not_started,
        open_calls=open_calls,
        unacknowledged_calls=unacknowledged,
        open_defects=defect_rows.count_waiting(connection),
        open_reworks=connection.execute(_OPEN_REWORKS).scalar_one(),
    )


def list_running(connection: sa.Connection, most: int) -> tuple[tuple[Running, ...], int]:
    """The attempts under way, oldest first, at most `most`; and how many there are in all."""
    total = connection.execute(_RUNNING_COUNT).scalar_one()
    return tuple(Running(*row) for row in connection.execute(_RUNNING, {"most": most})), total


def list_equipment(connection: sa.Connection) -> tuple[Equipment, ...]:
    """The equipment in use, by its code."""
    return tuple(Equipment(*row) for row in connection.execute(_EQUIPMENT))


def list_open_calls(connection: sa.Connection, most: int) -> tuple[Call, ...]:
    """The calls that are not resolved, oldest first, at most `most`."""
    return tuple(Call(*row) for row in connection.execute(_CALLS, {"most": most}))


def _codes(connection: sa.Connection, query: sa.Select[Any]) -> dict[int, str]:
    return {row[0]: row[1] for row in connection.execute(query)}
