"""What a run does next: named cases, and every situation that a run can come into."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from andon.kernel.ids import RunId, UnitName, Version
from andon.pipelines.decide import (
    Action,
    Decision,
    FailStage,
    Finish,
    FinishStage,
    GoOn,
    Halt,
    Observation,
    Published,
    RetryStage,
    ReuseStage,
    SkipStage,
    StageInput,
    StageSeen,
    StartStage,
    Wait,
    apply,
    decide,
    is_ready,
)
from andon.pipelines.model import Run, RunState, StageName, StageResult, StageState, StageStatus
from andon.pipelines.plan import plan
from andon.units.load import parse
from andon.units.model import Manifest

AT = datetime(2026, 3, 1, tzinfo=UTC)
MANIFEST = parse(
    '[unit]\nname = "mes"\n[run]\ncommand = ["mes"]\n[test]\nretries = 1\n[environments.a]\nport = 1\n',
    source="x",
)
APPLICATION = parse(
    '[unit]\nname = "station"\nkind = "application"\n[build]\nkind = "bundle"\n[bundle]\nentry = "x.py"\n'
    '[run]\ncommand = ["x"]\n[test]\nretries = 1\n[environments.a]\ntarget = "fleet"\n',
    source="x",
)
GOOD = StageResult(True, "good", facts={"version": "1.0.0"})
BAD = StageResult(False, "bad")
AGAIN = StageResult(False, "bad luck", is_retryable=True)
ALIVE, GONE = StageSeen(is_started=True, is_alive=True), StageSeen(is_started=True)
S = StageName


def a_run(of: Manifest = MANIFEST, **states: StageState | StageStatus) -> Run:
    stages = plan(of)
    statuses = []
    for each in stages:
        given = states.get(each.name.value, StageState.WAITING)
        if isinstance(given, StageState):
            is_running = given is StageState.RUNNING
            given = StageStatus(
                each.name, given, started_at=AT if is_running else None, attempt=int(is_running)
            )
        statuses.append(given)
    return Run(
        id=RunId("run-1"),
        unit=UnitName("mes"),
        version=Version("1.0.0"),
        path="/mes",
        state=RunState.RUNNING,
        stages=tuple(statuses),
        actor="kim",
        created_at=AT,
        finished_at=None,
        reason="",
        revision=1,
        plan=stages,
    )


def seen(run: Run, **changes: object) -> Observation:
    inputs = {name: StageInput("hash") for name in run.names if is_ready(run, name)}
    return replace(Observation(AT, inputs=inputs), **changes)


DONE, RUNNING, WAITING, FAILED = StageState.DONE, StageState.RUNNING, StageState.WAITING, StageState.FAILED
BUILT = {"source": DONE, "build": DONE}
PACKAGED = {**BUILT, "test": DONE, "security": DONE, "package": DONE}
LOST_TWICE = StageStatus(S.BUILD, RUNNING, attempt=3, lost=2, started_at=AT)
FAILED_ONCE = StageStatus(S.TEST, RUNNING, attempt=2, failures=1, started_at=AT)
DUE_LATER = StageStatus(S.BUILD, WAITING, attempt=1, retry_at=AT + timedelta(seconds=1))
ALL = dict.fromkeys((each.value for each in S), DONE)


def with_seen(name: StageName, there: StageSeen) -> dict[str, object]:
    return {"stages": {name: there}}


@pytest.mark.parametrize(
    ("states", "changes", "action", "reason"),
    [
        ({}, {}, StartStage(S.SOURCE, "hash"), "source starts"),
        ({}, {"free": 0}, Wait(), "waiting for a free worker"),
        ({"source": RUNNING}, with_seen(S.SOURCE, ALIVE), Wait(), "waiting for source"),
        ({"source": RUNNING}, {}, Wait(), "waiting for source"),
        (
            {"source": RUNNING},
            with_seen(S.SOURCE, replace(ALIVE, result=GOOD)),
            FinishStage(S.SOURCE, GOOD),
            "good",
        ),
        (
            {"source": RUNNING},
            with_seen(S.SOURCE, replace(GONE, result=BAD)),
            FailStage(S.SOURCE, BAD),
            "bad",
        ),
        (
            {"source": RUNNING},
            with_seen(S.SOURCE, replace(GONE, result=AGAIN)),
            FailStage(S.SOURCE, AGAIN),
            "bad",
        ),
        (
            {"source": DONE, "build": RUNNING},
            with_seen(S.BUILD, replace(GONE, result=AGAIN)),
            RetryStage(S.BUILD, AT + timedelta(seconds=2), "bad luck", is_lost=False),
            "build: bad luck; again",
        ),
        (
            {"source": DONE, "build": RUNNING},
            with_seen(S.BUILD, GONE),
            RetryStage(S.BUILD, AT, "its process vanished; it runs again", is_lost=True),
            "vanished",
        ),
        (
            {"source": DONE, "build": LOST_TWICE},
            with_seen(S.BUILD, GONE),
            FailStage(
                S.BUILD, StageResult(False, "its process vanished 3 times, as it does when memory runs out")
            ),
            "3 times",
        ),
        (
            {**BUILT, "test": FAILED_ONCE},
            with_seen(S.TEST, replace(GONE, result=AGAIN)),
            FailStage(S.TEST, AGAIN),
            "",
        ),
        (
            {"source": DONE, "build": RUNNING},
            {**with_seen(S.BUILD, ALIVE), "now": AT + timedelta(minutes=10)},
            FailStage(S.BUILD, StageResult(False, "it took longer than 10 min and was stopped")),
            "10 min",
        ),
        ({"source": DONE, "build": DUE_LATER}, {}, Wait(), ""),
        (
            {"source": DONE, "build": DUE_LATER},
            {"now": AT + timedelta(seconds=1)},
            StartStage(S.BUILD, "hash"),
            "",
        ),
        ({"source": DONE}, with_seen(S.BUILD, ALIVE), Wait(), ""),
        (
            {"source": DONE},
            {"inputs": {S.BUILD: StageInput("hash", GOOD)}, "free": 0},
            ReuseStage(S.BUILD, "hash", GOOD),
            "build: its inputs are unchanged",
        ),
        (BUILT, {}, StartStage(S.TEST, "hash"), ""),
        ({**BUILT, "test": RUNNING}, with_seen(S.TEST, ALIVE), StartStage(S.SECURITY, "hash"), ""),
        (
            {**BUILT, "test": FAILED, "security": RUNNING},
            with_seen(S.SECURITY, ALIVE),
            SkipStage(S.PACKAGE, S.TEST),
            "",
        ),
        (PACKAGED, {"free": 0}, StartStage(S.SIGN, "hash"), ""),
        (
            PACKAGED,
            {"published": Published.SAME},
            ReuseStage(S.SIGN, "hash", StageResult(True, "1.0.0 is published already, with this content")),
            "1.0.0 is published already",
        ),
        (ALL, {}, Finish(RunState.DONE), "mes 1.0.0 is published"),
        (
            {**ALL, "publish": StageState.CACHED},
            {},
            Finish(RunState.DONE),
            "mes 1.0.0 is published already, with the same content",
        ),
        (ALL, with_seen(S.TEST, ALIVE), Wait(), ""),
    ],
)
def test_named_cases(
    states: dict[str, StageState], changes: dict[str, object], action: Action, reason: str
) -> None:
    run = a_run(**states)
    decision = decide(run, seen(run, **changes))
    assert decision.action == action
    assert reason in decision.reason
    assert decision.reason


@pytest.mark.parametrize(
    ("states", "changes", "action"),
    [
        ({}, {}, Halt()),
        ({"source": DONE}, {"inputs": {S.BUILD: StageInput("hash", GOOD)}}, Halt()),
        (PACKAGED, {"published": Published.SAME}, Halt()),
        (PACKAGED, {"published": Published.OTHER}, Halt()),
        ({**BUILT, "test": RUNNING}, with_seen(S.TEST, ALIVE), Halt()),
        (
            {**BUILT, "test": RUNNING},
            with_seen(S.TEST, replace(GONE, result=GOOD)),
            FinishStage(S.TEST, GOOD),
        ),
        ({**BUILT, "test": FAILED}, {}, SkipStage(S.PACKAGE, S.TEST)),
        (PACKAGED | {"sign": DONE, "publish": RUNNING}, with_seen(S.PUBLISH, ALIVE), Wait()),
        (ALL, {}, Finish(RunState.DONE)),
    ],
)
def test_under_the_cord_nothing_begins_and_what_runs_ends(
    states: dict[str, StageState], changes: dict[str, object], action: Action
) -> None:
    run = a_run(**states)
    assert decide(run, seen(run, is_corded=True, **changes)).action == action


def test_a_run_says_once_that_it_waits_for_the_cord_and_goes_on_after_it() -> None:
    run = a_run(source=DONE)
    halted = apply(run, decide(run, seen(run, is_corded=True)), AT)
    assert "cord is pulled everywhere" in halted.reason
    assert decide(halted, seen(halted, is_corded=True)) == Decision(Wait(), halted.reason)
    released = decide(halted, seen(halted))
    assert released.action == GoOn()
    again = apply(halted, released, AT)
    assert again == run
    assert decide(again, seen(again)).action == StartStage(S.BUILD, "hash")


def test_a_corded_run_can_be_cancelled() -> None:
    run = replace(a_run(source=DONE), cancelled_by="lee", cancel_reason="wrong tree")
    assert decide(run, seen(run, is_corded=True)).action == Finish(RunState.CANCELLED)


@pytest.mark.parametrize(
    ("states", "name"), [({"source": DONE}, S.SOURCE), (BUILT, S.TEST), (PACKAGED, S.SIGN)]
)
def test_a_version_that_is_published_with_other_content_is_refused(
    states: dict[str, StageState], name: StageName
) -> None:
    run = a_run(**states)
    decision = decide(run, seen(run, published=Published.OTHER))
    assert isinstance(decision.action, FailStage)
    assert decision.action.name is name
    assert "raise the version in pyproject.toml" in decision.reason


def test_deltas_of_a_release_that_is_there_are_not_made_again() -> None:
    run = a_run(APPLICATION, **PACKAGED, bundle=DONE)
    action = decide(run, seen(run, published=Published.SAME)).action
    assert isinstance(action, ReuseStage)
    assert action.name is S.DELTA
    assert decide(run, seen(run)).action == StartStage(S.DELTA, "hash")


def test_a_cancelled_run_waits_for_its_processes_and_ends_with_the_reason() -> None:
    run = replace(a_run(source=RUNNING), cancelled_by="lee", cancel_reason="wrong tree")
    assert decide(run, seen(run, stages={S.SOURCE: ALIVE})).action == Wait()
    assert decide(run, seen(run)) == Decision(Finish(RunState.CANCELLED), "lee stopped it: wrong tree")


def test_the_backoff_doubles() -> None:
    status = StageStatus(S.BUILD, RUNNING, attempt=2, failures=1, started_at=AT)
    run = a_run(source=DONE, build=status)
    action = decide(run, seen(run, stages={S.BUILD: replace(GONE, result=AGAIN)})).action
    assert isinstance(action, RetryStage)
    assert action.at == AT + timedelta(seconds=4)


def test_the_first_failure_in_the_order_of_stages_is_the_reason() -> None:
    states = {**BUILT, "test": StageStatus(S.TEST, FAILED, summary="t"), "security": FAILED}
    run = a_run(**states, package=StageState.SKIPPED, sign=StageState.SKIPPED, publish=StageState.SKIPPED)
    assert decide(run, seen(run)) == Decision(Finish(RunState.FAILED), "test: t")


def test_a_failed_stage_keeps_what_it_found_for_people() -> None:
    result = StageResult(False, "bad", facts={"failed": 1})
    run = apply(a_run(source=DONE, build=RUNNING), Decision(FailStage(S.BUILD, result), ""), AT)
    assert run.stage(S.BUILD).facts == {"failed": 1}


def test_the_source_stage_tells_the_version() -> None:
    run = replace(a_run(source=RUNNING), version=None)
    assert apply(run, Decision(FinishStage(S.SOURCE, GOOD), ""), AT).version == "1.0.0"


def test_a_run_that_is_over_is_left_alone() -> None:
    run = replace(a_run(), state=RunState.DONE)
    assert decide(run, seen(run)).action == Wait()
    assert apply(run, Decision(Wait(), "over"), AT) is run


# Every situation that any world can bring a run into.


@dataclass(frozen=True, slots=True)
class World:
    """What an adversary chooses in one step."""

    there: StageSeen
    is_late: bool
    published: Published
    free: int
    kept: StageResult | None
    is_corded: bool = False


ANSWERS = (StageSeen(), ALIVE, GONE, *(replace(GONE, result=each) for each in (GOOD, BAD, AGAIN)))
# One step either settles what runs or begins something, so the two are crossed each in itself.
WORLDS = [World(there, is_late, Published.UNKNOWN, 1, None) for there in ANSWERS for is_late in (False, True)]
WORLDS += [World(ALIVE, False, *each) for each in itertools.product(tuple(Published), (0, 1), (None, GOOD))]
WORLDS += [World(there, False, Published.UNKNOWN, 1, None, is_corded=True) for there in (ALIVE, ANSWERS[3])]
LATE = timedelta(days=1)


def observe(run: Run, world: World, who: StageName | None) -> Observation:
    inputs = {name: StageInput("hash", world.kept) for name in run.names if is_ready(run, name)}
    there = {
        each.name: world.there if each.name is who else ALIVE
        for each in run.stages
        if each.state is StageState.RUNNING
    }
    now = AT + LATE if world.is_late else AT
    return Observation(now, there, inputs, world.published, world.free, world.is_corded)


def settled(run: Run) -> Run:
    """The run without what only tells of the past, so that equal situations are equal."""
    stages = tuple(
        StageStatus(each.name, each.state)
        if each.is_over
        else replace(
            each, started_at=each.started_at and AT, retry_at=None, summary="", attempt=1, outputs={}
        )
        for each in run.stages
    )
    return replace(run, stages=stages, finished_at=None, reason="", revision=1)


def key(run: Run) -> tuple[object, ...]:
    # That a good stage was reused is of no consequence but for the last, whose reason differs.
    states = (DONE if each.is_good and each.name is not S.PUBLISH else each.state for each in run.stages)
    counts = ((each.failures, each.lost) for each in run.stages)
    return (run.state, run.cancelled_by, *zip(states, counts, strict=True))


def following(run: Run) -> Iterator[tuple[Observation, Decision, Run]]:
    running = [each.name for each in run.stages if each.state is StageState.RUNNING]
    for world, who in itertools.product(WORLDS, running or [None]):
        observation = observe(run, world, who)
        decision = decide(run, observation)
        yield observation, decision, apply(run, decision, observation.now)
    if run.state is RunState.RUNNING and not run.cancelled_by:
        cancelled = replace(run, cancelled_by="lee", cancel_reason="x")
        yield Observation(AT), Decision(Wait(), "asked"), cancelled


Step = tuple[Run, Observation, Decision, Run]


@pytest.fixture(scope="module", params=[MANIFEST, APPLICATION], ids=["wheel", "bundle"])
def steps(request: pytest.FixtureRequest) -> list[Step]:
    """Every situation with every world's next step."""
    first = a_run(request.param)
    found = {key(first)}
    new = [first]
    every: list[Step] = []
    while new:
        run = new.pop()
        for observation, decision, after in following(run):
            every.append((run, observation, decision, after))
            situation = settled(after)
            if key(situation) not in found:
                found.add(key(situation))
                new.append(situation)
    return every


