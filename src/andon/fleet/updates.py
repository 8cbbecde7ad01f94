"""For simple clients that know no more than to ask: is there something newer for me? (SEEDS H4)

Such a client is a station like any other, in the last ring until somebody moves it: its question is its
report, and the answer is what it is told. So rings, shares, pins, windows and recalls hold for it as well.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from andon.fleet import model
from andon.fleet.model import LAST_RING, Station
from andon.fleet.reports.inbox import Inbox
from andon.fleet.roster import Roster
from andon.fleet.stations.store import StationStore
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Forbidden, NotFound, Unavailable
from andon.kernel.ids import EnvironmentName, StationName, UnitName, Version
from andon.timeline.records import Event
from andon_wire import platforms, spans
from andon_wire.delta.chain import offers, plan_chain
from andon_wire.errors import WireError
from andon_wire.names import bundle_of
from andon_wire.protocol import Machine, Report, UnitState, WantedUnit

SIMPLE = "client"  # the label of a station that only asks
MOST_SIMPLE = 5000
_LONGEST_WAIT_S = 5.0  # for the first answer to a client that was not known before


@dataclass(frozen=True, slots=True)
class File:
    """One artifact of a release. path: where it lies below the registry; sha256: hex."""

    path: str
    sha256: str
    size: int


Files = Callable[
    [UnitName, Version], Awaitable[Mapping[str, File]]
]  # by name, where it may be installed; raises NotFound, Untrusted
Notes = Callable[[UnitName, Version], Awaitable[str]]  # what is new in it, for people; empty: not told
Makes = Callable[[UnitName, str], Awaitable[bool]]  # whether any release of the unit is for the platform


@dataclass(frozen=True, slots=True)
class Catalog:
    """What is known of releases."""

    files: Files
    makes: Makes
    notes: Notes


@dataclass(frozen=True, slots=True)
class Question:
    """What a client says of itself. platform: such as linux-x86_64; client: stable per machine."""

    client: str
    unit: UnitName
    environment: EnvironmentName
    current: Version
    platform: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What it is told. version None: stay as you are. patch: from the current version, where there is one.

    notes: of the new version; empty where it has none, and where it is a return: what is in the older release
    is nothing new to whoever comes back to it.
    """

    version: Version | None
    reason: str
    full: File | None = None
    patch: File | None = None
    is_return: bool = False
    notes: str = ""


