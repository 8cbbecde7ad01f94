"""Sets in an obedient world: each member has a fate, and Andon may die wherever something is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from andon.access.policies.model import Policy
from andon.judge import sequential
from andon.judge.model import Outcome
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Untrusted
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts import decide as rules
from andon.rollouts.actions import Decision as RolloutDecision
from andon.rollouts.actions import Finish, Wait
from andon.rollouts.authority import Authority
from andon.rollouts.census import Census
from andon.rollouts.commands import Commands
from andon.rollouts.controller import Holder
from andon.rollouts.looks.store import Change
from andon.rollouts.model import Observation, Phase, Rollout
from andon.rollouts.observer import Nobody
from andon.rollouts.sets.barrier import SetGates
from andon.rollouts.sets.commands import SetCommands
from andon.rollouts.sets.controller import SetController, look
from andon.rollouts.sets.decide import decide
from andon.rollouts.sets.model import Decision, Member, SetRollout
from andon.rollouts.sets.store import SetChange, SetStore
from andon.rollouts.store import RolloutStore
from andon.rollouts.transitions import apply
from andon.store.engine import Database
from andon.store.leases import LeaseStore
from andon.targets.stations import FleetSeen
from andon.testing.rolling import AT, CENSUS, NEW, OLD, PRODUCTION, a_fleet_manifest, a_manifest, obeyed, said
from andon.testing.shelf import Shelf, an_authority
from andon.testing.signing import Hand
from andon.units.model import Manifest

UNITS = tuple(UnitName(each) for each in ("database", "mes", "station"))
ONE = Version("1.0.0")
BY: dict[str, Any] = {"actor": "kim", "reason": "because"}


class Crash(Exception):
    """The control plane died here."""


def no_fault(_where: str) -> None:
    """Nothing happens."""


@dataclass
class AtPoint:
    """Die once, at the `number`-th point where something is written."""

    number: int
    seen: int = 0

    def __call__(self, where: str) -> None:
        self.seen += 1
        if self.seen == self.number:
            raise Crash(where)


class ShakySets(SetStore):
    def __init__(self, database: Database, fault: Callable[[str], None]) -> None:
        super().__init__(database)
        self._fault = fault

    async def save(self, change: SetChange, decision: Decision) -> None:
        self._fault("before set")
        await super().save(change, decision)
        self._fault("after set")


class Registry(Shelf):
    """Signs by putting a word before it. fleet: the units that go to stations."""

    fleet: frozenset[str] = frozenset()

    async def manifest(self, unit: UnitName, version: Version) -> Manifest:
        if unit not in self.fleet:
            return await super().manifest(unit, version)
        return a_fleet_manifest(steps=[{"ring": "pilot"}, 1], soak="0s", warm="2s")

    def sign_envelope(self, payload_type: str, payload: bytes) -> bytes:
        return f"{payload_type}:".encode() + payload

    def verify_envelope(self, envelope: bytes, payload_type: str) -> bytes:
        start = f"{payload_type}:".encode()
        if not envelope.startswith(start):
            raise Untrusted("forged", "not signed")
        return envelope.removeprefix(start)


@dataclass(frozen=True)
class Stations:
    """A plant of a hundred stations, of which nothing is recalled."""

    async def census(self, _unit: UnitName, _environment: EnvironmentName, _version: Version) -> Census:
        return CENSUS

    async def recalled(self, _unit: UnitName, _environment: EnvironmentName, _version: Version) -> str:
        return ""


@dataclass
class Site:
    """An obedient world in which each member has a fate: what its verdict is at the given share.

    fleet: the units that go to stations; heads: how their stations stand, other than that all obey.
    """

    database: Database
    fates: Mapping[str, Callable[[Rollout], Outcome]] = field(default_factory=dict)
    fault: Callable[[str], None] = no_fault
    policies: tuple[Policy, ...] = ()
    hand: Hand = field(default_factory=Hand)
    bytes_of: str = "a"
    fleet: frozenset[str] = frozenset()
    heads: Callable[[Rollout, FleetSeen], FleetSeen] = lambda _rollout, seen: seen

    def __post_init__(self) -> None:
        self.clock = ManualClock(AT)
        self.store = RolloutStore(self.database)
        self.sets = SetStore(self.database)

    @property
    def shelf(self) -> Registry:
        made = Registry(
            a_manifest(instances=1, soak="0s", warm="2s", steps=[0.5, 1.0]), bytes_of=self.bytes_of
        )
        object.__setattr__(made, "fleet", self.fleet)
        return made

    @property
    def authority(self) -> Authority:
        return an_authority(self.database, self.shelf, self.hand, *self.policies)

    @property
    def commands(self) -> Commands:
        return Commands(self.store, self.shelf, sequential, self.clock, self.authority, stations=Stations())

    @property
    def people(self) -> SetCommands:
        return SetCommands(self.sets, self.commands, self.shelf, self.clock)

    def controller(self) -> SetController:
        holder = Holder("one", timedelta(hours=1))
        sets = ShakySets(self.database, self.fault)
        leases = LeaseStore(self.database)
        return SetController(sets, self.store, self.commands, leases, self.clock, holder=holder)

    async def settle(self, version: Version = OLD) -> None:
        for unit in UNITS:
            rollout = await self.commands.deploy(unit, PRODUCTION, version, **BY)
            before = await self.store.load(rollout.id)
            decision = RolloutDecision(Finish(Phase.PROMOTED), "stable")
            change = Change(before, apply(before.rollout, decision, AT), None, None, AT)
            await self.store.save(change, decision)

    async def publish(self, version: Version = ONE, release: Version = NEW) -> None:
        await self.people.publish("line", version, [Member(each, release) for each in UNITS], "kim")

    async def begun(self) -> SetRollout:
        await self.settle()
        await self.publish()
        return await self.people.deploy("line", PRODUCTION, **BY)

    async def turn(self) -> None:
        self.clock.advance(timedelta(seconds=2))
        try:
            await self.controller().tick()
            for rollout in await self.store.active():
                await self._walk(rollout)
        except Crash:
            pass

    async def _walk(self, own: RolloutId) -> None:
        for _ in range(4):
            before = await self.store.load(own)
            now = self.clock.now()
            gates = await SetGates(self.sets, Nobody()).seen(before.rollout)
            corded = bool(await self.store.cords())
            seen: Observation = obeyed(
                before.rollout,
                now=now,
                verdict=self._verdict(before.rollout),
                gates=gates,
                answers=await self.authority.approvals.answers(before.rollout),
                is_corded=corded,
            )
            if before.rollout.plan.fleet is not None:
                seen = replace(seen, now=now, fleet=self.heads(before.rollout, seen.fleet))
            decision: RolloutDecision = rules.decide(before.rollout, seen)
            if isinstance(decision.action, Wait):
                return
            self.fault("before rollout")
            change = Change(before, apply(before.rollout, decision, now), None, None, now)
            await self.store.save(change, decision)
            self.fault("after rollout")

    def _verdict(self, rollout: Rollout) -> Any:
        if rollout.candidate == OLD or rollout.plan.is_rollback:
            return said(Outcome.PASS)
        fate = self.fates.get(rollout.unit)
        return said(fate(rollout) if fate else Outcome.PASS)

    async def run(self, set_: SetRollout, turns: int = 80) -> SetRollout:
        for _ in range(turns):
            now = await self.sets.get(set_.id)
            if now.phase.is_over and not await self.store.active():
                return now
            await self.turn()
        return await self.sets.get(set_.id)

    async def stable(self) -> list[str]:
        return [str(await self.store.stable(each, PRODUCTION)) for each in UNITS]

    async def waits(self, set_: SetRollout) -> str:
        now = await self.sets.get(set_.id)
        return decide(now, await look(now, self.store)).reason
