"""Whose word is needed, and whether it was given: policies and signatures as commands ask for them.

What is not here: the rights of the caller (`access/rights.py`, checked at the edge), and storing a signature
(in the transaction of the change that it signs).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from andon.access.policies.model import Policy
from andon.access.signatures.commands import is_required
from andon.access.signatures.model import Action, Document, Meaning, Signature, Standing
from andon.kernel.errors import Conflict, Damaged, Forbidden, Untrusted
from andon.kernel.ids import EnvironmentName
from andon.rollouts import documents, gates, refusals
from andon.rollouts.approvals import Approvals, Seals
from andon.rollouts.model import Rollout
from andon.rollouts.steps import Gate, GateKind

# Longer than a plant stands still at the end of a year.
_LONGEST_CLOSURE = timedelta(days=14)


class Demands(Protocol):
    """What environments demand (`access/policies/commands.py`)."""

    async def get(self, environment: str) -> Policy:
        """The policy in force.

        Raises:
            Untrusted: it was changed by other hands. Damaged: it cannot be read.
        """
        ...

    async def production(self) -> Collection[str]:
        """Names of the environments that are production."""
        ...


@dataclass(frozen=True, slots=True)
class Authority:
    """Policies, what seals are worth, and the answers at gates."""

    policies: Demands
    seals: Seals
    approvals: Approvals

    async def gate(self, environment: EnvironmentName, *, needs_approval: bool) -> Gate | None:
        """The gate of a new rollout there; None where nobody has to approve it.

        needs_approval: who asks may only propose. Raises like `Demands.get`.
        """
        policy = await self.policies.get(environment)
        wanted = max(policy.approvals, 1 if needs_approval else 0)
        return Gate(wanted, policy.approver_role) if wanted else None

    async def windows(self, environment: EnvironmentName) -> tuple[Gate, ...]:
        """The gate of the plant's calendar, where the policy has one. Raises like `Demands.get`."""
        policy = await self.policies.get(environment)
        if policy.calendar is None:
            return ()
        return (Gate(kind=GateKind.WINDOW, name="policy-calendar", expires_after=_LONGEST_CLOSURE),)

    async def demand(
        self,
        action: Action,
        environment: EnvironmentName | None,
        signature: Signature | None,
        present: Document,
    ) -> None:
        """See that a signature is there where the policy wants one, and that it is over `present`.

        Raises:
            Forbidden: there is none. Untrusted: it is forged. Conflict: it is over something else.
        """
        if signature is not None:
            self._check(signature, present)
        elif await self._is_required(action, environment) or (
            # A return that ends a rollout is an abort, too.
            present.values.get("aborts") and await self._is_required(Action.ABORT, environment)
        ):
            where = environment or "every environment"
            raise Forbidden(
                "signature-required",
                f"{action} in {where} has to be signed",
                hint="sign it with your password; a token cannot",
                needs={
                    "action": action.value,
                    "environment": environment,
                    "meanings": [each.value for each in Meaning],
                },
            )

    def check(self, signature: Signature, present: Document) -> None:
        """See that a signature is over `present`; raises Untrusted, Conflict."""
        self._check(signature, present)

    async def check_answer(
        self, rollout: Rollout, signature: Signature, roles: Collection[str], now: datetime, *, is_yes: bool
    ) -> None:
        """See that this signed answer may be given now. roles: those that the signer holds there.

        Raises:
            Conflict: it waits for no answer, or something else was signed. Untrusted: the signature is
            forged, or the release does not verify. Forbidden: the signer does not hold the gate's role, or
            the last yes must be somebody uninvolved's.
        """
        problem = refusals.no_answer(rollout, now)
        found = await self.approvals.look(rollout)
        if problem or found is None:
            why = problem or "its plan has no gate"
            raise Conflict(
                "no-open-gate", f"rollout {rollout.id} cannot be answered: {why}", hint="andon status"
            )
        self.check_role(rollout, signature.signer, roles)
        self._check(signature, await self.approvals.document(rollout, is_yes=is_yes))
        why = found.answers.rejection
        if is_yes:
            why = found.why_not(signature.signer_id, signature.signer, roles)
        if not why:
            return
        if found.is_too_involved(signature.signer_id, signature.signer):
            raise Forbidden("separation-of-duty", why, hint="ask somebody who had no part in it")
        raise Conflict("already-answered", why, hint="andon status")

    def check_role(self, rollout: Rollout, login: str, roles: Collection[str]) -> None:
        """See that this person holds the role that the gate asks for; raises Forbidden."""
        gate = gates.shown(rollout)
        if gate is not None and (why := gates.lacks_role(gate, login, roles)):
            raise Forbidden("not-this-role", why, hint=f"ask somebody with the role {gate.approver_role}")

    def _check(self, signature: Signature, present: Document) -> None:
        if self.seals.standing(signature) is not Standing.VALID:
            raise Untrusted("signature-forged", f"signature {signature.id} does not verify")
        if not documents.means_the_same(signature.document, present):
            raise Conflict(
                "signature-stale",
                "what was signed has changed since, or is something else",
                hint="look at it again, then sign",
            )

    async def _is_required(self, action: Action, environment: EnvironmentName | None) -> bool:
        try:
            return await is_required(self.policies, action, environment)
        except (Damaged, Untrusted):
            # It must not hold up an abort, nor free it of its signature.
            return True
