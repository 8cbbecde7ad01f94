"""The only place where a rollout's phase changes: a rollout and a decision give the next rollout. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from andon.evidence.increments import Baseline
from andon.judge.model import JudgeState
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts.actions import (
    Action,
    ConfirmStep,
    Decision,
    Dismiss,
    Drain,
    Fill,
    Finish,
    Freeze,
    Hold,
    OpenGate,
    PassTask,
    Pause,
    Promote,
    Reclock,
    Restore,
    Resume,
    RollBack,
    SetShare,
    StartStable,
    StartStep,
    StartTask,
    StopCandidate,
    StopStable,
    Thaw,
    Verify,
    Wait,
)
from andon.rollouts.model import Evidence, Phase, RequestKind, Rollout, Stage, Trigger
from andon.rollouts.steps import TASK_GRACE, Plan

_Turn = Pause | Resume | Freeze | Thaw | Reclock | Dismiss | RollBack | Hold
_Move = (
    OpenGate
    | StartStep
    | StartTask
    | PassTask
    | SetShare
    | Fill
    | ConfirmStep
    | Promote
    | Drain
    | StopCandidate
    | StopStable
    | StartStable
    | Restore
    | Verify
    | Finish
)


@dataclass(frozen=True, slots=True)
class Beginning:
    """Who wants what moved where."""

    id: RolloutId
    unit: UnitName
    environment: EnvironmentName
    stable: Version | None
    candidate: Version
    actor: str
    reason: str
    proposer_id: str = ""


def begin(what: Beginning, plan: Plan, judge: JudgeState, now: datetime) -> Rollout:
    """A rollout at its first moment: it waits at its gates, or sets out at once."""
    rollout = Rollout(
        id=what.id,
        unit=what.unit,
        environment=what.environment,
        stable=what.stable,
        candidate=what.candidate,
        plan=plan,
        phase=Phase.PREPARING,
        stage=Stage.SCALING,
        step=0,
        entered_at=now,
        step_since=None,
        deadline_at=None,
        request=None,
        evidence=Evidence(judge),
        trigger=None,
        reason=what.reason,
        actor=what.actor,
        created_at=now,
        proposer_id=what.proposer_id,
    )
    return _proceeded(rollout, now)


def apply(rollout: Rollout, decision: Decision, now: datetime) -> Rollout:
    """The rollout after `decision`, with its reason. Waiting changes nothing."""
    action = decision.action
    match action:
        case Wait():
            return rollout
        case Pause() | Resume() | Freeze() | Thaw() | Reclock() | Dismiss() | RollBack() | Hold():
            after = _turn(rollout, action, now)
        case _:
            going = replace(rollout, phase=rollout.working_phase, held_from=None)
            after = _move(_without(going, RequestKind.PROMOTE), action, now)
    # The reason says why it is where it is; the clock has no part in that.
    if isinstance(action, Reclock):
        return after
    because = decision.reason if _settles(action) else after.because
    return replace(after, reason=decision.reason, because=because)


def _settles(action: Action) -> bool:
    """Whether its reason says why the rollout ends as it does; what follows only carries it out."""
    return isinstance(action, RollBack | Hold | Promote) or (
        isinstance(action, Finish) and action.trigger is not None
    )


def _turn(rollout: Rollout, action: _Turn, now: datetime) -> Rollout:
    match action:
        case Pause():
            return replace(rollout, paused_at=now, request=None)
        case Resume():
            return _resumed(replace(rollout, request=None), now)
        case Freeze():
            return replace(rollout, frozen_at=now)
        case Thaw():
            return _thawed(rollout, now)
        case Reclock(by):
            return _reclocked(rollout, by)
        case Dismiss():
            return replace(rollout, request=None)
        case RollBack(trigger):
            return _turned_back(rollout, trigger, now)
        case Hold(trigger):
            return replace(
                _unstopped(rollout),
                phase=Phase.HELD,
                held_from=rollout.phase,
                trigger=trigger,
                entered_at=now,
                deadline_at=None,
            )
        case _ as never:
            assert_never(never)


_STAGES: dict[type[StartTask | Drain | StopCandidate | StopStable | StartStable | Restore], Stage] = {
    StartTask: Stage.CHECKING,
    Drain: Stage.DRAINING,
    StopCandidate: Stage.STOPPING,
    StopStable: Stage.STOPPING,
    StartStable: Stage.SCALING,
    Restore: Stage.RESTORING,
}


def _move(rollout: Rollout, action: _Move, now: datetime) -> Rollout:
    match action:
        case OpenGate() | StartStep() | PassTask():
            return _onwards(rollout, action, now)
        case SetShare():
            return _entered(replace(rollout, phase=Phase.STEPPING), Stage.ROUTING, now)
        case Fill():
            return _counted(rollout, Stage.FILLING, now)
        case ConfirmStep():
            return replace(_counted(rollout, Stage.SERVING, now), step_since=now)
        case Promote():
            return _entered(replace(rollout, phase=Phase.FINISHING, paused_at=None), Stage.WARM, now)
        case StartTask() | Drain() | StopCandidate() | StopStable() | StartStable() | Restore():
            is_back = isinstance(action, Drain) and rollout.phase is Phase.RETURNING
            back_at = now if is_back else rollout.back_at
            return _entered(replace(rollout, back_at=back_at), _STAGES[type(action)], now)
        case Verify():
            # Where the stable release had to be started again, it is back only now.
            back_at = now if rollout.stage is Stage.RESTORING else rollout.back_at or now
            return _entered(replace(rollout, back_at=back_at), Stage.VERIFYING, now)
        case Finish(phase, trigger):
            why = rollout.trigger if trigger is None else trigger
            over = replace(rollout, phase=phase, trigger=why, entered_at=now, finished_at=now)
            return replace(_unstopped(over), deadline_at=None)
        case _ as never:
            assert_never(never)


def _onwards(rollout: Rollout, action: OpenGate | StartStep | PassTask, now: datetime) -> Rollout:
    """To the next of what stands before a step's share."""
    match action:
        case OpenGate():
            passed = replace(_without(rollout, RequestKind.RESUME), at=rollout.at + len(rollout.gates))
            return _proceeded(passed, now)
        case PassTask():
            return _proceeded(replace(rollout, at=rollout.at + 1), now)
        case StartStep(index) if index == rollout.step:
            return _entered(rollout, Stage.SCALING, now)  # the stable release has left
        case StartStep(index):
            return _proceeded(replace(rollout, step=index, at=0, step_since=None, paused_at=None), now)
        case _ as never:
            assert_never(never)


