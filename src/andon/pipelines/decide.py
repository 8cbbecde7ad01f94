"""Decides what a run does next. Pure: no clock, no database, no process.

Guards stand in order of danger: cancel, what running stages came to, what failed, the cord, what may start.
What is not here: making it true (controller.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from andon.pipelines.model import Run, RunState, StageName, StageResult, StageState, StageStatus

_MOST_LOST = 3  # a worker that vanishes so often is killed by something that will not change
_BACKOFF = timedelta(seconds=2)
_CORDED = "the cord is pulled everywhere: no new stage starts until it is released"
IN_PROCESS = frozenset({StageName.SIGN, StageName.PUBLISH})  # need keys, which no worker gets
# What they come to depends on more than on their inputs, so a release that is there already stays as it is.
_OF_ITS_TIME = IN_PROCESS | {StageName.DELTA}


class Published(StrEnum):
    """Whether the registry has a release of this version."""

    UNKNOWN = "unknown"  # none, or one that cannot be compared yet
    SAME = "same"  # with this content
    OTHER = "other"  # with other content


@dataclass(frozen=True, slots=True)
class StageSeen:
    """What is there of a stage. `is_started` and `result` tell of the present attempt, `is_alive` of any."""

    is_started: bool = False
    is_alive: bool = False
    result: StageResult | None = None


@dataclass(frozen=True, slots=True)
class StageInput:
    """What a stage that could start would read, and what came out when the same was read before."""

    input_hash: str
    kept: StageResult | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What the world looked like at `now`. `free` is how many more workers the machine may run.

    is_corded: the cord is pulled everywhere. One environment's cord does not count: a pipeline has none.
    """

    now: datetime
    stages: Mapping[StageName, StageSeen] = field(default_factory=dict)
    inputs: Mapping[StageName, StageInput] = field(default_factory=dict)
    published: Published = Published.UNKNOWN
    free: int = 1
    is_corded: bool = False

    def of(self, name: StageName) -> StageSeen:
        """What is there of stage `name`."""
        return self.stages.get(name, StageSeen())

    @property
    def is_anything_alive(self) -> bool:
        """Whether a process of any stage still runs."""
        return any(each.is_alive for each in self.stages.values())


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to decide."""


@dataclass(frozen=True, slots=True)
class StartStage:
    """A stage's next attempt should run."""

    name: StageName
    input_hash: str


@dataclass(frozen=True, slots=True)
class ReuseStage:
    """A stage need not run: what would come out is known."""

    name: StageName
    input_hash: str
    result: StageResult


@dataclass(frozen=True, slots=True)
class FinishStage:
    """A stage came to a good end."""

    name: StageName
    result: StageResult


@dataclass(frozen=True, slots=True)
class RetryStage:
    """An attempt came to nothing; there will be another at `at`."""

    name: StageName
    at: datetime
    summary: str
    is_lost: bool


@dataclass(frozen=True, slots=True)
class FailStage:
    """A stage failed for good; a failed result's files and facts are kept for people."""

    name: StageName
    result: StageResult


@dataclass(frozen=True, slots=True)
class SkipStage:
    """A stage will not run, because one that it needs failed."""

    name: StageName
    because: StageName


@dataclass(frozen=True, slots=True)
class Halt:
    """The cord is pulled: what runs may end, nothing begins. The run says so."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """The cord is released."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over."""

    state: RunState


