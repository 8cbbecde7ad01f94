"""A story: one rollout with a release, a plant, faults and people, all drawn from a seed.

`Story.of(seed)` draws it, `play` tells it in a world. The same seed is the same story, also with a crash.
"""

import contextlib
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any

from andon.access.policies.model import Policy
from andon.kernel.errors import Conflict
from andon.kernel.ids import Version
from andon.rollouts.model import Phase, Rollout, Trigger
from andon.targets.model import InstanceState
from andon.testing.rolling import NEW, OLD, a_manifest
from andon.testing.simulation import people
from andon.testing.simulation.faults import Fault, Sometimes, no_fault
from andon.testing.simulation.outside import Fate, Fates
from andon.testing.simulation.people import ANSWERS, CLICKS, Deed
from andon.testing.simulation.plant import PRODUCTION, Plant
from andon.testing.simulation.weather import NEVER, Behaviour, Lie, Weather
from andon.testing.simulation.world import Engine, SteppedClock, World
from andon.units.model import Manifest

_S = timedelta(seconds=1)
_OLDER = Version("0.9.0")
_AS_IT_WAS = Behaviour(error_rate=0.01)
RELEASES: dict[str, Behaviour] = {
    "good": Behaviour(error_rate=0.01),
    "better": Behaviour(error_rate=0.002),
    "twice": Behaviour(error_rate=0.02),
    "worse": Behaviour(error_rate=0.05),
    "awful": Behaviour(error_rate=0.3),
    "crashes": Behaviour(breaks_after=5 * _S),
    "crashes late": Behaviour(breaks_after=70 * _S),
    "sick": Behaviour(breaks_after=7 * _S, breaks_to=InstanceState.UNHEALTHY),
    "flaps": Behaviour(breaks_after=9 * _S, breaks_to=InstanceState.RESTARTING, recovers_after=4 * _S),
    "never ready": Behaviour(starts_in=NEVER),
    "slow": Behaviour(starts_in=40 * _S),
    "refused": Behaviour(starts_in=NEVER, breaks_after=_S, breaks_to=InstanceState.REFUSED),
}
FAULTS = (
    "gateway silent",
    "gateway refuses",
    "gateway restarts",
    "late counts",
    "evidence silent",
    "target lies",
    "stable ill",
    "drain hangs",
    "split broken",
    "writes struck",
    "two controllers",
    "overtaken",
    "clock forward",
    "clock back",
    "clicks",
    "clicks in a tick",
    "two begin",
)
# With these a story with a crash in it is another story: what strikes at points of writes rather than at a
# time, and a clock that is set, which only a process that lived through it can tell from time that passed.
INCOMPARABLE = {
    "writes struck",
    "overtaken",
    "clicks in a tick",
    "two begin",
    "clock forward",
    "clock back",
}
_LONG = 2400.0
_MOST_RETURNS = 4


@dataclass(frozen=True, slots=True)
class Story:
    """What will happen. faults: names out of FAULTS; approvals: that the environment asks for.

    elements: name out of ELEMENTS of what stands before its steps.
    """

    seed: int
    release: str
    strategy: str
    instances: int
    faults: tuple[str, ...]
    approvals: int
    is_first: bool
    policy: dict[str, Any]
    weather: Weather
    deeds: tuple[tuple[float, Deed], ...] = ()
    steps: tuple[tuple[float, timedelta], ...] = ()
    controllers: tuple[str, ...] = ("a",)
    elements: str = "none"
    fates: Fates = field(default_factory=Fates)

    @classmethod
    def of(cls, seed: int) -> "Story":
        """The story of a seed."""
        dice = random.Random(seed)  # noqa: S311  a simulation, not a secret
        drawn = dice.sample(FAULTS, dice.choice([0, 1, 1, 2, 3]))
        faults = tuple(sorted(drawn))
        approvals = dice.choice([0, 0, 0, 1, 2])
        story = cls(
            seed=seed,
            release=dice.choice([*RELEASES, "good", "good", "twice", "worse"]),
            strategy=dice.choice(["canary", "canary", "blue-green", "rolling", "recreate"]),
            instances=dice.choice([1, 2, 3, 3, 5]),
            faults=faults,
            approvals=approvals,
            is_first=dice.random() < 0.05,
            policy=dice.choice(_POLICIES) | {"require_evidence": dice.random() < 0.7},
            weather=Weather(
                requests_per_second=dice.choice([0, 5, 50, 200]),
                gateway_delay=timedelta(seconds=dice.choice([0, 1, 1, 5])),
            ),
        )
        answers = [(dice.uniform(0, 40), dice.choice(ANSWERS)) for _ in range(approvals * 2)]
        story = replace(story, deeds=tuple(answers))
        if dice.random() < 0.4:
            story = _with_elements(story, dice)
        for fault in faults:
            if (befall := _BEFALLS.get(fault)) is not None:
                story = befall(story, dice)
        return story