def _proceeded(rollout: Rollout, now: datetime) -> Rollout:
    """It waits at gates, or the step's instances start; or the stable release leaves first."""
    gated = replace(rollout, stage=Stage.GATED)
    if gated.gates:
        return _entered(gated, Stage.GATED, now)
    leaves = rollout.plan.needs_gap and not gated.has_asked_for_instances
    return _entered(rollout, Stage.ROUTING if leaves else Stage.SCALING, now)


def _entered(rollout: Rollout, stage: Stage, now: datetime) -> Rollout:
    """At the beginning of a stage of its phase, with the time that it may take."""
    rollout = replace(rollout, stage=stage, entered_at=now)
    return replace(rollout, deadline_at=now + _lasts(rollout))


def _lasts(rollout: Rollout) -> timedelta:
    plan = rollout.plan
    match rollout.stage:
        case Stage.GATED | Stage.CHECKING | Stage.SCALING:
            return _lasts_before_its_share(rollout)
        case Stage.ROUTING | Stage.RESTORING:
            return plan.confirm_deadline
        case Stage.DRAINING:
            return plan.drain_timeout
        case Stage.STOPPING | Stage.FILLING:
            return plan.stop_deadline  # of a fleet, the deadline of a wave
        case Stage.SERVING:
            return plan.steps[rollout.step].max_wait
        case Stage.WARM:
            return plan.warm
        case Stage.VERIFYING:
            return plan.verify_after + plan.confirm_deadline
        case _ as never:
            assert_never(never)


def _lasts_before_its_share(rollout: Rollout) -> timedelta:
    if rollout.stage is Stage.GATED:
        return max((each.expires_after for each in rollout.gates), default=timedelta())
    if rollout.stage is Stage.CHECKING and rollout.task is not None:
        return rollout.task.longest + TASK_GRACE
    ready = rollout.plan.ready_deadline
    return ready if rollout.phase is Phase.STEPPING else rollout.plan.install_deadline + ready


