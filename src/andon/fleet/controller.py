"""Works out what every station should run, and tells those of which it changed: revisions first, then words.

Level-triggered: it compares wishes, stations and what people said with what each station was told last, so
that it may run at any time and after any crash. It touches no station: agents come and ask.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from andon.fleet import assign, windows
from andon.fleet.assign import Assigned, Member, Wish
from andon.fleet.model import NOTHING_OPENED, Opened, Pin, Recall, Seen, Station
from andon.fleet.roster import Roster, Told
from andon.fleet.stations.store import StationStore
from andon.fleet.wanting import render
from andon.fleet.wanting.proving import NO_PROOF, Shown, Vouching
from andon.fleet.wanting.render import Common, Content
from andon.fleet.wanting.store import Document, Place, Said, WantingStore
from andon.kernel.clock import Clock
from andon.kernel.ids import StationName, UnitName, Version
from andon_wire import identity
from andon_wire.identity import PrivateKey
from andon_wire.protocol import Wanted

_ANYWAY = timedelta(seconds=15)  # windows, pins that run out and silence change without anybody saying so
_AT_ONCE = 50
PATIENCE = timedelta(minutes=3)  # six reports, as they usually come


@dataclass(frozen=True, slots=True)
class _Look:
    """What one tick goes by."""

    now: datetime
    said: Said
    positions: Mapping[str, int]
    common: Common
    proofs: Mapping[str, Shown] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sources:
    """What it reads. seen: the last reports; common: what all stations are told alike."""

    stations: StationStore
    wanting: WantingStore
    seen: Callable[[], Awaitable[Mapping[StationName, Seen]]]
    common: Callable[[], Awaitable[Common]]
    proofs: Vouching


class FleetController:
    """One per process. wishes: by unit and environment, as targets were asked to make them true."""

    def __init__(
        self,
        sources: Sources,
        roster: Roster,
        key: PrivateKey,
        clock: Clock,
        *,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._sources = sources
        self._roster = roster
        self._key = key
        self._clock = clock
        self._patience = patience
        self._wishes: dict[Place, Wish] = {}
        self._opened: dict[Place, Opened] = {}
        self._worked_out: dict[Place, Wish] = {}
        self._worked_out_at: datetime | None = None

    async def load(self) -> None:
        """Read what was told and reported before this process began. Nothing may be answered before."""
        for station in await self._sources.stations.list():
            self._roster.put(station)
        for name, seen in (await self._sources.seen()).items():
            self._roster.reported(name, seen)
        self._opened = dict(await self._sources.wanting.opened())
        for each in await self._sources.wanting.documents():
            wanted = Wanted.model_validate_json(each.text)
            self._roster.tell(each.station, Told(each.revision, self._signed(wanted), _content(wanted)))

    def want(self, place: Place, wish: Wish) -> None:
        """What a target was asked to make true; said again and again."""
        if self._wishes.get(place) != wish:
            self._wishes[place] = wish
            self._roster.is_stale = True

    def places(self) -> Collection[Place]:
        """Units and environments that were asked to be made true."""
        return self._wishes.keys()

    def worked_out(self, place: Place) -> Wish | None:
        """The last wish of which all stations there are told, durably; None before the first."""
        return self._worked_out.get(place)

    def opened(self, place: Place) -> Opened:
        """What the candidate there has been given so far."""
        return self._opened.get(place, NOTHING_OPENED)

    @property
    def patience(self) -> timedelta:
        """How long a station may be silent and still counts as reachable."""
        return self._patience

    async def tick(self) -> None:
        """Tell stations what changed for them, where anything did."""
        now, last = self._clock.now(), self._worked_out_at
        if not self._roster.is_stale and last is not None and timedelta() <= now - last < _ANYWAY:
            return
        self._roster.is_stale = False
        try:
            await self._work_out(now)
        except BaseException:
            self._roster.is_stale = True
            raise
        self._worked_out_at = now

    async def members(self, place: Place) -> Sequence[Member]:
        """The stations of one unit in one environment, as an assignment sees them now."""
        return self._members(place, await self._look(self._clock.now()))

    async def _look(self, now: datetime) -> _Look:
        positions = {each.name: each.position for each in await self._sources.stations.rings()}
        return _Look(now, await self._sources.wanting.said(), positions, await self._sources.common())

    async def _work_out(self, now: datetime) -> None:
        look = await self._look(now)
        held = [each.checkpoint for each in self._roster.seen.values()]
        look = replace(look, proofs=await self._sources.proofs.of(held, look.common.checkpoint))
        assigned: dict[StationName, dict[UnitName, Assigned]] = defaultdict(dict)
        opened: dict[Place, Opened] = {}
        wishes = dict(self._wishes)
        for place, wish in wishes.items():
            recalled = replace(wish, recalls=_recalls(place, look.said))
            given, opened[place] = assign.assign(recalled, self._members(place, look), self.opened(place))
            for name, each in given.items():
                assigned[name][place[0]] = each
        news = {place: each for place, each in opened.items() if each != self._opened.get(place)}
        changed = self._changed(assigned, look)
        documents = [
            Document(StationName(each.station), each.revision, each.model_dump_json()) for each in changed
        ]
        await self._sources.wanting.tell(news, documents)
        self._opened |= news
        self._worked_out |= wishes
        for number, wanted in enumerate(changed):
            if number % _AT_ONCE == 0:  # thousands of signatures must not keep polls and reports waiting
                await self._clock.sleep(timedelta())
            told = Told(wanted.revision, self._signed(wanted), _content(wanted))
            self._roster.tell(StationName(wanted.station), told)

    def _changed(
        self, assigned: Mapping[StationName, Mapping[UnitName, Assigned]], look: _Look
    ) -> Sequence[Wanted]:
        """The documents that differ from what their station was told last."""
        places = windows.by_place(look.said.windows)
        found = []
        for station in self._roster.active():
            name, told = station.name, self._roster.told.get(station.name)
            allowed = windows.allowed(windows.find(station, places), look.now)
            former = told.content.units if told else {}
            proof = self._proof(name, look)
            wanted = render.content(name, assigned.get(name, {}), former, allowed, look.common)
            wanted = replace(wanted, proof=proof)
            if told is None or told.content != wanted or self._roster.is_ahead(name):
                found.append(_document(wanted, self._roster.next_revision(name), look.now))
        return found

    def _proof(self, name: StationName, look: _Look) -> Shown:
        """A document that has this checkpoint already keeps the proof that came with it."""
        told = self._roster.told.get(name)
        if told is not None and told.content.common.checkpoint == look.common.checkpoint:
            return told.content.proof
        return look.proofs.get(self._roster.seen_of(name).checkpoint, NO_PROOF)

    def _members(self, place: Place, look: _Look) -> Sequence[Member]:
        unit, environment = place
        pins = {each.station: each for each in look.said.pins if each.unit == unit and each.holds(look.now)}
        return [
            self._member(each, unit, pins.get(each.name), look)
            for each in self._roster.active()
            if each.environment == environment
        ]

    def _member(self, station: Station, unit: UnitName, pin: Pin | None, look: _Look) -> Member:
        seen, told = self._roster.seen_of(station.name), self._roster.told.get(station.name)
        given = told.content.units.get(unit) if told else None
        return Member(
            station=station.name,
            line=station.line,
            position=look.positions.get(station.ring, len(look.positions)),
            platform=station.machine.platform,
            is_reachable=seen.is_reachable(look.now, self._patience),
            state=seen.units.get(unit),
            pin=pin,
            given=Version(given.version) if given and given.version else None,
            attempt=look.said.attempts.get((station.name, unit), 0),
        )

    def _signed(self, wanted: Wanted) -> str:
        return identity.sign_wanted(wanted, self._key)


def _recalls(place: Place, said: Said) -> Mapping[Version, Recall]:
    return {each.version: each for each in said.recalls if (each.unit, each.environment) == place}


def _document(content: Content, revision: int, now: datetime) -> Wanted:
    common = content.common
    return Wanted(
        station=content.station,
        revision=revision,
        issued_at=now,
        units=dict(content.units),
        pace=common.pace,
        rules=list(common.rules),
        registries=list(common.registries),
        checkpoint=common.checkpoint,
        proof_size=content.proof.size,
        proof=list(content.proof.hashes),
    )


def _content(wanted: Wanted) -> Content:
    common = Common(wanted.pace, tuple(wanted.rules), tuple(wanted.registries), wanted.checkpoint)
    units = {UnitName(name): each for name, each in wanted.units.items()}
    proof = Shown(wanted.proof_size, tuple(wanted.proof))
    return Content(StationName(wanted.station), units, common, proof)
