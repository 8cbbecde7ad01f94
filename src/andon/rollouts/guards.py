"""What takes a rollout back, in order of danger. Pure. The first guard that speaks decides.

They act also while a person paused the rollout or the cord freezes it: going back is always allowed.
"""

from collections.abc import Callable, Sequence

from andon.judge import absolute
from andon.judge.model import Counts, MetricKind, Outcome
from andon.judge.policy import log_boundary
from andon.rollouts import seeing
from andon.rollouts.actions import Decision, Finish, Hold, RollBack
from andon.rollouts.model import (
    GateState,
    Observation,
    Phase,
    RequestKind,
    Rollout,
    Stage,
    TaskState,
    Trigger,
)
from andon.targets.model import InstanceState

# A group and its copies are no part of the comparison: their limit has a chance of its own to be wrong.
_BESIDE_BOUNDARY = log_boundary(0.001)
_LEAST_BESIDE = 20
_ROUNDING = 1e-9
_ERROR_RATE = 0.05

Guard = Callable[[Rollout, Observation], Decision | None]


def danger(rollout: Rollout, seen: Observation) -> Decision | None:
    """The decision of the first guard that sees danger; None where there is none, or no way back any more."""
    if rollout.phase is Phase.FINISHING and rollout.stage is Stage.STOPPING:
        return None  # the former release is being stopped: a return is a deployment of its own by now
    decisions = (guard(rollout, seen) for guard in _GUARDS)
    return next((each for each in decisions if each is not None), None)


def back(rollout: Rollout, seen: Observation, trigger: Trigger, reason: str) -> Decision:
    """Roll back; hold where that would route to nothing. At the first gates there is nothing to take back."""
    if rollout.is_untouched:
        said = f"{reason}; nothing of {rollout.candidate} was started"
        return Decision(Finish(Phase.RETURNED, trigger), said)
    obstacle = _obstacle(rollout, seen, trigger)
    if obstacle:
        return Decision(Hold(trigger), f"{reason}; it cannot return: {obstacle}")
    return Decision(RollBack(trigger), reason)


def can_return(rollout: Rollout, seen: Observation, trigger: Trigger) -> bool:
    """Whether `back` would roll back."""
    return not _obstacle(rollout, seen, trigger)


def _obstacle(rollout: Rollout, seen: Observation, trigger: Trigger) -> str:
    if not rollout.has_users or rollout.plan.needs_gap:
        return ""  # nothing is routed to the candidate; or the stable one is started before it is routed to
    if rollout.stable is None:
        # Taking down the only release there is must be a person's word.
        return "" if trigger is Trigger.ABORT else "there is no release to return to"
    if rollout.plan.fleet is not None:
        return ""  # each station has the former release in its other slot, and goes back by itself
    if seen.target_problem:
        return f"the target does not answer, so nobody knows whether {rollout.stable} is ready"
    if seeing.ready(rollout.stable, seen) == 0:
        return f"no instance of {rollout.stable} is ready"
    return ""


def _cord(rollout: Rollout, seen: Observation) -> Decision | None:
    is_first = rollout.stable is None and rollout.share > 0
    if is_first or not (seen.is_corded and seen.cord_returns):
        return None  # where there is nothing to return to, the cord only freezes
    return back(rollout, seen, Trigger.CORD, f"the cord takes everything to stable: {seen.cord_reason}")


def _abort(rollout: Rollout, seen: Observation) -> Decision | None:
    """A person's word, or that of an alert rule, which does not take down the only release there is."""
    request = rollout.request
    if request is None or request.kind not in {RequestKind.ABORT, RequestKind.ALERT}:
        return None
    if request.kind is RequestKind.ALERT:
        return back(rollout, seen, Trigger.ALERT, f"alert by {request.actor}: {request.reason}")
    return back(rollout, seen, Trigger.ABORT, f"aborted by {request.actor}: {request.reason}")


def _rejected(rollout: Rollout, seen: Observation) -> Decision | None:
    """A person's signed no, or that of an outside system."""
    if rollout.approval is not None and seen.answers.rejection:
        return back(rollout, seen, Trigger.GATE, seen.answers.rejection)
    for gate in rollout.gates:
        said = seen.gates.get(gate.key)
        if said is not None and said.state is GateState.REFUSED:
            return back(rollout, seen, Trigger.GATE, f"gate {gate.key} {said.reason}")
    return None


def _failed_task(rollout: Rollout, seen: Observation) -> Decision | None:
    task = rollout.task
    if rollout.stage is not Stage.CHECKING or task is None or seen.task.state is not TaskState.FAILED:
        return None
    return back(rollout, seen, Trigger.CHECK, f"{seeing.named(task)} failed{_because(seen.task.reason)}")


def _refused(rollout: Rollout, seen: Observation) -> Decision | None:
    return _any_in(rollout, seen, InstanceState.REFUSED, Trigger.UNTRUSTED, "does not verify")


def _crash_loop(rollout: Rollout, seen: Observation) -> Decision | None:
    return _any_in(rollout, seen, InstanceState.CRASH_LOOP, Trigger.CRASH_LOOP, "dies again and again")


