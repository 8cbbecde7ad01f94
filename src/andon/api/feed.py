"""Tells viewers what changed. One poller reads for all of them; a viewer then fetches what it shows.

Each topic stands at a place, and a viewer hears of it only where they may see something there.

Topics: `timeline`, `cord`, `unit/<name>`, `rollout/<id>`, `run/<id>`, `runs`, `traffic`, `fleet`,
`station/<name>`.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Iterable, Iterator
from datetime import datetime, timedelta

from andon.access.model import NOWHERE, Permission, Place
from andon.api import places
from andon.api.callers import Caller
from andon.api.rates import Key, Window
from andon.api.services import Services
from andon.api.streams import Streams
from andon.fleet.model import Seen
from andon.kernel.ids import StationName
from andon.timeline.records import Record
from andon.timeline.store import Filter

INTERVAL = timedelta(milliseconds=400)
HEARTBEAT = timedelta(seconds=10)
_TRAFFIC_SPACING = timedelta(seconds=2)
_PAGE = 500
Topic = tuple[str, Place]


class Viewer:
    """One open stream: the topics that changed since it was last told."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._pending: set[str] = set()
        self._woken = asyncio.Event()

    def tell(self, topics: Iterable[Topic]) -> None:
        """Add topics that it may know of; a slow viewer gets them together, so nothing piles up."""
        new = {name for name, place in topics if name not in self._pending and self._sees(place)}
        if new:
            self._pending |= new
            self._woken.set()

    def _sees(self, place: Place) -> bool:
        may = self._caller.may
        seeing = (Permission.FLOOR_VIEW, Permission.TIMELINE_VIEW, Permission.FLEET_VIEW)
        return any(may(each, place) for each in seeing)

    def wake(self) -> None:
        """Let it look around, although nothing changed."""
        self._woken.set()

    async def next(self) -> list[str]:
        """Wait for the next topics."""
        await self._woken.wait()
        self._woken.clear()
        topics, self._pending = sorted(self._pending), set()
        return topics


