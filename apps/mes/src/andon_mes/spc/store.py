"""Charts in the database: what is charted, its points, baselines and signals.

Every function works inside the caller's transaction. Points are taken from the completions once, in the order
of `completion_seq` (store/order.py), so that any instance that takes them makes the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.processes.limits import Characteristic
from andon_mes.spc.model import ChartKind, Measured, Tolerance
from andon_mes.store.schema import (
    characteristics,
    lots,
    process_data,
    processes,
    product_models,
    serials,
    spc_baselines,
    spc_cursors,
    spc_points,
    spc_streams,
)


@dataclass(frozen=True, slots=True)
class Charted:
    """A characteristic and how it is charted; `chart` None is not at all."""

    id: int
    process_id: int
    process: str
    name: str
    unit: str
    tolerance: Tolerance
    defect_code: str
    chart: ChartKind | None
    size: int
    rules: str | None
    on_signal: str | None

    def as_characteristic(self) -> Characteristic:
        """As its measurements are read."""
        return Characteristic(
            self.name, self.unit, self.tolerance.lower, self.tolerance.upper, self.defect_code
        )


@dataclass(frozen=True, slots=True)
class Completed:
    """A first attempt that was completed, and what its station measured."""

    place: int
    attempt_id: int
    at: datetime
    data: dict[str, Any]
    model_id: int


@dataclass(frozen=True, slots=True)
class Stream:
    """The points of a characteristic on one product model: how many, up to which they are judged."""

    model_id: int
    points: int
    judged: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """Which points the limits come from, both inclusive. `set_by` None: the first ones, by the rule."""

    first: int
    last: int
    excludes: bool
    reason: str | None = None
    set_by: str | None = None
    set_at: datetime | None = None


_NEAR = 200

_CHARTED = (
    sa.select(
        characteristics.c.id,
        characteristics.c.process_id,
        processes.c.code,
        characteristics.c.name,
        characteristics.c.unit,
        characteristics.c.lower,
        characteristics.c.upper,
        characteristics.c.target,
        characteristics.c.defect_code,
        characteristics.c.chart,
        characteristics.c.subgroup_size,
        characteristics.c.rules,
        characteristics.c.on_signal,
    )
    .join(processes, processes.c.id == characteristics.c.process_id)
    .order_by(characteristics.c.id)
)
_ACTIVE = _CHARTED.where(characteristics.c.is_active, characteristics.c.chart.is_not(None))
_ONE = _CHARTED.where(
    processes.c.code == sa.bindparam("process"), characteristics.c.name == sa.bindparam("name")
)
_CURSOR = sa.select(spc_cursors.c.completion_seq).where(spc_cursors.c.characteristic_id == sa.bindparam("id"))
_FIRST_CURSOR = sa.text(
    "insert into spc_cursors (characteristic_id, completion_seq) values (:id, 0) "
    "on conflict (characteristic_id) do nothing"
)
_COMPLETED = (
    sa.select(
        process_data.c.completion_seq,
        process_data.c.id,
        process_data.c.completed_at,
        process_data.c.process_specific_data,
        lots.c.product_model_id,
    )
    .select_from(process_data)
    .join(serials, serials.c.id == process_data.c.serial_id)
    .join(lots, lots.c.id == serials.c.lot_id)
    .where(
        process_data.c.process_id == sa.bindparam("process_id"),
        process_data.c.attempt == 1,
        process_data.c.completion_seq > sa.bindparam("after"),
        process_data.c.completion_seq <= sa.bindparam("upto"),
    )
    .order_by(process_data.c.completion_seq, process_data.c.id)
    .limit(sa.bindparam("most"))
)
_OF_STREAM = (
    spc_points.c.characteristic_id == sa.bindparam("id"),
    spc_points.c.product_model_id == sa.bindparam("model_id"),
)
_POINTS = (
    sa.select(
        spc_points.c.ordinal,
        spc_points.c.value,
        spc_points.c.measured_at,
        spc_points.c.process_data_id,
        spc_points.c.unit,
    )
    .where(
        *_OF_STREAM,
        spc_points.c.ordinal >= sa.bindparam("first"),
        spc_points.c.ordinal <= sa.bindparam("last"),
    )
    .order_by(spc_points.c.ordinal)
)
_FIRST_OF_SHIFT = sa.select(
    sa.func.count(),
    sa.func.coalesce(sa.func.sum(sa.case((process_data.c.is_pass.is_(False), 1), else_=0)), 0),
).where(
    process_data.c.completed_at >= sa.bindparam("since", type_=process_data.c.completed_at.type),
    process_data.c.completed_at < sa.bindparam("until", type_=process_data.c.completed_at.type),
    process_data.c.process_id == sa.bindparam("process_id"),
    process_data.c.attempt == 1,
    process_data.c.is_pass.is_not(None),
)
_STREAMS = sa.select(spc_streams.c.product_model_id, spc_streams.c.points, spc_streams.c.judged).where(
    spc_streams.c.characteristic_id == sa.bindparam("id")
)
_BASELINE = (
    sa.select(spc_baselines)
    .where(
        spc_baselines.c.characteristic_id == sa.bindparam("id"),
        spc_baselines.c.product_model_id == sa.bindparam("model_id"),
    )
    .order_by(spc_baselines.c.id.desc())
    .limit(1)
)


def list_charted(connection: sa.Connection) -> list[Charted]:
    """The active characteristics that are charted."""
    return [_charted(row) for row in connection.execute(_ACTIVE)]


def find_charted(connection: sa.Connection, process: str, name: str) -> Charted | None:
    """The characteristic `name` of `process`, also one that is not charted; None when there is none."""
    row = connection.execute(_ONE, {"process": process, "name": name}).one_or_none()
    return None if row is None else _charted(row)


def cursor(connection: sa.Connection, charted: Charted) -> int:
    """Up to which completion the points of `charted` were taken; 0 before the first."""
    return connection.scalar(_CURSOR, {"id": charted.id}) or 0


def move_cursor(connection: sa.Connection, charted: Charted, before: int, after: int) -> bool:
    """Move the cursor of `charted`; False when another instance has moved it, or does so now."""
    if before == 0:
        connection.execute(_FIRST_CURSOR, {"id": charted.id})
    moved = connection.execute(
        sa.update(spc_cursors)
        .where(spc_cursors.c.characteristic_id == charted.id, spc_cursors.c.completion_seq == before)
        .values(completion_seq=after)
    )
    return moved.rowcount == 1


def list_completed(
    connection: sa.Connection, charted: Charted, after: int, upto: int, *, most: int
) -> list[Completed]:
    """First attempts that were completed after the place `after`, up to `upto`, `most` at most, in order."""
    asked = {"process_id": charted.process_id, "after": after, "upto": upto, "most": most}
    return [
        Completed(row[0], row[1], row[2], row[3] or {}, row[4])
        for row in connection.execute(_COMPLETED, asked)
    ]


def add_points(
    connection: sa.Connection, charted: Charted, model_id: int, points: Sequence[Measured]
) -> None:
    """Write points behind those that are there."""
    rows = [
        {
            "characteristic_id": charted.id,
            "product_model_id": model_id,
            "ordinal": each.ordinal,
            "process_data_id": each.attempt_id,
            "measured_at": each.at,
            "value": each.value,
            "unit": charted.unit,
        }
        for each in points
    ]
    connection.execute(sa.insert(spc_points), rows)


def set_stream(connection: sa.Connection, charted: Charted, stream: Stream) -> None:
    """Write how many points there are and up to which they are judged."""
    known = spc_streams.c.characteristic_id == charted.id, spc_streams.c.product_model_id == stream.model_id
    values = {"points": stream.points, "judged": stream.judged}
    if connection.execute(sa.update(spc_streams).where(*known).values(**values)).rowcount == 0:
        row = {"characteristic_id": charted.id, "product_model_id": stream.model_id, **values}
        connection.execute(sa.insert(spc_streams), row)


def list_streams(connection: sa.Connection, charted: Charted) -> dict[int, Stream]:
    """The streams of `charted` by the id of their product model."""
    return {row[0]: Stream(*row) for row in connection.execute(_STREAMS, {"id": charted.id})}


def list_points(
    connection: sa.Connection, charted: Charted, model_id: int, first: int, last: int
) -> tuple[list[Measured], list[str]]:
    """The points with the ordinals `first` to `last`, in order, and the unit of each."""
    asked = {"id": charted.id, "model_id": model_id, "first": first, "last": last}
    rows = connection.execute(_POINTS, asked).all()
    return [Measured(row[0], row[1], row[2], row[3]) for row in rows], [row[4] for row in rows]


def find_span(
    connection: sa.Connection,
    charted: Charted,
    model_id: int,
    since: datetime | None,
    until: datetime | None,
) -> tuple[int, int] | None:
    """The first and last ordinal of what was measured from `since`, inclusive, to `until`, exclusive.

    They are looked for among the `_NEAR` points at each end: those between cannot be further out, unless
    more than so many arrived late at once.
    """
    within = list(_OF_STREAM)
    within += [] if since is None else [spc_points.c.measured_at >= since]
    within += [] if until is None else [spc_points.c.measured_at < until]
    at, asked = spc_points.c.measured_at, {"id": charted.id, "model_id": model_id}
    ends = [
        connection.execute(
            sa.select(spc_points.c.ordinal).where(*within).order_by(order).limit(_NEAR), asked
        ).scalars().all()
        for order in (at, at.desc())
    ]  # fmt: skip
    return (min(ends[0]), max(ends[1])) if ends[0] else None


def find_baseline(connection: sa.Connection, charted: Charted, model_id: int) -> Baseline | None:
    """The baseline that a person set last; None where none was."""
    row = connection.execute(_BASELINE, {"id": charted.id, "model_id": model_id}).one_or_none()
    if row is None:
        return None
    return Baseline(
        row.first_ordinal, row.last_ordinal, row.excludes_signalled, row.reason, row.set_by, row.set_at
    )


def set_baseline(connection: sa.Connection, charted: Charted, model_id: int, baseline: Baseline) -> None:
    """Write a baseline; those before it stay."""
    connection.execute(
        sa.insert(spc_baselines),
        {
            "characteristic_id": charted.id,
            "product_model_id": model_id,
            "first_ordinal": baseline.first,
            "last_ordinal": baseline.last,
            "excludes_signalled": baseline.excludes,
            "reason": baseline.reason,
            "set_by": baseline.set_by,
            "set_at": baseline.set_at,
        },
    )


def count_first(
    connection: sa.Connection, process_id: int, since: datetime, until: datetime
) -> tuple[int, int]:
    """First attempts at the process from `since` to before `until`, and those of them that failed."""
    asked = {"process_id": process_id, "since": since, "until": until}
    tried, failed = connection.execute(_FIRST_OF_SHIFT, asked).one()
    return int(tried), int(failed)


def list_active(connection: sa.Connection) -> dict[str, int]:
    """The ids of the active processes by their codes, in order."""
    query = sa.select(processes.c.code, processes.c.id).where(processes.c.is_active)
    return {row.code: row.id for row in connection.execute(query.order_by(processes.c.sequence_order))}


def model_codes(connection: sa.Connection) -> dict[int, str]:
    """The codes of the product models by their ids."""
    rows = connection.execute(sa.select(product_models.c.id, product_models.c.code))
    return {row.id: row.code for row in rows}


def _charted(row: Any) -> Charted:
    return Charted(
        id=row.id,
        process_id=row.process_id,
        process=row.code,
        name=row.name,
        unit=row.unit,
        tolerance=Tolerance(row.lower, row.upper, row.target),
        defect_code=row.defect_code,
        chart=ChartKind(row.chart) if row.chart else None,
        size=1 if row.chart == ChartKind.I_MR else row.subgroup_size,
        rules=row.rules,
        on_signal=row.on_signal,
    )
