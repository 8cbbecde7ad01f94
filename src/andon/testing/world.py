"""Runs the real controller, decisions, judge and store in a simulated plant, with people and faults.

Every turn is checked against the promises of a rollout; what is broken is kept as a sentence. A crash ends
the controller at the point where it stands; the next turn begins with a new one.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from andon.access.policies.model import Policy
from andon.access.signatures.store import SignatureStore
from andon.judge import sequential
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict
from andon.kernel.ids import EnvironmentName, RolloutId, RunId, Sha256, UnitName, Version
from andon.releases.model import Artifact, Release, Role
from andon.rollouts.actions import Decision
from andon.rollouts.approvals import Approvals
from andon.rollouts.authority import Authority
from andon.rollouts.commands import Commands
from andon.rollouts.controller import Holder, RolloutController
from andon.rollouts.looks.store import Change
from andon.rollouts.model import Phase, Rollout
from andon.rollouts.observer import Observer, Views
from andon.rollouts.store import RolloutStore
from andon.store.engine import Database
from andon.store.leases import LeaseStore
from andon.testing.plant import Plant
from andon.testing.signing import Hand, Set
from andon.timeline.store import Filter, TimelineStore
from andon.units.desired import Desired
from andon.units.model import Manifest

UNIT, ENVIRONMENT = UnitName("mes"), EnvironmentName("production")


class Crash(Exception):
    """The control plane died here."""


class ShakyStore(RolloutStore):
    """The real store, where the process may die just before or after a write, or be beaten by another."""

    def __init__(self, database: Database, fault: Callable[[str], None]) -> None:
        super().__init__(database)
        self._fault = fault

    async def save(self, change: Change, decision: Decision) -> None:
        """Save, perhaps not coming back."""
        self._fault("before save")
        await super().save(change, decision)
        self._fault("after save")

    async def save_look(self, change: Change) -> None:
        """Save a look, perhaps not coming back."""
        self._fault("before look")
        await super().save_look(change)
        self._fault("after look")


@dataclass(frozen=True, slots=True)
class Shelf:
    """A catalog with one manifest for all its versions."""

    of: Manifest
    shipped_by: str = "kim"
    bytes_of: str = "a"

    async def manifest(self, _unit: UnitName, _version: Version) -> Manifest:
        """The manifest of a release."""
        return self.of

    async def signed(self, unit: UnitName, version: Version) -> Release:
        """The release as it is signed."""
        wheel = Artifact(Role.WHEELHOUSE, "wheels.tar", Sha256(self.bytes_of * 64), 1)
        return Release(unit, version, (wheel,), "c0ffee", RunId("run-1"), datetime(2026, 1, 1, tzinfo=UTC))

    async def shipper(self, _unit: UnitName, _version: Version) -> str:
        """Who shipped it."""
        return self.shipped_by


def an_authority(database: Database, shelf: Shelf, hand: Hand | None = None, *policies: Policy) -> Authority:
    """Real approvals over the database; environments demand nothing but what `policies` say."""
    sealer = (hand or Hand()).sealer
    demands = Set({each.environment: each for each in policies})
    return Authority(demands, sealer, Approvals(SignatureStore(database), sealer, shelf, maker_of))


async def maker_of(name: str) -> str | None:
    """Who made a machine token: `ci-of-kim` is kim's."""
    return name.partition("-of-")[2] or None


def no_fault(_where: str) -> None:
    """Nothing happens."""


