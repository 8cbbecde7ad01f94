"""Stories of a station, each in stages: what is wanted, and what must be true in the end.

In the end what is wanted runs, or it was given up with a reason and the former version runs with its data.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from andon_agent.engine.controller import Engine
from andon_agent.engine.model import SlotName
from andon_agent.engine.places import place_of
from andon_agent.engine.slots import Slots
from andon_agent.launcher.main import Ended, Launcher
from andon_agent.launcher.model import RESTART
from andon_wire.protocol import EventKind, Phase, UnitState, WantedUnit
from bench.agent.station import HOME, Machine, Registry, Release, an_engine

UNIT, AGENT = "screen", "andon-agent"
LONGEST_S = 900.0  # of a stage, in the station's own time
_DELTA = "delta-linux-x86_64-from-1.0.andon"


@dataclass(frozen=True, slots=True)
class Stage:
    """wanted: by unit. goal: whether it is reached, from how the units stand. alter: what happens before."""

    wanted: Mapping[str, WantedUnit]
    goal: Callable[[Machine, Mapping[str, UnitState]], bool]
    alter: Callable[[Machine], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Story:
    """prepared: stages that are lived through before anything dies."""

    name: str
    releases: Sequence[Release]
    stages: Sequence[Stage]
    prepared: int = 0
    with_launcher: bool = False
    units: Sequence[str] = field(default=(UNIT,))


def runs(version: str, unit: str = UNIT, schema: int | None = None) -> Callable[..., bool]:
    """That version runs, alone, confirmed, with data that it understands."""

    def goal(machine: Machine, states: Mapping[str, UnitState]) -> bool:
        state = states.get(unit, UnitState())
        alive = [each.release.version for each in machine.running(unit)]
        is_there = (state.running, state.confirmed, state.phase) == (version, version, Phase.IDLE)
        return is_there and alive == [version] and schema in {None, machine.schema(unit)}

    return goal


def gave_up(version: str, back: str, unit: str = UNIT, schema: int | None = None) -> Callable[..., bool]:
    """That version was given up with a reason, and the former one runs."""

    def goal(machine: Machine, states: Mapping[str, UnitState]) -> bool:
        state = states.get(unit, UnitState())
        alive = [each.release.version for each in machine.running(unit)]
        told = [each for each in machine.told.values() if each.unit == unit and each.version == version]
        is_told = any(each.kind in {EventKind.GAVE_UP, EventKind.REFUSED} and each.reason for each in told)
        is_there = (state.running, state.confirmed, state.phase) == (back, back, Phase.FAILED)
        is_back = is_there and alive == [back] and schema in {None, machine.schema(unit)}
        return is_back and is_told and bool(state.reason)

    return goal


def nothing(machine: Machine, states: Mapping[str, UnitState]) -> bool:
    """The unit is taken off."""
    state = states.get(UNIT, UnitState())
    return state.running is None and not machine.running(UNIT) and machine.schema(UNIT) == 1


def agent_is(version: str) -> Callable[..., bool]:
    """The agent of that version confirmed itself."""

    def goal(machine: Machine, states: Mapping[str, UnitState]) -> bool:
        state = states.get(AGENT, UnitState())
        return (state.running, state.phase) == (version, Phase.IDLE) and runs("1.0")(machine, states)

    return goal


def agent_stays(version: str, failed: str) -> Callable[..., bool]:
    """The agent of that version is back, and says why the other one is not."""

    def goal(machine: Machine, states: Mapping[str, UnitState]) -> bool:
        state = states.get(AGENT, UnitState())
        told = any(
            each.kind is EventKind.GAVE_UP and each.version == failed for each in machine.told.values()
        )
        return (
            (state.running, state.phase) == (version, Phase.FAILED) and told and runs("1.0")(machine, states)
        )

    return goal


def want(
    version: str | None, unit: str = UNIT, *, attempt: int = 0, is_return: bool = False, direct: bool = False
) -> Mapping[str, WantedUnit]:
    """What is wanted of one unit."""
    return {
        unit: WantedUnit(version=version, attempt=attempt, is_return=is_return, direct=direct, rollout="r")
    }


def _release(version: str, behaviour: str = "good", **more: object) -> Release:
    return Release(UNIT, version, behaviour, **more)  # type: ignore[arg-type]


def _age(machine: Machine) -> None:
    """What is frail does not start any more."""
    machine.is_old = True


_FIRST = Stage(want("1.0"), runs("1.0", schema=1))
_ONE = _release("1.0")
_AGENTS = [Release(AGENT, "5.0", is_agent=True)]

STORIES: Sequence[Story] = (
    Story("first install", [_ONE], [_FIRST]),
    Story(
        "update by delta",
        [_ONE, _release("2.0", schema=2, deltas=["1.0"])],
        [_FIRST, Stage(want("2.0"), runs("2.0", schema=2))],
        prepared=1,
    ),
    Story(
        "update whose delta is damaged",
        [_ONE, _release("2.0", deltas=["1.0"], broken=[_DELTA])],
        [_FIRST, Stage(want("2.0"), runs("2.0"))],
        prepared=1,
    ),
    Story(
        "update by a chain",
        [_ONE, _release("1.1", deltas=["1.0"]), _release("1.2", deltas=["1.1"])],
        [_FIRST, Stage(want("1.2"), runs("1.2"))],
        prepared=1,
    ),
    Story(
        "silent update is taken back",
        [_ONE, _release("2.0", "silent", schema=2, deltas=["1.0"])],
        [_FIRST, Stage(want("2.0"), gave_up("2.0", "1.0", schema=1))],
        prepared=1,
    ),
    Story(
        "update that crashes is taken back",
        [_ONE, _release("2.0", "crash", schema=2, deltas=["1.0"])],
        [_FIRST, Stage(want("2.0"), gave_up("2.0", "1.0", schema=1))],
        prepared=1,
    ),
    Story(
        "update that cannot be started is taken back",
        [_ONE, _release("2.0", "unstartable", deltas=["1.0"])],
        [_FIRST, Stage(want("2.0"), gave_up("2.0", "1.0", schema=1))],
        prepared=1,
    ),
    Story(
        "crash loop after it was confirmed",
        [_ONE, _release("2.0", "late-crash", schema=2, deltas=["1.0"])],
        [_FIRST, Stage(want("2.0"), gave_up("2.0", "1.0", schema=1))],
        prepared=1,
    ),
    Story(
        "update whose every package is damaged",
        [_ONE, _release("2.0", deltas=["1.0"], broken=[_DELTA, "bundle-linux-x86_64.andon"])],
        [_FIRST, Stage(want("2.0"), gave_up("2.0", "1.0"))],
        prepared=1,
    ),
    Story(
        "stubborn application is ended by force",
        [_release("1.0", "stubborn"), _release("2.0", deltas=["1.0"])],
        [_FIRST, Stage(want("2.0"), runs("2.0"))],
        prepared=1,
    ),
    Story(
        "return on purpose",
        [_ONE, _release("2.0", deltas=["1.0"])],
        [_FIRST, Stage(want("2.0"), runs("2.0")), Stage(want("1.0", is_return=True), runs("1.0"))],
        prepared=2,
    ),
    Story(
        "return on purpose with its data",
        [_ONE, _release("2.0", schema=2, deltas=["1.0"])],
        [
            _FIRST,
            Stage(want("2.0"), runs("2.0", schema=2)),
            Stage(want("1.0", is_return=True), runs("1.0", schema=1)),
        ],
        prepared=2,
    ),
    Story(
        "return on purpose that does not work",
        [_release("1.0", "frail"), _release("2.0", schema=2, deltas=["1.0"])],
        [
            _FIRST,
            Stage(want("2.0"), runs("2.0", schema=2)),
            Stage(want("1.0", is_return=True), gave_up("1.0", "2.0", schema=2), alter=_age),
        ],
        prepared=2,
    ),
    Story(
        "failed update is tried again",
        [_ONE, _release("2.0", "silent", deltas=["1.0"]), _release("2.1", deltas=["1.0"])],
        [
            _FIRST,
            Stage(want("2.0"), gave_up("2.0", "1.0")),
            Stage(want("2.1"), runs("2.1")),
        ],
        prepared=2,
    ),
    Story("taken off", [_ONE], [_FIRST, Stage(want(None), nothing)], prepared=1),
    Story(
        "agent updates itself",
        [_ONE, *_AGENTS, Release(AGENT, "5.1", is_agent=True, deltas=["5.0"])],
        [_FIRST, Stage({**want("5.1", AGENT), **want("1.0")}, agent_is("5.1"))],
        prepared=1,
        with_launcher=True,
        units=(UNIT, AGENT),
    ),
    Story(
        "silent agent is taken back",
        [_ONE, *_AGENTS, Release(AGENT, "5.1", "silent", is_agent=True, deltas=["5.0"])],
        [_FIRST, Stage({**want("5.1", AGENT), **want("1.0")}, agent_stays("5.0", "5.1"))],
        prepared=1,
        with_launcher=True,
        units=(UNIT, AGENT),
    ),
    Story(
        "agent that dies is taken back",
        [_ONE, *_AGENTS, Release(AGENT, "5.1", "crash", is_agent=True, deltas=["5.0"])],
        [_FIRST, Stage({**want("5.1", AGENT), **want("1.0")}, agent_stays("5.0", "5.1"))],
        prepared=1,
        with_launcher=True,
        units=(UNIT, AGENT),
    ),
)


class Stuck(AssertionError):
    """A stage did not reach its goal in time."""


def play(story: Story, machine: Machine, until: int | None = None) -> None:
    """Live from the machine's stage on to the end, or to stage `until`.

    Raises:
        Stuck: a stage did not end. PowerCut: as the disk says.
    """
    most = len(story.stages) if until is None else until
    while machine.stage < most:
        stage = story.stages[machine.stage]
        stage.alter(machine)
        if story.with_launcher:
            _play_with_launcher(machine, stage)
        else:
            live(an_engine(machine), machine, stage, machine.uptime + LONGEST_S)
        machine.stage += 1


def live(engine: Engine, machine: Machine, stage: Stage, until: float) -> bool:
    """One agent's life, until the goal is reached or it ends for its launcher; True: the former.

    Raises:
        Stuck: neither came.
    """
    engine.want(stage.wanted)
    while machine.uptime < until:
        try:
            wait_s = engine.tick()
        except OSError:
            wait_s = 1.0
        if stage.goal(machine, engine.states()):
            engine.close()
            return True
        if engine.must_end:
            engine.close()
            return False
        machine.advance(max(wait_s, 0.1))
    states = {unit: state.model_dump(exclude_defaults=True) for unit, state in engine.states().items()}
    raise Stuck(f"{states}, runs {[each.mark for each in machine.processes]}, data {machine.schema(UNIT)}")


def _play_with_launcher(machine: Machine, stage: Stage) -> None:
    place = place_of(HOME, AGENT)
    is_over = False
    end = machine.uptime + LONGEST_S

    def run(slot: SlotName, deadline_s: float | None) -> Ended:
        nonlocal is_over
        machine.check_slot(AGENT, slot)
        held = launcher.slots.held()[slot]
        release = machine.registry.releases[f"{AGENT}@{held.version}"]
        begun = machine.uptime
        if release.behaviour == "crash":
            machine.advance(0.3)
            return Ended(1, 0.3)
        engine = an_engine(machine, own_unit=AGENT, own_slot=slot, behaviour=release.behaviour)
        until = end if deadline_s is None else begun + deadline_s
        try:
            is_over = live(engine, machine, stage, until)
        except Stuck:
            if deadline_s is None:
                raise
            if launcher.slots.pointer() == slot:
                is_over = live(engine, machine, stage, end)
        return Ended(RESTART if engine.must_end else 0, machine.uptime - begun, is_asked=is_over)

    launcher = Launcher(place, machine.disk, run, machine.advance)
    while launcher.step():
        pass
    if not is_over:
        raise Stuck("the launcher has no agent")


def prepare(story: Story, machine: Machine | None = None) -> Machine:
    """A machine on which the prepared stages were lived through, and everything came to the platter."""
    machine = machine or Machine(Registry(story.releases))
    if story.with_launcher:
        _seed_agent(machine)
    machine.disk.make_folder(HOME)
    play(story, machine, story.prepared)
    machine.disk.settle()
    machine.check(UNIT)
    return machine


def _seed_agent(machine: Machine) -> None:
    """As the agent's installer leaves it: in slot a, confirmed."""
    place, release = place_of(HOME, AGENT), machine.registry.releases[f"{AGENT}@5.0"]
    slots = Slots(place, machine.disk)
    for path, content in release.files().items():
        machine.disk.make_folder((place.files("a") / path).parent)
        with machine.disk.open_write(place.files("a") / path, mode=0o755 if path == "app" else 0o644) as file:
            file.write(content)
    slots.unseal("a")
    slots.seal("a", release.version, machine.registry.trees[release.key], release.contract())
    slots.point("a")
