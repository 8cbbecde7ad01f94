"""What people ask of a rollout that is under way: promote, pause, resume, abort, and answers at its gate.

What is asked is stored; the next tick takes it up.
"""

from collections.abc import Collection

from andon.access.signatures.model import Action, Document, Signature
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import RolloutId
from andon.rollouts import documents
from andon.rollouts.desk import Desk
from andon.rollouts.gates import Answered
from andon.rollouts.model import Request, RequestKind, Rollout
from andon.rollouts.present import present
from andon.rollouts.rows.store import Loaded


class Asking(Desk):
    """Ask of a rollout, answer at its gate, close one whose record is damaged."""

    async def approve(self, rollout: RolloutId, signature: Signature, roles: Collection[str]) -> Rollout:
        """A person's signed yes at the gate. The right to approve there is the caller's to check.

        roles: those that the signer holds where the rollout goes (`rights.roles_at`), one of them the gate's.

        Raises:
            NotFound: no such rollout. Untrusted: the signature is forged, or the release does not verify.
            Conflict: it waits for no approval, this person has approved already, the plan or the release
                changed since the signing. Forbidden: the signer does not hold the role, or the last yes
                must come from somebody uninvolved.
        """
        return await self._answer(rollout, signature, roles, is_yes=True)

    async def reject(self, rollout: RolloutId, signature: Signature, roles: Collection[str]) -> Rollout:
        """A person's signed no: it ends the rollout. roles and Raises as `approve`."""
        return await self._answer(rollout, signature, roles, is_yes=False)

    async def document_of_answer(self, rollout: RolloutId, *, is_yes: bool) -> Document:
        """What `approve` (yes) and `reject` (no) want signed. Raises like `approve`."""
        return await self._authority.approvals.document(
            (await self._store.load(rollout)).rollout, is_yes=is_yes
        )

    async def check_role(self, rollout: RolloutId, login: str, roles: Collection[str]) -> None:
        """See before the signing that this person's answer would count; raises NotFound, Forbidden."""
        self._authority.check_role(await self._store.get(rollout), login, roles)

    async def gate(self, rollout: RolloutId) -> Answered | None:
        """The gate with its answers, for people; None where the plan has none."""
        return await self._authority.approvals.look(await self._store.get(rollout))

    async def request(
        self,
        rollout: RolloutId,
        kind: RequestKind,
        actor: str,
        reason: str,
        *,
        signature: Signature | None = None,
    ) -> Rollout:
        """Store what a person asks of a rollout; the next tick takes it up.

        Raises:
            NotFound: no such rollout. Conflict: it is not where this makes sense, or it moved on since the
                promotion was signed. Forbidden: the policy wants a signature. Untrusted: it is forged.
        """

        async def ask(loaded: Loaded) -> Rollout:
            await self._check(loaded.rollout, kind)
            if (action := documents.SIGNED.get(kind)) is not None:
                wanted = documents.request(loaded.rollout, kind)
                await self._authority.demand(action, loaded.rollout.environment, signature, wanted)
            return await self._store.ask(loaded, Request(kind, actor, reason), self._clock.now(), signature)

        return await self._retried(rollout, ask)

    async def document_of_request(self, rollout: RolloutId, kind: RequestKind) -> Document:
        """What `request` wants signed for an abort or a promotion, and `close_damaged` for a damaged one.

        Raises:
            NotFound: no such rollout. InvalidInput: this kind is never signed. Conflict: it makes no sense.
        """
        if kind not in documents.SIGNED:
            raise InvalidInput("not-signed", f"{kind} is never signed", hint="leave the signature out")
        damaged = await self._store.find_damaged(rollout)
        if damaged is not None and kind is RequestKind.ABORT:
            return documents.closing(rollout, *damaged)
        loaded = await self._store.load(rollout)
        await self._check(loaded.rollout, kind)
        return documents.request(loaded.rollout, kind)

    async def close_damaged(
        self, rollout: RolloutId, actor: str, reason: str, *, signature: Signature | None = None
    ) -> bool:
        """What aborting means where the record is damaged: the place is free again, nothing else changes.

        False where there is nothing to close: it is over, unknown, or sound, and so can be asked.

        Raises:
            Forbidden: the policy wants a signature. Untrusted: it is forged. Conflict: it is for another.
        """
        place = await self._store.find_damaged(rollout)
        if place is None:
            return False
        wanted = documents.closing(rollout, *place)
        await self._authority.demand(Action.ABORT, place[1], signature, wanted)
        return await self._store.close_damaged(rollout, (actor, reason), self._clock.now(), signature)

    async def present_document(self, signature: Signature) -> Document | None:
        """What it was made for, as that is today; None where it is past. See `present.py`."""
        return await present(signature, self._store, self._authority.approvals)

    async def _answer(
        self, rollout: RolloutId, signature: Signature, roles: Collection[str], *, is_yes: bool
    ) -> Rollout:
        async def answer(loaded: Loaded) -> Rollout:
            now = self._clock.now()
            await self._authority.check_answer(loaded.rollout, signature, roles, now, is_yes=is_yes)
            return await self._store.answer(loaded, signature, now, is_yes=is_yes)

        return await self._retried(rollout, answer)
