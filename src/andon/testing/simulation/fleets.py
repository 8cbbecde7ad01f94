"""A simulated fleet with the whole control plane over it: decisions, assignment, target, observer.

Everything but stations and tables is real. Time goes on in half minutes; after each turn
`_look` compares what was decided with what stations said and did, in words of its own. A crash between any
two turns forgets all but the tables.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from andon.access.policies.model import Policy
from andon.evidence.model import Reading
from andon.fleet.assign import counted
from andon.fleet.model import Pin
from andon.fleet.whole import Fleet
from andon.gateway.model import Acknowledged, Traffic
from andon.judge import sequential
from andon.kernel.ids import EnvironmentName, RolloutId, StationName, UnitName, Version
from andon.rollouts.approvals import Approvals
from andon.rollouts.authority import Authority
from andon.rollouts.census import Census
from andon.rollouts.commands import Commands
from andon.rollouts.controller import Holder, RolloutController, Rules
from andon.rollouts.errands import Errands
from andon.rollouts.model import Phase, Rollout, Stage
from andon.rollouts.observer import Observer, Views
from andon.rollouts.stables.store import Stable
from andon.targets.fleet import FleetTarget
from andon.targets.model import Assignment, Instance
from andon.testing.fleet import Rows, fleet_of
from andon.testing.rolling import NEW, OLD, PRODUCTION, UNIT, a_fleet_manifest
from andon.testing.shelf import Shelf, maker_of
from andon.testing.signing import Hand, Set
from andon.testing.simulation import people
from andon.testing.simulation.memory import MemoryRollouts
from andon.testing.simulation.people import Deed, People
from andon.testing.simulation.stations import TURN, Fate, Simulated, Temper, a_station
from andon.testing.simulation.tables import (
    Memory,
    MemoryLeases,
    MemorySignatures,
    Tables,
    read,
    with_evidence,
)
from andon.testing.simulation.world import SteppedClock
from andon.units.desired import Desired, DesiredRelease
from andon_wire.protocol import WantedUnit

_RINGS = ("lab", "pilot", "line", "plant")
_HAND = Hand()
_LONGEST = 8 * 3600.0
_ONWARDS = {Phase.FINISHING, Phase.PROMOTED}
_SETTLED = 60  # turns after which whoever is there has what is stable


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that a planted bug can stand in for. target: made of the real one."""

    rules: Rules = field(default_factory=Rules)
    target: Callable[[FleetTarget], Any] = lambda made: made
    errands: Callable[[Errands], Any] = lambda made: made


_DEEDS: list[list[Deed]] = [
    [],
    [],
    [people.pause, people.resume],
    [people.freeze, people.release],
    [people.abort],
    [people.promote],
    [people.take_back],
]


@dataclass(frozen=True, slots=True)
class FleetStory:
    """What will happen. fates: of each station with the new release; tempers: how each is; crashes: seconds
    at which the control plane dies; deeds: what people do, by seconds.
    """

    seed: int
    rings: tuple[int, ...]
    fates: tuple[Fate, ...]
    tempers: tuple[Temper, ...]
    of_line: int = 2
    is_first: bool = False
    pinned: int = 0
    deeds: tuple[tuple[float, Deed], ...] = ()
    crashes: tuple[float, ...] = ()
    policy: tuple[tuple[str, Any], ...] = ()
    deadline: str = "4h"

    @classmethod
    def of(cls, seed: int) -> "FleetStory":
        """The story of a seed."""
        dice = random.Random(seed)  # noqa: S311  a simulation, not a secret
        rings = dice.choice([(1, 2, 0, 4), (2, 3, 3, 4), (1, 0, 0, 5), (0, 0, 0, 6), (2, 2, 2, 8)])
        size = sum(rings)
        kind = dice.choice(
            ["works", "works", "works", "some", *(each.value for each in Fate if each.value != "works")]
        )
        chance = {"works": 0.0, "some": 0.15}.get(kind, 1.0)
        bad = Fate.DOES_NOT_START if kind in {"works", "some"} else Fate(kind)
        return cls(
            seed=seed,
            rings=rings,
            fates=tuple(bad if dice.random() < chance else Fate.WORKS for _ in range(size)),
            tempers=tuple(_temper(dice) for _ in range(size)),
            of_line=dice.choice([0, 1, 2]),
            is_first=dice.random() < 0.1,
            pinned=dice.choice([0, 0, 1]),
            deeds=tuple((dice.uniform(60, 3600), each) for each in dice.choice(_DEEDS)),
            crashes=tuple(dice.uniform(60, 5000) for _ in range(dice.choice([0, 0, 1, 3]))),
        )


