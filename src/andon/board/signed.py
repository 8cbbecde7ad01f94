"""Signatures as pages show them: who, in what meaning, why, when, and what they are worth today."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from andon.access.signatures.model import Action, Signature, Standing
from andon.api.callers import Caller
from andon.api.gather import Gather
from andon.api.model import RolloutView
from andon.kernel.errors import NotFound

_MOST = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """One signature."""

    id: str
    action: str
    subject: str
    signer: str
    display_name: str
    meaning: str
    reason: str
    at: datetime
    document_hash: str
    document: Mapping[str, Any]
    method: str
    standing: str

    @property
    def is_yes(self) -> bool:
        """Whether it is an approval at a gate."""
        return self.action == Action.APPROVE


def shown(signature: Signature, standing: Standing) -> Shown:
    """A signature with its standing; a no at a gate is called a rejection."""
    document = signature.document
    is_no = document.action is Action.APPROVE and document.values.get("answer") == "no"
    return Shown(
        id=signature.id,
        action="reject" if is_no else document.action.value,
        subject=signature.document.subject,
        signer=signature.signer,
        display_name=signature.display_name,
        meaning=signature.meaning.value,
        reason=signature.reason,
        at=signature.at,
        document_hash=signature.document_hash,
        document=signature.document.values,
        method=signature.method,
        standing=standing.value,
    )


async def of_subject(gather: Gather, caller: Caller, subject: str | None) -> Sequence[Shown]:
    """Those that the caller may read, the newest first; of one subject, or of all."""
    return [shown(*each) for each in await gather.signatures(caller, subject, _MOST)]


async def of_gate(gather: Gather, view: RolloutView) -> Sequence[Shown]:
    """The answers at a rollout's gate, which whoever sees the rollout sees with it."""
    answers = {each.id for each in view.gate.approvals} if view.gate else set()
    if not answers:
        return []
    found = await gather.services.signing.list(f"rollout/{view.id}", _MOST)
    own = [shown(*each) for each in found if each[0].id in answers]
    known = {each.id for each in own}
    # What was signed over its whole set is filed under that.
    others = [await gather.services.signing.get(each) for each in sorted(answers - known)]
    return [*own, *(shown(*each) for each in others)]


def named_by(after: Mapping[str, Any], kind: str) -> str:
    """Id of the signature that a record tells of or was made under; empty where there is none."""
    found = after.get("id" if kind == "signature.made" else "signature", "")
    return found if isinstance(found, str) else ""


async def by_id(gather: Gather, caller: Caller, ids: Iterable[str]) -> dict[str, Shown]:
    """Those of `ids` that exist and the caller may read.

    A record may name one that somebody removed, which verifying will say, or one about another place.
    """
    found = {}
    for each in dict.fromkeys(filter(None, ids)):
        try:
            found[each] = shown(*await gather.signature(caller, each))
        except NotFound:
            continue
    return found