_POLICIES: list[dict[str, Any]] = [
    {"soak": "3s", "max_wait": "60s", "warm": "5s", "margin": 3.0},
    {"soak": "10s", "max_wait": "120s", "warm": "20s", "margin": 1.5},
    {"soak": "30s", "max_wait": "30s", "warm": "0s", "margin": 10.0, "steps": [0.5, 1.0]},
]


ELEMENTS: dict[str, list[Any]] = {
    "window and smoke": [{"gate": "window"}, 0.2, {"smoke": "alive"}, 1],
    "hold": [0.5, {"hold": True}, 1],
    "mirror and preview": [
        {"share": 0.0, "mirror": 0.5, "preview": True},
        {"smoke": "alive"},
        {"command": ["check"]},
        0.5,
        1,
    ],
    "header and production": [
        {"share": 0.0, "match": [{"header": "x-beta", "value": "1"}], "judge": False},
        {"gate": "production", "asks": "idle"},
        0.5,
        1,
    ],
    "second approval": [0.5, {"gate": "approval", "approvals": 1}, {"gate": "window"}, 1],
    "webhook and command": [{"gate": "webhook", "asks": "changes"}, {"command": ["check"]}, 0.5, 1],
}
_TABLES: dict[str, Any] = {
    "smoke": {"alive": {"path": "/health"}},
    "production": {"idle": {"path": "/lots", "field": "running", "equals": 0}},
    "webhooks": {"changes": {}},
}


def _with_elements(story: Story, dice: random.Random) -> Story:
    name = dice.choice(list(ELEMENTS))
    kinds = ("window", "production", "webhook", "smoke", "command")
    odds = [Fate.WELL, Fate.WELL, Fate.WELL, Fate.NO, Fate.NEVER, Fate.BRIEFLY]
    fates = Fates({each: (dice.choice(odds), dice.choice([0.0, 3.0, 20.0])) for each in kinds})
    deeds = [(dice.uniform(20, 200), dice.choice([people.resume, *ANSWERS])) for _ in range(4)]
    policy = story.policy | {"steps": ELEMENTS[name]}
    return replace(story, elements=name, fates=fates, policy=policy, deeds=(*story.deeds, *deeds))


def _window(dice: random.Random, *lengths: float) -> tuple[float, float]:
    begin = dice.uniform(0, 90)
    return begin, begin + dice.choice(lengths)


def _weather(story: Story, **changes: Any) -> Story:
    return replace(story, weather=replace(story.weather, **changes))


def _gateway_silent(story: Story, dice: random.Random) -> Story:
    return _weather(story, gateway_outage=_window(dice, 3, 20, 200))


def _gateway_refuses(story: Story, dice: random.Random) -> Story:
    return _weather(story, gateway_refuses=_window(dice, 3, 20, 200))


def _gateway_restarts(story: Story, dice: random.Random) -> Story:
    return _weather(story, gateway_restarts=tuple(sorted(dice.uniform(0, 120) for _ in range(2))))


def _late_counts(story: Story, dice: random.Random) -> Story:
    return _weather(story, late=dice.choice([0.2, 0.7]))


def _evidence_silent(story: Story, dice: random.Random) -> Story:
    return _weather(story, outage=_window(dice, 10, 60, 1800))


def _target_lies(story: Story, dice: random.Random) -> Story:
    lies = tuple((dice.choice(list(Lie)), _window(dice, 3, 20, 100)) for _ in range(2))
    return _weather(story, lies=lies)