class Feed:
    """The poller, and its viewers. `revision` rises with every change that it saw."""

    def __init__(
        self,
        services: Services,
        window: Window,
        *,
        streams: Streams | None = None,
        heartbeat: timedelta = HEARTBEAT,
    ) -> None:
        self.revision = 0
        self._services = services
        self._window = window
        self._streams = streams or Streams()
        self._heartbeat = heartbeat
        self._viewers: set[Viewer] = set()
        self._number: int | None = None
        self._looks: dict[str, int] = {}
        self._runs: dict[str, int] = {}
        self._traffic_told_at: datetime | None = None
        self._requests: dict[Key, int] = {}
        self._stations: dict[StationName, Seen] = {}
        self._stations_told_at: datetime | None = None

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
        topics |= self._from_traffic() | self._from_stations()
        if topics:
            self.revision += 1
            for viewer in self._viewers:
                viewer.tell(topics)

    def stream(self, caller: Caller) -> AsyncGenerator[str, None]:
        """Server-sent events: `hello`, then `changed` with topics, and `heartbeat` while nothing happens.

        It ends when the credentials that it was opened with hold no longer, or give other rights than then;
        with every heartbeat's length they are asked again. And with `release`: browsers then come back by
        themselves.

        Raises:
            Throttled, Unavailable: as `Streams.check`.
        """
        self._streams.check(caller)
        return self._stream(caller)

    async def _stream(self, caller: Caller) -> AsyncGenerator[str, None]:
        viewer, monotonic = Viewer(caller), self._services.clock.monotonic
        with self._streams.held(caller) as is_free, self._watched_by(viewer):
            if not is_free:
                return
            yield "retry: 1000\n" + self._event("hello")
            asked = monotonic()
            while not self._streams.is_ending:
                if caller.again is not None and monotonic() - asked >= self._heartbeat.total_seconds():
                    if not await caller.again():
                        return
                    asked = monotonic()
                topics: list[str] = []
                with contextlib.suppress(TimeoutError):
                    topics = await asyncio.wait_for(viewer.next(), self._heartbeat.total_seconds())
                if self._streams.is_ending:
                    return
                yield self._event("changed", topics) if topics else self._event("heartbeat")

    def release(self) -> None:
        """This Andon ends: all streams do, so that the server need not cut them off."""
        self._streams.is_ending = True
        for viewer in self._viewers:
            viewer.wake()

    @contextlib.contextmanager
    def _watched_by(self, viewer: Viewer) -> Iterator[None]:
        self._viewers.add(viewer)
        try:
            yield
        finally:
            self._viewers.discard(viewer)

    def _event(self, name: str, topics: list[str] | None = None) -> str:
        body = {"at": self._services.clock.now().isoformat(), "topics": topics or []}
        return f"event: {name}\ndata: {json.dumps(body)}\n\n"

    async def _from_timeline(self) -> set[Topic]:
        if self._number is None:
            newest = await self._services.timeline.list(Filter(), limit=1)
            self._number = newest[0].number if newest else 0
            return {("timeline", NOWHERE)}
        records = await self._services.timeline.list(
            Filter(after=self._number), limit=_PAGE, newest_first=False
        )
        if records:
            self._number = records[-1].number
        return {topic for each in records for topic in _topics(each)}

    async def _from_rollouts(self) -> set[Topic]:
        seen: dict[str, int] = {}
        moved: set[Topic] = set()
        for rollout in await self._services.rollouts.active():
            whole = await self._services.rollouts.get(rollout)
            seen[rollout] = whole.evidence.seq
            if self._looks.get(rollout) != seen[rollout]:
                place = Place(environment=whole.environment, unit=whole.unit)
                moved.add((f"rollout/{rollout}", place))
        self._looks = seen
        return moved

    async def _from_runs(self) -> set[Topic]:
        runs = await self._services.runs.list(limit=10)
        moved = [each for each in runs if self._runs.get(each.id) != each.revision]
        self._runs = {each.id: each.revision for each in runs}
        return {(topic, Place(unit=each.unit)) for each in moved for topic in (f"run/{each.id}", "runs")}

    def _from_stations(self) -> set[Topic]:
        """Stations that reported: of a large fleet some always have, so that is told every few seconds."""
        at, roster = self._services.clock.now(), self._services.fleet.roster
        if self._stations_told_at is not None and at - self._stations_told_at < _TRAFFIC_SPACING:
            return set()
        moved = [name for name, each in roster.seen.items() if self._stations.get(name) is not each]
        if moved:
            self._stations, self._stations_told_at = dict(roster.seen), at
        topics: set[Topic] = set()
        for name in moved:
            station = roster.stations.get(name)
            if station is not None:
                place = places.of_station(station)
                topics |= {("fleet", place), (f"station/{name}", place)}
        return topics

    def _from_traffic(self) -> set[Topic]:
        traffic = self._services.traffic()
        if traffic is None or (
            self._traffic_told_at and traffic.at - self._traffic_told_at < _TRAFFIC_SPACING
        ):
            return set()
        counts = {key: each.requests for key, each in traffic.releases.items()}
        moved = [key for key, count in counts.items() if self._requests.get(key) != count]
        if moved:
            self._requests, self._traffic_told_at = counts, traffic.at
        return {("traffic", Place(environment=environment, unit=unit)) for unit, environment, _ in moved}


def _topics(record: Record) -> set[Topic]:
    event, place = record.event, places.of_record(record)
    topics = {("timeline", place), (event.subject, place)}
    if event.unit:
        topics.add((f"unit/{event.unit}", place))
    if event.kind.startswith("cord."):
        topics.add(("cord", Place(environment=event.environment or None)))
    if event.kind.startswith(("fleet.", "station.")):
        topics.add(("fleet", place))
    return topics
