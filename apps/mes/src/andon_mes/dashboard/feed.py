"""Tells open pages what changed. One reader looks for all of them; a page then fetches what it shows.

Level-triggered: each look compares marks of what there is with those of the look before, so changes made by
other instances and releases on the same database are seen too. Topics are the names of the marks. Nobody
looks while no page is open.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from andon_mes.dashboard import assets
from andon_mes.kernel.clock import Clock
from andon_mes.kernel.errors import Unavailable
from andon_mes.store.engine import Database, Work

INTERVAL = timedelta(seconds=1)
HEARTBEAT = timedelta(seconds=5)
MOST_VIEWERS = 500
Marks = Mapping[str, Any]


class Viewer:
    """One open stream: the topics that changed since it was last told."""

    def __init__(self) -> None:
        self._pending: set[str] = set()
        self._woken = asyncio.Event()

    def tell(self, topics: set[str]) -> None:
        """Add topics; a slow viewer gets them together, so nothing piles up."""
        self._pending |= topics
        self._woken.set()

    async def next(self) -> list[str]:
        """Wait for the next topics."""
        await self._woken.wait()
        self._woken.clear()
        topics, self._pending = sorted(self._pending), set()
        return topics


class Feed:
    """The reader, and its viewers."""

    def __init__(
        self, database: Database, clock: Clock, marks: Work[Marks], *, interval: timedelta = INTERVAL
    ) -> None:
        self._database = database
        self._clock = clock
        self._marks = marks
        self._interval = interval
        self._viewers: set[Viewer] = set()
        self._looking: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_ending = False
        self.revision = 0
        """Rises with every change that was seen: what was made before shows something older."""

    @property
    def is_full(self) -> bool:
        """Whether one more stream would be too many for this instance."""
        return len(self._viewers) >= MOST_VIEWERS

    def end(self) -> None:
        """Let every stream end, so that the instance can; pages come back to whichever serves then.

        Called from a signal handler, which may interrupt anything.
        """
        self._is_ending = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell, set())

    async def stream(
        self, release: str, is_still_known: Callable[[], Awaitable[bool]]
    ) -> AsyncGenerator[str, None]:
        """Server-sent events: `hello`, then `changed` with topics, and `heartbeat` while nothing happens.

        With every event it is asked whether its viewer is still known; when not, it ends.
        """
        with self._watched() as viewer:
            yield "retry: 1000\n" + self._event("hello", release=release, assets=assets.version())
            while not self._is_ending and await is_still_known():
                topics: list[str] = []
                with contextlib.suppress(TimeoutError):
                    topics = await asyncio.wait_for(viewer.next(), HEARTBEAT.total_seconds())
                yield self._event("changed", topics=topics) if topics else self._event("heartbeat")

    @contextlib.contextmanager
    def _watched(self) -> Iterator[Viewer]:
        viewer = Viewer()
        self._viewers.add(viewer)
        self._loop = asyncio.get_running_loop()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_while_watched())
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)

    async def _look_while_watched(self) -> None:
        known: Marks | None = None
        while self._viewers and not self._is_ending:
            with contextlib.suppress(Unavailable):  # the next look sees what this one could not
                seen = await self._database.read(self._marks)
                # Nobody looked before the first look, so anything may have changed since the page was made.
                self._tell({name for name, mark in seen.items() if known is None or known.get(name) != mark})
                known = seen
            await asyncio.sleep(self._interval.total_seconds())

    def _tell(self, topics: set[str]) -> None:
        self.revision += bool(topics)
        if topics or self._is_ending:
            for viewer in self._viewers:
                viewer.tell(topics)

    def _event(self, name: str, **more: Any) -> str:
        return f"event: {name}\ndata: {json.dumps({'at': self._clock.now().isoformat(), **more})}\n\n"
