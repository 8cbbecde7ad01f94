"""What a rollout does next. Pure: no clock, no database, no network. `transitions.py` carries it out.

Guards stand in order of danger: cord that returns, abort, refused, crash loop, health, verdict, traffic
drop, lingering (guards.py); then people's requests and the freeze; then, by phase, not ready, soaking,
inconclusive, advance. Every decision has a reason; operators read the words that the tests assert.
"""

from datetime import timedelta
from typing import assert_never

from andon.judge.model import Outcome
from andon.rollouts import gates, seeing
from andon.rollouts.actions import (
    ConfirmStep,
    Decision,
    Dismiss,
    Drain,
    Finish,
    Freeze,
    Hold,
    OpenGate,
    Pause,
    Promote,
    Restore,
    Resume,
    RollBack,
    SetShare,
    StartStable,
    StartStep,
    StopCandidate,
    StopStable,
    Thaw,
    Wait,
)
from andon.rollouts.guards import back, can_return, danger
from andon.rollouts.model import Observation, Phase, RequestKind, Rollout, Stage, Trigger


def decide(rollout: Rollout, seen: Observation) -> Decision:
    """The next action of `rollout`, and why."""
    match rollout.phase:
        case Phase.PREPARING | Phase.STEPPING | Phase.FINISHING:
            return (
                danger(rollout, seen)
                or _asked(rollout, seen)
                or _stopped(rollout, seen)
                or _on(rollout, seen)
            )
        case Phase.RETURNING:
            return _nothing_to_ask(rollout, "it is returning already") or _returning(rollout, seen)
        case Phase.HELD:
            return _held(rollout, seen)
        case Phase.PROMOTED | Phase.RETURNED:
            return Decision(Wait(), "it is over")
        case _ as never:
            assert_never(never)


def _on(rollout: Rollout, seen: Observation) -> Decision:
    """The way forward. Danger, requests and the freeze were seen to before."""
    match rollout.stage:
        case Stage.GATED:
            return _gated(rollout, seen)
        case Stage.SCALING:
            return _scaling(rollout, seen)
        case Stage.SERVING:
            return _serving(rollout, seen)
        case Stage.WARM:
            return _warm(rollout, seen)
        case Stage.ROUTING if rollout.phase is Phase.STEPPING:
            return _routing(rollout, seen)
        case _:
            return _stable_leaves(rollout, seen)


def _asked(rollout: Rollout, seen: Observation) -> Decision | None:
    """What a person asked for. Abort was taken up among the dangers, where there still is a way back."""
    request = rollout.request
    if request is None:
        return None
    by = f"by {request.actor}: {request.reason}"
    match request.kind:
        case RequestKind.PAUSE:
            return (
                Decision(Dismiss(), "it is paused already")
                if rollout.is_paused
                else Decision(Pause(), f"paused {by}")
            )
        case RequestKind.RESUME:
            return (
                Decision(Resume(), f"resumed {by}")
                if rollout.is_paused
                else Decision(Dismiss(), "it is not paused")
            )
        case RequestKind.PROMOTE:
            return _promoted_by_a_person(rollout, seen, f"promoted {by}")
        case RequestKind.ABORT:
            return Decision(
                Dismiss(), f"release {rollout.stable} is being stopped; use `andon rollback` when it is over"
            )
        case _ as never:
            assert_never(never)


def _promoted_by_a_person(rollout: Rollout, seen: Observation, reason: str) -> Decision:
    """A person may skip soak and evidence, never the cord, nor a candidate that is not ready."""
    if seen.is_corded:
        return Decision(Dismiss(), f"promotion is refused while the cord is pulled: {seen.cord_reason}")
    if not seeing.is_candidate_ready(rollout, seen) or not seeing.is_confirmed(rollout, seen):
        return Decision(Dismiss(), f"promotion is refused: {rollout.candidate} is not ready at its share yet")
    if rollout.stage is Stage.SERVING:
        return _advance(rollout, reason)
    if rollout.stage is Stage.WARM:
        return Decision(Drain(), f"the warm time is ended; {reason}")
    return Decision(Dismiss(), f"promotion is refused: it is {rollout.stage.value}, there is nothing to skip")


