"""What an environment demands before and while something changes there. Facts, frozen."""

from dataclasses import dataclass

from andon.access.model import PRODUCTION
from andon.access.policies.calendar import Calendar
from andon.access.signatures.model import Action


@dataclass(frozen=True, slots=True)
class Policy:
    """One environment's demands. `version` rises with each signed change; 0 is the built-in default.

    approvals: signatures that a rollout needs before it begins; approver_role: held by who signs.
    signed: the actions that ask for a signature. calendar: when rollouts may begin there; None: always.
    """

    environment: str
    version: int = 0
    is_production: bool = False
    approvals: int = 0
    approver_role: str = "approver"
    signed: frozenset[Action] = frozenset()
    calendar: Calendar | None = None


def default(environment: str) -> Policy:
    """Production asks for one approval and for every signature; other environments ask for nothing."""
    if environment != PRODUCTION:
        return Policy(environment, signed=frozenset({Action.EDIT_POLICY}))
    return Policy(environment, is_production=True, approvals=1, signed=frozenset(Action))
