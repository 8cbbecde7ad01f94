"""The stations as they are now, in memory: polls and reports are answered from here, not by a query each.

Written by what has been made durable first; read by everybody. One per process.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from andon.fleet.model import Seen, Station
from andon.fleet.wanting.render import Content
from andon.kernel.ids import EnvironmentName, StationName, UnitName

NEVER_SEEN = Seen()


@dataclass(frozen=True, slots=True)
class Told:
    """What a station is told now. text: the signed document; content: the same, to compare."""

    revision: int
    text: str
    content: Content


class Roster:
    """Stations by name, what they reported, what they are told, and who waits for that to change."""

    def __init__(self) -> None:
        self.stations: dict[StationName, Station] = {}
        self._names: dict[str, StationName] = {}
        self.seen: dict[StationName, Seen] = {}
        self.told: dict[StationName, Told] = {}
        self._waiting: dict[StationName, set[asyncio.Future[None]]] = defaultdict(set)
        self._given: dict[tuple[UnitName, EnvironmentName], set[str]] = defaultdict(set)
        self._ahead: dict[StationName, int] = {}
        self._is_ending = False
        self.is_stale = True  # something changed since what is wanted was worked out

    def active(self) -> Iterable[Station]:
        """Stations that get releases."""
        return [each for each in self.stations.values() if each.is_active]

    def seen_of(self, name: StationName) -> Seen:
        """The last report of a station; an empty one where there is none."""
        return self.seen.get(name, NEVER_SEEN)

    def with_key(self, public_key: str) -> Station | None:
        """The station with this key."""
        return self.stations.get(self._names.get(public_key, StationName("")))

    def put(self, station: Station) -> None:
        """A station as it is now durable."""
        former = self.stations.get(station.name)
        if former is not None and former.public_key != station.public_key:
            self._names.pop(former.public_key, None)
        self.stations[station.name] = station
        self._names[station.public_key] = station.name
        self.is_stale = True
        if former is None or former.standing is not station.standing:
            self._wake(station.name)

    def forget_report(self, name: StationName) -> None:
        """Another machine took the place of a station: its events begin anew."""
        self.seen.pop(name, None)

    def reported(self, name: StationName, seen: Seen) -> None:
        """A report that is durable."""
        before = self.seen_of(name)
        self.seen[name] = seen
        if _matters(before) != _matters(seen):
            self.is_stale = True

    def tell(self, name: StationName, told: Told) -> None:
        """A document whose revision is durable; whoever waits for it goes on."""
        self.told[name] = told
        station = self.stations.get(name)
        if station is not None:
            for unit, wanted in told.content.units.items():
                if wanted.version is not None:
                    self._given[(unit, station.environment)].add(wanted.version)
        self._wake(name)

    def was_given(self, unit: str, version: str, environment: EnvironmentName) -> bool:
        """Whether a station there was ever told to run this, as far as this process remembers."""
        return version in self._given.get((UnitName(unit), environment), ())

    def revision_of(self, name: StationName) -> int:
        """The revision that a station is told now; 0 before the first."""
        told = self.told.get(name)
        return 0 if told is None else told.revision

    def next_revision(self, name: StationName) -> int:
        """Above all that the station was told, or says that it was."""
        return max(self.revision_of(name), self._ahead.get(name, 0), self.seen_of(name).revision) + 1

    def is_ahead(self, name: StationName) -> bool:
        """Whether a station has seen a higher revision than we know: our database is an older copy."""
        return max(self._ahead.get(name, 0), self.seen_of(name).revision) > self.revision_of(name)

    def polled(self, name: StationName, have: int) -> None:
        """A station says which revision it has."""
        if have > self.revision_of(name):
            self._ahead[name] = max(have, self._ahead.get(name, 0))
            self.is_stale = True

    async def wait(self, name: StationName, have: int, seconds: float) -> Told | None:
        """What `name` is told once it is another revision than `have`, within `seconds`; else None.

        Who is not let in yet is told nothing, not even what the machine was told whose place it takes. After
        `release` nobody waits.
        """
        news = self._news(name, have)
        if news is not None or seconds <= 0 or self._is_ending:
            return news
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[name].add(waiter)
        try:
            await asyncio.wait([waiter], timeout=seconds)
        finally:
            self._waiting[name].discard(waiter)
            if not self._waiting[name]:
                del self._waiting[name]
        return self._news(name, have)

    @property
    def waiting(self) -> int:
        """How many stations wait for news."""
        return len(self._waiting)

    def release(self) -> None:
        """This Andon ends: whoever waits is answered now, and asks the next one."""
        self._is_ending = True
        for name in list(self._waiting):
            self._wake(name)

    def _news(self, name: StationName, have: int) -> Told | None:
        told, station = self.told.get(name), self.stations.get(name)
        is_new = told is not None and told.revision > have
        return told if is_new and station is not None and station.is_active else None

    def _wake(self, name: StationName) -> None:
        for each in self._waiting.get(name, ()):
            if not each.done():
                each.set_result(None)


def _matters(seen: Seen) -> Mapping[str, object]:
    """What of a report changes who gets what."""
    return {
        unit: (each.running, each.confirmed, each.wanted, each.attempt, each.phase)
        for unit, each in seen.units.items()
    }
