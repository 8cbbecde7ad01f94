"""What people ask of rollouts. A command checks, writes one transaction, and leaves the rest to the tick.

Deploying is here; asking of what is under way, going back and the cord are in files of their own.
"""

from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.rollouts.asking import Asking
from andon.rollouts.cords.commands import CordCommands
from andon.rollouts.desk import Asked
from andon.rollouts.model import Rollout
from andon.rollouts.plan import plan
from andon.rollouts.returning import Returning
from andon.rollouts.steps import Plan
from andon.units.model import StrategyName


class Commands(Asking, Returning, CordCommands):
    """Deploy, answer at gates, roll back, ask, and the cord.

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
    ) -> Rollout:
        """Begin to move release `version` into `environment`, or to its gate where it needs approvals.

        proposer_id: the user's id of `actor`. needs_approval: who asks may only propose, so that somebody
        must approve also where the policy asks for nothing.

        Raises:
            NotFound: no such release. InvalidInput: its manifest does not name the environment.
            Conflict: it is stable there already, another rollout is under way, or the cord is pulled.
            Untrusted: the environment's policy was changed by other hands.
        """
        manifest = await self._catalog.manifest(unit, version)
        current = await self._current(unit, environment)
        gate = await self._authority.gate(environment, needs_approval=needs_approval)
        made = plan(manifest, environment, current, strategy, gate)
        asked = Asked(actor, reason, proposer_id)
        return await self._begin((unit, environment, version), current, made, asked)

    async def preview(
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version,
        *,
        strategy: StrategyName | None = None,
        needs_approval: bool = False,
    ) -> Plan:
        """The plan that `deploy` would freeze now; nothing is written. Conflicts do not matter here."""
        manifest = await self._catalog.manifest(unit, version)
        gate = await self._authority.gate(environment, needs_approval=needs_approval)
        return plan(manifest, environment, await self._current(unit, environment), strategy, gate)
