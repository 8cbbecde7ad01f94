"""A person signs a whole set, once, instead of each of its members."""

from collections.abc import Collection, Sequence

from andon.access.signatures.model import Document, Signature, Standing
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Damaged, Forbidden, NotFound, Untrusted
from andon.kernel.ids import EnvironmentName
from andon.rollouts import gates, refusals
from andon.rollouts.authority import Authority
from andon.rollouts.gates import Answered
from andon.rollouts.sets import signing
from andon.rollouts.sets.answers import SetAnswers
from andon.rollouts.sets.model import SetRollout
from andon.rollouts.sets.signing import Together, Whole
from andon.rollouts.sets.store import SetStore

_TRIES = 5
Made = Sequence[tuple[Signature, Standing]]


class SetApproving:
    """Shows what a yes to a set binds, and stores it. Its no is that at any member's own gate."""

    def __init__(self, sets: SetStore, answers: SetAnswers, authority: Authority, clock: Clock) -> None:
        self._sets = sets
        self._answers = answers
        self._authority = authority
        self._clock = clock

    async def look(self, name: str, environment: EnvironmentName) -> Together:
        """The newest rollout of a set there, with all that people have signed of it; raises NotFound."""
        return await self._look((await self._sets.newest(name, environment)).id)

    async def document(self, name: str, environment: EnvironmentName) -> Document:
        """What `approve` wants signed.

        Raises:
            NotFound: it was never deployed there. Conflict: nobody can sign all of it, and why.
        """
        return _signable(await self.look(name, environment))

    async def check_role(
        self, name: str, environment: EnvironmentName, login: str, roles: Collection[str]
    ) -> None:
        """See before the signing that this person's yes would count; raises NotFound, Forbidden."""
        self._check_role((await self.look(name, environment)).whole, login, roles)

    async def approve(
        self, name: str, environment: EnvironmentName, signature: Signature, roles: Collection[str]
    ) -> SetRollout:
        """A person's signed yes to all members. The right to approve them all is the caller's to check.

        roles: those that the signer holds there for every unit, one of them the gate's.

        Raises:
            NotFound: it was never deployed there. Untrusted: the signature is forged. Conflict: nobody can
                sign all of it, this person has, or a member changed since the signing. Forbidden: the signer
                does not hold the role, or the last yes for a member must come from somebody uninvolved.
        """
        found = await self._sets.newest(name, environment)
        for _ in range(_TRIES):
            loaded = await self._sets.load(found.id)
            self._check(await self._look(found.id), signature, roles)
            try:
                await self._sets.approve(loaded, signature, self._clock.now())
            except Conflict as error:
                if error.code != "set-moved":
                    raise
                continue
            return loaded.set_
        raise Conflict("set-moved", f"set {name} keeps changing", hint="try again")

    def _check(self, found: Together, signature: Signature, roles: Collection[str]) -> None:
        wanted = _signable(found)
        self._check_role(found.whole, signature.signer, roles)
        self._authority.check(signature, wanted)
        why = found.why_not(signature.signer_id, signature.signer, roles)
        if not why:
            return
        if why == found.too_involved(signature.signer_id, signature.signer):
            raise Forbidden("separation-of-duty", why, hint="ask somebody who had no part in it")
        raise Conflict("already-answered", why, hint="andon sets list")

    @staticmethod
    def _check_role(whole: Whole, login: str, roles: Collection[str]) -> None:
        gate = whole.gate
        if gate is not None and (why := gates.lacks_role(gate, login, roles)):
            raise Forbidden("not-this-role", why, hint=f"ask somebody with the role {gate.approver_role}")

    async def _look(self, own: str) -> Together:
        whole = await self._answers.whole(own)
        signatures = await self._answers.made(whole)
        members = [await self._member(whole, index, signatures) for index in range(len(whole.set_.parts))]
        problem = signing.unsignable(whole) or self._late(whole)
        if problem:
            return Together(whole, members, signatures, None, problem)
        try:
            return Together(whole, members, signatures, await self._answers.document(whole))
        except (NotFound, Untrusted, Damaged) as error:
            return Together(whole, members, signatures, None, f"a release does not verify: {error.message}")

    def _late(self, whole: Whole) -> str:
        """Why the member that waits now cannot be answered any more: it ends, and with it the set."""
        now = self._clock.now()
        for each in whole.rollouts:
            if each is not None and not signing.is_behind(each) and (why := refusals.no_answer(each, now)):
                return f"{each.unit} cannot be answered: {why}"
        return ""

    async def _member(self, whole: Whole, index: int, made: Made) -> Answered | None:
        """The gate of a member with its answers; before it begins, those of the whole set, `made`."""
        rollout, gate = whole.rollouts[index], whole.gate
        if gate is None or signing.is_behind(rollout):
            return None
        if rollout is not None:
            return await self._authority.approvals.look(rollout)
        set_, part = whole.set_, whole.set_.parts[index]
        involved = await self._authority.approvals.involved(
            (part.unit, part.version), set_.actor, set_.proposer_id
        )
        return Answered(gate, True, gates.counted(made, involved), tuple(made), involved)


def _signable(found: Together) -> Document:
    if found.document is None:
        raise Conflict("set-not-signable", f"nobody can sign the set as a whole: {found.problem}")
    return found.document
