"""Sets of a `FakePlant`: they are kept, and nothing moves them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from andon.access.signatures.model import Document, Signature
from andon.kernel.errors import NotFound
from andon.kernel.ids import EnvironmentName, Version, new_id
from andon.rollouts.sets.commands import document
from andon.rollouts.sets.model import Member, Part, SetPhase, SetRelease, SetRollout
from andon.testing.shelves import Part as PlantPart


@dataclass(frozen=True, slots=True)
class FakeStoredSet:
    """A published set."""

    release: SetRelease
    at: datetime
    actor: str


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
        parts = tuple(Part(each.unit, each.version) for each in release.members)
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
        found = self._newest(name, environment)
        after = replace(found, phase=SetPhase.RETURNING, reason=reason, returned_by=actor)
        self._plant.set_rollouts[self._plant.set_rollouts.index(found)] = after
        return after

    async def document_of_rollback(self, name: str, environment: EnvironmentName) -> Document:
        """What is signed."""
        return document(self._newest(name, environment))

    def _newest(self, name: str, environment: EnvironmentName) -> SetRollout:
        for each in self._plant.set_rollouts:
            if (each.name, each.environment) == (name, environment):
                return each
        raise NotFound("no-such-set", f"set {name} was never deployed to {environment}")
