"""Loops that keep running beside the requests of an instance: the one place that catches every exception.

A loop runs its tick, waits for its interval, and runs it again. A tick compares what is with what should be,
so that it may run twice, or on several instances at once, and gives the same. One that raises is logged and
tried again with back-off; it never ends the loop. What is not here: which loops there are (app.py).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from andon_mes.kernel import logging
from andon_mes.kernel.errors import Unavailable

_log = logging.get(__name__)
_LONGEST_BACKOFF = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Loop:
    """A tick and how long to wait after it.

    With `ends_with_a_tick` it runs once more when the instance ends, to write down what it still holds.
    """

    name: str
    tick: Callable[[], Awaitable[object]]
    interval: timedelta
    ends_with_a_tick: bool = False


@contextlib.asynccontextmanager
async def supervised(loops: Sequence[Loop]) -> AsyncIterator[None]:
    """Run `loops` while the block runs; they are cancelled, and have ended, when it is left."""
    running = [asyncio.create_task(_run(loop), name=loop.name) for loop in loops]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for loop in loops:
            if loop.ends_with_a_tick:
                await _tick(loop)


async def _run(loop: Loop) -> None:
    failures = 0
    while True:
        failures = 0 if await _tick(loop) else failures + 1
        await asyncio.sleep(_pause(loop.interval, failures).total_seconds())


def _pause(interval: timedelta, failures: int) -> timedelta:
    """The interval, doubled with each failure in a row, half a minute at most unless it is longer itself."""
    longest = max(interval, _LONGEST_BACKOFF)
    return min(interval * (1 << min(failures, 10)), longest)


async def _tick(loop: Loop) -> bool:
    """Whether the tick came through."""
    try:
        await loop.tick()
    except Unavailable as error:
        _log.warning("loop waits", extra={"loop": loop.name, "reason": str(error)})
    except Exception:  # noqa: BLE001  the supervisor of loops is the one place
        _log.exception("loop failed", extra={"loop": loop.name})
    else:
        return True
    return False
