"""The rows of reports, read one by one: a large period takes no more memory than a small one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from andon_mes.evidence.model import BUCKETS
from andon_mes.exports.model import Row
from andon_mes.lots.store import COUNTED_AS
from andon_mes.reports.model import Counts, Quantities, percent
from andon_mes.reports.period import Period
from andon_mes.serials.model import SerialStatus
from andon_mes.store.schema import defect_codes, lots, process_data, processes, product_models, serials

_AT_ONCE = 1000
_FINISHED = (SerialStatus.COMPLETED, SerialStatus.SHIPPED)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which rows; None means any. All by their codes and numbers."""

    model: str | None = None
    process: str | None = None
    lot: str | None = None
    release: str | None = None


def lots_between(connection: sa.Connection, first: date, last: date, chosen: Chosen) -> Iterator[Row]:
    """Each lot of the production dates, oldest first, with its quantities."""
    query: sa.Select[Any] = (
        sa.select(
            lots.c.lot_number,
            product_models.c.code,
            lots.c.production_date,
            lots.c.shift,
            lots.c.status,
            lots.c.priority,
            lots.c.target_quantity,
            lots.c.started_at,
            lots.c.completed_at,
            *(sa.func.count(sa.case((condition, 1))) for condition in _OUTCOMES),
        )
        .select_from(lots)
        .join(product_models, product_models.c.id == lots.c.product_model_id)
        .outerjoin(serials, serials.c.lot_id == lots.c.id)
        .where(lots.c.production_date.between(first, last), *_of_lot(chosen))
        .group_by(lots.c.id, product_models.c.code)
        .order_by(lots.c.production_date, lots.c.id)
    )
    for row in _rows(connection, query):
        *known, target, started_at, completed_at, actual, defect, others = row
        seen = Quantities(target, actual + defect + others, actual, defect)
        rates = percent(seen.completion_rate), percent(seen.defect_rate)
        yield (*known, target, seen.generated, seen.actual, seen.defect, *rates, started_at, completed_at)


_IS_FINISHED = COUNTED_AS.in_(_FINISHED)
_OUTCOMES = (
    _IS_FINISHED,
    sa.and_(sa.not_(_IS_FINISHED), serials.c.is_defective),
    sa.and_(sa.not_(_IS_FINISHED), sa.not_(serials.c.is_defective)),
)


def counts_in(
    connection: sa.Connection, period: Period, chosen: Chosen, *, by_release: bool
) -> list[tuple[str | None, Counts]]:
    """Completed attempts of `period`, grouped; each with its release where that is asked, else None."""
    release = process_data.c.release if by_release else sa.null()
    groups = [processes.c.code, product_models.c.code, process_data.c.attempt == 1, process_data.c.is_pass]
    query: sa.Select[Any] = (
        _attempts(
            period,
            chosen,
            release,
            *groups,
            sa.func.count(),
            sa.func.count(process_data.c.cycle_time),
            sa.func.coalesce(sa.func.sum(process_data.c.cycle_time), 0.0),
            sa.func.min(process_data.c.cycle_time),
            sa.func.max(process_data.c.cycle_time),
        )
    ).group_by(*([release] if by_release else []), *groups)
    return [(row[0], Counts(*row[1:])) for row in connection.execute(query)]


def defects_in(connection: sa.Connection, period: Period, chosen: Chosen) -> list[sa.Row[Any]]:
    """Failed attempts by defect code, most frequent first."""
    names = (defect_codes.c.name, defect_codes.c.name_ko, defect_codes.c.severity)
    count = sa.func.count()
    query = (
        _attempts(
            period,
            chosen,
            process_data.c.defect_code.label("code"),
            *names,
            processes.c.code.label("process"),
            count.label("failed"),
            sa.func.count(process_data.c.serial_id.distinct()).label("serials"),
        )
        .outerjoin(defect_codes, defect_codes.c.code == process_data.c.defect_code)
        .where(sa.not_(process_data.c.is_pass))
        .group_by(process_data.c.defect_code, *names, processes.c.code)
        .order_by(count.desc(), process_data.c.defect_code, processes.c.code)
    )
    return list(connection.execute(query))


def cycle_classes_in(connection: sa.Connection, period: Period, chosen: Chosen) -> list[sa.Row[Any]]:
    """Attempts by process and class of their cycle time, in the order of the route. See evidence.BUCKETS."""
    bucket = sa.case(
        *((process_data.c.cycle_time <= bound, number) for number, bound in enumerate(BUCKETS)),
        else_=len(BUCKETS),
    )
    query = (
        _attempts(
            period,
            chosen,
            processes.c.code.label("process"),
            processes.c.standard_cycle_time,
            bucket.label("bucket"),
            sa.func.count().label("attempts"),
        )
        .where(process_data.c.cycle_time.is_not(None))
        .group_by(processes.c.sequence_order, processes.c.code, processes.c.standard_cycle_time, "bucket")
        .order_by(processes.c.sequence_order, processes.c.code, "bucket")
    )
    return list(connection.execute(query))


def attempts_in(connection: sa.Connection, period: Period, chosen: Chosen) -> Iterator[Row]:
    """Each completed attempt of `period`, in the order of completion."""
    columns = (
        serials.c.serial_number,
        lots.c.lot_number,
        product_models.c.code,
        processes.c.code,
        process_data.c.attempt,
        process_data.c.status,
        process_data.c.started_at,
        process_data.c.completed_at,
        process_data.c.cycle_time,
        process_data.c.operator_id,
        process_data.c.equipment_id,
        process_data.c.station,
        process_data.c.defect_code,
        process_data.c.defect_description,
        process_data.c.release,
    )
    query = _attempts(period, chosen, *columns)
    for row in _rows(connection, query.order_by(process_data.c.completed_at, process_data.c.id)):
        yield tuple(row)


def _attempts(period: Period, chosen: Chosen, *columns: Any) -> sa.Select[Any]:
    conditions = [
        column == value
        for column, value in (
            (processes.c.code, chosen.process),
            (process_data.c.release, chosen.release),
        )
        if value is not None
    ]
    return (
        sa.select(*columns)
        .select_from(process_data)
        .join(processes, processes.c.id == process_data.c.process_id)
        .join(serials, serials.c.id == process_data.c.serial_id)
        .join(lots, lots.c.id == serials.c.lot_id)
        .join(product_models, product_models.c.id == lots.c.product_model_id)
        .where(
            process_data.c.completed_at >= period.begins_at,
            process_data.c.completed_at < period.ends_at,
            process_data.c.is_pass.is_not(None),
            *conditions,
            *_of_lot(chosen),
        )
    )


def _of_lot(chosen: Chosen) -> list[Any]:
    wanted = ((product_models.c.code, chosen.model), (lots.c.lot_number, chosen.lot))
    return [column == value for column, value in wanted if value is not None]


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Sequence[Any]]:
    """The rows as they come: PostgreSQL keeps a cursor, SQLite steps."""
    yield from connection.execute(query.execution_options(yield_per=_AT_ONCE))
