"""The way forward. Pure; part of `decide.py`, which has seen to danger, requests and the freeze before."""

from datetime import timedelta

from andon.judge.model import Outcome
from andon.rollouts import gates, leaving, seeing, waves
from andon.rollouts.actions import (
    ConfirmStep,
    Decision,
    Drain,
    Fill,
    Finish,
    OpenGate,
    PassTask,
    Promote,
    SetShare,
    StartStep,
    StartTask,
    Wait,
)
from andon.rollouts.guards import back
from andon.rollouts.model import Observation, Phase, Rollout, Stage, TaskState, Trigger
from andon.rollouts.steps import TaskKind


def on(rollout: Rollout, seen: Observation) -> Decision:
    """The next of what the plan says."""
    match rollout.stage:
        case Stage.GATED:
            return _gated(rollout, seen)
        case Stage.SCALING:
            return _scaling(rollout, seen) if rollout.plan.fleet is None else waves.ask(rollout, seen)
        case Stage.FILLING:
            return waves.filling(rollout, seen)
        case Stage.CHECKING:
            return _checking(rollout, seen)
        case Stage.SERVING:
            return _serving(rollout, seen)
        case Stage.WARM:
            return _warm(rollout, seen) if rollout.plan.fleet is None else waves.warm(rollout, seen)
        case Stage.ROUTING if rollout.phase is Phase.STEPPING:
            return _routing(rollout, seen)
        case _:
            return leaving.stable_leaves(rollout, seen)


def _gated(rollout: Rollout, seen: Observation) -> Decision:
    """Silence never promotes: past its deadline, what did not open is over. A no was seen to before."""
    if not rollout.gates:
        lost = "waits for approvals, but its plan does not say whose"
        return _or_late(rollout, seen, lost, Trigger.GATE, f"not approved in time: it {lost}")
    shut = [(gate, why) for gate in rollout.gates if (why := gates.why_shut(gate, seen))]
    if not shut:
        return Decision(OpenGate(), gates.why_open(rollout.gates, seen))
    for gate, why in shut:
        if seeing.is_gate_late(rollout, gate, seen):
            whose = "" if why.startswith("gate ") else "it "
            return back(rollout, seen, Trigger.GATE, f"not approved in time: {whose}{why}")
    return Decision(Wait(), "; ".join(why for _, why in shut))


def _scaling(rollout: Rollout, seen: Observation) -> Decision:
    step, task = rollout.plan.steps[rollout.step], rollout.task
    there, needed = seeing.ready(rollout.candidate, seen), step.candidate_instances
    count = f"{seeing.count(there, needed)} of {rollout.candidate} ready"
    if seen.target_problem:
        silent = f"the target does not answer: {seen.target_problem}"
        return _or_late(rollout, seen, silent, Trigger.TIMEOUT, f"{silent}, longer than allowed")
    if there < needed:
        return _or_late(rollout, seen, count, Trigger.NOT_READY, f"only {count} in time")
    if task is None:
        return Decision(SetShare(step.share), f"{count}: share {step.share:.0%}")
    if task.kind is TaskKind.SMOKE and rollout.routing.has_preview and not seeing.is_confirmed(rollout, seen):
        waiting = f"the gateway has not confirmed the preview of {rollout.candidate}"
        return _or_late(rollout, seen, waiting, Trigger.TIMEOUT, f"{waiting} in time")
    return Decision(StartTask(task.name), f"{count}: {seeing.named(task)} may run")


def _or_late(rollout: Rollout, seen: Observation, waiting: str, trigger: Trigger, late: str) -> Decision:
    if seeing.is_past_deadline(rollout, seen):
        return back(rollout, seen, trigger, late)
    return Decision(Wait(), waiting)


def _checking(rollout: Rollout, seen: Observation) -> Decision:
    """A task that failed was seen to before. One that is lost is run again, until the time is over."""
    task, said = rollout.task, seen.task
    if task is None:
        return back(rollout, seen, Trigger.TIMEOUT, "its plan has no task here")
    because = f": {said.reason}" if said.reason else ""
    if said.state is TaskState.PASSED:
        return Decision(PassTask(task.name), f"{seeing.named(task)} passed{because}")
    waiting = f"{seeing.named(task)} is {said.state.value}{because}"
    return _or_late(rollout, seen, waiting, Trigger.TIMEOUT, f"{waiting}, longer than allowed")


