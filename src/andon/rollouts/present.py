"""What was signed about a rollout, as it is today: so that a signature whose object changed is told apart."""

from typing import Protocol

from andon.access.signatures.model import Action, Document, Signature
from andon.kernel.errors import Damaged, NotFound, Untrusted
from andon.kernel.ids import RolloutId
from andon.rollouts import documents
from andon.rollouts.approvals import Approvals
from andon.rollouts.model import Rollout
from andon.rollouts.sets.signing import set_of

_KINDS = {action: kind for kind, action in documents.SIGNED.items()}


class Rollouts(Protocol):
    """The rollouts (`store.py`)."""

    async def get(self, rollout: RolloutId) -> Rollout: ...


async def present(signature: Signature, rollouts: Rollouts, approvals: Approvals) -> Document | None:
    """The document of `signature` as it would be today; None where that is past, and cannot change any more.

    An approval is for a plan and bytes, an abort or a promotion for a rollout, a return for the one it ended.
    Where that is gone or cannot be read, the document is another one: it bears no signature out.

    Raises:
        Unavailable: the registry or the database does not answer.
    """
    document = signature.document
    if set_of(document):
        return await _of_set(document, approvals)
    own = _rollout_of(document)
    if own is None or document.values.get("is_damaged"):
        return None
    try:
        rollout = await rollouts.get(own)
        return await _today(document, rollout, approvals)
    except (NotFound, Untrusted, Damaged):
        return Document(document.action, document.subject, {"rollout": own, "is_damaged": True})


async def _today(document: Document, rollout: Rollout, approvals: Approvals) -> Document:
    if document.action is Action.APPROVE:
        return await approvals.present(rollout, document)
    if document.action is Action.ROLLBACK:
        return documents.rollback(
            rollout.unit, rollout.environment, rollout.candidate, rollout.stable, rollout.id
        )
    return documents.as_signed(document, documents.request(rollout, _KINDS[document.action]))


async def _of_set(document: Document, approvals: Approvals) -> Document:
    try:
        return await approvals.present_of_set(document)
    except (NotFound, Untrusted, Damaged):
        return Document(document.action, document.subject, {"is_damaged": True})


def _rollout_of(document: Document) -> RolloutId | None:
    """The rollout that a document is about; a cord and a return to a former release are about none."""
    if document.action is Action.ROLLBACK:
        aborted = document.values.get("aborts")
        return RolloutId(aborted) if isinstance(aborted, str) and aborted else None
    kind, _, name = document.subject.partition("/")
    is_known = document.action is Action.APPROVE or document.action in _KINDS
    return RolloutId(name) if is_known and kind == "rollout" else None