Action = (
    Wait | StartStage | ReuseStage | FinishStage | RetryStage | FailStage | SkipStage | Halt | GoOn | Finish
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why, in one sentence for a person."""

    action: Action
    reason: str


def decide(run: Run, seen: Observation) -> Decision:
    """The next thing to do. Ask again after each: several may be due at one time."""
    if run.state is not RunState.RUNNING:
        return Decision(Wait(), "the run is over")
    if run.cancelled_by:
        return _cancelled(run, seen)
    for step in (_settle, _skip, _stop, _begin):
        decision = next(step(run, seen), None)
        if decision is not None:
            return decision
    return _end(run, seen)


def _cancelled(run: Run, seen: Observation) -> Decision:
    if seen.is_anything_alive:
        return Decision(Wait(), "waiting for the stages to stop")
    return Decision(Finish(RunState.CANCELLED), f"{run.cancelled_by} stopped it: {run.cancel_reason}")


def _settle(run: Run, seen: Observation) -> Iterator[Decision]:
    """What the running stages came to."""
    for status in run.stages:
        if status.state is not StageState.RUNNING:
            continue
        there = seen.of(status.name)
        if there.result is not None:
            yield _settled(run, status, there.result, seen.now)
        elif _is_late(run, status, seen.now):
            limit = _spoken(run.planned(status.name).timeout)
            summary = f"it took longer than {limit} and was stopped"
            yield Decision(FailStage(status.name, StageResult(False, summary)), f"{status.name}: {summary}")
        elif there.is_started and not there.is_alive:
            yield _lost(status, seen.now)


def _settled(run: Run, status: StageStatus, result: StageResult, now: datetime) -> Decision:
    reason = f"{status.name}: {result.summary}"
    if result.is_ok:
        return Decision(FinishStage(status.name, result), reason)
    if result.is_retryable and status.failures < run.planned(status.name).retries:
        at = now + _BACKOFF * 2**status.failures
        return Decision(RetryStage(status.name, at, result.summary, is_lost=False), f"{reason}; again")
    return Decision(FailStage(status.name, result), reason)


def _lost(status: StageStatus, now: datetime) -> Decision:
    if status.lost + 1 < _MOST_LOST:
        summary = "its process vanished; it runs again"
        return Decision(RetryStage(status.name, now, summary, is_lost=True), f"{status.name}: {summary}")
    summary = f"its process vanished {_MOST_LOST} times, as it does when memory runs out"
    return Decision(FailStage(status.name, StageResult(False, summary)), f"{status.name}: {summary}")


def _is_late(run: Run, status: StageStatus, now: datetime) -> bool:
    return status.started_at is not None and now >= status.started_at + run.planned(status.name).timeout


def _skip(run: Run, _seen: Observation) -> Iterator[Decision]:
    """Stages that cannot run any more."""
    for status in run.stages:
        if status.state is StageState.WAITING:
            for need in run.planned(status.name).needs:
                if run.stage(need).is_over and not run.stage(need).is_good:
                    yield Decision(SkipStage(status.name, need), f"{status.name} needs {need}")


def _stop(run: Run, seen: Observation) -> Iterator[Decision]:
    """The cord, where there is something left to begin."""
    if not seen.is_corded:
        if run.reason:
            yield Decision(GoOn(), "the cord is released")
    elif any(each.state is StageState.WAITING for each in run.stages):
        yield Decision(Wait() if run.reason == _CORDED else Halt(), _CORDED)


def _begin(run: Run, seen: Observation) -> Iterator[Decision]:
    """Stages that may start."""
    for status in run.stages:
        ready = seen.inputs.get(status.name)
        if ready is None or not is_ready(run, status.name) or seen.of(status.name).is_alive:
            continue
        if seen.published is Published.OTHER and status.name is not StageName.SOURCE:
            yield _refused(run, status.name)
        elif seen.published is Published.SAME and status.name in _OF_ITS_TIME:
            result = StageResult(True, f"{run.version} is published already, with this content")
            yield Decision(ReuseStage(status.name, ready.input_hash, result), result.summary)
        elif ready.kept is not None:
            action = ReuseStage(status.name, ready.input_hash, ready.kept)
            yield Decision(action, f"{status.name}: its inputs are unchanged")
        elif _may_start(status, seen):
            yield Decision(StartStage(status.name, ready.input_hash), f"{status.name} starts")


def is_ready(run: Run, name: StageName) -> bool:
    """Whether stage `name` waits for nothing but its turn."""
    needs = run.planned(name).needs
    return run.stage(name).state is StageState.WAITING and all(run.stage(each).is_good for each in needs)


def _may_start(status: StageStatus, seen: Observation) -> bool:
    is_due = status.retry_at is None or seen.now >= status.retry_at
    return is_due and (seen.free > 0 or status.name in IN_PROCESS)


def _refused(run: Run, next_stage: StageName) -> Decision:
    # Known as soon as the source is read, it is the source stage that says so.
    name = StageName.SOURCE if next_stage is StageName.BUILD else next_stage
    summary = f"{run.version} is published already with other content; raise the version in pyproject.toml"
    return Decision(FailStage(name, StageResult(False, summary)), summary)


def _end(run: Run, seen: Observation) -> Decision:
    if seen.is_anything_alive or not all(each.is_over for each in run.stages):
        return Decision(Wait(), _waiting(run))
    failed = next((each for each in run.stages if each.state is StageState.FAILED), None)
    if failed is not None:
        return Decision(Finish(RunState.FAILED), f"{failed.name}: {failed.summary}")
    if run.stage(StageName.PUBLISH).state is StageState.CACHED:
        reason = f"{run.unit} {run.version} is published already, with the same content"
        return Decision(Finish(RunState.DONE), reason)
    return Decision(Finish(RunState.DONE), f"{run.unit} {run.version} is published")


def _waiting(run: Run) -> str:
    running = [each.name.value for each in run.stages if each.state is StageState.RUNNING]
    return f"waiting for {' and '.join(running)}" if running else "waiting for a free worker"


def _spoken(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def apply(run: Run, decision: Decision, now: datetime) -> Run:
    """The run after `decision`; the only place where a state changes."""
    action = decision.action
    match action:
        case Wait():
            return run
        case Finish():
            return replace(run, state=action.state, reason=decision.reason, finished_at=now)
        case Halt():
            return replace(run, reason=decision.reason)
        case GoOn():
            return replace(run, reason="")
        case FinishStage() | ReuseStage():
            changed = _with_result(run.stage(action.name), action, now)
            return _with_stage(run, changed, action.result)
        case StartStage() | RetryStage() | FailStage() | SkipStage():
            return _with_stage(run, _changed(run.stage(action.name), action, now), None)
        case _:
            assert_never(action)


def _with_result(status: StageStatus, action: FinishStage | ReuseStage, now: datetime) -> StageStatus:
    outputs = {"files": dict(action.result.files), "facts": dict(action.result.facts)}
    done = replace(status, outputs=outputs, summary=action.result.summary, finished_at=now)
    if isinstance(action, FinishStage):
        return replace(done, state=StageState.DONE)
    return replace(done, state=StageState.CACHED, started_at=now, input_hash=action.input_hash)


def _changed(
    status: StageStatus, action: StartStage | RetryStage | FailStage | SkipStage, now: datetime
) -> StageStatus:
    match action:
        case StartStage():
            return replace(
                status,
                state=StageState.RUNNING,
                attempt=status.attempt + 1,
                started_at=now,
                input_hash=action.input_hash,
                retry_at=None,
            )
        case RetryStage():
            return replace(
                status,
                state=StageState.WAITING,
                summary=action.summary,
                failures=status.failures + (not action.is_lost),
                lost=status.lost + action.is_lost,
                retry_at=action.at,
            )
        case FailStage():
            outputs = {"files": dict(action.result.files), "facts": dict(action.result.facts)}
            return replace(
                status,
                state=StageState.FAILED,
                finished_at=now,
                summary=action.result.summary,
                outputs=outputs if action.result.files or action.result.facts else status.outputs,
            )
        case SkipStage():
            return replace(status, state=StageState.SKIPPED, summary=f"{action.because} failed")
        case _:
            assert_never(action)


def _with_stage(run: Run, changed: StageStatus, result: StageResult | None) -> Run:
    stages = tuple(changed if each.name is changed.name else each for each in run.stages)
    if result is not None and changed.name is StageName.SOURCE:
        return replace(run, stages=stages, version=result.facts["version"])
    return replace(run, stages=stages)
