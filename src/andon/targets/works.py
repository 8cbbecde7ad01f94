"""Slow work in the background, so that a tick never waits for it: what runs, and what became of the rest."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Untrusted
from andon.targets.records import Work, WorkState

_log = logging.get(__name__)
_FIRST_BACKOFF = timedelta(seconds=2)

Key = tuple[str, ...]


class Works:
    """Pieces of work by key. A key never runs twice at once."""

    def __init__(self, clock: Clock, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._failed: dict[Key, Work] = {}

    def begin(self, key: Key, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work` in the background, unless it runs already."""
        if key not in self._tasks:
            task = asyncio.create_task(work(), name=" ".join(key))
            self._tasks[key] = task
            task.add_done_callback(lambda _task: self._wake())

    def state(self, key: Key) -> Work:
        """How far it is. Work that ended well is TODO again: its result tells that it is done.

        Raises what the work raised, once, when that is no error of Andon or of the machine.
        """
        task = self._tasks.get(key)
        if task is not None and not task.done():
            return Work(WorkState.DOING)
        if task is not None:
            del self._tasks[key]
            self._settle(key, task)
        return self._failed.get(key, Work(WorkState.TODO))

    def forget(self, key: Key) -> None:
        """Forget its failures, so that it may be tried again at once."""
        self._failed.pop(key, None)

    async def close(self) -> None:
        """Cancel what runs."""
        tasks = list(self._tasks.values())
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    def _settle(self, key: Key, task: asyncio.Task[None]) -> None:
        error = task.exception()
        if error is None:
            self._failed.pop(key, None)
            return
        failures = self._failed.get(key, Work(WorkState.TODO)).failures + 1
        retry_at = self._clock.now() + _FIRST_BACKOFF * (1 << (failures - 1))
        if isinstance(error, Untrusted):
            self._failed[key] = Work(WorkState.REFUSED, error.message, failures)
            _log.error("release refused", work=" ".join(key), code=error.code, reason=error.message)
            return
        self._failed[key] = Work(WorkState.FAILED, str(error), failures, retry_at)
        if not isinstance(error, AndonError | OSError):
            raise error
        _log.warning("work failed", work=" ".join(key), reason=str(error), failures=failures)
