"""What people ask of sets: publish one, deploy it, take it back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from andon.access.signatures.model import Action, Document, Signature
from andon.kernel import ids
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, InvalidInput, NotFound, Untrusted
from andon.kernel.ids import EnvironmentName, UnitName, Version, new_id
from andon.releases.model import Release
from andon.rollouts import codec
from andon.rollouts.changing import NO_CHANGES
from andon.rollouts.commands import Commands
from andon.rollouts.holds.rules import is_automatic
from andon.rollouts.holds.store import on_hold
from andon.rollouts.sets.barrier import with_barrier
from andon.rollouts.sets.model import Member, Part, SetPhase, SetRelease, SetRollout
from andon.rollouts.sets.store import SetStore, StoredSet

_MOST = 20
PAYLOAD = "application/vnd.andon.set+json"


class Registry(Protocol):
    """What signs sets and knows their members (`releases/store.py`)."""

    async def signed(self, unit: UnitName, version: Version) -> Release: ...
    def sign_envelope(self, payload_type: str, payload: bytes) -> bytes: ...
    def verify_envelope(self, envelope: bytes, payload_type: str) -> bytes: ...


class SetCommands:
    """Publish, deploy, roll back. What moves the members is `controller.py`."""

    def __init__(self, sets: SetStore, commands: Commands, registry: Registry, clock: Clock) -> None:
        self._sets = sets
        self._commands = commands
        self._registry = registry
        self._clock = clock

    async def publish(self, name: str, version: Version, members: Sequence[Member], actor: str) -> SetRelease:
        """Sign a set of releases, in their order, with the bytes that they have now.

        Raises:
            InvalidInput: it is no set. NotFound: a member was never released. Untrusted: one does not verify.
            Conflict: this version exists with other members.
        """
        ids.name(name, what="set")
        if not 1 < len(members) <= _MOST or len({each.unit for each in members}) != len(members):
            raise InvalidInput(
                "bad-set", f"a set has 2 to {_MOST} different units, in the order of their beginning"
            )
        release = SetRelease(name, version, tuple(members), await self._bytes_of(members))
        payload = codec.canonical(release).encode()
        envelope = self._registry.sign_envelope(PAYLOAD, payload).decode()
        await self._sets.publish(release, envelope, actor, self._clock.now())
        return release

    async def verified(self, name: str, version: Version | None = None) -> SetRelease:
        """A published set whose signature holds, and whose members are the bytes that were signed.

        version: None is the newest. Raises NotFound, Untrusted.
        """
        stored = await self._find(name, version)
        release = stored.release
        signed = self._registry.verify_envelope(stored.envelope.encode(), PAYLOAD)
        if signed != codec.canonical(release).encode():
            raise Untrusted("set-forged", f"set {release.id} is not what was signed")
        if await self._bytes_of(release.members) != release.artifacts:
            raise Untrusted("set-changed", f"a member of set {release.id} has other bytes than were signed")
        return release

    async def deploy(  # noqa: PLR0913  named ones are the command's own words
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
        """Begin to move a set into an environment; its members begin one after the other.

        Raises:
            NotFound: no such set. Untrusted: it does not verify. InvalidInput: a member cannot run there.
            Conflict: the cord is pulled, a member's place is taken or held, a member may not come yet from
                the environment before, or all of it is stable there already.
        """
        release = await self.verified(name, version)
        now = self._clock.now()
        own = new_id("rs", now)
        parts = await self._parts(release, environment, own, needs_approval=needs_approval)
        await self._check_holds(parts, environment, actor)
        begun = SetRollout(
            id=own,
            name=release.name,
            version=release.version,
            environment=environment,
            parts=parts,
            phase=SetPhase.GOING,
            reason=reason,
            actor=actor,
            created_at=now,
            proposer_id=proposer_id,
            needs_approval=needs_approval,
        )
        await self._sets.create(begun, now)
        return begun

    async def rollback(
        self,
        name: str,
        environment: EnvironmentName,
        *,
        actor: str,
        reason: str,
        signature: Signature | None = None,
    ) -> SetRollout:
        """Take the newest rollout of a set back, whole, also where it was promoted.

        Raises:
            NotFound: it was never deployed there. Conflict: it is back or comes back already, a later rollout
                moved one of its units, or something else was signed. Forbidden: the policy wants a signature.
        """
        found = await self._sets.newest(name, environment)
        loaded = await self._sets.load(found.id)
        await self._check_back(loaded.set_)
        wanted = document(loaded.set_)
        await self._commands.demand(Action.ROLLBACK, environment, signature, wanted)
        said = f"taken back by {actor}: {reason}"
        after = replace(
            loaded.set_, phase=SetPhase.RETURNING, reason=said, returned_by=actor, finished_at=None
        )
        await self._sets.take_back(loaded, after, self._clock.now(), signature)
        return after

    async def document_of_rollback(self, name: str, environment: EnvironmentName) -> Document:
        """What `rollback` wants signed."""
        return document(await self._sets.newest(name, environment))

    async def list(self) -> Sequence[StoredSet]:
        """All published sets, the newest first."""
        return await self._sets.releases()

    async def rollouts(self, limit: int = 50) -> Sequence[SetRollout]:
        """Sets on their way, and those that were; the newest first."""
        return await self._sets.list(limit=limit)

    async def _check_back(self, set_: SetRollout) -> None:
        if set_.phase in {SetPhase.RETURNING, SetPhase.RETURNED}:
            raise Conflict(
                "not-now", f"set {set_.name} is {set_.phase} already: {set_.reason}", hint="andon sets list"
            )
        if set_.phase is SetPhase.GOING:
            return
        for part in set_.parts:
            stable = await self._commands.stable_in(part.unit, set_.environment)
            if stable != part.version:
                raise Conflict(
                    "set-left",
                    f"{part.unit} in {set_.environment} is {stable} by now, not {part.version} of the set",
                    hint=f"andon rollback {part.unit}, or andon rollback --all",
                )

    async def _parts(
        self, release: SetRelease, environment: EnvironmentName, own: str, *, needs_approval: bool
    ) -> tuple[Part, ...]:
        """The members that have to move; planned now, so that what cannot run there is refused at once.

        own: id of the set's rollout.
        """
        parts = []
        for each in release.members:
            what = (each.unit, environment, each.version)
            await self._commands.check_recalled(*what)
            current, made = await self._commands.planned(
                what, None, NO_CHANGES, needs_approval=needs_approval
            )
            if current.stable == each.version:
                continue
            await self._commands.check_source(what)
            plan = with_barrier(made, own, release.id)
            parts.append(Part(each.unit, each.version, plan=plan, stable=current.stable))
        if not parts:
            raise Conflict("already-stable", f"all of set {release.id} is stable in {environment} already")
        return tuple(parts)

    async def _check_holds(self, parts: Sequence[Part], environment: EnvironmentName, actor: str) -> None:
        if not is_automatic(actor):
            return
        units = {each.unit for each in parts}
        for hold in await self._commands.holds():
            if hold.environment == environment and hold.unit in units:
                raise on_hold(hold)

    async def _find(self, name: str, version: Version | None) -> StoredSet:
        if version is not None:
            return await self._sets.release(name, version)
        for each in await self._sets.releases():
            if each.release.name == name:
                return each
        raise NotFound("no-such-set", f"there is no set {name}", hint="andon sets list")

    async def _bytes_of(self, members: Sequence[Member]) -> Mapping[str, str]:
        found = {}
        for each in members:
            release = await self._registry.signed(each.unit, each.version)
            for artifact in release.artifacts:
                found[f"{each.unit}/{artifact.role.value}/{artifact.name}"] = artifact.sha256
        return found


def document(set_: SetRollout) -> Document:
    """What the return of a set binds."""
    values = {
        "environment": set_.environment,
        "set": set_.name,
        "version": set_.version,
        "id": set_.id,
        "units": {each.unit: each.version for each in set_.parts},
    }
    return Document(Action.ROLLBACK, f"set/{set_.name}", values)
