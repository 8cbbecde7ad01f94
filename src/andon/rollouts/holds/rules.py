"""Which decisions make a hold, and whom it keeps out. Pure.

As Kargo holds auto-promotion of a stage after a person promoted something older there
(https://github.com/akuity/kargo/pull/6334): a newer release is held as well, because nobody knows whether it
still has the fault. Kargo ends its hold as soon as a person promotes the newest; here only a release ends it,
with a reason of its own.
"""

from datetime import datetime

from andon.access.tokens.model import MACHINE_ACTOR
from andon.rollouts.actions import Action, OpenGate
from andon.rollouts.holds.model import Hold
from andon.rollouts.model import Phase, Rollout, Trigger

ANDON = "andon"


def is_automatic(actor: str) -> bool:
    """Whether nobody sits behind it: Andon itself, or a machine's token such as a pipeline's."""
    return actor == ANDON or actor.startswith(MACHINE_ACTOR)


def keeps_out(rollout: Rollout) -> bool:
    """Whether a hold would keep this rollout from beginning; going back is always allowed."""
    return is_automatic(rollout.actor) and not rollout.plan.is_rollback


def of_beginning(rollout: Rollout) -> Hold | None:
    """The hold that beginning `rollout` makes: a person goes back, and no gate is in between."""
    if not rollout.plan.is_rollback or rollout.is_gated or rollout.actor == ANDON:
        return None
    return _left(rollout, rollout.actor, rollout.reason, rollout.created_at)


def of_decision(before: Rollout, after: Rollout, action: Action, at: datetime) -> Hold | None:
    """The hold that a decision makes: it takes back by a person's word, or it lets a person go back."""
    if isinstance(action, OpenGate) and after.plan.is_rollback:
        return _left(after, after.actor, after.reason, at)
    back = {Phase.RETURNING, Phase.RETURNED}
    # A word that cannot be followed yet holds the rollout first; the turn that comes later has none.
    is_stuck = after.phase is Phase.HELD and before.phase is not Phase.HELD
    was_stuck = before.phase is Phase.HELD and before.trigger is Trigger.CORD
    is_turn = is_stuck or (after.phase in back and before.working_phase not in back and not was_stuck)
    actor = _taken_back_by(before, after.trigger) if is_turn else ""
    if not actor or after.plan.is_rollback:
        return None
    return Hold(after.unit, after.environment, actor, after.reason, at, after.candidate, after.id)


def _taken_back_by(before: Rollout, trigger: Trigger | None) -> str:
    """Whose word it was; empty where no person said it."""
    if trigger is Trigger.CORD:
        return ANDON
    request = before.request
    is_word = trigger is Trigger.ABORT and request is not None and request.actor != ANDON
    return request.actor if is_word and request is not None else ""


def _left(rollout: Rollout, actor: str, reason: str, at: datetime) -> Hold:
    return Hold(rollout.unit, rollout.environment, actor, reason, at, rollout.stable, rollout.id)


def refusal(hold: Hold) -> str:
    """What whoever is kept out hears."""
    return f"{hold.actor} holds {hold.unit} in {hold.environment}{_of(hold)}: {hold.reason}"


def stays(hold: Hold) -> str:
    """What the plan of a person's deployment says of it."""
    return (
        f"{refusal(hold)}. A person's deployment goes past that and leaves the hold: "
        f"nothing deploys there by itself until it is released."
    )


def _of(hold: Hold) -> str:
    return f" after {hold.version} was taken back" if hold.version else ""
