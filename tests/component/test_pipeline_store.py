"""The rows of runs on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import RunId, UnitName, Version
from andon.pipelines.model import Run, RunState, Stage, StageName, StageState, StageStatus
from andon.pipelines.store import RunStore
from andon.store.engine import Database
from andon.timeline.records import Event
from andon.timeline.store import Filter, TimelineStore

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_run(number: int = 1, unit: str = "mes") -> Run:
    status = StageStatus(
        StageName.BUILD,
        StageState.DONE,
        attempt=2,
        started_at=AT,
        finished_at=AT + timedelta(seconds=1.5),
        input_hash="hash",
        outputs={"files": {"a": "1"}, "facts": {"text": "\ud55c\uad6d\uc5b4"}},
        summary="built",
        failures=1,
        lost=2,
        retry_at=AT,
    )
    return Run(
        id=RunId(f"run-{number}"),
        unit=UnitName(unit),
        version=None,
        path="/mes",
        state=RunState.RUNNING,
        stages=(StageStatus(StageName.SOURCE), status),
        actor="kim",
        created_at=AT,
        finished_at=None,
        reason="",
        revision=1,
        plan=(Stage(StageName.BUILD, (StageName.SOURCE,), timedelta(minutes=10), 2),),
    )


def an_event(kind: str) -> Event:
    return Event(kind=kind, subject="run/run-1", actor="kim", reason="because")


async def test_a_run_comes_back_as_it_was_stored(any_database: Database) -> None:
    store = RunStore(any_database)
    await store.create(a_run(), an_event("pipeline.started"))
    assert await store.get(RunId("run-1")) == a_run()
    done = replace(a_run(), state=RunState.DONE, version=Version("1.0.0"), finished_at=AT, reason="good")
    saved = await store.save(replace(done, cancelled_by="lee", cancel_reason="x"), at=AT)
    assert saved.revision == 2
    assert await store.find(RunId("run-1")) == saved


async def test_a_change_of_an_older_revision_is_refused_with_its_event(any_database: Database) -> None:
    store = RunStore(any_database)
    await store.create(a_run(), an_event("pipeline.started"))
    await store.save(a_run(), at=AT, event=an_event("first"))
    with pytest.raises(Conflict):
        await store.save(a_run(), at=AT, event=an_event("second"))
    kinds = [each.event.kind for each in await TimelineStore(any_database).list(Filter())]
    assert kinds == ["first", "pipeline.started"]


async def test_runs_are_listed_newest_first_and_by_unit(any_database: Database) -> None:
    store = RunStore(any_database)
    for number, unit in enumerate(["mes", "other", "mes"], start=1):
        await store.create(a_run(number, unit), an_event("pipeline.started"))
    await store.save(replace(a_run(1), state=RunState.FAILED), at=AT)
    assert [each.id for each in await store.list()] == ["run-3", "run-2", "run-1"]
    assert [each.id for each in await store.list(UnitName("mes"), limit=1)] == ["run-3"]
    assert [each.id for each in await store.list_active()] == ["run-2", "run-3"]


async def test_a_run_that_is_not_there_is_said_so(any_database: Database) -> None:
    assert await RunStore(any_database).find(RunId("run-9")) is None
    with pytest.raises(NotFound, match="run-9"):
        await RunStore(any_database).get(RunId("run-9"))
