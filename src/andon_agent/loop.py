"""The running agent: asks, tells, measures, lets the engine tick; each in turns, each woken early if need be.

All waiting is by clocks that only rise, so a clock that is set changes nothing here. An error that nobody
expected ends the process; the service starts it anew, and everything goes on from the disk.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from andon_agent.engine.ports import Units
from andon_wire.protocol import UnitState, Wanted

_log = logging.getLogger(__name__)
_GAP_S = 0.5  # at least, between two turns of the same kind
_DISK_S = 5.0  # after the disk failed


class Turns:
    """Runs a turn again and again; it says itself when the next one is due. May be woken from any thread."""

    def __init__(self, turn: Callable[[], Awaitable[float]], *, gap_s: float = _GAP_S) -> None:
        self._turn, self._gap_s = turn, gap_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Let the next turn come now."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        self._loop = asyncio.get_running_loop()
        while not stop.is_set():
            self._woken.clear()
            seconds = await self._turn()
            await _either(stop, self._gap_s)
            if seconds > self._gap_s:
                await _first(seconds - self._gap_s, stop, self._woken)


class Ticking:
    """The engine, in one thread of its own. Its states are a snapshot that others may read."""

    def __init__(self, units: Units, *, on_end: Callable[[], None]) -> None:
        self._units, self._on_end = units, on_end
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._wanted: Wanted | None = None
        self._states: Mapping[str, UnitState] | None = None
        self.problem = ""

    def act(self, wanted: Wanted) -> None:
        """From the next tick on this is wanted."""
        self._wanted = wanted

    def states(self) -> Mapping[str, UnitState] | None:
        """As of the last tick; None before the first, when nobody has looked yet."""
        return self._states

    async def turn(self) -> float:
        """Tick once; gives the seconds until the next time."""
        seconds = await asyncio.get_running_loop().run_in_executor(self._thread, self._tick)
        if self._units.must_end:
            self._on_end()
        return seconds

    async def close(self) -> None:
        """End the engine's work; applications go on."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._units.close)
        self._thread.shutdown()

    def _tick(self) -> float:
        wanted = self._wanted
        if wanted is not None:
            self._wanted = None
            self._units.want(wanted.units)
        try:
            seconds = self._units.tick()
        except OSError as error:
            if str(error) != self.problem:
                _log.error("the disk fails: %s", error)
            self.problem = str(error)
            self._states = dict(self._units.states())
            return _DISK_S
        self.problem = ""
        self._states = dict(self._units.states())
        return seconds


async def run(turns: Mapping[str, Turns], stop: asyncio.Event) -> None:
    """Run all until `stop`, or until one of them fails.

    Raises:
        ExceptionGroup: what nobody expected.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.run(stop), name=name) for name, each in turns.items()]
        await stop.wait()
        for each in tasks:
            each.cancel()


async def _either(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _first(seconds: float, *events: asyncio.Event) -> None:
    """Until the time is over or one of the events is set."""
    tasks = [asyncio.ensure_future(each.wait()) for each in events]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in tasks:
            each.cancel()
