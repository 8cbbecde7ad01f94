"""Walks runs: reads the world, asks `decide`, stores the answer, then makes the processes match it.

A tick may be cut off anywhere and another process may go on: what should be is in the rows, what is there
is in the runs' folders. What is not here: the rules (decide.py) and the processes (processes.py).
"""

import asyncio
import platform
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Conflict
from andon.pipelines import keys
from andon.pipelines.cache import Cache
from andon.pipelines.decide import (
    IN_PROCESS,
    Decision,
    Finish,
    FinishStage,
    Observation,
    Published,
    StageInput,
    StageSeen,
    Wait,
    apply,
    decide,
    is_ready,
)
from andon.pipelines.formers import Formers
from andon.pipelines.inline import InProcess
from andon.pipelines.model import Run, RunState, StageName, StageState
from andon.pipelines.processes import Runner
from andon.pipelines.publisher import Publisher
from andon.pipelines.store import RunStore
from andon.releases.model import Release, Role
from andon.timeline.records import Event, Severity

_log = logging.get(__name__)
_MOST_DECISIONS = 50  # of one run in one tick; a run needs 15 in all


@dataclass(frozen=True, slots=True)
class Parts:
    """What the controller works with. `home` holds the runs' folders.

    is_corded: whether the cord is pulled everywhere. formers: which releases a new one gets deltas from.
    """

    store: RunStore
    cache: Cache
    workers: Runner
    in_process: InProcess
    publisher: Publisher
    clock: Clock
    home: Path
    is_corded: Callable[[], Awaitable[bool]]
    formers: Formers
    parallel: int = 2


class PipelineController:
    """The reconciler of runs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._machine = machine()

    async def tick(self) -> None:
        """Bring every run that is under way as far as it goes now.

        Raises:
            AndonError: the first error of any run; the others were still looked at.
        """
        errors: list[AndonError] = []
        active = list(await self._parts.store.list_active())
        for index, run in enumerate(active):
            busy = sum(_workers(each) for each in active if each is not run)
            try:
                active[index] = await self._walk(run, busy)
            except Conflict as error:
                _log.debug("run moved", run=run.id, reason=error.message)
            except AndonError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    async def _walk(self, run: Run, busy: int) -> Run:
        for _ in range(_MOST_DECISIONS):
            seen = await self._observe(run, self._parts.parallel - busy - _workers(run))
            decision = decide(run, seen)
            if isinstance(decision.action, Wait):
                await self._match(run, seen)
                break
            run = await self._save(run, decision)
        return run

    async def _observe(self, run: Run, free: int) -> Observation:
        seen = {name: self._runner(name).observe(run, name) for name in run.names}
        ready = [name for name in run.names if is_ready(run, name)]
        inputs = {name: await asyncio.to_thread(self._input, run, name) for name in ready}
        published = await self._published(run, ready)
        is_corded = await self._parts.is_corded()
        return Observation(self._parts.clock.now(), seen, inputs, published, max(free, 0), is_corded)

    def _input(self, run: Run, name: StageName) -> StageInput:
        input_hash = keys.input_hash(run, name, self._machine)
        kept = self._parts.cache.find(name, input_hash) if name in keys.CACHED_STAGES else None
        return StageInput(input_hash, kept)

    async def _published(self, run: Run, ready: list[StageName]) -> Published:
        if run.version is None or not ready:
            return Published.UNKNOWN
        release = await self._parts.publisher.find(run.unit, run.version)
        if release is None:
            return Published.UNKNOWN
        if run.stage(StageName.PACKAGE).is_good:
            return _compared(run, release)
        # The run that published it knows what it was made of; without that, packaging will tell.
        first = await self._parts.store.find(release.run)
        if first is None or not first.stage(StageName.SOURCE).is_good:
            return Published.UNKNOWN
        trees = {each.stage(StageName.SOURCE).facts["tree"] for each in (run, first)}
        return Published.SAME if len(trees) == 1 else Published.OTHER

    async def _save(self, run: Run, decision: Decision) -> Run:
        now = self._parts.clock.now()
        action = decision.action
        if isinstance(action, FinishStage) and action.name in keys.CACHED_STAGES:
            key = run.stage(action.name).input_hash
            await asyncio.to_thread(self._parts.cache.remember, action.name, key, action.result)
        event = _finished(run, decision, action) if isinstance(action, Finish) else None
        saved = await self._parts.store.save(apply(run, decision, now), at=now, event=event)
        _log.info("run moved on", run=run.id, action=type(action).__name__, reason=decision.reason)
        if isinstance(action, Finish):
            await asyncio.to_thread(self._tidy, saved)
        return saved

    async def _match(self, run: Run, seen: Observation) -> None:
        """Start what should run and is not there; stop what is there and should not run."""
        for name, there in seen.stages.items():
            should_run = run.stage(name).state is StageState.RUNNING and not run.cancelled_by
            if should_run and run.state is RunState.RUNNING and _is_missing(there):
                given = self._given(run, name)
                if given is not None:
                    self._runner(name).start(run, name, given)
            elif there.is_alive and not should_run:
                self._runner(name).stop(run, name)

    def _given(self, run: Run, name: StageName) -> Mapping[str, Any] | None:
        """What a stage is told that only Andon knows; None while that is being fetched."""
        if name is not StageName.DELTA:
            return {}
        formers = self._parts.formers.take(run)
        return None if formers is None else {"formers": formers}

    def _tidy(self, run: Run) -> None:
        """Keep the output of a run that is over, not its folders."""
        self._parts.in_process.forget(run)
        self._parts.formers.forget(run.id)
        for folder in (self._parts.home / "runs" / run.id).glob("*.*/"):
            shutil.rmtree(folder, ignore_errors=True)

    def _runner(self, name: StageName) -> Runner:
        return self._parts.in_process if name in IN_PROCESS else self._parts.workers


def machine() -> str:
    """What outcomes depend on beside their inputs: Python, the machine and the scanners."""
    python = f"{sys.implementation.cache_tag} {platform.python_version()}"
    scanners = " ".join(f"{each} {installed(each)}" for each in ("bandit", "detect-secrets"))
    return f"{python} {platform.system()} {platform.machine()} {scanners}"


def _workers(run: Run) -> int:
    running = [each for each in run.stages if each.state is StageState.RUNNING]
    return sum(1 for each in running if each.name not in IN_PROCESS)


def _is_missing(there: StageSeen) -> bool:
    return not there.is_started and not there.is_alive and there.result is None


def _compared(run: Run, release: Release) -> Published:
    files = run.stage(StageName.PACKAGE).files
    for role in (Role.WHEELHOUSE, Role.TREE, Role.MANIFEST):
        # Of one platform at a time: that another was published before is what the trees tell.
        known = {each.sha256 for each in release.artifacts if each.role is role}
        if role in files and files[role] not in known:
            return Published.OTHER
    return Published.SAME


def _finished(run: Run, decision: Decision, action: Finish) -> Event:
    return Event(
        kind="pipeline.finished",
        subject=f"run/{run.id}",
        actor=run.cancelled_by or "andon",
        reason=decision.reason,
        unit=run.unit,
        severity=Severity.WARNING if action.state is RunState.FAILED else Severity.INFO,
        before={"state": run.state.value},
        after={"state": action.state.value, "version": run.version},
    )
