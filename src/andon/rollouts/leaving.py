"""How a release leaves: it gets nothing new, what it has in flight ends, it stops. Part of `decide.py`."""

from andon.rollouts import seeing
from andon.rollouts.actions import Decision, Drain, Finish, Hold, StartStep, StopCandidate, StopStable, Wait
from andon.rollouts.guards import back
from andon.rollouts.model import Observation, Phase, Rollout, Stage, Trigger


def stable_leaves(rollout: Rollout, seen: Observation) -> Decision:
    """The former release leaves: after promotion, or beforehand where the two cannot run at once."""
    is_late = seeing.is_past_deadline(rollout, seen)
    if rollout.stage is Stage.ROUTING:
        waiting = f"the gateway has not confirmed that {rollout.stable} gets nothing"
        if seeing.is_confirmed(rollout, seen):
            return Decision(Drain(), f"{rollout.stable} gets nothing new")
        return _late(rollout, seen, waiting) if is_late else Decision(Wait(), waiting)
    if rollout.stage is Stage.DRAINING:
        return draining(rollout, seen, seen.stable_active_requests, StopStable())
    if not seeing.is_gone(rollout.stable, seen):
        waiting = f"{rollout.stable} is stopping"
        return _late(rollout, seen, waiting) if is_late else Decision(Wait(), waiting)
    if rollout.working_phase is Phase.FINISHING:
        return _promoted(rollout, seen)
    return Decision(StartStep(rollout.step), f"{rollout.stable} is stopped; {rollout.candidate} starts")


def _promoted(rollout: Rollout, seen: Observation) -> Decision:
    """Nothing is left to return to; where the new stable release is not ready, a person must know."""
    said = f"{rollout.stable} is stopped; {rollout.candidate} is stable"
    if seeing.ready(rollout.candidate, seen):
        return Decision(Finish(Phase.PROMOTED), said)
    return Decision(Finish(Phase.PROMOTED, is_alarming=True), f"{said}, but no instance of it is ready")


def _late(rollout: Rollout, seen: Observation, waiting: str) -> Decision:
    if rollout.working_phase is Phase.FINISHING:
        return Decision(Hold(), f"{waiting}, longer than allowed")
    return back(rollout, seen, Trigger.TIMEOUT, f"{waiting}, longer than allowed")


def draining(rollout: Rollout, seen: Observation, active: int, then: StopStable | StopCandidate) -> Decision:
    """Wait until nothing of the leaving release is in flight, or its time is over; `then` stops it."""
    requests = f"{active} {'request' if active == 1 else 'requests'} in flight"
    # A count from before the share was 0 says nothing of what came in until then.
    if seen.traffic_at is None or seen.traffic_at < rollout.entered_at:
        requests = "the gateway has not counted what is in flight"
    elif active == 0:
        return Decision(then, "drained: nothing is in flight")
    if seeing.is_past_deadline(rollout, seen):
        return Decision(then, f"the drain deadline passed: {requests}")
    return Decision(Wait(), f"draining: {requests}")
