"""Policies: look at them, and change them with a signature. A row that no signature bears out is not obeyed.

What is not here: asking for the signature (`access/signatures/commands.py`), and obeying (`rollouts/`).
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from andon.access.model import PRODUCTION, Permission, Role
from andon.access.policies import rules
from andon.access.policies.calendar import Calendar
from andon.access.policies.model import Bounds, Policy, default
from andon.access.policies.store import PolicyStore, StoredPolicy, moved, values
from andon.access.signatures.model import Action, Document, Signature, Standing
from andon.access.signatures.seal import Sealer
from andon.access.signatures.store import SignatureStore
from andon.kernel import ids, logging
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Damaged, InvalidInput, NotFound, Untrusted

_log = logging.get(__name__)
_REMEMBERED = timedelta(seconds=2)
Roles = Callable[[], Awaitable[Mapping[str, Role]]]


class Policies:
    """The policies in force. roles: all roles by name (`People.roles`)."""

    def __init__(
        self, store: PolicyStore, signatures: SignatureStore, sealer: Sealer, roles: Roles, clock: Clock
    ) -> None:
        self._store = store
        self._signatures = signatures
        self._sealer = sealer
        self._roles = roles
        self._clock = clock
        self._production: tuple[datetime, frozenset[str]] | None = None

    async def get(self, environment: str) -> Policy:
        """The policy in force; the built-in one where nobody made another.

        Raises:
            Untrusted: its row was made or changed by other hands. Damaged: it cannot be read.
        """
        stored = await self._store.find(environment)
        return default(environment) if stored is None else await self._trusted(stored, environment)

    async def list(self, environments: Sequence[str] = ()) -> Sequence[Policy]:
        """The policies of production, of all environments with one of their own, and of `environments`.

        Raises like `get`.
        """
        names = {PRODUCTION, *environments, *await self._store.environments()}
        return [await self.get(each) for each in sorted(names)]

    async def environments(self) -> Sequence[str]:
        """Names of the environments that have a policy of their own."""
        return await self._store.environments()

    async def history(self, environment: str) -> Sequence[StoredPolicy]:
        """The signed versions, newest first; none of the built-in one."""
        return await self._store.history(environment)

    async def production(self) -> frozenset[str]:
        """Names of the environments that are production; remembered for 2 seconds.

        One whose policy cannot be trusted counts as production: what is broken opens nothing.
        """
        now = self._clock.now()
        if self._production is None or now - self._production[0] >= _REMEMBERED:
            self._production = (now, await self._find_production())
        return self._production[1]

    async def draft(  # noqa: PLR0913  named ones are the policy's own words
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
        """The next version of a policy, to be signed; nothing is written. bounds: None leaves them.

        keeps_calendar: the present calendar stays, whatever `calendar` is.

        Raises:
            InvalidInput: it may not say that. Damaged: the present one cannot be read.
        """
        ids.name(environment, what="environment")
        before = await self._newest(environment)
        drafted = Policy(
            environment=environment,
            version=before.version + 1,
            is_production=is_production,
            approvals=approvals,
            approver_role=approver_role,
            signed=frozenset(signed),
            calendar=before.calendar if keeps_calendar else calendar,
            bounds=before.bounds if bounds is None else bounds,
        )
        await self._check(drafted)
        return drafted

    def document(self, policy: Policy) -> Document:
        """What is signed: the whole policy, with the version that it will have."""
        return document(policy)

    async def put(self, policy: Policy, signature: Signature) -> Policy:
        """Make a drafted policy the one in force.

        Raises:
            InvalidInput: it may not say that. Untrusted: the signature is forged.
            Conflict: the signature is over something else, or somebody changed the policy in between.
        """
        ids.name(policy.environment, what="environment")
        await self._check(policy)
        match self._sealer.standing(signature, document(policy)):
            case Standing.FORGED:
                raise Untrusted("signature-forged", f"signature {signature.id} does not verify")
            case Standing.UNSIGNED:
                raise Conflict(
                    "signature-stale", "the signature is over another text of the policy", hint="sign again"
                )
            case Standing.VALID:
                pass
        before = await self._newest(policy.environment)
        if policy.version != before.version + 1:
            raise moved(policy.environment)
        await self._store.put(before, policy, signature, self._clock.now())
        self._production = None
        _log.info("policy changed", environment=policy.environment, version=policy.version)
        return policy

    async def _newest(self, environment: str) -> Policy:
        """Also one that is not obeyed: a signed change is what mends it."""
        stored = await self._store.find(environment)
        return default(environment) if stored is None else stored.policy

    async def _check(self, policy: Policy) -> None:
        roles = await self._roles()
        approving = {name for name, role in roles.items() if Permission.APPROVE in role.permissions}
        wrong, fix = rules.problem(policy, approving)
        if wrong:
            raise InvalidInput("bad-policy", f"the policy of {policy.environment}: {wrong}", hint=fix)
        if policy.bounds.promotes_from:
            ids.name(policy.bounds.promotes_from, what="environment")
            await self._check_circle(policy)

    async def _check_circle(self, policy: Policy) -> None:
        sources = {}
        for name in await self._store.environments():
            if (stored := await self._store.find(name)) is not None:
                sources[name] = stored.policy.bounds.promotes_from
        if circle := rules.circle(policy, sources):
            raise InvalidInput(
                "bad-policy", f"the policy of {policy.environment}: it would promote in a circle, {circle}"
            )

    async def _trusted(self, stored: StoredPolicy, environment: str) -> Policy:
        policy = stored.policy
        try:
            signature = await self._signatures.get(stored.signature)
        except NotFound as error:
            raise _untrusted(environment, "its signature is gone") from error
        if policy.environment != environment:
            raise _untrusted(environment, f"it is the one of {policy.environment}")
        standing = self._sealer.standing(signature, document(policy))
        if standing is not Standing.VALID:
            raise _untrusted(environment, f"its signature is {standing}")
        return policy

    async def _find_production(self) -> frozenset[str]:
        found = {PRODUCTION}
        for name in await self._store.environments():
            try:
                is_production = (await self.get(name)).is_production
            except (Damaged, Untrusted) as error:
                _log.error("policy not obeyed", environment=name, code=error.code, reason=error.message)
                is_production = True
            if is_production:
                found.add(name)
        return frozenset(found)


def document(policy: Policy) -> Document:
    """What the signature of a policy binds."""
    return Document(Action.EDIT_POLICY, f"policy/{policy.environment}", values(policy))


def _untrusted(environment: str, why: str) -> Untrusted:
    return Untrusted(
        "policy-untrusted",
        f"the policy of {environment} is not obeyed: {why}",
        hint="andon audit verify; docs/design/signatures.md",
    )
