"""How a rollout is told on the timeline: one event for each decision that changes something. Pure."""

import math
from dataclasses import replace
from typing import Any

from andon.access.signatures.model import Signature
from andon.judge.model import Finding, Verdict
from andon.rollouts import actions, codec
from andon.rollouts.actions import Action, Decision
from andon.rollouts.model import Cord, Phase, Request, RequestKind, Rollout, Trigger
from andon.timeline.records import Event, Severity

ANDON = "andon"
_KINDS: dict[type[Action], str] = {
    actions.OpenGate: "rollout.opened",
    actions.StartStep: "rollout.step",
    actions.StartTask: "rollout.checking",
    actions.PassTask: "rollout.checked",
    actions.SetShare: "rollout.share",
    actions.Fill: "rollout.filling",
    actions.ConfirmStep: "rollout.confirmed",
    actions.Pause: "rollout.paused",
    actions.Resume: "rollout.resumed",
    actions.Freeze: "rollout.frozen",
    actions.Thaw: "rollout.thawed",
    actions.Reclock: "rollout.reclocked",
    actions.Dismiss: "rollout.dismissed",
    actions.RollBack: "rollout.rollback",
    actions.Hold: "rollout.held",
    actions.Promote: "rollout.promoted",
    actions.Drain: "rollout.draining",
    actions.StopCandidate: "rollout.stopping",
    actions.StopStable: "rollout.stopping",
    actions.StartStable: "rollout.restoring",
    actions.Restore: "rollout.restoring",
    actions.Verify: "rollout.verifying",
}
_ENDS = {Phase.PROMOTED: "rollout.finished", Phase.RETURNED: "rollout.returned"}
_ASKED: dict[type[Action], RequestKind] = {
    actions.Pause: RequestKind.PAUSE,
    actions.Resume: RequestKind.RESUME,
    actions.OpenGate: RequestKind.RESUME,  # of a hold
    actions.StartStep: RequestKind.PROMOTE,
    actions.Promote: RequestKind.PROMOTE,
    actions.Drain: RequestKind.PROMOTE,
}
_WHO_ASKED = {Trigger.ABORT: RequestKind.ABORT, Trigger.ALERT: RequestKind.ALERT}


def created(rollout: Rollout) -> Event:
    """The beginning, with the plan that is frozen from here on."""
    after = _where(rollout) | {
        "stable": rollout.stable,
        "candidate": rollout.candidate,
        "strategy": rollout.plan.strategy.value,
        "shares": [step.share for step in rollout.plan.steps],
        "plan": rollout.plan.hash,
        "notes": list(rollout.plan.notes),
        "is_rollback": rollout.plan.is_rollback,
        "gate": codec.encode(rollout.plan.gate),
        "gates": [each.key for each in rollout.plan.gates],
        "tasks": [each.name for each in rollout.plan.tasks],
    }
    return _event("rollout.created", rollout, rollout.actor, rollout.reason, after=after)


def requested(rollout: Rollout, request: Request) -> Event:
    """A person asked for something; what came of it is an event of its own."""
    after = {"request": request.kind.value} | _signed(request.signature)
    return _event("rollout.requested", rollout, request.actor, request.reason, after=after)


def answered(rollout: Rollout, signature: Signature, *, is_yes: bool) -> Event:
    """A person answered at the gate; what came of it is an event of its own."""
    kind = "rollout.approved" if is_yes else "rollout.rejected"
    after = _where(rollout) | _signed(signature.id)
    return _event(kind, rollout, signature.signer, signature.reason, after=after)


def decided(before: Rollout, after: Rollout, decision: Decision) -> Event:
    """A decision that changed the rollout, with the evidence where it turned on evidence."""
    action = decision.action
    kind = _ENDS[after.phase] if isinstance(action, actions.Finish) else _KINDS[type(action)]
    now = _where(after) | decision.details
    if isinstance(action, actions.RollBack | actions.Hold | actions.Promote) and before.verdict is not None:
        now["evidence"] = summary(before.verdict)
        now["plan"] = after.plan.hash
    if after.trigger is not None:
        now["trigger"] = after.trigger.value
    event = _event(kind, after, _actor(before, action), decision.reason, after=now)
    return replace(event, severity=_severity(action), before=_where(before))