def _any_in(
    rollout: Rollout, seen: Observation, state: InstanceState, trigger: Trigger, what: str
) -> Decision | None:
    for each in seeing.of(rollout.candidate, seen):
        if each.state is state:
            return back(rollout, seen, trigger, f"release {rollout.candidate} {what}{_because(each.detail)}")
    return None


def _stations(rollout: Rollout, seen: Observation) -> Decision | None:
    """Too many of a fleet's stations failed with it: more than may, or of the first more than chance does.

    Not on the way back to a former release: one that fails there keeps what it had, and the others must go.
    """
    fleet, counted = rollout.plan.fleet, seen.fleet.everybody
    if fleet is None or not counted.failed or rollout.plan.is_rollback:
        return None
    ended = Counts(counted.confirmed + counted.failed, counted.failed)
    is_no_chance = fleet.errors > 0 and absolute.log_e_guardrail(ended, fleet.errors) >= _BESIDE_BOUNDARY
    if counted.failed <= fleet.errors * counted.asked + _ROUNDING and not is_no_chance:
        return None
    number = "1 station" if counted.failed == 1 else f"{counted.failed} stations"
    said = f"{number} of {counted.asked} failed with {rollout.candidate}, more than {fleet.errors:.1%}"
    return back(rollout, seen, Trigger.STATIONS, f"{said}{_because(seen.fleet.detail)}")


def _health(rollout: Rollout, seen: Observation) -> Decision | None:
    limit = rollout.plan.health_failures
    for each in seeing.of(rollout.candidate, seen):
        was_ready = each.state is InstanceState.READY and each.failed_checks >= limit
        if was_ready or each.state is InstanceState.UNHEALTHY:
            reason = (
                f"an instance of {rollout.candidate} failed {max(each.failed_checks, 1)} health checks "
                f"in a row{_because(each.detail)}"
            )
            return back(rollout, seen, Trigger.HEALTH, reason)
    return None


def _memory(rollout: Rollout, seen: Observation) -> Decision | None:
    """The guardrail on memory: before the system ends processes of its own choice."""
    limit = rollout.plan.memory_limit
    used = max((each.memory or 0.0 for each in seeing.of(rollout.candidate, seen)), default=0.0)
    if limit is None or used <= limit:
        return None
    said = f"an instance of {rollout.candidate} uses {used:.0%} of the memory"
    return back(rollout, seen, Trigger.GUARDRAIL, f"{said}, above the guardrail of {limit:.0%}")


def _verdict(rollout: Rollout, seen: Observation) -> Decision | None:
    match seen.verdict.outcome:
        case Outcome.INVALID:
            return back(rollout, seen, Trigger.INVALID, seen.verdict.reason)
        case Outcome.FAIL:
            is_guardrail = any(
                each.by_guardrail and each.outcome is Outcome.FAIL for each in seen.verdict.findings
            )
            trigger = Trigger.GUARDRAIL if is_guardrail else Trigger.JUDGE
            return back(rollout, seen, trigger, seen.verdict.reason)
        case _:
            return None


def _beside(rollout: Rollout, seen: Observation) -> Decision | None:
    """Harm to a group that was sent to the candidate, or in copies: compared with nobody, so by its limit."""
    counts, limit = seen.beside, _error_limit(rollout)
    if counts.exposure < _LEAST_BESIDE or absolute.log_e_guardrail(counts, limit) < _BESIDE_BOUNDARY:
        return None
    reason = (
        f"{counts.bad:,} of {counts.exposure:,} requests failed that {rollout.candidate} got beside its "
        f"share, above the guardrail of {limit:.0%}"
    )
    return back(rollout, seen, Trigger.GUARDRAIL, reason)


def _error_limit(rollout: Rollout) -> float:
    counted = [each for each in rollout.plan.policy.metrics if each.kind is MetricKind.COUNT]
    named = {each.name: each.guardrail for each in counted}
    return named.get("errors") or _ERROR_RATE


def _traffic_drop(rollout: Rollout, seen: Observation) -> Decision | None:
    if not seeing.has_traffic_dropped(rollout, seen):
        return None
    total = seen.step_requests_candidate + seen.step_requests_stable
    reason = (
        f"release {rollout.candidate} got {seen.step_requests_candidate} of {total} requests, "
        f"under half of its share of {rollout.share:.0%}"
    )
    return back(rollout, seen, Trigger.TRAFFIC_DROP, reason)


def _lingering(rollout: Rollout, seen: Observation) -> Decision | None:
    slow = seeing.lingering(rollout, seen)
    if slow is None:
        return None
    reason = (
        f"an instance of {rollout.candidate} is {slow.state.value} "
        f"for more than {rollout.plan.ready_deadline.total_seconds():.0f} s{_because(slow.detail)}"
    )
    return back(rollout, seen, Trigger.NOT_READY, reason)


def _because(detail: str) -> str:
    return f": {detail}" if detail else ""


_GUARDS: Sequence[Guard] = (
    _cord,
    _abort,
    _rejected,
    _refused,
    _crash_loop,
    _stations,
    _health,
    _memory,
    _verdict,
    _beside,
    _traffic_drop,
    _lingering,
    _failed_task,
)