def _stopped(rollout: Rollout, seen: Observation) -> Decision | None:
    """The cord and the pause. What the gateway does anyway is still confirmed, so that evidence counts."""
    if seen.is_corded and rollout.frozen_at is None:
        return Decision(Freeze(), f"the cord is pulled: {seen.cord_reason}")
    if not seen.is_corded and rollout.frozen_at is not None:
        return Decision(Thaw(), "the cord is released")
    if not seen.is_corded and not rollout.is_paused:
        return None
    if (
        rollout.phase is Phase.STEPPING
        and rollout.stage is Stage.ROUTING
        and seeing.is_confirmed(rollout, seen)
    ):
        return _confirm(rollout)
    if seen.is_corded:
        return Decision(Wait(), f"frozen by the cord: {seen.cord_reason}")
    return Decision(Wait(), "paused until a person resumes it")


def _gated(rollout: Rollout, seen: Observation) -> Decision:
    """Silence never promotes: past its deadline, what nobody approved is over."""
    gate, answers = rollout.plan.gate, seen.answers
    if gates.is_open(gate, answers):
        return Decision(OpenGate(), gates.opened(answers))
    waiting = gates.waiting(gate, answers)
    if seeing.is_past_deadline(rollout, seen):
        return back(rollout, seen, Trigger.GATE, f"not approved in time: it {waiting}")
    return Decision(Wait(), waiting)


def _scaling(rollout: Rollout, seen: Observation) -> Decision:
    share = rollout.plan.steps[rollout.step].share
    there = seeing.ready(rollout.candidate, seen)
    needed = rollout.plan.steps[rollout.step].candidate_instances
    count = f"{there} of {needed} {_instances(needed)} of {rollout.candidate}"
    if there >= needed:
        return Decision(SetShare(share), f"{count} ready: share {share:.0%}")
    if seeing.is_past_deadline(rollout, seen):
        return back(rollout, seen, Trigger.NOT_READY, f"only {count} ready in time")
    return Decision(Wait(), f"{count} ready")


def _routing(rollout: Rollout, seen: Observation) -> Decision:
    if seeing.is_confirmed(rollout, seen):
        return _confirm(rollout)
    waiting = f"the gateway has not confirmed share {rollout.share:.0%}"
    if seeing.is_past_deadline(rollout, seen):
        return back(rollout, seen, Trigger.TIMEOUT, f"{waiting} in time")
    return Decision(Wait(), waiting)


def _confirm(rollout: Rollout) -> Decision:
    return Decision(ConfirmStep(), f"the gateway confirmed share {rollout.share:.0%}")


def _serving(rollout: Rollout, seen: Observation) -> Decision:
    obstacle = _not_serving(rollout, seen)
    if obstacle:
        if seeing.is_past_deadline(rollout, seen):
            return back(rollout, seen, Trigger.NOT_READY, f"{obstacle}, past the step's deadline")
        return Decision(Wait(), obstacle)
    left = seeing.soak_left(rollout, seen)
    if left > timedelta():
        step = rollout.plan.steps[rollout.step]
        done = (step.soak - left).total_seconds()
        return Decision(Wait(), f"soaking: {done:.0f} of {step.soak.total_seconds():.0f} s")
    return _judged(rollout, seen)


def _not_serving(rollout: Rollout, seen: Observation) -> str:
    if not seeing.is_candidate_ready(rollout, seen):
        needed = rollout.plan.steps[rollout.step].candidate_instances
        there = seeing.ready(rollout.candidate, seen)
        return f"only {there} of {needed} {_instances(needed)} of {rollout.candidate} ready"
    if not seeing.is_confirmed(rollout, seen):
        return f"the gateway does not confirm share {rollout.share:.0%} any more"
    return ""