def _routing(rollout: Rollout, seen: Observation) -> Decision:
    if seeing.is_confirmed(rollout, seen):
        return confirm(rollout)
    waiting = f"the gateway has not confirmed share {rollout.share:.0%}"
    if rollout.plan.fleet is not None:
        waiting = f"not all stations of share {rollout.share:.1%} are asked yet"
    if seeing.is_past_deadline(rollout, seen):
        return back(rollout, seen, Trigger.TIMEOUT, f"{waiting} in time")
    return Decision(Wait(), waiting)


def confirm(rollout: Rollout) -> Decision:
    """The gateway serves the step's share, or the stations of a fleet are asked."""
    if rollout.plan.fleet is not None:
        return Decision(Fill(), f"the stations of share {rollout.share:.1%} are asked")
    return Decision(ConfirmStep(), f"the gateway confirmed share {rollout.share:.0%}")


def _serving(rollout: Rollout, seen: Observation) -> Decision:
    if obstacle := _not_serving(rollout, seen):
        trigger, what = obstacle
        return _or_late(rollout, seen, what, trigger, f"{what}, past the step's deadline")
    left = seeing.soak_left(rollout, seen)
    if left > timedelta():
        step = rollout.plan.steps[rollout.step]
        done = (step.soak - left).total_seconds()
        return Decision(Wait(), f"soaking: {done:.0f} of {step.soak.total_seconds():.0f} s")
    if seen.judge_problem:
        # Where nobody can judge, nobody can say that no harm was seen: no step goes on, judged or not.
        late = f"{seen.judge_problem}; the step's deadline passed"
        return _or_late(rollout, seen, seen.judge_problem, Trigger.NO_EVIDENCE, late)
    return _judged(rollout, seen)


def _not_serving(rollout: Rollout, seen: Observation) -> tuple[Trigger, str] | None:
    """What keeps the step from counting, with the trigger where it lasts too long."""
    if rollout.plan.fleet is not None:
        return waves.not_serving(rollout, seen)
    if seen.target_problem:
        return Trigger.TIMEOUT, f"the target does not answer: {seen.target_problem}"
    if not seeing.is_candidate_ready(rollout, seen):
        needed = rollout.plan.steps[rollout.step].candidate_instances
        there = seeing.ready(rollout.candidate, seen)
        return Trigger.NOT_READY, f"only {seeing.count(there, needed)} of {rollout.candidate} ready"
    if not seeing.is_confirmed(rollout, seen):
        return Trigger.TIMEOUT, f"the gateway does not confirm share {rollout.share:.0%} any more"
    return None


def _judged(rollout: Rollout, seen: Observation) -> Decision:
    """Silence never promotes: neither no evidence, nor a source that stopped answering."""
    step = rollout.plan.steps[rollout.step]
    if not step.is_judged:
        return advance(rollout, f"it soaked for {step.soak.total_seconds():.0f} s and no harm was seen")
    is_late = seeing.is_past_deadline(rollout, seen)
    if seen.evidence_problems:
        silent = f"evidence is missing: {'; '.join(seen.evidence_problems)}"
        if is_late:
            return back(rollout, seen, Trigger.NO_EVIDENCE, f"{silent}, past the step's deadline")
        return Decision(Wait(), silent)
    if seen.verdict.outcome is Outcome.PASS:
        return advance(rollout, seen.verdict.reason)
    if not is_late:
        return Decision(Wait(), f"waiting for evidence: {seen.verdict.reason}")
    waited = f"no verdict within {step.max_wait.total_seconds():.0f} s: {seen.verdict.reason}"
    if rollout.plan.require_evidence:
        return back(rollout, seen, Trigger.NO_EVIDENCE, waited)
    return advance(rollout, f"{waited}; no harm was seen, and the policy accepts that")


def advance(rollout: Rollout, reason: str) -> Decision:
    """The step is over: the next one, or the end of the plan."""
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
