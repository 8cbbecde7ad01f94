"""Runs the stages that need keys, inside Andon. Both may be repeated, so a restart just begins again."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Unavailable
from andon.pipelines.cache import Cache
from andon.pipelines.decide import StageSeen
from andon.pipelines.log import Logs
from andon.pipelines.model import Run, StageName, StageResult
from andon.pipelines.publisher import Publisher
from andon.pipelines.stages import publish, sign

_Key = tuple[str, StageName, int]


@dataclass(frozen=True, slots=True)
class Registry:
    """What the stages are given."""

    publisher: Publisher
    cache: Cache
    logs: Logs
    clock: Clock


class InProcess:
    """A `Runner` whose stages are tasks."""

    def __init__(self, registry: Registry, on_end: Callable[[], None]) -> None:
        self._registry = registry
        self._on_end = on_end
        self._tasks: dict[_Key, asyncio.Task[StageResult]] = {}

    def observe(self, run: Run, name: StageName) -> StageSeen:
        """The task, if this process has one.

        Raises:
            Exception: whatever ended the task unexpectedly; the stage begins again after that.
        """
        key = _key(run, name)
        task = self._tasks.get(key)
        if task is None:
            return StageSeen()
        if not task.done():
            return StageSeen(is_started=True, is_alive=True)
        if task.cancelled() or task.exception() is not None:
            del self._tasks[key]
        return StageSeen(is_started=True, result=None if task.cancelled() else task.result())

    def start(self, run: Run, name: StageName, _given: Mapping[str, Any]) -> None:
        """Begin the stage."""
        task = asyncio.create_task(self._answered(run, name), name=f"{run.id} {name}")
        task.add_done_callback(lambda _: self._on_end())
        self._tasks[_key(run, name)] = task

    def stop(self, run: Run, name: StageName) -> None:
        """Cancel the task."""
        task = self._tasks.get(_key(run, name))
        if task is not None:
            task.cancel()

    def forget(self, run: Run) -> None:
        """Let go of what is known about a run that is over."""
        for key in [each for each in self._tasks if each[0] == run.id]:
            del self._tasks[key]

    async def _answered(self, run: Run, name: StageName) -> StageResult:
        try:
            result = await self._work(run, name)
        except AndonError as error:
            again = isinstance(error, Unavailable)
            result = StageResult(False, error.message, facts={"hint": error.hint}, is_retryable=again)
        with self._registry.logs.file(run.id, name).open("a", encoding="utf-8") as output:
            output.write(f"{result.summary}\n")
        return result

    async def _work(self, run: Run, name: StageName) -> StageResult:
        registry = self._registry
        if name is StageName.SIGN:
            now = registry.clock.now()
            return await asyncio.to_thread(sign.run, run, registry.cache, registry.publisher, now)
        return await publish.run(run, registry.cache, registry.publisher)


def _key(run: Run, name: StageName) -> _Key:
    return run.id, name, run.stage(name).attempt
