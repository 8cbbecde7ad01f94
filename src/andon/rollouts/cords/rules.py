"""What a pulled cord forbids. Pure."""

from andon.rollouts.actions import (
    Action,
    ConfirmStep,
    Dismiss,
    Fill,
    Finish,
    Freeze,
    Hold,
    Pause,
    Reclock,
    Resume,
    RollBack,
    Thaw,
    Wait,
)
from andon.rollouts.model import Phase, Rollout

_HARMLESS = (ConfirmStep, Dismiss, Fill, Freeze, Hold, Pause, Reclock, Resume, RollBack, Thaw, Wait)


def forbids(before: Rollout, action: Action) -> bool:
    """Whether `action` brings the candidate further: no such thing may be written while the cord is pulled.

    Coming back is never forbidden, nor is what changes neither instances nor shares.
    """
    if before.working_phase is Phase.RETURNING or isinstance(action, _HARMLESS):
        return False
    return not (isinstance(action, Finish) and action.phase is Phase.RETURNED)
