"""What a policy may say. Pure."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from andon.access.model import PRODUCTION
from andon.access.policies.model import Bounds, Policy
from andon.access.signatures.model import Action

MOST_APPROVALS = 5
LONGEST_AGE = timedelta(days=366)
# As far as a manifest may go (`units/model.py`); what is looser bounds nothing.
_LOOSEST_ALPHA, _LOOSEST_MARGIN = 0.5, 100.0


def problem(policy: Policy, approver_roles: Collection[str]) -> tuple[str, str]:
    """What is wrong with `policy` and how to mend it; two empty texts where nothing is.

    approver_roles: names of the roles that give the right to approve.
    """
    if not 0 <= policy.approvals <= MOST_APPROVALS:
        return f"approvals is {policy.approvals}", f"give a number from 0 to {MOST_APPROVALS}"
    if policy.approver_role not in approver_roles:
        known = ", ".join(sorted(approver_roles))
        return f"nobody may approve as {policy.approver_role!r}", f"use a role that may approve: {known}"
    if policy.environment == PRODUCTION and not policy.is_production:
        return f"environment {PRODUCTION} is production", "set is_production, or use another environment"
    if Action.EDIT_POLICY not in policy.signed:
        # Otherwise whoever takes the demand away needs no signature for taking away the others.
        return "signed lacks edit-policy", "a change of a policy is always signed: add edit-policy"
    return _of_bounds(policy.environment, policy.bounds)


def circle(policy: Policy, sources: Mapping[str, str]) -> str:
    """How environments would promote from each other in a circle, in words; empty where they do not.

    sources: by environment, what it promotes from now; the one of `policy` does not matter.
    """
    way = [policy.environment]
    there = policy.bounds.promotes_from
    while there and there not in way:
        way.append(there)
        there = sources.get(there, "")
    return " from ".join([*way, there]) if there else ""


def _of_bounds(environment: str, bounds: Bounds) -> tuple[str, str]:
    if bounds.promotes_from == environment:
        return "it promotes from itself", "name the environment before it, such as staging"
    if not timedelta() <= bounds.min_age <= LONGEST_AGE:
        return f"min_age is {bounds.min_age}", f"give a time from 0 to {LONGEST_AGE.days} days"
    if not bounds.promotes_from and (bounds.is_auto or bounds.min_age):
        return "there is no environment that it promotes from", "set promotes_from, too"
    alpha, margin = bounds.alpha_at_most, bounds.margin_at_most
    if alpha is not None and not 0 < alpha < _LOOSEST_ALPHA:
        return f"alpha_at_most is {alpha}", f"give a chance above 0 and below {_LOOSEST_ALPHA}"
    if margin is not None and not 1 < margin <= _LOOSEST_MARGIN:
        return f"margin_at_most is {margin}", f"give a ratio above 1 and up to {_LOOSEST_MARGIN:g}"
    return "", ""