class Updates:
    """Answers simple clients. changed: works out what a new one is told."""

    def __init__(
        self,
        stations: StationStore,
        roster: Roster,
        inbox: Inbox,
        clock: Clock,
        catalog: Catalog,
    ) -> None:
        self._stations = stations
        self._roster = roster
        self._inbox = inbox
        self._clock = clock
        self._catalog = catalog
        self.changed: Callable[[], None] = _nobody

    async def check(self, asked: Question, actor: str, *, source: str) -> Answer:
        """Whether there is something for this client now.

        Raises:
            NotFound: nothing is made for its platform; no station is made or changed then.
            Conflict: its id is that of a station with an agent.
            Forbidden: there are too many clients, or it was retired.
            Unavailable: what it is told is not worked out yet.
        """
        if not platforms.is_platform(asked.platform) or not await self._catalog.makes(
            asked.unit, asked.platform
        ):
            raise _unknown(asked)
        station = await self._station(asked, actor, source)
        await self._inbox.take(station.name, _report(asked, self._clock.now()), address=source)
        wanted = await self._wanted(station, asked.unit)
        if wanted is None:
            return Answer(None, "nothing is wanted here yet")
        if wanted.version is None or wanted.version == asked.current:
            return Answer(None, wanted.reason)
        try:
            files = await self._catalog.files(asked.unit, Version(wanted.version))
        except (
            NotFound
        ) as error:  # revoked or collected meanwhile: stay, rather than ask for what is not there
            return Answer(None, f"{wanted.version} cannot be installed: {error.message}")
        full = files.get(bundle_of(asked.platform))
        if full is None:
            return Answer(None, f"{wanted.version} is not made for {asked.platform}")
        if not wanted.may_switch or not self._is_open(wanted):
            return Answer(None, f"{wanted.version} waits: {wanted.reason}")
        version = Version(wanted.version)
        notes = "" if wanted.is_return else await self._catalog.notes(asked.unit, version)
        patch = _patch(asked, version, files)
        return Answer(version, wanted.reason, full, patch, wanted.is_return, notes)

    async def _wanted(self, station: Station, unit: UnitName) -> WantedUnit | None:
        told = self._roster.told.get(station.name)
        if told is None:
            self._roster.is_stale = True
            self.changed()
            told = await self._roster.wait(station.name, 0, _LONGEST_WAIT_S)
        if told is None:
            raise Unavailable("not-worked-out", "what this client should run is not worked out yet")
        return told.content.units.get(unit)

    def _is_open(self, wanted: WantedUnit) -> bool:
        if wanted.direct:
            return True
        try:
            return spans.is_open(wanted.windows, self._clock.now())
        except WireError:
            return False

    async def _station(self, asked: Question, actor: str, source: str) -> Station:
        """The client's station; made at its first question."""
        key = hashlib.sha256(f"andon-simple-client\n{asked.client}".encode()).hexdigest()
        found = self._roster.with_key(key)
        if found is not None:
            return await self._known(found, asked)
        simple = sum(SIMPLE in each.labels for each in self._roster.stations.values())
        if simple >= MOST_SIMPLE:
            raise Forbidden("too-many-clients", f"{simple} simple clients ask here already; that is the most")
        now = self._clock.now()
        station = Station(
            name=self._free_name(asked.client, key),
            environment=asked.environment,
            ring=await self._last_ring(),
            line="",
            public_key=key,  # the hash of a name: nobody has a private key to it, so no agent can be it
            machine=Machine(id=asked.client, platform=asked.platform),
            enrolled_at=now,
            labels={SIMPLE: "simple"},
        )
        told = Event(
            "station.enrolled", f"station/{station.name}", actor, "a simple client asked for the first time",
            environment=station.environment, source=source,
            after={"client": asked.client, "ring": station.ring},
        )  # fmt: skip
        await self._stations.add(station, told, now)
        self._roster.put(station)
        return station

    async def _known(self, found: Station, asked: Question) -> Station:
        if not found.is_active:
            raise Forbidden("station-retired", f"{found.name} was retired", hint="andon fleet list")
        if found.environment != asked.environment:
            raise Conflict(
                "other-environment",
                f"this client is a station of {found.environment}, not of {asked.environment}",
            )
        if found.machine.platform != asked.platform:
            found = replace(found, machine=replace_platform(found.machine, asked.platform))
            self._roster.put(found)
        return found

    def _free_name(self, client: str, key: str) -> StationName:
        name = StationName(model.derived_name(client) or f"client-{key[:8]}")
        return name if name not in self._roster.stations else StationName(f"{name[:50]}-{key[:8]}")

    async def _last_ring(self) -> str:
        names = [each.name for each in await self._stations.rings()]
        return LAST_RING if LAST_RING in names else names[-1]


def replace_platform(machine: Machine, platform: str) -> Machine:
    """`machine` as one of another platform."""
    return machine.model_copy(update={"platform": platform})


def _nobody() -> None:
    """Before it is wired to a loop, nobody is woken."""


def _patch(asked: Question, version: Version, files: Mapping[str, File]) -> File | None:
    """The one delta from what it has, where that is less than the whole: such a client takes no chain."""
    ways = offers(version, {name: each.size for name, each in files.items()}, asked.platform)
    way = plan_chain(version, [asked.current], lambda of: ways if of == version else [], most=1)
    return files[way[0].name] if way and way[0].old is not None else None


def _report(asked: Question, now: datetime) -> Report:
    state = UnitState(running=asked.current, confirmed=asked.current, wanted=asked.current)
    return Report(at=now, boot="simple", units={asked.unit: state})


def _unknown(asked: Question) -> NotFound:
    return NotFound(
        "unknown-platform",
        f"nothing of {asked.unit} is made for {asked.platform[:60]}",
        hint="andon releases",
    )