def _stable_ill(story: Story, dice: random.Random) -> Story:
    return _weather(story, stable_ill=_window(dice, 10, 100, 1000, math.inf))


def _drain_hangs(story: Story, dice: random.Random) -> Story:
    return _weather(story, drain=dice.choice([20 * _S, NEVER]))


def _split_broken(story: Story, dice: random.Random) -> Story:
    return _weather(story, split=dice.choice([0.0, 0.3, 2.0]))


def _two_controllers(story: Story, _dice: random.Random) -> Story:
    return replace(story, controllers=("a", "b"))


def _clock_forward(story: Story, dice: random.Random) -> Story:
    step = timedelta(seconds=dice.choice([2, 60, 3600]))
    return replace(story, steps=(*story.steps, (dice.uniform(0, 90), step)))


def _clock_back(story: Story, dice: random.Random) -> Story:
    step = -timedelta(seconds=dice.choice([2, 60, 3600]))
    return replace(story, steps=(*story.steps, (dice.uniform(0, 90), step)))


def _clicks(story: Story, dice: random.Random) -> Story:
    clicks = [(dice.uniform(0, 120), dice.choice(CLICKS)) for _ in range(dice.choice([1, 2, 4, 8]))]
    at_once = [(clicks[0][0], dice.choice(CLICKS)) for _ in range(dice.choice([0, 0, 3]))]
    return replace(story, deeds=(*story.deeds, *clicks, *at_once))


_BEFALLS: dict[str, Callable[[Story, random.Random], Story]] = {
    "gateway silent": _gateway_silent,
    "gateway refuses": _gateway_refuses,
    "gateway restarts": _gateway_restarts,
    "late counts": _late_counts,
    "evidence silent": _evidence_silent,
    "target lies": _target_lies,
    "stable ill": _stable_ill,
    "drain hangs": _drain_hangs,
    "split broken": _split_broken,
    "two controllers": _two_controllers,
    "clock forward": _clock_forward,
    "clock back": _clock_back,
    "clicks": _clicks,
}


@cache
def _manifest(strategy: str, instances: int, policy: str, elements: str) -> Manifest:
    made = a_manifest(strategy, instances=instances).model_dump()
    where = made["environments"][PRODUCTION]
    where["policy"] = json.loads(policy)
    return Manifest.model_validate(made | ({} if elements == "none" else _TABLES))


@dataclass(slots=True)
class Played:
    """How a story ended: the rollout as it is now, and the world."""

    story: Story
    world: World
    end: Rollout
    broken: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """One word and its trigger."""
        trigger = self.end.trigger
        return self.end.phase.value if trigger is None else f"{self.end.phase.value}: {trigger.value}"

    @property
    def trace(self) -> list[tuple[Any, ...]]:
        """Everything that was told, in order, and where it ended; without names that are drawn anew."""
        told = [(each.at, each.event.kind, each.event.reason) for each in self.world.memory.tables.timeline]
        last = replace(self.end, id="", evidence=replace(self.end.evidence, looked_at=None))  # type: ignore[arg-type]
        return [*told, (last,), (self.world.memory.tables.desired,)]


def a_world(story: Story, engine: Engine) -> World:
    """The world of a story, before anything happened."""
    clock = SteppedClock()
    behaviour = {_OLDER: _AS_IT_WAS, OLD: _AS_IT_WAS, NEW: RELEASES[story.release]}
    manifest = _manifest(story.strategy, story.instances, json.dumps(story.policy), story.elements)
    plant = Plant(clock, story.seed, behaviour, story.weather)
    world = World(plant, clock, manifest, engine, fates=story.fates)
    world.controllers = story.controllers
    world.policies = (Policy(PRODUCTION, is_production=True, approvals=story.approvals),)
    world.steps = dict(story.steps)
    for at, deed in story.deeds:
        world.deeds.setdefault(at, []).append(deed)
    if not story.is_first:
        world.settle(_OLDER, OLD, instances=story.instances)
    return world


