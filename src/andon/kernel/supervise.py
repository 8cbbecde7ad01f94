"""Loops that keep running: the one place that catches every exception.

A loop runs a tick, waits for its interval or a wake, and runs it again. A tick that raises is logged,
counted and retried with backoff; it never ends the loop. What is not here: leases (store/leases.py).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Unavailable

_log = logging.get(__name__)
_LONGEST_BACKOFF = timedelta(seconds=30)


@dataclass(slots=True)
class LoopHealth:
    """What a loop says of itself on `/ready` and in `andon doctor`."""

    name: str
    last_finished_at: datetime | None = None
    failures_in_a_row: int = 0
    last_error: str = ""
    last_error_code: str = ""


class Loop:
    """A supervised loop around one tick."""

    def __init__(
        self, name: str, tick: Callable[[], Awaitable[None]], *, interval: timedelta, clock: Clock
    ) -> None:
        self.health = LoopHealth(name)
        self._tick = tick
        self._interval = interval
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Run the next tick now instead of at the end of the interval."""
        self._woken.set()

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            self._woken.clear()
            pause = await self._tick_once()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause.total_seconds())

    async def _tick_once(self) -> timedelta:
        try:
            await self._tick()
        except Exception as error:  # noqa: BLE001  the supervisor of loops is the one place
            return self._failed(error)
        self.health.failures_in_a_row = 0
        self.health.last_error = self.health.last_error_code = ""
        self.health.last_finished_at = self._clock.now()
        return self._interval

    def _failed(self, error: Exception) -> timedelta:
        self.health.failures_in_a_row += 1
        self.health.last_error = str(error)
        self.health.last_error_code = error.code if isinstance(error, AndonError) else type(error).__name__
        backoff: timedelta = self._interval * (1 << min(self.health.failures_in_a_row, 10))
        if isinstance(error, Unavailable):
            _log.warning("loop waits", loop=self.health.name, reason=str(error), code=error.code)
            backoff = max(error.retry_after, self._interval)
        else:
            _log.error("loop failed", loop=self.health.name, exc_info=error)
        return min(backoff, _LONGEST_BACKOFF)
