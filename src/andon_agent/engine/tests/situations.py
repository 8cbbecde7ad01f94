"""Situations of a unit, all of them that can be, and an obedient world that does what is decided."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

from andon_agent.engine.actions import (
    Action,
    AskToEnd,
    Begin,
    Died,
    Downloaded,
    Kill,
    Launch,
    Lost,
    Point,
    Repoint,
    Wait,
)
from andon_agent.engine.case import Case
from andon_agent.engine.decide import decide
from andon_agent.engine.model import (
    Failed,
    Health,
    Held,
    Job,
    Now,
    Process,
    Rules,
    Running,
    Safe,
    Seen,
    SlotName,
    State,
    Step,
    Target,
    Wanting,
    Work,
    WorkState,
    other,
)
from andon_agent.engine.transitions import apply, launched
from andon_wire.application import Application, Data
from andon_wire.protocol import Phase, WantedUnit

AT = datetime(2026, 3, 2, tzinfo=UTC)
NOW = Now(AT, 1000.0, "boot")
ONE, TWO = Held("a", "1.0", "1" * 64), Held("b", "2.0", "2" * 64)
THREE = Held("a", "3.0", "3" * 64)
PROCESS = Process(7, 1.0, "boot")
CONTRACT = Application(
    unit="screen",
    version="1.0",
    platform="linux-x86_64",
    command=["app"],
    data={"db": Data(kind="sqlite", path="db")},
)
RULES = Rules()
_ALL = (
    Work(WorkState.TODO),
    Work(WorkState.DOING),
    Work(WorkState.DONE, "copy"),
    Work(WorkState.FAILED, "x", retry_at=0.0),
    Work(WorkState.HOPELESS, "x"),
    Work(WorkState.REFUSED, "x"),
)
_RUNNINGS: Mapping[str, tuple[Process | None, bool, Running]] = {
    "nothing": (None, False, Running()),
    "alive": (PROCESS, False, Running(is_alive=True)),
    "dead": (PROCESS, False, Running(end="exited with code 1")),
    "dead, with children": (PROCESS, False, Running(has_strays=True)),
    "to be launched": (None, True, Running()),
    "launched, not noted": (None, True, Running(found=PROCESS)),
    "being launched": (None, True, Running(is_starting=True)),
    "strays": (None, False, Running(has_strays=True)),
}
_RESTING = (Phase.IDLE, Phase.FAILED, Phase.HELD)
_WANTINGS: tuple[Wanting, ...] = (
    None,
    WantedUnit(version=None),
    WantedUnit(version="1.0", is_return=True),
    WantedUnit(version="1.0"),
    WantedUnit(version="2.0"),
    WantedUnit(version="2.0", attempt=1),
    WantedUnit(version="3.0", may_switch=False),
    WantedUnit(version="3.0", direct=True),
)


def wants() -> tuple[Wanting, ...]:
    """What may be wanted."""
    return _WANTINGS


_BASE = State("screen", since=AT, boot="boot", starts=3, token="t", switched_at=900.0, reason="because")
_FAILED = (Failed("2.0", 0, "it was silent"),)


def states() -> Iterator[State]:
    """Every state that the journal can have, but for processes and times."""
    yield from _resting()
    yield from _bringing()
    yield from _switching()
    yield from _returning()


def _resting() -> Iterator[State]:
    for phase, active, former, known in product(_RESTING, (None, ONE, TWO), (False, True), ((), _FAILED)):
        other = None if active is None or not former else (TWO if active is ONE else ONE)
        for confirmed in {active, None}:
            yield replace(_BASE, phase=phase, active=active, confirmed=confirmed, former=other, failed=known)


def _bringing() -> Iterator[State]:
    for phase, active in product((Phase.DOWNLOADING, Phase.INSTALLING, Phase.READY), (None, ONE, TWO)):
        slot: SlotName = "a" if active is not ONE else "b"
        for version in ("2.0", "3.0") if active is not TWO else ("3.0",):
            yield replace(_BASE, phase=phase, active=active, confirmed=active, target=Target(version, slot))


def _switching() -> Iterator[State]:
    changing = replace(_BASE, phase=Phase.SWITCHING)
    for step, active in product((Step.STOP, Step.BACK_UP, Step.POINT), (None, ONE)):
        target = Target("2.0", "b") if active is ONE else Target("1.0", "a")
        for confirmed in {active, None}:
            yield replace(changing, step=step, active=active, confirmed=confirmed, target=target)
    for step in (Step.STOP, Step.POINT):  # being taken off
        yield replace(changing, step=step, active=ONE, confirmed=ONE)
    for confirmed in (ONE, None):
        switched = replace(
            changing, active=TWO, confirmed=confirmed, target=Target("2.0", "b"), backup="copy"
        )
        yield replace(switched, step=Step.START)
        for boots, switched_at in product((0, 5), (999.0, 10.0)):
            yield replace(switched, phase=Phase.WATCHING, boots=boots, switched_at=switched_at)


def _returning() -> Iterator[State]:
    leaving = replace(_BASE, phase=Phase.RETURNING, confirmed=ONE, back=ONE, target=Target("2.0", "b"))
    for step, copy, known in product((Step.STOP, Step.RESTORE, Step.POINT), ("", "copy"), ((), _FAILED)):
        yield replace(leaving, step=step, active=TWO, backup=copy, failed=known)
    yield replace(leaving, step=Step.START, active=ONE, failed=_FAILED)


def situations(wanting: Wanting) -> Iterator[Case]:
    """Every state with everything that may be seen beside it."""
    for state, (process, is_launching, running) in product(states(), _RUNNINGS.values()):
        for deaths in ((), (990.0, 995.0)) if process is not None and not running.is_alive else ((),):
            known = replace(state, process=process, is_launching=is_launching, deaths=deaths)
            for held in _helds(state):
                for seen in _seens(known, held, running):
                    yield Case(known, seen, wanting, NOW, RULES)


def _helds(state: State) -> Iterator[Mapping[SlotName, Held]]:
    yield {"a": ONE, "b": TWO}
    yield {"a": ONE}
    yield {"b": TWO}
    if state.active is None or state.phase in _RESTING:
        yield {}


def _seens(state: State, held: Mapping[SlotName, Held], running: Running) -> Iterator[Seen]:
    pointer = None if state.active is None else state.active.slot
    base = Seen(pointer=pointer, held=held, contract=CONTRACT, standby=CONTRACT, running=running)
    job = {
        Phase.DOWNLOADING: Job.DOWNLOAD,
        Phase.INSTALLING: Job.INSTALL,
        Phase.SWITCHING: Job.BACK_UP,
        Phase.RETURNING: Job.RESTORE,
    }.get(state.phase)
    if job is not None:
        for work in _ALL:
            yield replace(base, jobs={job: work})
        yield replace(base, jobs={job: Work(WorkState.FAILED, "full", retry_at=0.0)}, short=1)
    elif state.phase is Phase.READY:
        for is_open, is_safe in product((True, False), (True, False)):
            yield replace(base, is_window_open=is_open, safe=Safe(is_safe))
        yield replace(base, safe=Safe(is_safe=True), short=1)
    else:
        for healthy_for in (None, 60.0):
            yield replace(base, health=Health(healthy_for, "it starts"), has_rubbish=healthy_for is None)
        yield replace(base, pointer=None if pointer is None else other(pointer))


class ObedientWorld:
    """Does what is decided, at once and well; what it brings works."""

    def __init__(self, case: Case) -> None:
        self.case = replace(
            case, seen=replace(case.seen, jobs={}, is_window_open=True, safe=Safe(is_safe=True), short=0)
        )
        self.trail: list[str] = []

    def step(self) -> Action:
        """One decision, and what follows of it."""
        decision = decide(self.case)
        action, case = decision.action, self.case
        self.trail.append(f"{case.state.phase.value} {case.state.step.value}: {action}")
        state = apply(case.state, decision, case.now)
        seen, now = case.seen, case.now
        match action:
            case Wait(until_s):
                now = replace(now, uptime=now.uptime + max(until_s or 1.0, 1.0))
            case Begin(job):
                seen = self._done(seen, state, job)
            case Launch():
                state = launched(state, PROCESS, now)
                seen = replace(seen, running=Running(is_alive=True))
            case AskToEnd() | Kill():
                seen = replace(seen, running=Running())
            case Point(to):
                seen = replace(seen, pointer=None if to is None else to.slot, jobs={})
            case Repoint(to):
                seen = replace(seen, pointer=to.slot)
            case Downloaded() if state.target is not None:
                seen = replace(seen, jobs={})
            case Died():
                seen = replace(seen, running=replace(seen.running, is_alive=False))
            case Lost():
                seen = replace(seen, pointer=None)
            case _:
                pass
        self.case = replace(case, state=replace(state, outbox=()), seen=self._as_it_is(seen, state), now=now)
        return action

    def _done(self, seen: Seen, state: State, job: Job) -> Seen:
        jobs = {**seen.jobs, job: Work(WorkState.DONE, "copy" if job is Job.BACK_UP else "")}
        held = dict(seen.held)
        if job is Job.INSTALL and state.target is not None:
            slot, version = state.target.slot, state.target.version
            held[slot] = Held(slot, version, version[0] * 64)
        is_clean = job is Job.CLEAN
        return replace(seen, jobs=jobs, held=held, has_rubbish=seen.has_rubbish and not is_clean)

    def _as_it_is(self, seen: Seen, state: State) -> Seen:
        is_up = seen.running.is_alive and state.process is not None
        running = seen.running
        if running.is_starting or running.found is not None:
            running = Running(is_alive=state.process is not None, found=None if state.process else PROCESS)
        return replace(seen, health=Health(60.0 if is_up else None), running=running)