def damaged(rollout_id: str, unit: str, environment: str, reason: str) -> Event:
    """A stored rollout cannot be read: it stops, and a person is alerted."""
    return Event(
        kind="rollout.damaged",
        subject=f"rollout/{rollout_id}",
        actor=ANDON,
        reason=f"{reason}; andon abort {rollout_id} closes it",
        unit=unit,
        environment=environment,
        severity=Severity.ALERT,
        correlation=rollout_id,
    )


def closed(rollout_id: str, unit: str, environment: str, actor: str, reason: str) -> Event:
    """A person closed a damaged rollout: its alert is seen to."""
    return Event(
        kind="rollout.closed",
        subject=f"rollout/{rollout_id}",
        actor=actor,
        reason=reason,
        unit=unit,
        environment=environment,
        before={"alert": "rollout.damaged"},
        after={"alert": "resolved"},
        correlation=rollout_id,
    )


def cord_pulled(cord: Cord, before: Cord | None = None, signature: str = "") -> Event:
    """Everything stands still. before: the cord there that only froze, which now returns as well."""
    event = _cord_event("cord.pulled", cord, cord.actor, cord.reason, Severity.WARNING)
    former = {} if before is None else _cord_values(before) | {"at": before.at.isoformat()}
    return replace(event, before=former, after=_cord_values(cord) | _signed(signature))


def cord_released(cord: Cord, actor: str, reason: str, signature: str = "") -> Event:
    """Things go on."""
    event = _cord_event("cord.released", cord, actor, reason, Severity.INFO)
    return replace(event, after=event.after | _signed(signature))


def summary(verdict: Verdict) -> dict[str, dict[str, Any]]:
    """What each metric says, as plain values for the timeline and the board's chart; an open end is None."""
    return {each.metric: _finding(each) for each in verdict.findings}


def _finding(said: Finding) -> dict[str, Any]:
    low, high = said.interval
    return {
        "outcome": said.outcome.value,
        "reason": said.reason,
        "ratio": said.ratio,
        "low": low,
        "high": None if math.isinf(high) else high,
        "log_e_harm": math.log(said.e_harm) if said.e_harm > 0 else None,
        "log_e_safe": math.log(said.e_safe) if said.e_safe > 0 else None,
        "log_harm_boundary": math.log(said.harm_boundary),
        "log_safe_boundary": math.log(said.safe_boundary),
        "events_needed": said.events_needed,
        "stable": {"exposure": said.stable.exposure, "bad": said.stable.bad},
        "candidate": {"exposure": said.candidate.exposure, "bad": said.candidate.bad},
    }


def _signed(signature: str) -> dict[str, Any]:
    return {"signature": signature} if signature else {}


def _where(rollout: Rollout) -> dict[str, Any]:
    return {
        "phase": rollout.phase.value,
        "stage": rollout.stage.value,
        "step": rollout.step,
        "share": rollout.share,
    }


def _actor(before: Rollout, action: Action) -> str:
    asked = before.request
    if asked is None:
        return ANDON
    wanted = _ASKED.get(type(action))
    if isinstance(action, actions.RollBack | actions.Finish) and action.trigger is not None:
        wanted = _WHO_ASKED.get(action.trigger)
    return asked.actor if wanted is asked.kind else ANDON


def _severity(action: Action) -> Severity:
    match action:
        case actions.Hold() | actions.RollBack(Trigger.UNTRUSTED) | actions.Finish(is_alarming=True):
            return Severity.ALERT
        case actions.RollBack() | actions.Finish(trigger=Trigger()):
            return Severity.WARNING
        case _:
            return Severity.INFO


def _event(kind: str, rollout: Rollout, actor: str, reason: str, *, after: dict[str, Any]) -> Event:
    return Event(
        kind=kind,
        subject=f"rollout/{rollout.id}",
        actor=actor,
        reason=reason,
        unit=rollout.unit,
        environment=rollout.environment,
        after=after,
        correlation=rollout.id,
    )


def _cord_values(cord: Cord) -> dict[str, Any]:
    return {"returns": cord.returns, "pulled_by": cord.actor, "reason": cord.reason}


def _cord_event(kind: str, cord: Cord, actor: str, reason: str, severity: Severity) -> Event:
    return Event(
        kind=kind,
        subject=f"cord/{cord.environment or 'everywhere'}",
        actor=actor,
        reason=reason,
        environment=cord.environment or "",
        severity=severity,
        after={"returns": cord.returns},
    )
