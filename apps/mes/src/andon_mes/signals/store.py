"""Signals and holds of processes in the database. Every function works inside the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.kernel.errors import NotFound, Problem, Words
from andon_mes.signals.model import NewSignal, Signal
from andon_mes.store import history
from andon_mes.store.history import Change
from andon_mes.store.schema import characteristics, processes, product_models, spc_signals

_JOINED = (
    spc_signals.join(processes, processes.c.id == spc_signals.c.process_id)
    .outerjoin(characteristics, characteristics.c.id == spc_signals.c.characteristic_id)
    .outerjoin(product_models, product_models.c.id == spc_signals.c.product_model_id)
)
_SIGNAL = sa.select(
    spc_signals,
    processes.c.code.label("process"),
    characteristics.c.name.label("characteristic"),
    product_models.c.code.label("product_model"),
).select_from(_JOINED)
_BY_ID = _SIGNAL.where(spc_signals.c.id == sa.bindparam("id"))
_HELD = sa.select(
    processes.c.id, processes.c.code, processes.c.held_reason, processes.c.held_by, processes.c.held_at
)
_KNOWN = sa.select(spc_signals.c.id).where(spc_signals.c.key == sa.bindparam("key"))


@dataclass(frozen=True, slots=True)
class SignalFilter:
    """Which signals a page shows; None means any. `since` is inclusive, `until` is not."""

    is_open: bool | None = None
    process: str | None = None
    characteristic: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A process and the reason for which nothing starts there; None when it runs."""

    id: int
    process: str
    reason: str | None
    by: str | None
    at: datetime | None


def add(connection: sa.Connection, new: NewSignal, at: datetime) -> bool:
    """Write the signal; False when it is there already."""
    if connection.scalar(_KNOWN, {"key": new.key}) is not None:
        return False
    values = {
        "key": new.key,
        "process_id": new.process_id,
        "characteristic_id": new.characteristic_id,
        "product_model_id": new.model_id,
        "process_data_id": new.attempt_id,
        "rule": new.rule,
        "chart": new.chart,
        "points": new.points,
        "raised_at": at,
    }
    connection.execute(sa.insert(spc_signals), values)
    return True


def get(connection: sa.Connection, signal_id: int) -> Signal:
    """The signal with this id. Raises: NotFound (SIGNAL_UNKNOWN)."""
    row = connection.execute(_BY_ID, {"id": signal_id}).one_or_none()
    if row is None:
        raise NotFound(
            Problem(
                "SIGNAL_UNKNOWN",
                Words("There is no such signal", "해당 신호가 없습니다"),
                Words(f"No signal has the id {signal_id}", f"신호 번호 {signal_id}을(를) 찾을 수 없습니다"),
                Words("Look it up under GET spc/signals", "GET spc/signals에서 확인하세요"),
            )
        )
    return _signal(row)


def list_page(
    connection: sa.Connection, chosen: SignalFilter, *, page: int, page_size: int
) -> tuple[list[Signal], int]:
    """One page of signals, newest first, pages from 1, and how many there are in all."""
    conditions = _conditions(chosen)
    total = connection.execute(
        sa.select(sa.func.count()).select_from(_JOINED).where(*conditions)
    ).scalar_one()
    query = (
        _SIGNAL.where(*conditions)
        .order_by(spc_signals.c.id.desc())
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    return [_signal(row) for row in connection.execute(query)], total


def acknowledge(connection: sa.Connection, signal_id: int, change: Change) -> None:
    """Write who found the cause, and which."""
    connection.execute(
        sa.update(spc_signals)
        .where(spc_signals.c.id == signal_id)
        .values(acknowledged_by=change.by, acknowledged_at=change.at, cause=change.reason)
    )


def count_open(connection: sa.Connection) -> dict[int, int]:
    """How many signals of each characteristic have no cause yet, by its id."""
    query = (
        sa.select(spc_signals.c.characteristic_id, sa.func.count())
        .where(spc_signals.c.acknowledged_at.is_(None), spc_signals.c.characteristic_id.is_not(None))
        .group_by(spc_signals.c.characteristic_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def list_held(connection: sa.Connection) -> list[Held]:
    """The active processes in their order, and which of them are held."""
    query = _HELD.where(processes.c.is_active).order_by(processes.c.sequence_order)
    return [Held(*row) for row in connection.execute(query)]


def find_held(connection: sa.Connection, process: str) -> Held | None:
    """Whether the process with this code is held; None when there is no such process."""
    row = connection.execute(_HELD.where(processes.c.code == process)).one_or_none()
    return None if row is None else Held(*row)


def hold_process(connection: sa.Connection, process_id: int, change: Change) -> None:
    """Let nothing start at the process; the reason of a hold that is there already stays."""
    held = {"held_reason": change.reason, "held_by": change.by, "held_at": change.at, "updated_at": change.at}
    done = connection.execute(
        sa.update(processes)
        .where(processes.c.id == process_id, processes.c.held_reason.is_(None))
        .values(**held)
    )
    if done.rowcount:
        history.record(connection, "process", process_id, ("RUNNING", "HOLD"), change)


def release_process(connection: sa.Connection, process_id: int, change: Change) -> None:
    """Let the process start again."""
    free = {"held_reason": None, "held_by": None, "held_at": None, "updated_at": change.at}
    connection.execute(sa.update(processes).where(processes.c.id == process_id).values(**free))
    history.record(connection, "process", process_id, ("HOLD", "RUNNING"), change)


def _conditions(chosen: SignalFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [
        column == value
        for column, value in (
            (processes.c.code, chosen.process),
            (characteristics.c.name, chosen.characteristic),
        )
        if value is not None
    ]
    if chosen.is_open is not None:
        is_open = spc_signals.c.acknowledged_at.is_(None)
        conditions.append(is_open if chosen.is_open else ~is_open)
    if chosen.since is not None:
        conditions.append(spc_signals.c.raised_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(spc_signals.c.raised_at < chosen.until)
    return conditions


def _signal(row: sa.Row[Any]) -> Signal:
    return Signal(
        id=row.id,
        process=row.process,
        characteristic=row.characteristic,
        product_model=row.product_model,
        process_data_id=row.process_data_id,
        rule=row.rule,
        chart=row.chart,
        points=row.points,
        raised_at=row.raised_at,
        acknowledged_by=row.acknowledged_by,
        acknowledged_at=row.acknowledged_at,
        cause=row.cause,
    )