async def play(story: Story, engine: Engine | None = None, fault: Fault | None = None) -> Played:
    """Tell it to its end. fault: instead of what the story has strike at writes."""
    world = a_world(story, engine or Engine())
    rollout = await _begin(story, world)
    world.fault = fault or _fault(story, world, rollout)
    await world.run(rollout.id, until=_LONG)
    end = await world.store.get(rollout.id)
    for _ in range(_MOST_RETURNS):
        if end.phase.is_over:
            break
        await _everybody_comes_back(world, rollout)
        end = await world.run(rollout.id, until=world.plant.age + _LONG)
    await world.settle_down()
    broken = _at_the_end(story, world, end)
    await people.machine(world.people(rollout.id))
    return Played(story, world, end, [*world.broken, *broken])


async def _begin(story: Story, world: World) -> Rollout:
    """Kim begins it; in some stories somebody else begins another one, or pulls the cord, just before."""
    if "two begin" not in story.faults:
        return await world.deploy(NEW)

    async def overtake() -> None:
        if story.seed % 2:
            await world.deploy(NEW)
        else:
            await world.commands.pull_cord(None, returns=False, actor="lee", reason="smoke")

    world.store.overtake = overtake
    with contextlib.suppress(Conflict):
        return await world.deploy(NEW)
    for cord in await world.store.cords():
        await world.commands.release_cord(cord.environment, "lee", "it was toast")
    return await world.store.find_active(*world.place) or await world.deploy(NEW)


def _fault(story: Story, world: World, rollout: Rollout) -> Fault:
    between: list[Callable[[], Any]] = []
    if "overtaken" in story.faults:
        between.append(lambda: world.overtake("rival"))
    if "clicks in a tick" in story.faults:
        everybody = world.people(rollout.id)
        between += [_clicked(deed, everybody) for deed in CLICKS]
    if not between and "writes struck" not in story.faults:
        return no_fault
    return Sometimes(
        story.seed, 0.08, between, can_break="writes struck" in story.faults or "overtaken" in story.faults
    )


def _clicked(deed: Deed, everybody: people.People) -> Callable[[], Any]:
    return lambda: deed(everybody)


async def _everybody_comes_back(world: World, rollout: Rollout) -> None:
    """What people stopped goes on, the weather is fine, and a gate that nobody answers runs out."""
    weather = world.plant.weather
    ill = weather.stable_ill if weather.stable_ill[1] == math.inf else (0.0, 0.0)
    world.plant.weather = Weather(gateway_delay=weather.gateway_delay, stable_ill=ill)
    world.fault = no_fault
    everybody = world.people(rollout.id)
    await people.release(everybody)
    await people.resume(everybody)
    now = await world.store.get(rollout.id)
    if now.is_gated and not now.is_on_hold:
        world.plant.weather = replace(world.plant.weather, requests_per_second=0)
        world.clock.advance(timedelta(days=8))


def _at_the_end(story: Story, world: World, end: Rollout) -> Sequence[str]:
    """What holds of every end, whatever happened."""
    broken = []
    plant, may_hold = world.plant, end.stable is None or world.plant.ready(end.stable) == 0
    if end.phase is Phase.HELD and not (may_hold and end.reason):
        broken.append("it is held without an obstacle")
    if not end.phase.is_over and end.phase is not Phase.HELD:
        broken.append(f"it never came to an end: {end.phase.value} {end.stage.value}")
    if end.phase is Phase.PROMOTED and story.release in {"never ready", "refused"}:
        broken.append(f"a release that is {story.release} was promoted")
    if end.phase is Phase.RETURNED and (plant.weight(end.candidate) or plant.running(end.candidate)):
        is_again = any(each.is_active for each in world.memory.tables.rollouts.values())
        if not is_again:
            broken.append("it returned, and the candidate is still there")
    by_person = end.trigger in {Trigger.ABORT, Trigger.CORD} and not end.plan.is_rollback
    if end.phase is Phase.RETURNED and by_person and world.place not in world.memory.tables.holds:
        broken.append("a person took it back, and the place is not held")
    for metric in end.evidence.judge.metrics.values():
        counted = metric.candidate.exposure
        if counted > plant.served_ever(end.candidate):
            broken.append(f"{counted} requests were judged, more than there ever were")
    return broken
