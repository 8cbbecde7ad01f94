"""What an environment demands before and while something changes there. Facts, frozen."""

from dataclasses import dataclass
from datetime import timedelta

from andon.access.model import PRODUCTION
from andon.access.policies.calendar import Calendar
from andon.access.signatures.model import Action


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an environment asks of rollouts into it: a manifest proposes, this bounds; a default asks nothing.

    promotes_from: the environment in which a release must have finished before it may come here; min_age:
    how long it must have been stable there. is_auto: Andon deploys the newest such release by itself.
    strategies: those that may be used; empty: any. alpha_at_most, margin_at_most: the loosest that a manifest
    may judge by. requires_evidence: no manifest may go on without evidence. judge: by name; empty: the
    manifest's.
    """

    promotes_from: str = ""
    min_age: timedelta = timedelta()
    is_auto: bool = False
    strategies: frozenset[str] = frozenset()
    alpha_at_most: float | None = None
    margin_at_most: float | None = None
    requires_evidence: bool = False
    judge: str = ""


UNBOUNDED = Bounds()


@dataclass(frozen=True, slots=True)
class Policy:
    """One environment's demands. `version` rises with each signed change; 0 is the built-in default.

    approvals: signatures that a rollout needs before it begins; approver_role: held by who signs.
    signed: the actions that ask for a signature. calendar: when rollouts may begin there; None: always.
    bounds: what it asks of rollouts.
    """

    environment: str
    version: int = 0
    is_production: bool = False
    approvals: int = 0
    approver_role: str = "approver"
    signed: frozenset[Action] = frozenset()
    calendar: Calendar | None = None
    bounds: Bounds = UNBOUNDED


def default(environment: str) -> Policy:
    """Production asks for one approval and for every signature; other environments ask for nothing."""
    if environment != PRODUCTION:
        return Policy(environment, signed=frozenset({Action.EDIT_POLICY}))
    return Policy(environment, is_production=True, approvals=1, signed=frozenset(Action))
