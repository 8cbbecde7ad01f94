"""One yes for a whole set: what exactly is signed, whose word it still needs, and when it counts. Pure.

What is signed names every member's plan and bytes, so whatever changes of any of them unsigns all of it. It
counts at the gate that the environment's policy puts before each member, and at no other: what a manifest
asks between its steps wants to see the steps before.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from andon.access.signatures.model import Action, Document, Signature, Standing
from andon.kernel.ids import Version
from andon.releases.model import Release
from andon.rollouts import codec, gates
from andon.rollouts.gates import Answered
from andon.rollouts.model import Rollout
from andon.rollouts.plan import hash_of
from andon.rollouts.sets.model import Part, SetPhase, SetRollout
from andon.rollouts.steps import Gate, GateKind, Plan


@dataclass(frozen=True, slots=True)
class Whole:
    """A set on its way with the rollouts of its parts, in their order; None where one has not begun."""

    set_: SetRollout
    rollouts: Sequence[Rollout | None]

    @property
    def plans(self) -> Sequence[tuple[Part, Version | None, Plan | None]]:
        """Each part with what it comes from and its plan: its rollout's own, else those made before."""
        return [
            (part, part.stable, part.plan) if own is None else (_as_it_is(part, own), own.stable, own.plan)
            for part, own in zip(self.set_.parts, self.rollouts, strict=True)
        ]

    @property
    def gate(self) -> Gate | None:
        """The approval that all members wait for; None where there is none, or not the same for all."""
        every = {None if plan is None else plan.gate for _part, _stable, plan in self.plans}
        return next(iter(every)) if len(every) == 1 else None


@dataclass(frozen=True, slots=True)
class Together:
    """A set as people sign it. members: the gate of each with its answers, in order; None: behind its gate.

    signatures: those over the whole set, with what each is worth now. document: what a yes signs now; None
    where nothing can be signed, which `problem` explains in a sentence.
    """

    whole: Whole
    members: Sequence[Answered | None]
    signatures: Sequence[tuple[Signature, Standing]]
    document: Document | None
    problem: str = ""

    def why_not(self, signer_id: str, login: str, roles: Collection[str]) -> str:
        """Why this person cannot sign all of it now; empty when they can. roles: held there for all units."""
        if self.problem or self.document is None:
            return self.problem
        gate = self.whole.gate
        if gate is not None and (lacking := gates.lacks_role(gate, login, roles)):
            return lacking
        if any(each.signer_id == signer_id for each in gates.counting(self.signatures)):
            return f"{login} has approved it already"
        return self.too_involved(signer_id, login)

    def too_involved(self, signer_id: str, login: str) -> str:
        """Which member this yes would be the last for, with nobody uninvolved; empty where it is none."""
        for part, each in zip(self.whole.set_.parts, self.members, strict=True):
            is_new = each is not None and signer_id not in {own.signer_id for own in each.approvers}
            if each is not None and is_new and each.is_too_involved(signer_id, login):
                return (
                    f"{login} shipped or proposed {part.unit} {part.version}, so the last approval must be "
                    "somebody else's"
                )
        return ""


def subject(set_: str) -> str:
    """What a signature over the rollout of a set is filed under."""
    return f"set/{set_}"


def set_of(document: Document) -> str:
    """Id of the rollout of a set that was approved as a whole; empty where it is something else."""
    kind, _, own = document.subject.partition("/")
    return own if kind == "set" and document.action is Action.APPROVE else ""


def belongs_to(plan: Plan) -> str:
    """Id of the set whose gate a plan ends with; empty where it has none."""
    return next((each.asks for each in plan.gates if each.kind is GateKind.SET), "")


def unsignable(whole: Whole) -> str:
    """Why nobody can sign all of it, whoever they are; empty where somebody can."""
    set_ = whole.set_
    if set_.phase is not SetPhase.GOING:
        return f"set {set_.name}@{set_.version} is {set_.phase}"
    if any(plan is None for _part, _stable, plan in whole.plans):
        return "it began before sets could be signed as a whole; approve each of its units"
    if whole.gate is None:
        asked = any(plan is not None and plan.gate is not None for _part, _stable, plan in whole.plans)
        return "its units ask for different approvals; approve each of them" if asked else _FREE
    if all(map(is_behind, whole.rollouts)):
        return "each of its units is behind its gate already"
    return ""


_FREE = "nobody has to approve it"


def is_behind(rollout: Rollout | None) -> bool:
    """Whether a member has left the gate of its environment's policy behind, or came back."""
    return rollout is not None and rollout.approval != rollout.plan.gate


def document(whole: Whole, releases: Sequence[Release]) -> Document:
    """A yes to all of it. releases: those of its parts, in order. The plans' hashes are worked out anew."""
    set_, gate = whole.set_, whole.gate
    values: dict[str, Any] = {
        "set": set_.name,
        "version": set_.version,
        "id": set_.id,
        "environment": set_.environment,
        "members": [
            {
                "unit": part.unit,
                "candidate": part.version,
                "stable": stable,
                "plan": "" if plan is None else hash_of(plan),
                "artifacts": {f"{each.role.value}/{each.name}": each.sha256 for each in release.artifacts},
            }
            for (part, stable, plan), release in zip(whole.plans, releases, strict=True)
        ],
        "gate": codec.encode(gate),
        "role": gate.approver_role if gate else "",
        "answer": gates.YES,
    }
    return Document(Action.APPROVE, subject(set_.id), values)


def covers(whole: Whole, rollout: Rollout, gate: Gate) -> bool:
    """Whether a yes to the set is one to this rollout at this gate: it is a member's own, at its policy's."""
    mine = {each.rollout: each for each in whole.set_.parts if each.rollout}
    part = mine.get(rollout.id)
    is_member = part is not None and _as_it_is(part, rollout) == part
    return is_member and rollout.environment == whole.set_.environment and gate == rollout.plan.gate


def _as_it_is(part: Part, own: Rollout) -> Part:
    """A part with what its rollout really brings, whatever the set says of it."""
    return replace(part, unit=own.unit, version=own.candidate)
