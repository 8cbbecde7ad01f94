"""Signatures as pages show them: who, in what meaning, why, when, and what they are worth today."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from andon.access.signatures.model import Action, Signature, Standing
from andon.api.services import Services
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


async def of_subject(services: Services, subject: str | None, limit: int = _MOST) -> Sequence[Shown]:
    """The newest first; of one subject, or of all."""
    return [shown(*each) for each in await services.signing.list(subject, limit)]


def named_by(after: Mapping[str, Any], kind: str) -> str:
    """Id of the signature that a record tells of or was made under; empty where there is none."""
    found = after.get("id" if kind == "signature.made" else "signature", "")
    return found if isinstance(found, str) else ""


async def by_id(services: Services, ids: Iterable[str]) -> dict[str, Shown]:
    """Those of `ids` that exist: a record may name one that somebody removed, which verifying will say."""
    found = {}
    for each in dict.fromkeys(filter(None, ids)):
        try:
            found[each] = shown(*await services.signing.get(each))
        except NotFound:
            continue
    return found
