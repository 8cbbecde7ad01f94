"""The fleet over rows in memory: what it does is real, only the database is not there."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from andon.access.signatures.model import Action, Document, Signature
from andon.fleet import faring
from andon.fleet.model import RINGS, Opened, Pin, Recall, Ring, Scope, Seen, Station, Window
from andon.fleet.reports.model import NO_TALLY, Taken, Tally, TallyKey
from andon.fleet.reports.store import ReportStore
from andon.fleet.stations.store import StationStore, no_station
from andon.fleet.tokens.enrolling import Plant
from andon.fleet.tokens.model import EnrolmentToken
from andon.fleet.tokens.store import EnrolmentTokenStore
from andon.fleet.updates import File
from andon.fleet.wanting.proving import Vouching
from andon.fleet.wanting.render import Common
from andon.fleet.wanting.store import Document as Told
from andon.fleet.wanting.store import Place, Said, WantingStore
from andon.fleet.whole import Around, Fleet, FleetStores, put_together
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import EnvironmentName, StationName, UnitName, Version
from andon.timeline.records import Event
from andon_wire.identity import PrivateKey
from andon_wire.names import bundle_of
from andon_wire.protocol import Sample

ROOT = '{"signed": {"_type": "root"}}'


class Telling(list[Event]):
    """Records that are also told to somebody, as a page that is open waits for them."""

    def __init__(self, tell: Callable[[Event], object]) -> None:
        super().__init__()
        self._tell = tell

    def append(self, event: Event) -> None:
        """Keep and tell it."""
        super().append(event)
        self._tell(event)


class Rows:
    """What the tables would hold. told: the records, in their order."""

    def __init__(self) -> None:
        self.stations: dict[StationName, Station] = {}
        self.rings: list[str] = list(RINGS)
        self.tokens: dict[str, EnrolmentToken] = {}
        self.pins: dict[tuple[StationName, UnitName], Pin] = {}
        self.recalls: dict[tuple[UnitName, EnvironmentName, Version], Recall] = {}
        self.windows: dict[tuple[Scope, str], Window] = {}
        self.attempts: dict[tuple[StationName, UnitName], int] = {}
        self.opened: dict[Place, Opened] = {}
        self.documents: dict[StationName, Told] = {}
        self.seen: dict[StationName, Seen] = {}
        self.samples: dict[tuple[StationName, datetime], Sample] = {}
        self.tallies: dict[TallyKey, Tally] = {}
        self.signatures: list[Signature] = []
        self.told: list[Event] = []
        self.files: dict[tuple[UnitName, Version], Mapping[str, File]] = {}
        self.notes: dict[tuple[UnitName, Version], str] = {}

    def add(self, station: Station) -> None:
        """As the table refuses it: one name, one key."""
        keys = {each.public_key for each in self.stations.values()}
        if station.name in self.stations or station.public_key in keys:
            raise Conflict("already-there", "the database refused a duplicate")
        self.stations[station.name] = station

    def write(self, station: Station) -> None:
        """As the table finds it."""
        if station.name not in self.stations:
            raise no_station(station.name)
        self.stations[station.name] = station


class FakeStations(StationStore):
    """Stations in memory."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def list(self) -> Sequence[Station]:
        """As the table."""
        return sorted(self._rows.stations.values(), key=lambda each: each.name)

    async def get(self, name: StationName) -> Station:
        """As the table."""
        if name not in self._rows.stations:
            raise no_station(name)
        return self._rows.stations[name]

    async def add(self, made: Station, told: Event, _at: datetime) -> None:
        """As the table."""
        self._rows.add(made)
        self._rows.told.append(told)

    async def change(self, changed: Station, told: Event, _at: datetime) -> None:
        """As the table."""
        self._rows.write(changed)
        self._rows.told.append(told)

    async def rings(self) -> Sequence[Ring]:
        """As the table."""
        return [Ring(name, position) for position, name in enumerate(self._rows.rings)]

    async def set_rings(self, names: Sequence[str], told: Event, _at: datetime) -> None:
        """As the table."""
        self._rows.rings = list(names)
        self._rows.told.append(told)