def test_the_space_is_large_enough_to_mean_something(steps: list[Step]) -> None:
    assert len({key(run) for run, *_ in steps}) > 200
    assert len(steps) > 5_000


def test_no_world_makes_a_run_unsafe(steps: list[Step]) -> None:
    for run, observation, decision, after in steps:
        action = decision.action
        assert decision.reason
        for status in after.stages:
            needs = [after.stage(each) for each in after.planned(status.name).needs]
            if status.state in (RUNNING, DONE, StageState.CACHED):
                assert all(each.is_good for each in needs)
            assert status.lost < 3
            assert status.failures <= after.planned(status.name).retries
        if isinstance(action, StartStage):
            assert not run.cancelled_by
            assert not observation.is_corded
            assert observation.published is not Published.OTHER or action.name is S.SOURCE
            assert observation.free > 0 or action.name in (S.SIGN, S.PUBLISH)
            assert not observation.of(action.name).is_alive
        if isinstance(action, Finish):
            assert not observation.is_anything_alive
            assert (action.state is RunState.DONE) == (
                all(each.is_good for each in run.stages) and not run.cancelled_by
            )


def test_from_everywhere_an_obedient_world_leads_to_an_end(steps: list[Step]) -> None:
    for start in {key(run): run for run, *_ in steps}.values():
        run = start
        for _ in range(40):
            if run.state is not RunState.RUNNING:
                break
            there = {
                each.name: StageSeen(is_started=True, result=GOOD)
                for each in run.stages
                if each.state is StageState.RUNNING
            }
            inputs = {name: StageInput("hash") for name in run.names if is_ready(run, name)}
            run = apply(run, decide(run, Observation(AT, there, inputs)), AT)
        assert run.state is not RunState.RUNNING, start
