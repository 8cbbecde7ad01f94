"""The way back, and a hold on it. Pure; part of `decide.py`.

Share 0 first, confirmed by the gateway; then drained, stopped, and looked at once more.
"""

from datetime import timedelta

from andon.rollouts import leaving, seeing, waves
from andon.rollouts.actions import (
    Decision,
    Dismiss,
    Drain,
    Finish,
    Hold,
    Restore,
    Resume,
    RollBack,
    StartStable,
    StopCandidate,
    Verify,
    Wait,
)
from andon.rollouts.guards import can_return
from andon.rollouts.model import Observation, Phase, RequestKind, Rollout, Stage, Trigger


def returning(rollout: Rollout, seen: Observation) -> Decision:
    """Share 0, confirmed, drained, stopped, verified. Where both cannot run at once, stable starts again."""
    match rollout.stage:
        case Stage.DRAINING:
            return leaving.draining(rollout, seen, seen.candidate_active_requests, StopCandidate())
        case Stage.VERIFYING:
            return _verifying(rollout, seen)
    done, waiting = _progress(rollout, seen)
    if done is not None:
        return done
    if seeing.is_past_deadline(rollout, seen):
        return Decision(Hold(rollout.trigger), f"{waiting}, longer than allowed")
    return _wait(waiting)


def _progress(rollout: Rollout, seen: Observation) -> tuple[Decision | None, str]:
    """What comes next if it can come now, and what is waited for."""
    is_confirmed, candidate, stable = seeing.is_confirmed(rollout, seen), rollout.candidate, rollout.stable
    match rollout.stage:
        case Stage.ROUTING:
            if rollout.plan.fleet is not None:
                done = Decision(StopCandidate(), f"all stations are told to leave {candidate}")
                return done if is_confirmed else None, f"not all stations are told to leave {candidate}"
            done = Decision(Drain(), f"the gateway confirmed share 0 of {candidate}")
            return done if is_confirmed else None, f"the gateway has not confirmed share 0 of {candidate}"
        case Stage.STOPPING:
            done = _candidate_is_gone(rollout, seen)
            is_fleet = rollout.plan.fleet is not None
            waiting = waves.going_back(rollout, seen) if is_fleet else f"{candidate} is stopping"
            return done if seeing.is_gone(candidate, seen) else None, waiting
        case Stage.SCALING:
            there, needed = seeing.ready(stable, seen), rollout.plan.stable_instances
            waiting = f"{seeing.count(there, needed)} of {stable} ready again"
            return Decision(Restore(), waiting) if there >= needed else None, waiting
        case _:
            done = _to_verify(rollout, f"everything is on {stable} again")
            return done if is_confirmed else None, f"the gateway has not confirmed the route to {stable}"


def _candidate_is_gone(rollout: Rollout, seen: Observation) -> Decision:
    if rollout.plan.fleet is not None:
        return _to_verify(rollout, waves.going_back(rollout, seen))
    if rollout.plan.needs_gap:
        return Decision(StartStable(), f"{rollout.candidate} is stopped; {rollout.stable} starts again")
    return _to_verify(rollout, f"{rollout.candidate} is stopped")


def _to_verify(rollout: Rollout, done: str) -> Decision:
    after = rollout.plan.verify_after.total_seconds()
    return Decision(Verify(), f"{done}; it is looked at once more {after:.0f} s after the return")


def _verifying(rollout: Rollout, seen: Observation) -> Decision:
    """A return is over when it was seen to hold."""
    left = (rollout.back_at or rollout.entered_at) + rollout.plan.verify_after - seen.now
    if left > timedelta():
        return _wait("the return is verified: some seconds are left")
    broken = _not_back(rollout, seen)
    if not broken:
        return Decision(Finish(Phase.RETURNED), _verified(rollout, seen))
    if seeing.is_past_deadline(rollout, seen):
        return Decision(Hold(rollout.trigger), f"the return does not hold: {broken}")
    return _wait(f"the return is not verified: {broken}")


def _not_back(rollout: Rollout, seen: Observation) -> str:
    # Where nothing is to serve any more, the gateway has no route that it could confirm.
    if rollout.stable is not None and not seeing.is_confirmed(rollout, seen):
        return f"the gateway does not confirm share 0 of {rollout.candidate} any more"
    if not seeing.is_gone(rollout.candidate, seen):
        what = "a station" if rollout.plan.fleet is not None else "an instance"
        again = f"{what} of {rollout.candidate} runs again"
        return f"the target does not answer: {seen.target_problem}" if seen.target_problem else again
    is_service = rollout.plan.fleet is None  # how a station is without the candidate is the agent's to see to
    if is_service and rollout.stable is not None and seeing.ready(rollout.stable, seen) == 0:
        return f"no instance of {rollout.stable} is ready"
    return ""


def _verified(rollout: Rollout, seen: Observation) -> str:
    if rollout.stable is None:
        return f"{rollout.candidate} is stopped; nothing is deployed"
    if rollout.plan.fleet is not None:
        return f"{waves.going_back(rollout, seen)}; {rollout.stable} is wanted everywhere"
    there = seeing.count(seeing.ready(rollout.stable, seen), rollout.plan.stable_instances)
    after = rollout.plan.verify_after.total_seconds()
    said = f"{rollout.candidate} is stopped; everything is on {rollout.stable}"
    return f"{said}: verified after {after:.0f} s, share 0 is served and {there} ready"


def held(rollout: Rollout, seen: Observation) -> Decision:
    """A hold ends by itself in one direction only: when its obstacle is gone, the return goes on.

    A person may resume it, to where it was, or abort it.
    """
    request = rollout.request
    if request is not None and request.kind is RequestKind.RESUME:
        return Decision(Resume(), f"resumed by {request.actor}: {request.reason}")
    if rollout.held_from is Phase.RETURNING or rollout.trigger is None:
        return nothing_to_ask(rollout, f"it is held while {rollout.held_from}") or _still(rollout, seen)
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
        inner = returning(rollout, seen)
    elif seen.is_corded:
        return held
    else:
        inner = leaving.stable_leaves(rollout, seen)
    return held if isinstance(inner.action, Hold | Wait) else inner


def nothing_to_ask(rollout: Rollout, why: str) -> Decision | None:
    """What a person asks for now makes no sense."""
    return Decision(Dismiss(), why) if rollout.request is not None else None


def _wait(reason: str) -> Decision:
    return Decision(Wait(), reason)
