"""The rows of tries, each change of one with its record in one transaction, fenced by the lease."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Index, Integer, String, Table, Text, insert, select, update

from andon.kernel.errors import Conflict
from andon.kernel.ids import RolloutId
from andon.rollouts.model import Rollout, TaskState
from andon.rollouts.tasks.model import Try
from andon.store import leases
from andon.store.engine import Database
from andon.store.leases import Lease
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event, Severity

tasks = Table(
    "tasks",
    metadata,
    Column("rollout", String(60), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(10), nullable=False),
    Column("place", String(120), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=True),
    Column("reason", Text, nullable=False),
    Index("ix_tasks_state", "state"),
)


class TaskStore:
    """Reads and writes tries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, rollout: RolloutId) -> Sequence[Try]:
        """All tries of a rollout's tasks, in the order in which they began."""
        query = select(tasks).where(tasks.c.rollout == rollout)
        order = (tasks.c.step, tasks.c.started_at, tasks.c.name, tasks.c.number)
        async with self._database.reading() as connection:
            return [_try(row) for row in (await connection.execute(query.order_by(*order))).all()]

    async def running(self) -> Sequence[Try]:
        """The tries that have not ended, of all rollouts."""
        query = select(tasks).where(tasks.c.state == TaskState.RUNNING.value)
        async with self._database.reading() as connection:
            return [_try(row) for row in (await connection.execute(query)).all()]

    async def begin(self, rollout: Rollout, made: Try, lease: Lease) -> None:
        """Write a try before it is run.

        Raises:
            Conflict: it began already, or the lease was lost.
        """
        async with self._database.transaction() as tx:
            await leases.guard(tx, lease)
            await tx.execute(insert(tasks).values(**_row(made)))
            await timeline.append(tx, _told(rollout, made), made.started_at)

    async def settle(self, rollout: Rollout, ended: Try, lease: Lease) -> None:
        """Say how a running try ended: its row becomes `ended`, which has a time of its end.

        Raises:
            Conflict: it was settled before, or the lease was lost.
        """
        values = _row(ended)
        async with self._database.transaction() as tx:
            await leases.guard(tx, lease)
            done = await tx.execute(
                update(tasks)
                .where(*_is(ended), tasks.c.state == TaskState.RUNNING.value)
                .values({name: values[name] for name in ("state", "ended_at", "reason")})
            )
            if done.rowcount != 1:
                raise Conflict("task-moved", f"the try {ended.mark} was settled before")
            await timeline.append(tx, _told(rollout, ended), ended.ended_at or ended.started_at)


_SEVERITIES = {TaskState.FAILED: Severity.WARNING, TaskState.LOST: Severity.WARNING}


def _told(rollout: Rollout, made: Try) -> Event:
    is_start = made.state is TaskState.RUNNING
    return Event(
        kind=f"task.{'started' if is_start else made.state.value}",
        subject=f"rollout/{made.rollout}",
        actor="andon",
        reason=f"task {made.name} {'begins' if is_start else made.reason}",
        unit=rollout.unit,
        environment=rollout.environment,
        severity=_SEVERITIES.get(made.state, Severity.INFO),
        after={"task": made.name, "step": made.step, "try": made.number},
        correlation=made.rollout,
    )


def _is(made: Try) -> Sequence[Any]:
    return (
        tasks.c.rollout == made.rollout,
        tasks.c.step == made.step,
        tasks.c.name == made.name,
        tasks.c.number == made.number,
    )


def _row(made: Try) -> dict[str, Any]:
    return {
        "rollout": made.rollout,
        "step": made.step,
        "name": made.name,
        "number": made.number,
        "state": made.state.value,
        "place": made.place,
        "started_at": made.started_at,
        "ended_at": made.ended_at,
        "reason": made.reason,
    }


def _try(row: Any) -> Try:
    return Try(
        RolloutId(row.rollout),
        row.step,
        row.name,
        row.number,
        TaskState(row.state),
        row.place,
        row.started_at,
        row.ended_at,
        row.reason,
    )
