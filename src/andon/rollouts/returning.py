"""Going back: end what is under way, or begin a rollout to a release that finished there before."""

import contextlib
from dataclasses import dataclass

from andon.access.signatures.model import Action, Document, Signature
from andon.kernel.errors import Conflict, Damaged, Unavailable, Untrusted
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.rollouts import documents
from andon.rollouts.desk import Asked, Desk
from andon.rollouts.history import is_back
from andon.rollouts.model import Request, RequestKind, Rollout
from andon.rollouts.plan import Current, plan_rollback
from andon.rollouts.rows.store import Loaded
from andon.rollouts.steps import Plan


@dataclass(frozen=True, slots=True)
class _Return:
    """What a return would do: end the rollout under way, or begin one to `to`."""

    current: Current
    to: Version
    aborts: Rollout | None
    was_stable: bool  # whether `to` finished there before the present one, and nobody went back from it


class Returning(Desk):
    """Roll back."""

    async def rollback(  # noqa: PLR0913  as above
        self,
        unit: UnitName,
        environment: EnvironmentName,
        *,
        to: Version | None = None,
        actor: str,
        reason: str,
        proposer_id: str = "",
        needs_approval: bool = False,
        signature: Signature | None = None,
    ) -> Rollout:
        """Go back: abort the rollout that is under way, else begin one to a former release.

        to: that release instead of the newest that finished there before the present one. One that did not
        finish there before the present one did, or that somebody went back from, waits at a gate as a
        deployment does (needs_approval as there).

        Raises:
            Conflict: there is nothing to go back to, it is recalled there, the cord is pulled, or something
                else was signed.
            NotFound: the release to go back to was revoked.
            Forbidden: the policy wants a signature. Untrusted: it is forged.
        """
        way = await self._way_back(unit, environment, to)
        await self._authority.demand(
            Action.ROLLBACK, environment, signature, _rollback_document(unit, environment, way)
        )
        asked = Asked(actor, reason, proposer_id, signature)
        if way.aborts is not None:
            return await self._abort_for(way.aborts, asked)
        await self.check_recalled(unit, environment, way.to)
        # A registry that is away keeps nobody from going back: what ran there may be installed still.
        with contextlib.suppress(Unavailable, Untrusted, Damaged):
            await self._catalog.installable(unit, way.to)
        manifest = await self._catalog.manifest(unit, way.to)
        gate = None
        if not way.was_stable:
            await self.check_source((unit, environment, way.to))
            gate = await self._authority.gate(environment, needs_approval=needs_approval)
        what = (unit, environment, way.to)
        current = await self._counted(way.current, what, manifest)
        made = plan_rollback(manifest, environment, current, gate)
        return await self._begin(what, current, made, asked)

    async def planned_back(
        self, unit: UnitName, environment: EnvironmentName, to: Version
    ) -> tuple[Current, Plan]:
        """What runs now, and what going back to `to` will do; to a release that was stable there before."""
        manifest = await self._catalog.manifest(unit, to)
        current = await self._current(unit, environment)
        current = await self._counted(current, (unit, environment, to), manifest)
        return current, plan_rollback(manifest, environment, current)

    async def document_of_rollback(
        self, unit: UnitName, environment: EnvironmentName, to: Version | None = None
    ) -> Document:
        """What `rollback` wants signed. Raises like it."""
        return _rollback_document(unit, environment, await self._way_back(unit, environment, to))

    async def _abort_for(self, active: Rollout, asked: Asked) -> Rollout:
        """A return that ends a rollout; its own signature stands for the abort's."""

        async def ask(loaded: Loaded) -> Rollout:
            await self._check(loaded.rollout, RequestKind.ABORT)
            request = Request(RequestKind.ABORT, asked.actor, asked.reason)
            return await self._store.ask(loaded, request, self._clock.now(), asked.signature)

        return await self._retried(active.id, ask)

    async def _way_back(self, unit: UnitName, environment: EnvironmentName, to: Version | None) -> _Return:
        active = await self._store.find_active(unit, environment)
        current = await self._current(unit, environment)
        if active is None:
            target = to or await self._former(unit, environment)
            history = await self._store.stables(unit, environment)
            return _Return(current, target, None, is_back(target, history))
        if to is not None and to != active.stable:
            raise Conflict(
                "rollout-active",
                f"a rollout of {unit} in {environment} is under way; it returns to {active.stable}",
                hint=f"andon abort {active.id}, then andon rollback --to {to}",
            )
        return _Return(current, active.stable or active.candidate, active, was_stable=True)

    async def _former(self, unit: UnitName, environment: EnvironmentName) -> Version:
        """The newest release that finished there before the present one, and was not gone back from."""
        history = await self._store.stables(unit, environment)
        former = [
            each for each in history[1:] if not each.is_withdrawn and each.version != history[0].version
        ]
        if not former:
            raise Conflict(
                "no-former-release",
                f"no former release of {unit} finished its rollout in {environment}",
                hint="andon releases; andon rollback --to VERSION",
            )
        return former[0].version


def _rollback_document(unit: UnitName, environment: EnvironmentName, way: _Return) -> Document:
    aborts = way.aborts
    leaving = way.current.stable if aborts is None else aborts.candidate
    to = way.to if aborts is None else aborts.stable
    return documents.rollback(unit, environment, leaving, to, "" if aborts is None else aborts.id)
