"""What a person may not ask of a rollout where it is, as a sentence. Pure; `commands.py` says it."""

from datetime import datetime

from andon.rollouts.model import Cord, Phase, RequestKind, Rollout, Stage


def outranked(rollout: Rollout, kind: RequestKind) -> str:
    """An abort or an alert that waits for the tick must not be lost to what somebody asks after it."""
    asked = rollout.request
    if asked is None or kind is RequestKind.ABORT or asked.kind not in _BACK:
        return ""
    return f"{asked.actor} has asked to {_BACK[asked.kind]}, and that stands"


_BACK = {RequestKind.ABORT: "abort it", RequestKind.ALERT: "take it back for an alert"}


def refusal(rollout: Rollout, kind: RequestKind) -> str:
    """Why a request makes no sense where the rollout is; empty when it does."""
    if rollout.phase.is_over:
        return f"it is over ({rollout.phase})"
    if rollout.phase is Phase.RETURNING:
        return "it is returning already"
    if rollout.phase is Phase.FINISHING and rollout.stage is Stage.STOPPING and kind in _BACK:
        return f"{rollout.stable} is being stopped; use `andon rollback` when it is over"
    if kind is RequestKind.PROMOTE and rollout.stage not in _SKIPPED:
        return f"it is {rollout.stage}, there is nothing to skip"
    is_held = rollout.phase is Phase.HELD
    if kind in {RequestKind.PROMOTE, RequestKind.PAUSE, RequestKind.ALERT} and is_held:
        return "it is held; resume or abort it"
    if kind is RequestKind.PAUSE and rollout.is_paused:
        return "it is paused already"
    if kind is RequestKind.RESUME and not (rollout.is_paused or is_held or rollout.is_on_hold):
        return "it is not paused"
    return ""


_SKIPPED = {Stage.FILLING, Stage.SERVING, Stage.WARM}


def no_pull(before: Cord | None, *, returns: bool) -> str:
    """Why the cord cannot be pulled there (once more); empty when it can: it may only become stronger."""
    if before is None or (returns and not before.returns):
        return ""
    how = " with a return" if before.returns else ""
    return f"{before.actor} pulled it{how}: {before.reason}"


def no_answer(rollout: Rollout, now: datetime) -> str:
    """Why nobody can answer at its gate now; empty when they can."""
    if rollout.phase.is_over:
        return f"it is over ({rollout.phase})"
    if rollout.approval is None:
        return "it waits for no approval"
    if rollout.request is not None and rollout.request.kind in _BACK:
        return outranked(rollout, RequestKind.RESUME)
    is_stopped = rollout.is_paused or rollout.frozen_at is not None
    if not is_stopped and rollout.deadline_at is not None and now >= rollout.deadline_at:
        return "its time for approvals is over"
    return ""