@dataclass(slots=True)
class World:
    """A plant and the control plane over it. `violations` are the broken promises, as sentences.

    store_of: what the controller writes through; a test that plants a bug gives its own. pace: of a turn.
    look_every: shortest time between two looks of the judge, longer than a turn, as in a busy plant.
    policies: of environments; none demands anything otherwise. hand: people sign with it.
    """

    database: Database
    plant: Plant
    clock: ManualClock
    manifest: Manifest
    fault: Callable[[str], None] = no_fault
    store_of: type[ShakyStore] = ShakyStore
    pace: timedelta = timedelta(seconds=1)
    look_every: timedelta = timedelta(seconds=2)
    policies: tuple[Policy, ...] = ()
    hand: Hand = field(default_factory=Hand)
    violations: list[str] = field(default_factory=list)
    crashes: int = 0
    _before: Desired | None = None
    _was_corded: bool = False

    @property
    def store(self) -> RolloutStore:
        """The store, as a person's command or a page uses it: it does not fail."""
        return RolloutStore(self.database)

    @property
    def commands(self) -> Commands:
        """What people do."""
        return Commands(self.store, self.shelf, sequential, self.clock, self.authority)

    @property
    def shelf(self) -> Shelf:
        """The releases."""
        return Shelf(self.manifest)

    @property
    def authority(self) -> Authority:
        """What people's word is worth."""
        return an_authority(self.database, self.shelf, self.hand, *self.policies)

    def controller(self) -> RolloutController:
        """A controller that knows nothing but what is stored."""
        store = self.store_of(self.database, self.fault)
        views = Views(self.plant, self.plant, self.plant, store, self.authority.approvals)
        observer = Observer(views, sequential, interval=self.look_every)
        holder = Holder("controller", timedelta(hours=1))
        return RolloutController(store, LeaseStore(self.database), observer, self.clock, holder=holder)

    async def turn(self) -> None:
        """Let a step of time pass for everybody."""
        self.clock.advance(self.pace)
        self.plant.turn(await self.store.desired(UNIT, ENVIRONMENT))
        while not await self._ticked():
            self.crashes += 1
        await self._check()

    async def _ticked(self) -> bool:
        try:
            await self.controller().tick()
        except Crash:
            return False
        return True

    async def run(self, rollout: RolloutId, *, turns: int = 600) -> Rollout:
        """Turn until the rollout is over or held, at most `turns` times."""
        for _ in range(turns):
            now = await self.store.get(rollout)
            if now.phase.is_over:
                return now
            await self.turn()
        return await self.store.get(rollout)

    async def settle(self, version: Version) -> None:
        """Deploy a first release and let it become stable."""
        rollout = await self.commands.deploy(UNIT, ENVIRONMENT, version, actor="kim", reason="first")
        assert (await self.run(rollout.id)).phase is Phase.PROMOTED

    async def check_timeline(self, rollout: RolloutId) -> None:
        """Every change of the rollout's row is on the timeline once; a signature has a record of its own."""
        found = await TimelineStore(self.database).list(
            Filter(subject=f"rollout/{rollout}"), limit=1000, newest_first=False
        )
        records = [each for each in found if each.event.kind != "signature.made"]
        revision = (await self.store.load(rollout)).revision
        if len(records) != revision:
            self.violations.append(f"{len(records)} events for {revision} revisions")

    async def _check(self) -> None:
        desired = await self.store.desired(UNIT, ENVIRONMENT)
        before, self._before = self._before, desired
        corded = bool(await self.store.cords())
        if before is not None and desired is not None and desired != before:
            for problem in _problems(before, desired, self.plant):
                self.violations.append(problem)
            if corded and self._was_corded:
                self._check_frozen(before, desired)
        self._was_corded = corded
        await self._check_gate(desired)

    async def _check_gate(self, desired: Desired | None) -> None:
        active = await self.store.find_active(UNIT, ENVIRONMENT)
        if active is None or not active.is_gated:
            return
        asked_for = desired is not None and any(each.version == active.candidate for each in desired.releases)
        if asked_for or self.plant.running(active.candidate):
            self.violations.append(f"{active.candidate} runs before its gate is open")

    async def check_gate_of(self, rollout: RolloutId) -> None:
        """A gate was opened by enough people, one of them uninvolved; a shut one let nothing through."""
        records = await TimelineStore(self.database).list(
            Filter(subject=f"rollout/{rollout}"), limit=1000, newest_first=False
        )
        kinds = [each.event.kind for each in records]
        found = await self.authority.approvals.look(await self.store.get(rollout))
        if found is None:
            return
        if "rollout.opened" in kinds and not found.is_open:
            self.violations.append("a gate was opened without enough people")
        if "rollout.opened" not in kinds and {"rollout.share", "rollout.step"} & set(kinds):
            self.violations.append("it went on behind a shut gate")

    def _check_frozen(self, before: Desired, desired: Desired) -> None:
        for each in desired.releases:
            if each.version != desired.stable and each.share > before.share_of(each.version):
                self.violations.append(f"share of {each.version} rose to {each.share} while corded")


def _problems(before: Desired, desired: Desired, plant: Plant) -> list[str]:
    found = []
    for version in {each.version for each in before.releases} | {each.version for each in desired.releases}:
        rose = desired.share_of(version) > before.share_of(version)
        if rose and plant.ready(version) == 0:
            found.append(f"{version} was routed to without a ready instance")
        stops = before.instances_of(version) > 0 and desired.instances_of(version) == 0
        if stops and plant.weight(version) > 0:
            found.append(f"{version} was stopped while the gateway sent it requests")
    serving = [each for each in desired.releases if each.share > 0]
    if any(each.instances == 0 for each in serving):
        found.append("a release with a share has no instances")
    return found


class Sometimes:
    """Strikes with `chance` at each write, at most `most` times: the process dies, or another was faster."""

    def __init__(self, seed: int, chance: float, most: int = 20) -> None:
        self._dice = random.Random(seed)  # noqa: S311  a simulation, not a secret
        self._chance = chance
        self._left = most

    def __call__(self, where: str) -> None:
        """Perhaps strike at this point."""
        if not self._left or self._dice.random() >= self._chance:
            return
        self._left -= 1
        if where.startswith("before") and self._dice.random() < 0.5:
            raise Conflict("rollout-moved", "somebody else was faster")
        raise Crash(where)


class AtPoint:
    """The process dies once, at the `number`-th point where something is written."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.seen = 0

    def __call__(self, where: str) -> None:
        """Die when it is this point's turn."""
        self.seen += 1
        if self.seen == self._number:
            raise Crash(where)
