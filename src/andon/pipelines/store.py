"""The rows of runs. Every change is one transaction, guarded by the revision that the decision saw."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text, insert, select, update

from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import RunId, UnitName, Version
from andon.pipelines.model import Run, RunState, Stage, StageName, StageState, StageStatus
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event

runs = Table(
    "runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("unit", String(60), nullable=False),
    Column("version", String(60), nullable=True),
    Column("path", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("stages", JSON, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=True),
    Column("reason", Text, nullable=False),
    Column("cancelled_by", String(120), nullable=False),
    Column("cancel_reason", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("ix_runs_unit", "unit", "id"),
    Index("ix_runs_state", "state"),
)


class RunStore:
    """Keeps runs. Ids sort by time, so that the newest run has the highest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, run: Run, event: Event) -> None:
        """Store a new run and `event`, at the run's `created_at`."""
        async with self._database.transaction() as tx:
            await tx.execute(insert(runs).values({"id": run.id, **_values(run)}))
            await timeline.append(tx, event, run.created_at)

    async def save(self, run: Run, *, at: datetime, event: Event | None = None) -> Run:
        """Store a change of `run` as its next revision, with `event`; gives the run with that revision.

        Raises:
            Conflict: somebody changed it in between.
        """
        following = replace(run, revision=run.revision + 1)
        async with self._database.transaction() as tx:
            done = await tx.execute(
                update(runs)
                .where(runs.c.id == run.id, runs.c.revision == run.revision)
                .values(_values(following))
            )
            if done.rowcount != 1:
                raise Conflict("run-moved", f"{run.id} changed in between", hint="try again")
            if event is not None:
                await timeline.append(tx, event, at)
        return following

    async def get(self, run_id: RunId) -> Run:
        """The run of that id.

        Raises:
            NotFound: there is none.
        """
        run = await self.find(run_id)
        if run is None:
            raise NotFound("no-run", f"there is no run {run_id}", hint="andon status")
        return run

    async def find(self, run_id: RunId) -> Run | None:
        """The run of that id; None when there is none."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(runs).where(runs.c.id == run_id))).one_or_none()
        return None if row is None else _run(row)

    async def list_active(self) -> Sequence[Run]:
        """All runs that are under way, oldest first."""
        query = select(runs).where(runs.c.state == RunState.RUNNING.value).order_by(runs.c.id)
        async with self._database.reading() as connection:
            return [_run(row) for row in (await connection.execute(query)).all()]

    async def list(self, unit: UnitName | None = None, *, limit: int = 50) -> list[Run]:
        """At most `limit` runs, newest first."""
        query = select(runs).order_by(runs.c.id.desc()).limit(limit)
        if unit is not None:
            query = query.where(runs.c.unit == unit)
        async with self._database.reading() as connection:
            return [_run(row) for row in (await connection.execute(query)).all()]


def _values(run: Run) -> dict[str, Any]:
    return {
        "unit": run.unit,
        "version": run.version,
        "path": run.path,
        "state": run.state.value,
        "stages": [_from_status(each) for each in run.stages],
        "plan": [_from_stage(each) for each in run.plan],
        "actor": run.actor,
        "created_at": run.created_at,
        "finished_at": run.finished_at,
        "reason": run.reason,
        "cancelled_by": run.cancelled_by,
        "cancel_reason": run.cancel_reason,
        "revision": run.revision,
    }


def _run(row: Any) -> Run:
    return Run(
        id=RunId(row.id),
        unit=UnitName(row.unit),
        version=None if row.version is None else Version(row.version),
        path=row.path,
        state=RunState(row.state),
        stages=tuple(_to_status(each) for each in row.stages),
        actor=row.actor,
        created_at=row.created_at,
        finished_at=row.finished_at,
        reason=row.reason,
        revision=row.revision,
        plan=tuple(_to_stage(each) for each in row.plan),
        cancelled_by=row.cancelled_by,
        cancel_reason=row.cancel_reason,
    )


def _from_stage(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name.value,
        "needs": [each.value for each in stage.needs],
        "timeout_seconds": stage.timeout.total_seconds(),
        "retries": stage.retries,
    }


def _to_stage(row: dict[str, Any]) -> Stage:
    needs = tuple(StageName(each) for each in row["needs"])
    return Stage(StageName(row["name"]), needs, timedelta(seconds=row["timeout_seconds"]), row["retries"])


_TIMES = ("started_at", "finished_at", "retry_at")


def _from_status(status: StageStatus) -> dict[str, Any]:
    times = {each: getattr(status, each) for each in _TIMES}
    return {
        "name": status.name.value,
        "state": status.state.value,
        "attempt": status.attempt,
        "input_hash": status.input_hash,
        "outputs": status.outputs,
        "summary": status.summary,
        "failures": status.failures,
        "lost": status.lost,
        **{name: None if at is None else at.isoformat() for name, at in times.items()},
    }


def _to_status(row: dict[str, Any]) -> StageStatus:
    times = {each: None if row[each] is None else datetime.fromisoformat(row[each]) for each in _TIMES}
    return StageStatus(**{**row, **times, "name": StageName(row["name"]), "state": StageState(row["state"])})
