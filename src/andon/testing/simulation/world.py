"""A plant and the whole control plane over it: the real decisions, judge, observer, controllers and commands.

Time leaps from one moment at which something can change to the next. At each, people act, the plant goes on,
and every controller ticks until nothing changes any more; `promises.py` looks at every transaction. After
a crash a controller knows nothing but what is stored.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from andon.access.policies.model import Policy
from andon.judge import sequential
from andon.judge.registry import Judge
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Unavailable
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts.approvals import Approvals
from andon.rollouts.authority import Authority
from andon.rollouts.commands import Commands
from andon.rollouts.controller import Holder, RolloutController, Rules
from andon.rollouts.keeping import Walked
from andon.rollouts.model import Phase, Rollout, Stage
from andon.rollouts.observer import Observer, Views
from andon.rollouts.stables.store import Stable
from andon.testing.shelf import Shelf, maker_of
from andon.testing.signing import Hand, Set
from andon.testing.simulation.faults import Crash, Fault, Shaky, no_fault
from andon.testing.simulation.memory import MemoryRollouts
from andon.testing.simulation.outside import Fates, GatesSeen, Outside, TasksSeen
from andon.testing.simulation.people import Deed, People
from andon.testing.simulation.plant import Plant
from andon.testing.simulation.promises import Promises
from andon.testing.simulation.tables import Memory, MemoryLeases, MemorySignatures
from andon.units.desired import Desired, DesiredRelease
from andon.units.model import Manifest

_REACTION = 0.5  # seconds until targets and gateway take up what was decided
_IDLE = 300.0  # and the longest that nobody looks
_MOST_TICKS = 12
_MOST_TURNS = 3000
_TIME_TO_LIVE = timedelta(seconds=3)
_HAND = Hand()


class SteppedClock(ManualClock):
    """A clock that somebody sets forward or back while time goes on."""

    def step(self, by: timedelta) -> None:
        """Set it, and let no time pass."""
        self._now += by


@dataclass(frozen=True, slots=True)
class Engine:
    """The parts that run, so that a planted bug can stand in for each. rules: made once for each process."""

    rules: Callable[[], Rules] = Rules
    store: Callable[[Memory], MemoryRollouts] = MemoryRollouts
    judge: Judge = sequential
    approvals: Callable[..., Approvals] = Approvals
    shaky: Callable[[Walked, Fault, Callable[..., None]], Walked] = Shaky


@dataclass(slots=True)
class World:
    """One place with a plant, a store and people.

    fault: strikes at what controllers write. controllers: names of those that are alive at once. look_every:
    shortest time between two looks of the judge. policies: of environments; none demands anything otherwise.
    deeds: what people do, by seconds. steps: of the clock, by seconds. fates: of gates and tasks.
    """

    plant: Plant
    clock: SteppedClock
    manifest: Manifest
    engine: Engine = field(default_factory=Engine)
    fault: Fault = no_fault
    controllers: Sequence[str] = ("a",)
    look_every: timedelta = timedelta(seconds=5)
    policies: tuple[Policy, ...] = ()
    hand: Hand = _HAND
    deeds: dict[float, list[Deed]] = field(default_factory=dict)
    steps: dict[float, timedelta] = field(default_factory=dict)
    fates: Fates = field(default_factory=Fates)
    promises: Promises = field(init=False)
    outside: Outside = field(init=False)
    memory: Memory = field(init=False)
    store: MemoryRollouts = field(init=False)
    crashes: int = 0
    _processes: dict[str, RolloutController] = field(default_factory=dict)
    ticks: int = 0

    def __post_init__(self) -> None:
        """Begin with empty tables."""
        self.outside = Outside(self.clock, self.fates)
        self.promises = Promises(self.plant, self.outside)
        self.memory = Memory(self.clock.monotonic, self.promises.committed)
        self.store = self.engine.store(self.memory)

    @property
    def place(self) -> tuple[UnitName, EnvironmentName]:
        """What is deployed where."""
        return self.plant.unit, self.plant.environment

    @property
    def broken(self) -> list[str]:
        """Promises that were broken, each once."""
        return list(self.promises.broken)

    @property
    def authority(self) -> Authority:
        """What people's word is worth."""
        sealer, shelf = self.hand.sealer, Shelf(self.manifest)
        approvals = self.engine.approvals(MemorySignatures(self.memory), sealer, shelf, maker_of)
        return Authority(Set({each.environment: each for each in self.policies}), sealer, approvals)

    @property
    def commands(self) -> Commands:
        """What people do."""
        return Commands(self.store, Shelf(self.manifest), self.engine.judge, self.clock, self.authority)

    def settle(self, *versions: Version, instances: int = 3) -> None:
        """Let the last of `versions` be stable, and those before it have been so."""
        now = self.clock.now()
        history = tuple(
            Stable(each, RolloutId(f"ro-{each}"), now, is_withdrawn=False) for each in reversed(versions)
        )
        release = DesiredRelease(versions[-1], instances, 1.0)
        desired = Desired(*self.place, 1, versions[-1], (release,))
        with self.memory.transaction() as tx:
            tx.stables[self.place] = history
            tx.desired[self.place] = desired
        self.plant.settled(desired)

    async def deploy(self, version: Version) -> Rollout:
        """Kim wants `version`."""
        return await self.commands.deploy(*self.place, version, actor="kim", reason="new")

    def people(self, rollout: RolloutId) -> People:
        """Everybody who may act on a rollout."""
        return People(self.commands, self.clock, *self.place, rollout, self.hand)

    async def run(self, rollout: RolloutId, *, until: float = math.inf) -> Rollout:
        """Let time pass until the rollout is over, or the plant is `until` seconds old."""
        for _ in range(_MOST_TURNS):
            now = await self.store.get(rollout)
            if now.phase.is_over or self.plant.age >= until:
                return now
            await self.turn(rollout, until)
        self.promises.broken[f"it took {_MOST_TURNS} turns: {now.phase.value} {now.stage.value}"] = None
        return now

    async def settle_down(self) -> None:
        """Let the plant finish what was decided last."""
        for _ in range(3):
            self.clock.advance(timedelta(seconds=10))
            self.plant.turn(await self.store.desired(*self.place))

    async def turn(self, rollout: RolloutId, until: float = math.inf) -> None:
        """Leap to the next moment, and let everybody do what they do then."""
        leap = min(self._leap(await self.store.get(rollout)), until - self.plant.age)
        # A clock counts whole microseconds: a leap that ended just before its moment would miss it.
        self.clock.advance(timedelta(seconds=max(leap, 0.001) + 0.000_002))
        for at in [each for each in self.steps if each <= self.plant.age]:
            self.clock.step(self.steps.pop(at))
        self.plant.turn(await self.store.desired(*self.place))
        for at in sorted(each for each in self.deeds if each <= self.plant.age):
            for deed in self.deeds.pop(at):
                await deed(self.people(rollout))
        self.outside.turn(await self.store.get(rollout))
        await self.tick()
        await self._check_heard(rollout)

    async def _check_heard(self, rollout: RolloutId) -> None:
        """What people ask for is taken up by the next tick that nothing disturbs."""
        if self.fault is not no_fault:
            return
        now = await self.store.get(rollout)
        is_waiting = now.phase is Phase.HELD  # an abort waits there until it can return
        if now.request is not None and not is_waiting:
            self.promises.broken[f"nobody took up that it should {now.request.kind.value}"] = None
        is_forward = now.phase in {Phase.PREPARING, Phase.STEPPING, Phase.FINISHING}
        has_way_back = is_forward and now.stable is not None and now.stage is not Stage.STOPPING
        if has_way_back and any(each.returns for each in await self.store.cords()):
            self.promises.broken["the cord that returns was not followed"] = None

    async def tick(self) -> None:
        """Every controller ticks until nothing changes any more."""
        for _ in range(_MOST_TICKS):
            before = self.memory.tables
            for name in self.controllers:
                await self.tick_of(name)
            if self.memory.tables is before:
                return

    async def tick_of(self, name: str) -> None:
        """One controller ticks, and begins anew where it died."""
        while True:
            self.ticks += 1
            try:
                await self.controller(name).tick()
            except Crash:
                self.crashes += 1
                self._processes.pop(name, None)
            except Unavailable:
                return  # its loop tries again later
            else:
                return

    def controller(self, name: str) -> RolloutController:
        """The controller of this name; where it died, a new one that knows what is stored."""
        if name not in self._processes:
            self._processes[name] = self._new_controller(name)
        return self._processes[name]

    def _new_controller(self, name: str) -> RolloutController:
        store = self.engine.shaky(self.store, self._struck, self.promises.wrote)
        views = Views(
            self.plant,
            self.plant,
            self.plant,
            self.store,
            self.authority.approvals,
            GatesSeen(self.outside),
            TasksSeen(self.outside),
        )
        observer = Observer(views, self.engine.judge, interval=self.look_every)
        leases, holder = MemoryLeases(self.memory), Holder(name, _TIME_TO_LIVE)
        rules = self.engine.rules()
        return RolloutController(store, leases, observer, self.clock, holder=holder, rules=rules)

    async def _struck(self, where: str) -> None:
        await self.fault(where)

    async def overtake(self, name: str) -> None:
        """Another controller takes over in the middle of a tick, because this one slept for too long."""
        self.clock.advance(_TIME_TO_LIVE * 2)
        self.plant.turn(await self.store.desired(*self.place))
        await self.controller(name).tick()

    def _leap(self, rollout: Rollout) -> float:
        """Seconds until something can change."""
        return max(min(self._moments(rollout), default=_IDLE), 0.001)

    def _moments(self, rollout: Rollout) -> Iterator[float]:
        now, age = self.clock.now(), self.plant.age
        yield _IDLE
        yield self.plant.next_moment()
        yield self.outside.next_moment()
        for at in (*self.deeds, *self.steps):
            yield at - age
        wanted = self.memory.tables.desired.get(self.place)
        if self.plant.is_behind(wanted) or self.outside.is_behind(rollout):
            yield _REACTION
        step = rollout.plan.steps[rollout.step]
        soaked = None if rollout.step_since is None else rollout.step_since + step.soak
        looked = None if rollout.back_at is None else rollout.back_at + rollout.plan.verify_after
        for due in (rollout.deadline_at, soaked, looked):
            if due is not None and due > now:
                yield (due - now).total_seconds()
        if rollout.evidence.counts_from is not None:
            yield self.look_every.total_seconds()
