"""The gate of a rollout as its page shows it: who must approve, what is signed, who has answered. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from andon.access.model import Permission
from andon.access.signatures.model import Meaning, Standing
from andon.api.model import GateView, RolloutView
from andon.board import signed
from andon.board.viewer import Viewer

_MEANINGS = (Meaning.APPROVED, Meaning.REVIEWED, Meaning.RESPONSIBLE, Meaning.AUTHOR)


@dataclass(frozen=True, slots=True)
class Shown:
    """A gate. counted: who said a yes that counts. why_not: the engine's sentence, not about a missing right.

    document: what an approval signs, field by field; hash: of it.
    """

    is_waiting: bool
    is_open: bool
    needed: int
    counted: int
    role: str
    answers: Sequence[signed.Shown]
    why_not: str
    document: Mapping[str, Any]
    hash: str

    @property
    def yes(self) -> dict[str, Any]:
        """What the dialog of an approval is opened with."""
        return yes(self.document, self.hash)

    @property
    def no(self) -> dict[str, Any]:
        """What the dialog of a rejection is opened with: the same words with the other answer."""
        return _offer({**self.document, "answer": "no"}, Meaning.REVIEWED)


def look(view: RolloutView, viewer: Viewer, signatures: Sequence[signed.Shown]) -> Shown | None:
    """The gate of a rollout; None where it has none. signatures: its answers, told apart."""
    found = view.gate
    if found is None:
        return None
    is_waiting = view.stage == "gated" and not view.is_over
    is_allowed = viewer.may(Permission.APPROVE, view.environment, view.unit)
    answers = _answers(found, signatures)
    counting = [each for each in answers if each.is_yes and each.standing == Standing.VALID]
    return Shown(
        is_waiting=is_waiting,
        is_open=found.is_open,
        needed=found.approvals_needed,
        counted=len({each.signer for each in counting}),
        role=found.approver_role,
        answers=answers,
        why_not=found.why_not if is_waiting and is_allowed and not found.may_approve else "",
        document=found.document or {},
        hash=found.document_hash,
    )


def yes(document: Mapping[str, Any], sha256: str) -> dict[str, Any]:
    """What the dialog of an approval is opened with. sha256: of the document, which is what is signed."""
    offer = _offer({**document, "SHA-256": sha256}, Meaning.APPROVED)
    return {**offer, "document_hash": sha256}


def _answers(found: GateView, signatures: Sequence[signed.Shown]) -> Sequence[signed.Shown]:
    """Each answer with what it is worth for the rollout as it is now, which is less than being genuine."""
    known = {each.id: each for each in signatures}
    return [replace(known[each.id], standing=each.standing) for each in found.approvals if each.id in known]


def _offer(document: Mapping[str, Any], usual: Meaning) -> dict[str, Any]:
    meanings = [each.value for each in _MEANINGS]
    return {"meanings": meanings, "meaning": usual.value, "document": dict(document)}
