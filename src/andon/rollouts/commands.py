"""What people ask of rollouts. A command checks, writes one transaction, and leaves the rest to the tick.

Deploying is here; asking of what is under way, going back and the cord are in files of their own.
"""

from andon.access.policies.model import Bounds
from andon.access.signatures.model import Document, Signature
from andon.kernel.errors import AndonError, Conflict, NotFound
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.rollouts import documents
from andon.rollouts.asking import Asking
from andon.rollouts.bounds import bounded, sealed
from andon.rollouts.changing import NO_CHANGES, Changes, changed, note
from andon.rollouts.cords.commands import CordCommands
from andon.rollouts.desk import Asked
from andon.rollouts.group import GroupCommands
from andon.rollouts.history import taken_back
from andon.rollouts.holds.commands import HoldCommands
from andon.rollouts.holds.rules import stays
from andon.rollouts.model import Rollout
from andon.rollouts.plan import Current, plan
from andon.rollouts.steps import Plan
from andon.units.model import StrategyName

_ENDS = 50  # rollouts there that are looked at for how this release fared


class Commands(Asking, GroupCommands, CordCommands, HoldCommands):
    """Deploy, answer at gates, roll back, ask, the cord, and holds.

    Where a `signature` is taken, the policy may demand it; the method `document_of_...` gives what to sign.
    """

    async def deploy(  # noqa: PLR0913  named ones are the command's own words
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version,
        *,
        strategy: StrategyName | None = None,
        actor: str,
        reason: str,
        proposer_id: str = "",
        needs_approval: bool = False,
        override: Signature | None = None,
        changes: Changes = NO_CHANGES,
        shown: str = "",
    ) -> Rollout:
        """Begin to move release `version` into `environment`, or to its gate where it needs approvals.

        proposer_id: the user's id of `actor`. needs_approval: who asks may only propose, so that somebody
        must approve also where the policy asks for nothing. override: of who lets it come although it did
        not finish in the environment before (`document_of_override`); the right to is the caller's to check.
        changes: of the manifest's plan. shown: hash of the plan that the person saw; where it would be
        another by now, nothing begins.

        Raises:
            NotFound: no such release, or it was revoked.
            InvalidInput: its manifest does not name the environment.
            Conflict: it is recalled or stable there already, another rollout is under way, the cord is
                pulled, it may not come yet from the environment before, nobody sits behind it and the place
                is held, or the plan is not what was shown.
            Untrusted: the environment's policy was changed by other hands, or the release does not verify.
        """
        what = (unit, environment, version)
        await self._catalog.installable(unit, version)
        await self.check_recalled(*what)
        await self.check_source(what, override)
        by = "" if override is None else override.signer
        current, made = await self.planned(what, strategy, changes, needs_approval=needs_approval, by=by)
        if shown and shown != made.hash:
            raise Conflict(
                "plan-moved", "the plan is not the one that was shown any more", hint="look at it again"
            )
        asked = Asked(actor, reason, proposer_id, override)
        return await self._begin(what, current, made, asked)

    async def preview(
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version,
        *,
        strategy: StrategyName | None = None,
        needs_approval: bool = False,
        changes: Changes = NO_CHANGES,
    ) -> Plan:
        """The plan that `deploy` would freeze now; nothing is written. Other conflicts do not matter here.

        Raises: InvalidInput when its judge is unknown or refuses its policy, NotFound when it was revoked,
        Conflict when it is recalled there, as `deploy` would.
        """
        what = (unit, environment, version)
        await self._catalog.installable(unit, version)
        await self.check_recalled(*what)
        made = (await self.planned(what, strategy, changes, needs_approval=needs_approval))[1]
        self._judge.start(made.policy)
        return made

    async def obstacle(self, unit: UnitName, environment: EnvironmentName, version: Version) -> str:
        """Why `deploy` would be refused now, as a sentence; empty where nothing stands in the way."""
        try:
            await self.check_recalled(unit, environment, version)
            await self._check_free(unit, environment)
            await self.check_source((unit, environment, version), None)
            await self._catalog.installable(unit, version)
        except AndonError as error:
            return error.message
        if version == await self._store.stable(unit, environment):
            return f"{version} is the stable release of {unit} in {environment} already"
        return ""

    async def planned(
        self,
        what: tuple[UnitName, EnvironmentName, Version],
        strategy: StrategyName | None,
        changes: Changes,
        *,
        needs_approval: bool,
        by: str = "",
    ) -> tuple[Current, Plan]:
        """What runs now, and what a deployment will do: what the manifest proposes, within the policy.

        Raises as `deploy`, except for what stands in the way now.
        """
        unit, environment, version = what
        manifest = await self._catalog.manifest(unit, version)
        current = await self._counted(await self._before(unit, environment, manifest), what, manifest)
        policy = await self._authority.policies.get(environment)
        wanted = changed(manifest, environment, changes)
        said = bounded(wanted, environment, strategy, policy.bounds)
        gate = await self._authority.gate(environment, needs_approval=needs_approval)
        windows = await self._authority.windows(environment)
        made = plan(said.manifest, environment, current, said.strategy, gate, demands=windows)
        further = [note(changes), *await self._standing(what, policy.bounds, by)]
        return current, sealed(made, said, *filter(None, further))

    async def _standing(
        self, what: tuple[UnitName, EnvironmentName, Version], bounds: Bounds, overridden_by: str
    ) -> list[str]:
        """What is passed by: that this release was taken back there, a hold, the environment before."""
        unit, environment, version = what
        notes = []
        if (bad := taken_back(await self._store.list(unit, environment, _ENDS), version)) is not None:
            notes.append(bad)
        if (held := await self._store.hold.find(unit, environment)) is not None:
            notes.append(stays(held))
        if overridden_by:
            notes.append(f"{overridden_by} lets it come past {bounds.promotes_from}, with a signature.")
        return notes

    async def document_of_override(
        self, unit: UnitName, environment: EnvironmentName, version: Version
    ) -> Document:
        """What `deploy` wants signed where `version` may not come yet."""
        policy = await self._authority.policies.get(environment)
        return documents.override(unit, environment, version, policy.bounds)

    async def stable_in(self, unit: UnitName, environment: EnvironmentName) -> Version:
        """The release that is stable there, to be deployed into another environment; raises NotFound."""
        found = await self._store.stable(unit, environment)
        if found is None:
            raise NotFound(
                "never-finished",
                f"no release of {unit} finished its rollout in {environment}",
                hint="andon status",
            )
        return found
