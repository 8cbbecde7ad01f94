"""What a policy may say. Pure."""

from collections.abc import Collection

from andon.access.model import PRODUCTION
from andon.access.policies.model import Policy
from andon.access.signatures.model import Action

MOST_APPROVALS = 5


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
    return "", ""
