"""Signatures and policies of a `FakePlant`, with nobody to check seals or what a policy may say."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from andon.access.model import PRODUCTION, Principal
from andon.access.policies.calendar import Calendar
from andon.access.policies.model import Bounds, Policy, default
from andon.access.signatures.commands import Given
from andon.access.signatures.model import Action, Document, Signature, Standing
from andon.kernel.errors import Forbidden, NotFound
from andon.kernel.ids import new_id
from andon.testing.access import FakeAccess, FakeLogin, Part


class FakeSigning(Part):
    """Signs with everybody's password; the seal is a word."""

    async def required(self, action: Action, environment: str | None) -> bool:
        """After the policy of the environment; everywhere is as production."""
        return action in self._plant.policy(environment or PRODUCTION).signed

    def needs_login(self, principal: Principal) -> bool:
        """The first signing of a session."""
        mine = [each for each in self._access.signatures if each.signer_id == principal.user_id]
        return not mine

    async def sign(self, principal: Principal, document: Document, given: Given, *, source: str) -> Signature:
        """A signature."""
        if not principal.may_sign:
            raise Forbidden("token-cannot-sign", "only a person signs, never a token", hint="andon login")
        user, method = await FakeLogin(self._plant).check(
            given.login or principal.name, given.password, source=source
        )
        if user.id != principal.user_id:
            raise Forbidden("not-the-signer", "one signs as oneself only", hint="use your own login")
        now = self._access.clock.now()
        made = Signature(
            id=new_id("sg", now),
            document=document,
            document_hash=document.hash,
            signer_id=user.id,
            signer=user.login,
            display_name=user.display_name,
            meaning=given.meaning,
            reason=given.reason,
            at=now,
            method=method,
            seal="sealed",
        )
        self._access.signatures.append(made)
        return made

    async def standing(self, signature: Signature, present: Document | None = None) -> Standing:
        """Valid, while what was signed is what is there."""
        is_same = present is None or present.hash == signature.document_hash
        return Standing.VALID if is_same else Standing.UNSIGNED

    async def get(self, signature: str) -> tuple[Signature, Standing]:
        """One of them."""
        for each in self._access.signatures:
            if each.id == signature:
                return each, Standing.VALID
        raise NotFound("no-such-signature", f"there is no signature {signature}")

    async def list(
        self, subject: str | None = None, limit: int = 100
    ) -> Sequence[tuple[Signature, Standing]]:
        """The newest first."""
        found = [s for s in reversed(self._access.signatures) if subject in {None, s.document.subject}]
        return [(each, Standing.VALID) for each in found[:limit]]


@dataclass(frozen=True, slots=True)
class FakeStoredPolicy:
    """A version of a policy."""

    policy: Policy
    signature: str
    at: datetime
    actor: str


class FakePolicies(Part):
    """Policies, with nobody to check what they may say."""

    async def get(self, environment: str) -> Policy:
        """The one in force."""
        return self._plant.policy(environment)

    async def list(self, environments: Sequence[str] = ()) -> Sequence[Policy]:
        """Those of production, of environments with one of their own, and of `environments`."""
        names = {PRODUCTION, *self._access.policies, *environments}
        return [self._plant.policy(each) for each in sorted(names)]

    async def history(self, environment: str) -> Sequence[FakeStoredPolicy]:
        """The signed versions."""
        return self._access.policy_history.get(environment, [])

    async def production(self) -> Collection[str]:
        """Which environments are production."""
        return self._plant.production()

    async def draft(  # noqa: PLR0913  as the real one
        self,
        environment: str,
        *,
        is_production: bool,
        approvals: int,
        approver_role: str,
        signed: Collection[Action],
        calendar: Calendar | None = None,
        keeps_calendar: bool = False,
        bounds: Bounds | None = None,
    ) -> Policy:
        """The next version."""
        before = self._plant.policy(environment)
        return Policy(
            environment,
            before.version + 1,
            is_production,
            approvals,
            approver_role,
            frozenset(signed),
            before.calendar if keeps_calendar else calendar,
            before.bounds if bounds is None else bounds,
        )

    def document(self, policy: Policy) -> Document:
        """What is signed."""
        values = {"version": policy.version, "approvals": policy.approvals}
        return Document(Action.EDIT_POLICY, f"policy/{policy.environment}", values)

    async def put(self, policy: Policy, signature: Signature) -> Policy:
        """Make it the one in force."""
        stored = FakeStoredPolicy(policy, signature.id, signature.at, signature.signer)
        self._access.policy_history.setdefault(policy.environment, []).insert(0, stored)
        self._access.policies[policy.environment] = policy
        subject = f"policy/{policy.environment}"
        self._plant.note("policy.changed", subject, signature.signer, signature.reason)
        return policy


def policy_of(access: FakeAccess, environment: str) -> Policy:
    """The policy in force."""
    return access.policies.get(environment) or default(environment)
