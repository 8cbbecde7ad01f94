"""Sets of a `FakePlant`: they are kept, and nothing moves them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from andon.access.model import PRODUCTION
from andon.access.signatures.model import Document, Signature, Standing
from andon.kernel.errors import Conflict, Forbidden, NotFound
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version, new_id
from andon.rollouts import gates
from andon.rollouts.gates import Answered
from andon.rollouts.sets import signing
from andon.rollouts.sets.commands import document
from andon.rollouts.sets.model import Member, Part, SetPhase, SetRelease, SetRollout
from andon.rollouts.sets.signing import Together, Whole
from andon.rollouts.steps import Gate
from andon.testing.shelves import Part as PlantPart
from andon.testing.shelves import a_plan


@dataclass(frozen=True, slots=True)
class FakeStoredSet:
    """A published set."""

    release: SetRelease
    at: datetime
    actor: str


_PRODUCTION = EnvironmentName(PRODUCTION)


def a_set_under_way(now: datetime, environment: EnvironmentName = _PRODUCTION, **changes: Any) -> SetRollout:
    """mes 1.3.0 and roastery 2.4.1 in one set `line`; neither has begun, and one person has to approve it."""
    plan = replace(a_plan(), gate=Gate(1, "approver"))
    parts = (
        Part(UnitName("mes"), Version("1.3.0"), plan=plan, stable=Version("1.1.0")),
        Part(UnitName("roastery"), Version("2.4.1"), plan=replace(plan, warm=timedelta(seconds=7))),
    )
    going = SetRollout(
        "rs-1", "line", Version("7.0.0"), environment, parts, SetPhase.GOING, "mes begins: it is the first",
        "yuna", now,
    )  # fmt: skip
    return replace(going, **changes)


class FakeSets(PlantPart):
    """Published sets, and those on their way."""

    async def publish(self, name: str, version: Version, members: Sequence[Member], actor: str) -> SetRelease:
        """Keep it."""
        release = SetRelease(name, version, tuple(members))
        self._plant.sets.insert(0, FakeStoredSet(release, self._plant.clock.now(), actor))
        return release

    async def list(self) -> Sequence[FakeStoredSet]:
        """All of them."""
        return list(self._plant.sets)

    async def rollouts(self, limit: int = 50) -> Sequence[SetRollout]:
        """Those on their way."""
        return self._plant.set_rollouts[:limit]

    async def deploy(  # noqa: PLR0913  as the real one
        self,
        name: str,
        environment: EnvironmentName,
        *,
        version: Version | None = None,
        actor: str,
        reason: str,
        proposer_id: str = "",
        needs_approval: bool = False,
    ) -> SetRollout:
        """Begin it."""
        found = [each.release for each in self._plant.sets if each.release.name == name]
        release = next((each for each in found if version in {None, each.version}), None)
        if release is None:
            raise NotFound("no-such-set", f"there is no set {name}", hint="andon sets list")
        now = self._plant.clock.now()
        parts = tuple([await self._part(environment, each, needs_approval) for each in release.members])
        begun = SetRollout(
            new_id("rs", now), name, release.version, environment, parts, SetPhase.GOING, reason, actor, now,
            proposer_id, needs_approval,
        )  # fmt: skip
        self._plant.set_rollouts.insert(0, begun)
        return begun

    async def rollback(
        self,
        name: str,
        environment: EnvironmentName,
        *,
        actor: str,
        reason: str,
        signature: Signature | None = None,  # noqa: ARG002
    ) -> SetRollout:
        """Take it back."""
        found = self.newest(name, environment)
        after = replace(found, phase=SetPhase.RETURNING, reason=reason, returned_by=actor)
        self._plant.set_rollouts[self._plant.set_rollouts.index(found)] = after
        return after

    async def document_of_rollback(self, name: str, environment: EnvironmentName) -> Document:
        """What is signed."""
        return document(self.newest(name, environment))

    async def _part(self, environment: EnvironmentName, member: Member, needs_approval: bool) -> Part:
        made = await self._plant.services().commands.preview(
            member.unit, environment, member.version, needs_approval=needs_approval
        )
        return Part(member.unit, member.version, plan=made)

    def newest(self, name: str, environment: EnvironmentName) -> SetRollout:
        """The newest rollout of it there."""
        for each in self._plant.set_rollouts:
            if (each.name, each.environment) == (name, environment):
                return each
        raise NotFound("no-such-set", f"set {name} was never deployed to {environment}")


class FakeApproving(PlantPart):
    """A yes to a whole set: bound to its plans, and given once by each."""

    async def look(self, name: str, environment: EnvironmentName) -> Together:
        """It, with what was signed."""
        set_ = FakeSets(self._plant).newest(name, environment)
        begun = [self._plant.rollouts.get(RolloutId(each.rollout)) for each in set_.parts]
        whole = Whole(set_, begun)
        services = self._plant.services()
        releases = [await services.releases.get(each.unit, each.version) for each in set_.parts]
        problem = signing.unsignable(whole)
        wanted = signing.document(whole, releases)
        made = [
            (each, Standing.VALID if each.document == wanted else Standing.UNSIGNED)
            for each in self._plant.access.signatures
            if each.document.subject == signing.subject(set_.id)
        ]
        gate, involved = whole.gate, gates.involved(set_.proposer_id, set_.actor)
        waits = Answered(gate or Gate(), True, gates.counted(made, involved), tuple(made), involved)
        members = [waits if gate and not signing.is_behind(each) else None for each in begun]
        return Together(whole, members, made, None if problem else wanted, problem)

    async def document(self, name: str, environment: EnvironmentName) -> Document:
        """What is signed."""
        found = await self.look(name, environment)
        if found.document is None:
            raise Conflict("set-not-signable", f"nobody can sign the set as a whole: {found.problem}")
        return found.document

    async def check_role(
        self, name: str, environment: EnvironmentName, login: str, roles: Collection[str]
    ) -> None:
        """See that the person holds the role of its gate."""
        gate = (await self.look(name, environment)).whole.gate
        if gate is not None and (why := gates.lacks_role(gate, login, roles)):
            raise Forbidden("not-this-role", why, hint="ask somebody who holds it")

    async def approve(
        self, name: str, environment: EnvironmentName, signature: Signature, roles: Collection[str]
    ) -> SetRollout:
        """Its signature is kept where it was made."""
        await self.check_role(name, environment, signature.signer, roles)
        return (await self.look(name, environment)).whole.set_