def _counted(rollout: Rollout, stage: Stage, now: datetime) -> Rollout:
    """The share is in force, so what is seen counts. Where it is stopped meanwhile, the time that does not
    count begins here too.

    Requests at the share before say nothing of this one: their count and its baseline begin anew.
    """
    evidence = replace(rollout.evidence, route=None, step_requests_candidate=0, step_requests_stable=0)
    return replace(
        _entered(rollout, stage, now),
        paused_at=None if rollout.paused_at is None else now,
        frozen_at=None if rollout.frozen_at is None else now,
        evidence=replace(evidence, counts_from=evidence.counts_from or (now if rollout.share else None)),
    )


def _turned_back(rollout: Rollout, trigger: Trigger, now: datetime) -> Rollout:
    """Share 0 comes first. Where nothing of the candidate was asked for yet, the stable one is restored.

    At a gate the instances of the step before are there, and keep running until share 0 is drained.
    """
    leaves_first = {Stage.ROUTING, Stage.DRAINING, Stage.STOPPING}
    untouched = rollout.working_phase is Phase.PREPARING and rollout.stage in leaves_first
    step = rollout.step if rollout.has_asked_for_instances else max(0, rollout.step - 1)
    back = replace(_unstopped(rollout), phase=Phase.RETURNING, held_from=None, trigger=trigger, step=step)
    return _entered(back, Stage.SCALING if untouched else Stage.ROUTING, now)


def _unstopped(rollout: Rollout) -> Rollout:
    """What a pause, a freeze or a request wanted is over."""
    return replace(rollout, paused_at=None, frozen_at=None, request=None)


def _without(rollout: Rollout, kind: RequestKind) -> Rollout:
    if rollout.request is None or rollout.request.kind is not kind:
        return rollout
    return replace(rollout, request=None)


def _resumed(rollout: Rollout, now: datetime) -> Rollout:
    if rollout.held_from is not None:
        trigger = rollout.trigger if rollout.held_from is Phase.RETURNING else None
        freed = replace(rollout, phase=rollout.held_from, held_from=None, trigger=trigger)
        return _entered(freed, rollout.stage, now)
    since = rollout.paused_at or now
    if rollout.frozen_at is not None:
        return replace(rollout, paused_at=None, frozen_at=min(since, rollout.frozen_at))
    return _shifted(replace(rollout, paused_at=None), now - since)


def _thawed(rollout: Rollout, now: datetime) -> Rollout:
    since = rollout.frozen_at or now
    if rollout.paused_at is not None:
        return replace(rollout, frozen_at=None, paused_at=min(since, rollout.paused_at))
    return _shifted(replace(rollout, frozen_at=None), now - since)


def _shifted(rollout: Rollout, by: timedelta) -> Rollout:
    """A deadline does not run while the rollout is stopped."""
    return replace(rollout, deadline_at=None if rollout.deadline_at is None else rollout.deadline_at + by)


def _reclocked(rollout: Rollout, by: timedelta) -> Rollout:
    """All times that are still compared with the clock, as they would be had it always gone like this."""
    evidence = rollout.evidence
    moved = replace(
        rollout,
        entered_at=rollout.entered_at + by,
        step_since=_moved(rollout.step_since, by),
        paused_at=_moved(rollout.paused_at, by),
        frozen_at=_moved(rollout.frozen_at, by),
        back_at=_moved(rollout.back_at, by),
        evidence=replace(
            evidence,
            counts_from=_moved(evidence.counts_from, by),
            looked_at=_moved(evidence.looked_at, by),
            baselines={name: _moved_baseline(each, by) for name, each in evidence.baselines.items()},
            traffic=None if evidence.traffic is None else _moved_baseline(evidence.traffic, by),
        ),
    )
    return _shifted(moved, by)


def _moved_baseline(baseline: Baseline, by: timedelta) -> Baseline:
    """What is read from now on must not look older than what was read before."""
    return replace(baseline, at=baseline.at + by)


def _moved(at: datetime | None, by: timedelta) -> datetime | None:
    return None if at is None else at + by