class FakeEnrolmentTokens(EnrolmentTokenStore):
    """Enrolment tokens in memory."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def add(self, token: EnrolmentToken, token_hash: str, told: Event) -> None:
        """As the table."""
        self._rows.tokens[token_hash] = token
        self._rows.told.append(told)

    async def find(self, token_hash: str) -> EnrolmentToken | None:
        """As the table."""
        return self._rows.tokens.get(token_hash)

    async def list(self) -> Sequence[EnrolmentToken]:
        """As the table."""
        return sorted(self._rows.tokens.values(), key=lambda each: each.created_at, reverse=True)

    async def use(self, token: EnrolmentToken, station: Station, told: Event, at: datetime) -> bool:
        """As the table."""
        key = self._waiting(token.id)
        if key is None:
            return False
        if token.replaces:
            self._rows.write(station)
            self._rows.seen.pop(station.name, None)
        else:
            self._rows.add(station)
        self._rows.tokens[key] = replace(token, used_at=at, used_by=station.name)
        self._rows.told.append(told)
        return True

    async def revoke(self, token_id: str, by: str, told: Event, at: datetime) -> bool:
        """As the table."""
        key = self._waiting(token_id)
        if key is not None:
            self._rows.tokens[key] = replace(self._rows.tokens[key], revoked_at=at, revoked_by=by)
            self._rows.told.append(told)
        return key is not None

    def _waiting(self, token_id: str) -> str | None:
        found = self._rows.tokens.items()
        good = [key for key, each in found if each.id == token_id and not (each.used_at or each.revoked_at)]
        return next(iter(good), None)


class FakeWanting(WantingStore):
    """What people said, and documents, in memory."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def said(self) -> Said:
        """As the tables."""
        rows = self._rows
        return Said(
            list(rows.pins.values()),
            list(rows.recalls.values()),
            list(rows.windows.values()),
            dict(rows.attempts),
        )

    async def opened(self) -> Mapping[Place, Opened]:
        """As the table."""
        return dict(self._rows.opened)

    async def documents(self) -> Sequence[Told]:
        """As the table."""
        return list(self._rows.documents.values())

    async def tell(self, given: Mapping[Place, Opened], documents: Sequence[Told]) -> None:
        """As the tables."""
        self._rows.opened |= given
        self._rows.documents |= {each.station: each for each in documents}

    async def pin(self, made: Pin, told: Event) -> None:
        """As the table."""
        self._rows.pins[made.station, made.unit] = made
        self._rows.told.append(told)

    async def unpin(self, station: StationName, unit: UnitName, told: Event, _at: datetime) -> bool:
        """As the table."""
        return self._gone(self._rows.pins.pop((station, unit), None), told)

    async def recall(self, made: Recall, told: Event, signature: Signature | None = None) -> None:
        """As the table."""
        self._rows.recalls[made.unit, made.environment, made.version] = made
        self._rows.signatures += [] if signature is None else [signature]
        self._rows.told.append(told)

    async def lift(
        self, release: tuple[UnitName, EnvironmentName, Version], told: Event, _at: datetime
    ) -> bool:
        """As the table."""
        return self._gone(self._rows.recalls.pop(release, None), told)

    async def set_window(
        self, place: tuple[Scope, str], made: Window | None, told: Event, _at: datetime
    ) -> None:
        """As the table."""
        self._rows.windows.pop(place, None)
        if made is not None:
            self._rows.windows[place] = made
        self._rows.told.append(told)

    async def raise_attempts(
        self, numbers: Mapping[tuple[StationName, UnitName], int], told: Event, _at: datetime
    ) -> None:
        """As the table."""
        self._rows.attempts |= numbers
        self._rows.told.append(told)

    def _gone(self, found: object, told: Event) -> bool:
        if found is not None:
            self._rows.told.append(told)
        return found is not None