def _temper(dice: random.Random) -> Temper:
    kind = dice.random()
    if kind < 0.15:
        begins = dice.uniform(0, 3000)
        return Temper(off=(begins, begins + dice.choice([600.0, 7200.0, 1e9])))
    if kind < 0.3:
        return Temper(late=0.5, repeats=0.5)
    return Temper(lies=True) if kind < 0.33 else Temper()


class _Nobody:
    """Neither instances nor a gateway: a fleet has none; and no evidence."""

    async def instances(self, _unit: UnitName, _environment: EnvironmentName) -> Sequence[Instance]:
        return ()

    async def acknowledged(self, _unit: UnitName, _environment: EnvironmentName) -> Acknowledged | None:
        return None

    async def traffic(self) -> Traffic | None:
        return None

    async def readings(
        self, _unit: UnitName, _environment: EnvironmentName, _metrics: Sequence[str]
    ) -> Sequence[Reading]:
        return ()


class FleetWorld:
    """One story being told. broken: the sentences of what was broken."""

    def __init__(self, story: FleetStory, parts: Parts | None = None) -> None:
        self.story, self.parts = story, parts or Parts()
        self.clock = SteppedClock()
        self.began = self.clock.monotonic()
        self.broken: dict[str, None] = {}
        self.memory = Memory(self.clock.monotonic, _unwatched)
        self.store = MemoryRollouts(self.memory)
        self.rows = Rows()
        waves = {"of_line": story.of_line, "deadline": story.deadline}
        manifest = a_fleet_manifest(
            **({"soak": "5m", "max_wait": "2h", "warm": "10m", "waves": waves} | dict(story.policy))
        )
        self.manifest = manifest.model_copy(update={"evidence": {}})
        self.stations = self._made()
        self._settled()
        self.start()

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return self.clock.monotonic() - self.began

    def _made(self) -> list[Simulated]:
        found, number, now = list[Simulated](), 0, self.clock.now()
        running = None if self.story.is_first else OLD
        for ring, count in zip(_RINGS, self.story.rings, strict=True):
            for _ in range(count):
                station = a_station(number, ring, f"line-{number % 3}", PRODUCTION, now)
                self.rows.stations[station.name] = station
                dice = random.Random(self.story.seed * 1000 + number)  # noqa: S311  a simulation
                fates = {NEW: self.story.fates[number]}
                temper = self.story.tempers[number]
                found.append(Simulated(station, temper, fates, running, dice, confirmed=running))
                number += 1
        for each in found[len(found) - self.story.pinned :] if self.story.pinned else ():
            name = each.station.name
            self.rows.pins[name, UNIT] = Pin(name, UNIT, running, "a gauge", "minsu", now)
        return found

    def _settled(self) -> None:
        if self.story.is_first:  # pinned to what it runs, a station that runs nothing is pinned to nothing
            self.rows.pins.clear()
            return
        place, now = (UNIT, PRODUCTION), self.clock.now()
        with self.memory.transaction() as tx:
            tx.stables[place] = (Stable(OLD, RolloutId("ro-old"), now, is_withdrawn=False),)
            tx.desired[place] = Desired(UNIT, PRODUCTION, 1, OLD, (DesiredRelease(OLD, 1, 1.0),))

    def start(self) -> None:
        """A control plane that knows nothing but the tables."""
        self.fleet: Fleet = fleet_of(self.rows, self.clock, key=None)
        errands = self.parts.errands(Errands(self.store))
        self.target = self.parts.target(FleetTarget(self.fleet.controller, errands.of, _for_all))
        nobody = _Nobody()
        sealer, shelf = _HAND.sealer, Shelf(self.manifest)
        approvals = Approvals(MemorySignatures(self.memory), sealer, shelf, maker_of)
        views = Views(nobody, nobody, nobody, self.store, approvals, fleet=self.target)
        self.controller = RolloutController(
            self.store,
            MemoryLeases(self.memory),
            Observer(views, sequential),
            self.clock,
            holder=Holder("a", timedelta(hours=1)),
            rules=self.parts.rules,
        )
        policies: dict[str, Policy] = {}
        authority = Authority(Set(policies), sealer, approvals)
        self.commands = Commands(self.store, shelf, sequential, self.clock, authority, stations=self)

    async def census(self, _unit: UnitName, _environment: EnvironmentName, _version: Version) -> Census:
        """The stations, ring by ring."""
        members = counted(await self.fleet.controller.members((UNIT, PRODUCTION)))
        at = [sum(each.position == position for each in members) for position in range(len(_RINGS))]
        return Census(tuple(zip(_RINGS, at, strict=True)))

    async def recalled(self, _unit: UnitName, _environment: EnvironmentName, _version: Version) -> str:
        """Nothing is."""
        return ""

    async def play(self, until: float = _LONGEST) -> Rollout:
        """Tell the story to its end."""
        await self.fleet.controller.load()
        await self.turn()
        rollout = await self.commands.deploy(UNIT, PRODUCTION, NEW, actor="kim", reason="new")
        deeds = sorted(self.story.deeds, key=lambda each: each[0])
        crashes = sorted(self.story.crashes)
        while True:
            now = await self.store.get(rollout.id)
            if now.phase.is_over or self.age > until:
                break
            await self.turn()
            if crashes and self.age >= crashes[0]:
                crashes.pop(0)
                self.start()
                await self.fleet.controller.load()
            while deeds and self.age >= deeds[0][0]:
                _, deed = deeds.pop(0)
                await deed(People(self.commands, self.clock, UNIT, PRODUCTION, rollout.id, _HAND))
        await self._settle(now)
        return now

    async def turn(self) -> None:
        """Half a minute: stations live and report, then the control plane does what it does."""
        self.clock.advance(TURN)
        for each in self.stations:
            each.turn(self._told(each), self.age)
            for seen in each.reports(UNIT, self.clock.now(), self.age):
                self.rows.seen[each.station.name] = seen
                self.fleet.roster.reported(each.station.name, seen)
        await self._work_out()
        await self.controller.tick()
        await self._work_out()
        self._look()

    def _told(self, each: Simulated) -> WantedUnit | None:
        told = self.fleet.roster.told.get(each.station.name)
        return None if told is None else told.content.units.get(UNIT)

    async def _work_out(self) -> None:
        desired = await self.store.desired(UNIT, PRODUCTION)
        if desired is not None:
            manifests = {release.version: self.manifest for release in desired.releases}
            await self.target.reconcile(Assignment(desired, manifests))
            await self.fleet.controller.tick()

    async def _settle(self, end: Rollout) -> None:
        """Whoever is there gets what is stable, within a day, by itself."""
        for each in self.stations:
            each.temper = replace(each.temper, off=(0.0, 0.0), late=0.0, repeats=0.0)
        is_corded = bool(await self.store.cords())
        for _ in range(_SETTLED):
            await self.turn()
        wanted = NEW if end.phase is Phase.PROMOTED else end.stable
        for each in self.stations:
            is_out = each.is_dead or each.temper.lies or each.has_failed
            is_bound = end.phase.is_over and not (is_out or is_corded or self._is_pinned(each))
            if is_bound and each.running != wanted:
                self.broken[f"after the end a station runs {each.running}, not {wanted}"] = None
        if end.phase is Phase.RETURNED and any(
            each.running == NEW and not each.is_dead and not each.temper.lies for each in self.stations
        ):
            self.broken["after a return a station runs the candidate"] = None

    # What must hold.

    def _is_pinned(self, each: Simulated) -> bool:
        return (each.station.name, UNIT) in self.rows.pins

    def _look(self) -> None:
        for rule, holds in self._rules().items():
            if not holds:
                self.broken[rule] = None
        self._were_begun = {each.station.name: len(each.began) for each in self.stations}
        self._was_stopped = self._is_stopped()
        self._was = self._rollout()

    _were_begun: dict[StationName, int]
    _was_stopped = False
    _was: Rollout | None = None

    def _rollout(self) -> Rollout | None:
        found = [with_evidence(self.memory.tables, each) for each in self.memory.tables.rollouts]
        return next((read(each) for each in found if each is not None), None)

    def _is_stopped(self) -> bool:
        now = self._rollout()
        return bool(self.memory.tables.cords) or (now is not None and now.is_paused)

    def _rules(self) -> dict[str, bool]:
        now, was = self._rollout(), self._was
        given = [each for each in self.stations if self._is_given(each)]
        size = sum(not self._is_pinned(each) for each in self.stations)
        most = 0 if now is None else round(now.share * size)
        is_over = now is None or now.phase.is_over or now.working_phase in {Phase.FINISHING, Phase.RETURNING}
        return {
            "more stations were asked than the share says": is_over or len(given) <= most,
            "a pinned station was moved": all(
                not each.began for each in self.stations if self._is_pinned(each)
            ),
            "too many of a line switched at once": self._lines_hold(),
            "a station began while it was stopped": not self._was_stopped
            or not self._is_stopped()
            or all(
                len(each.began) == self._were_begun[each.station.name] or each.began[-1][1] != NEW
                for each in self.stations
            ),
            "a wave went on that was not full": self._waves_hold(was, now),
            "a wave went on past stations that failed": self._failures_hold(was, now),
            "a return ended while a station that is heard of had it": self._returns_hold(was, now),
        }

    def _failures_hold(self, was: Rollout | None, now: Rollout | None) -> bool:
        """No step begins, and nothing is promoted, past more failed stations than may; but by a person."""
        if was is None or now is None or now.plan.fleet is None or was.request is not None:
            return True
        is_next = now.step > was.step or (now.phase is not was.phase and now.phase in _ONWARDS)
        failed = sum(self._says(each) == "failed" for each in self.stations if self._is_given(each))
        asked = round(was.share * now.plan.fleet.stations)
        return not is_next or "promoted by" in now.reason or failed <= now.plan.fleet.errors * asked

    def _returns_hold(self, was: Rollout | None, now: Rollout | None) -> bool:
        if was is None or now is None or was.phase.is_over or now.phase is not Phase.RETURNED:
            return True
        limit = self.clock.now() - self.fleet.controller.patience
        said = [self.rows.seen.get(each.station.name) for each in self.stations if not self._is_pinned(each)]
        heard = [each for each in said if each is not None and each.at is not None and each.at > limit]
        return all(each.units[UNIT].running != NEW for each in heard)

    def _says(self, each: Simulated) -> str:
        seen = self.rows.seen.get(each.station.name)
        is_of_new = seen is not None and seen.units[UNIT].wanted == NEW
        return seen.units[UNIT].phase.value if seen is not None and is_of_new else ""

    def _is_given(self, each: Simulated) -> bool:
        told = self._told(each)
        return told is not None and told.version == NEW and not self._is_pinned(each)

    def _lines_hold(self) -> bool:
        """Of lines whose stations are all heard of: nobody can count those that nobody hears of."""
        if not self.story.of_line:
            return True
        unheard = {each.station.line for each in self.stations if each.temper != Temper() or each.is_dead}
        switching = [each for each in self.stations if each.is_switching and each.wanted == NEW]
        lines = [each.station.line for each in switching if each.station.line not in unheard]
        return all(lines.count(line) <= self.story.of_line for line in lines)

    def _waves_hold(self, was: Rollout | None, now: Rollout | None) -> bool:
        """A wave that came to its soak was full, by the reports that there are."""
        if now is None or now.stage is not Stage.SERVING or now.phase is not Phase.STEPPING:
            return True
        if was is not None and (was.stage, was.step) == (Stage.SERVING, now.step):
            return True
        opened = self.rows.opened[UNIT, PRODUCTION]
        newest = opened.stations - opened.earlier or opened.stations
        said = {name: self.rows.seen.get(name) for name in newest}
        done = [n for n, s in said.items() if s is not None and s.units[UNIT].confirmed == NEW]
        limit = self.clock.now() - self.fleet.controller.patience
        off = [
            n
            for n, s in said.items()
            if n not in done and (s is None or s.at is None or s.at < limit) and not self._was_switching(n)
        ]
        return len(done) >= max(1, 0.95 * (len(newest) - len(off)) - 1e-9, 0.25 * len(newest) - 1e-9)

    def _was_switching(self, name: StationName) -> bool:
        seen = self.rows.seen.get(name)
        return seen is not None and seen.units[UNIT].phase.value in {"switching", "watching", "returning"}


def _unwatched(_tables: Tables) -> None:
    """What must hold is looked at after each turn."""


async def _for_all(_unit: UnitName, _version: Version) -> frozenset[str]:
    return frozenset()