def _judged(rollout: Rollout, seen: Observation) -> Decision:
    """Silence never promotes: neither no evidence, nor a source that stopped answering."""
    step = rollout.plan.steps[rollout.step]
    if not step.is_judged:
        return _advance(rollout, f"it soaked for {step.soak.total_seconds():.0f} s and no harm was seen")
    is_late = seeing.is_past_deadline(rollout, seen)
    if seen.evidence_problems:
        silent = f"evidence is missing: {'; '.join(seen.evidence_problems)}"
        if is_late:
            return back(rollout, seen, Trigger.NO_EVIDENCE, f"{silent}, past the step's deadline")
        return Decision(Wait(), silent)
    if seen.verdict.outcome is Outcome.PASS:
        return _advance(rollout, seen.verdict.reason)
    if not is_late:
        return Decision(Wait(), f"waiting for evidence: {seen.verdict.reason}")
    waited = f"no verdict within {step.max_wait.total_seconds():.0f} s: {seen.verdict.reason}"
    if rollout.plan.require_evidence:
        return back(rollout, seen, Trigger.NO_EVIDENCE, waited)
    return _advance(rollout, f"{waited}; no harm was seen, and the policy accepts that")


def _advance(rollout: Rollout, reason: str) -> Decision:
    if rollout.is_last_step:
        return Decision(Promote(), reason)
    return Decision(StartStep(rollout.step + 1), reason)


def _warm(rollout: Rollout, seen: Observation) -> Decision:
    if not seeing.is_confirmed(rollout, seen):
        return Decision(Wait(), "the gateway has not confirmed the promotion")
    if rollout.stable is None:
        return Decision(Finish(Phase.PROMOTED), f"{rollout.candidate} is the stable release")
    if not seeing.is_candidate_ready(rollout, seen):
        return Decision(Wait(), f"{rollout.stable} stays warm: not all of {rollout.candidate} is ready")
    if seeing.is_past_deadline(rollout, seen):
        warm = rollout.plan.warm.total_seconds()
        return Decision(Drain(), f"{rollout.stable} was kept warm for {warm:.0f} s")
    return Decision(Wait(), f"{rollout.stable} is kept warm")


def _stable_leaves(rollout: Rollout, seen: Observation) -> Decision:
    """The former release leaves: after promotion, or beforehand where the two cannot run at once."""
    is_late = seeing.is_past_deadline(rollout, seen)
    if rollout.stage is Stage.ROUTING:
        waiting = f"the gateway has not confirmed that {rollout.stable} gets nothing"
        if seeing.is_confirmed(rollout, seen):
            return Decision(Drain(), f"{rollout.stable} gets nothing new")
        return _late(rollout, seen, waiting) if is_late else Decision(Wait(), waiting)
    if rollout.stage is Stage.DRAINING:
        return _draining(rollout, seen, seen.stable_active_requests, StopStable())
    if not seeing.is_gone(rollout.stable, seen):
        waiting = f"{rollout.stable} is stopping"
        return _late(rollout, seen, waiting) if is_late else Decision(Wait(), waiting)
    if rollout.working_phase is Phase.FINISHING:
        return Decision(Finish(Phase.PROMOTED), f"{rollout.stable} is stopped; {rollout.candidate} is stable")
    return Decision(StartStep(rollout.step), f"{rollout.stable} is stopped; {rollout.candidate} starts")


def _late(rollout: Rollout, seen: Observation, waiting: str) -> Decision:
    if rollout.working_phase is Phase.FINISHING:
        return Decision(Hold(), f"{waiting}, longer than allowed")
    return back(rollout, seen, Trigger.TIMEOUT, f"{waiting}, longer than allowed")


def _draining(rollout: Rollout, seen: Observation, active: int, then: StopStable | StopCandidate) -> Decision:
    requests = f"{active} {'request' if active == 1 else 'requests'} in flight"
    # A count from before the share was 0 says nothing of what came in until then.
    if seen.traffic_at is None or seen.traffic_at < rollout.entered_at:
        requests = "the gateway has not counted what is in flight"
    elif active == 0:
        return Decision(then, "drained: nothing is in flight")
    if seeing.is_past_deadline(rollout, seen):
        return Decision(then, f"the drain deadline passed: {requests}")
    return Decision(Wait(), f"draining: {requests}")


