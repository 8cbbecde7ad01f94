"""The gate of a rollout as its page shows it: who must approve, what exactly is signed, who has signed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from andon.access.model import Permission
from andon.access.signatures.model import Meaning
from andon.api.model import RolloutView
from andon.board.viewer import Viewer

_MEANINGS = (Meaning.APPROVED, Meaning.REVIEWED, Meaning.RESPONSIBLE, Meaning.AUTHOR)


@dataclass(frozen=True, slots=True)
class Shown:
    """A gate. why_not: a sentence of the engine's; the missing right is said by the page itself.

    document: what an approval signs, field by field; hash: of it.
    """

    is_waiting: bool
    is_open: bool
    needed: int
    role: str
    approvals: Sequence[Any]
    why_not: str
    document: Mapping[str, Any]
    hash: str

    @property
    def offer(self) -> dict[str, Any]:
        """What the dialog of signing is opened with."""
        return {
            "meanings": [each.value for each in _MEANINGS],
            "document": {**self.document, "SHA-256": self.hash},
        }


def look(view: RolloutView, viewer: Viewer) -> Shown | None:
    """The gate of a rollout; None where it has none."""
    found = getattr(view, "gate", None)
    if found is None:
        return None
    is_waiting = view.stage == "gated" and not view.is_over
    is_allowed = viewer.may(Permission.APPROVE, view.environment, view.unit)
    return Shown(
        is_waiting=is_waiting,
        is_open=found.is_open,
        needed=found.approvals_needed,
        role=found.approver_role,
        approvals=found.approvals,
        why_not=found.why_not if is_waiting and is_allowed and not found.may_approve else "",
        document=getattr(found, "document", None) or {},
        hash=getattr(found, "document_hash", "") or "",
    )
