"""Tells viewers what changed. One poller reads for all of them; a viewer then fetches what it shows.

Topics: `timeline`, `cord`, `unit/<name>`, `rollout/<id>`, `run/<id>`, `runs`, `traffic`.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta

from andon.api.rates import Window
from andon.api.services import Services
from andon.kernel.errors import Unavailable
from andon.timeline.records import Record
from andon.timeline.store import Filter

INTERVAL = timedelta(milliseconds=400)
HEARTBEAT = timedelta(seconds=10)
_TRAFFIC_SPACING = timedelta(seconds=2)
_MOST_VIEWERS = 1000
_PAGE = 500


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
    """The poller, and its viewers. `revision` rises with every change that it saw."""

    def __init__(self, services: Services, window: Window, *, heartbeat: timedelta = HEARTBEAT) -> None:
        self.revision = 0
        self._services = services
        self._window = window
        self._heartbeat = heartbeat
        self._viewers: set[Viewer] = set()
        self._number: int | None = None
        self._looks: dict[str, int] = {}
        self._runs: dict[str, int] = {}
        self._traffic_told_at: datetime | None = None
        self._requests = -1

    @property
    def viewers(self) -> int:
        """How many streams are open."""
        return len(self._viewers)

    async def tick(self) -> None:
        """Sample the gateway; when somebody watches, look what moved and tell them."""
        traffic = self._services.traffic()
        if traffic is not None:
            self._window.add(traffic)
        if not self._viewers:
            self._number = None
            return
        topics = await self._from_timeline() | await self._from_rollouts() | await self._from_runs()
        topics |= self._from_traffic()
        if topics:
            self.revision += 1
            for viewer in self._viewers:
                viewer.tell(topics)

    def stream(self) -> AsyncGenerator[str, None]:
        """Server-sent events: `hello`, then `changed` with topics, and `heartbeat` while nothing happens.

        Raises:
            Unavailable: too many viewers are open.
        """
        if len(self._viewers) >= _MOST_VIEWERS:
            raise Unavailable("too-many-viewers", f"{_MOST_VIEWERS} viewers are open", hint="close some")
        return self._stream()

    async def _stream(self) -> AsyncGenerator[str, None]:
        viewer = Viewer()
        self._viewers.add(viewer)
        try:
            yield "retry: 1000\n" + self._event("hello")
            while True:
                topics: list[str] = []
                with contextlib.suppress(TimeoutError):
                    topics = await asyncio.wait_for(viewer.next(), self._heartbeat.total_seconds())
                yield self._event("changed", topics) if topics else self._event("heartbeat")
        finally:
            self._viewers.discard(viewer)

    def _event(self, name: str, topics: list[str] | None = None) -> str:
        body = {"at": self._services.clock.now().isoformat(), "topics": topics or []}
        return f"event: {name}\ndata: {json.dumps(body)}\n\n"

    async def _from_timeline(self) -> set[str]:
        if self._number is None:
            newest = await self._services.timeline.list(Filter(), limit=1)
            self._number = newest[0].number if newest else 0
            return {"timeline"}
        records = await self._services.timeline.list(
            Filter(after=self._number), limit=_PAGE, newest_first=False
        )
        if records:
            self._number = records[-1].number
        return {topic for each in records for topic in _topics(each)}

    async def _from_rollouts(self) -> set[str]:
        seen: dict[str, int] = {}
        for rollout in await self._services.rollouts.active():
            seen[rollout] = (await self._services.rollouts.get(rollout)).evidence.seq
        moved = {each for each, seq in seen.items() if self._looks.get(each) != seq}
        self._looks = seen
        return {f"rollout/{each}" for each in moved}

    async def _from_runs(self) -> set[str]:
        seen: dict[str, int] = {each.id: each.revision for each in await self._services.runs.list(limit=10)}
        moved = {run for run, revision in seen.items() if self._runs.get(run) != revision}
        self._runs = seen
        return {f"run/{run}" for run in moved} | ({"runs"} if moved else set())

    def _from_traffic(self) -> set[str]:
        traffic = self._services.traffic()
        if traffic is None:
            return set()
        requests = sum(each.requests for each in traffic.releases.values())
        told = self._traffic_told_at
        if requests == self._requests or (told and traffic.at - told < _TRAFFIC_SPACING):
            return set()
        self._requests, self._traffic_told_at = requests, traffic.at
        return {"traffic"}


def _topics(record: Record) -> set[str]:
    event = record.event
    topics = {"timeline", event.subject}
    if event.unit:
        topics.add(f"unit/{event.unit}")
    if event.kind.startswith("cord."):
        topics.add("cord")
    return topics
