"""What a rollout does next. Pure: no clock, no database, no network. `transitions.py` carries it out.

First the clock, if it was set. Then guards in order of danger: cord that returns, abort, a no, refused,
crash loop, health, verdict, traffic drop, lingering, a failed task (guards.py); then people's requests and
the freeze; then, by phase, not ready, soaking, inconclusive, advance (forward.py), or the way back
(backward.py). Every decision has a reason; operators read the words that the tests assert.
"""

from datetime import timedelta
from typing import assert_never

from andon.rollouts import backward, forward, seeing, waves
from andon.rollouts.actions import (
    Decision,
    Dismiss,
    Drain,
    Freeze,
    OpenGate,
    Pause,
    Reclock,
    Resume,
    Thaw,
    Wait,
)
from andon.rollouts.guards import danger
from andon.rollouts.model import Observation, Phase, RequestKind, Rollout, Stage


def decide(rollout: Rollout, seen: Observation) -> Decision:
    """The next action of `rollout`, and why."""
    if step := seeing.clock_step(rollout, seen):
        return _reclocked(step)
    match rollout.phase:
        case Phase.PREPARING | Phase.STEPPING | Phase.FINISHING:
            return (
                danger(rollout, seen)
                or _asked(rollout, seen)
                or _stopped(rollout, seen)
                or forward.on(rollout, seen)
            )
        case Phase.RETURNING:
            return backward.nothing_to_ask(rollout, "it is returning already") or backward.returning(
                rollout, seen
            )
        case Phase.HELD:
            return backward.held(rollout, seen)
        case Phase.PROMOTED | Phase.RETURNED:
            return Decision(Wait(), "it is over")
        case _ as never:
            assert_never(never)


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
            return _resumed_by_a_person(rollout, seen, f"resumed {by}")
        case RequestKind.PROMOTE:
            return _promoted_by_a_person(rollout, seen, f"promoted {by}")
        case RequestKind.ABORT | RequestKind.ALERT:
            return Decision(
                Dismiss(), f"release {rollout.stable} is being stopped; use `andon rollback` when it is over"
            )
        case _ as never:
            assert_never(never)


def _resumed_by_a_person(rollout: Rollout, seen: Observation, reason: str) -> Decision:
    """It ends a pause; where there is none, the hold at which the plan waits for this word."""
    if rollout.is_paused:
        return Decision(Resume(), reason)
    if not rollout.is_on_hold:
        return Decision(Dismiss(), "it is not paused")
    if seen.is_corded:
        return Decision(Dismiss(), f"resuming is refused while the cord is pulled: {seen.cord_reason}")
    return Decision(OpenGate(), reason)


def _promoted_by_a_person(rollout: Rollout, seen: Observation, reason: str) -> Decision:
    """A person may skip soak and evidence, never the cord, nor a candidate that is not ready."""
    if seen.is_corded:
        return Decision(Dismiss(), f"promotion is refused while the cord is pulled: {seen.cord_reason}")
    if not seeing.is_candidate_ready(rollout, seen) or not seeing.is_confirmed(rollout, seen):
        return Decision(Dismiss(), f"promotion is refused: {rollout.candidate} is not ready at its share yet")
    if rollout.stage in {Stage.SERVING, Stage.FILLING}:
        return forward.advance(rollout, reason)
    if rollout.stage is Stage.WARM and rollout.plan.fleet is not None:
        return waves.promoted(rollout, seen, reason)
    if rollout.stage is Stage.WARM:
        return Decision(Drain(), f"the warm time is ended; {reason}")
    return Decision(Dismiss(), f"promotion is refused: it is {rollout.stage.value}, there is nothing to skip")


def _reclocked(by: timedelta) -> Decision:
    way = "forward" if by > timedelta() else "back"
    said = f"the clock was set {way} by {abs(by).total_seconds():.0f} s"
    return Decision(Reclock(by), f"{said}: deadlines and soak of the rollout move with it")


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
        return forward.confirm(rollout)
    if seen.is_corded:
        return Decision(Wait(), f"frozen by the cord: {seen.cord_reason}")
    return Decision(Wait(), "paused until a person resumes it")