def _returning(rollout: Rollout, seen: Observation) -> Decision:
    """Share 0, confirmed, drained, stopped. Where both cannot run at once, stable comes back last."""
    is_late = seeing.is_past_deadline(rollout, seen)
    match rollout.stage:
        case Stage.ROUTING:
            waiting = f"the gateway has not confirmed share 0 of {rollout.candidate}"
            if seeing.is_confirmed(rollout, seen):
                return Decision(Drain(), f"the gateway confirmed share 0 of {rollout.candidate}")
        case Stage.DRAINING:
            return _draining(rollout, seen, seen.candidate_active_requests, StopCandidate())
        case Stage.STOPPING:
            waiting = f"{rollout.candidate} is stopping"
            if seeing.is_gone(rollout.candidate, seen):
                return _candidate_is_gone(rollout)
        case Stage.SCALING:
            there, needed = seeing.ready(rollout.stable, seen), rollout.plan.stable_instances
            waiting = f"{there} of {needed} {_instances(needed)} of {rollout.stable} ready again"
            if there >= needed:
                return Decision(Restore(), waiting)
        case _:
            waiting = f"the gateway has not confirmed the route to {rollout.stable}"
            if seeing.is_confirmed(rollout, seen):
                return _returned(rollout)
    return Decision(Hold(rollout.trigger), f"{waiting}, longer than allowed") if is_late else _wait(waiting)


def _candidate_is_gone(rollout: Rollout) -> Decision:
    if rollout.plan.needs_gap:
        return Decision(StartStable(), f"{rollout.candidate} is stopped; {rollout.stable} starts again")
    return _returned(rollout)


def _returned(rollout: Rollout) -> Decision:
    where = f"everything is on {rollout.stable}" if rollout.stable else "nothing is deployed"
    return Decision(Finish(Phase.RETURNED), f"{rollout.candidate} is stopped; {where}")


def _held(rollout: Rollout, seen: Observation) -> Decision:
    """A hold ends by itself in one direction only: when its obstacle is gone, the return goes on.

    A person may resume it, to where it was, or abort it.
    """
    request = rollout.request
    if request is not None and request.kind is RequestKind.RESUME:
        return Decision(Resume(), f"resumed by {request.actor}: {request.reason}")
    if rollout.held_from is Phase.RETURNING or rollout.trigger is None:
        return _nothing_to_ask(rollout, f"it is held while {rollout.held_from}") or _still(rollout, seen)
    if request is not None and request.kind is not RequestKind.ABORT:
        return Decision(Dismiss(), "it is held; resume or abort it")
    trigger = rollout.trigger if request is None else Trigger.ABORT
    if not can_return(rollout, seen, trigger):
        return _wait(f"held: {rollout.reason}")
    if request is not None:
        return Decision(RollBack(trigger), f"aborted by {request.actor}: {request.reason}")
    return Decision(RollBack(trigger), f"it can return now, as it should: {rollout.reason}")


def _still(rollout: Rollout, seen: Observation) -> Decision:
    """What a hold in the middle of stopping something waits for may come after all."""
    held = _wait(f"held: {rollout.reason}")
    if rollout.held_from is Phase.RETURNING:
        inner = _returning(rollout, seen)
    elif seen.is_corded:
        return held
    else:
        inner = _stable_leaves(rollout, seen)
    return held if isinstance(inner.action, Hold | Wait) else inner


def _nothing_to_ask(rollout: Rollout, why: str) -> Decision | None:
    return Decision(Dismiss(), why) if rollout.request is not None else None


def _wait(reason: str) -> Decision:
    return Decision(Wait(), reason)


def _instances(count: int) -> str:
    return "instance" if count == 1 else "instances"