class FakeReports(ReportStore):
    """Reports in memory."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def seen(self) -> Mapping[StationName, Seen]:
        """As the table."""
        return dict(self._rows.seen)

    async def take(self, reports: Sequence[Taken], _at: datetime) -> None:
        """As the tables."""
        for each in reports:
            self._rows.seen[each.station] = each.seen
            for sample in each.samples:
                self._rows.samples.setdefault((each.station, sample.at), sample)
            for key, tally in each.tallies.items():
                self._rows.tallies[key] = self._rows.tallies.get(key, NO_TALLY) + tally
            self._rows.told += each.told

    async def tallies(
        self, unit: UnitName | None = None, environment: EnvironmentName | None = None
    ) -> Mapping[TallyKey, Tally]:
        """As the table."""
        return {
            key: each
            for key, each in self._rows.tallies.items()
            if unit in {None, key[0]} and environment in {None, key[1]}
        }

    async def samples(self, station: StationName, since: datetime, limit: int = 5000) -> Sequence[Sample]:
        """As the table."""
        own = [each for (name, at), each in self._rows.samples.items() if name == station and at >= since]
        return sorted(own, key=lambda each: each.at)[-limit:]

    async def forget_samples(self, before: datetime) -> int:
        """As the table."""
        old = [key for key in self._rows.samples if key[1] < before]
        for key in old:
            del self._rows.samples[key]
        return len(old)


class _OnDemand:
    """Runs a tick soon after something asks for it, as no loop runs."""

    def __init__(self, tick: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tick = tick
        self._running: set[asyncio.Task[None]] = set()

    def __call__(self) -> None:
        """Ask for it."""
        task = asyncio.get_running_loop().create_task(self._tick())
        self._running.add(task)
        task.add_done_callback(self._running.discard)


async def _unsealed(
    action: Action, environment: EnvironmentName, signature: Signature | None, present: Document
) -> None:
    """The edge has asked for a signature; a fake plant looks no second time."""


async def _nothing_else() -> Common:
    return Common()


async def _no_proof(_old: int, _new: int) -> Sequence[bytes]:
    return ()


def stores_of(rows: Rows) -> FleetStores:
    """The fleet's tables over `rows`."""
    return FleetStores(FakeStations(rows), FakeEnrolmentTokens(rows), FakeWanting(rows), FakeReports(rows))


def fleet_over(stores: FleetStores, clock: Clock, rows: Rows, *, key: PrivateKey | None = None) -> Fleet:
    """A fleet over any tables. rows: whose `told` gets what changes no row, and whose `files` there are."""
    key = key or PrivateKey.generate()

    async def publish(event: Event) -> None:
        rows.told.append(event)

    async def files(unit: UnitName, version: Version) -> Mapping[str, File]:
        if (unit, version) not in rows.files:
            raise NotFound("no-such-release", f"there is no release {unit}@{version}")
        return rows.files[unit, version]

    async def fared(unit: UnitName, environment: EnvironmentName, version: Version) -> str:
        return faring.failed(version, rows.tallies.get((unit, environment, version), NO_TALLY))

    async def makes(unit: UnitName, platform: str) -> bool:
        return any(bundle_of(platform) in there for (name, _), there in rows.files.items() if name == unit)

    async def notes(unit: UnitName, version: Version) -> str:
        return rows.notes.get((unit, version), "")

    plant, proofs = Plant(key.public, lambda: ROOT), Vouching(_no_proof)
    around = Around(key, plant, clock, _nothing_else, proofs, _unsealed, files, fared, makes, notes, publish)
    return put_together(stores, around)


def fleet_of(rows: Rows, clock: Clock, *, key: PrivateKey | None = None) -> Fleet:
    """A fleet over `rows`, with the stations that they have. Whoever wants what follows calls `tick`."""
    fleet = fleet_over(stores_of(rows), clock, rows, key=key)
    for each in rows.stations.values():
        fleet.roster.put(each)
    for name, seen in rows.seen.items():
        fleet.roster.reported(name, seen)
    fleet.inbox.wake = _OnDemand(fleet.inbox.tick)
    fleet.updates.changed = _OnDemand(fleet.controller.tick)
    return fleet
