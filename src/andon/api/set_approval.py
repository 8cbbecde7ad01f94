"""A set as people sign it: every member with its plan and its bytes, and who has signed.

Whether one may sign is of the caller alone.
"""

from typing import Any

from pydantic import Field

from andon.access import rights
from andon.access.model import EVERYWHERE, Permission, Place
from andon.api import views
from andon.api.callers import Caller
from andon.api.gather import Gather
from andon.api.model import PlanView, SignatureView
from andon.api.viewing import View
from andon.kernel.ids import EnvironmentName
from andon.rollouts.sets.model import Part
from andon.rollouts.sets.signing import Together


class SignedMemberView(View):
    """A member of a set: what would move, by which plan, with which bytes.

    `rollout` is null before it begins; `plan` is then the one made when the set began, null of an older set.
    `approvals` counts whose yes counts for it now.
    """

    unit: str
    candidate: str
    stable: str | None
    rollout: str | None
    plan: PlanView | None
    artifacts: dict[str, str] = Field(description="SHA-256 of each, by role and name; empty where unreadable")
    approvals: int
    is_behind: bool = Field(description="It has left the gate of its environment's policy behind")


class SetApprovalView(View):
    """A set on its way, as people sign it. why_not: why the caller cannot; empty where they may.

    `document` is what an approval signs now, `document_hash` its SHA-256; null where nothing can be signed.
    """

    id: str
    name: str
    version: str
    environment: str
    phase: str
    reason: str
    approvals_needed: int
    approver_role: str
    members: list[SignedMemberView]
    approvals: list[SignatureView]
    may_approve: bool
    why_not: str
    document: dict[str, Any] | None
    document_hash: str


async def look(gather: Gather, caller: Caller, name: str, environment: EnvironmentName) -> SetApprovalView:
    """The newest rollout of a set there; raises NotFound."""
    found = await gather.services.approving.look(name, environment)
    whole, gate = found.whole, found.whole.gate
    why_not = _why_not(found, caller)
    members = [await _member(gather, found, index) for index in range(len(whole.set_.parts))]
    return SetApprovalView(
        id=whole.set_.id,
        name=whole.set_.name,
        version=whole.set_.version,
        environment=whole.set_.environment,
        phase=whole.set_.phase.value,
        reason=whole.set_.reason,
        approvals_needed=gate.approvals if gate else 0,
        approver_role=gate.approver_role if gate else "",
        members=members,
        approvals=[views.signature(*each) for each in found.signatures],
        may_approve=not why_not,
        why_not=why_not,
        document=dict(found.document.values) if found.document else None,
        document_hash=found.document.hash if found.document else "",
    )


def everywhere(environment: EnvironmentName) -> Place:
    """Where a yes to a set acts: at all units of its environment."""
    return Place(environment=environment, unit=EVERYWHERE)


def _why_not(found: Together, caller: Caller) -> str:
    principal, place = caller.principal, everywhere(found.whole.set_.environment)
    why_not = found.why_not(principal.user_id, principal.name, rights.roles_at(principal, place))
    if found.problem:
        return why_not
    if not caller.may(Permission.APPROVE, place):
        return f"{principal.name} lacks {Permission.APPROVE.value} for all units there"
    return why_not if principal.may_sign else "a token cannot sign"


async def _member(gather: Gather, found: Together, index: int) -> SignedMemberView:
    part, stable, plan = found.whole.plans[index]
    own, answered = found.whole.rollouts[index], found.members[index]
    manifest = await gather.manifest(part.unit, part.version)
    return SignedMemberView(
        unit=part.unit,
        candidate=part.version,
        stable=stable,
        rollout=own.id if own else None,
        plan=None if plan is None else views.plan(plan, manifest, own),
        artifacts=_bytes_of(found, part),
        approvals=answered.answers.approvals if answered else 0,
        is_behind=own is not None and answered is None,
    )


def _bytes_of(found: Together, part: Part) -> dict[str, str]:
    members = found.document.values["members"] if found.document else ()
    return next((dict(each["artifacts"]) for each in members if each["unit"] == part.unit), {})
