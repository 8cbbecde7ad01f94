"""Moves releases into the next environment, where its signed policy says that Andon does that by itself.

It deploys as a person would, by the same command: gates, cord, holds, bounds and the one rollout per place
hold for it, too. It remembers nothing: what is to do is worked out anew at each tick.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from andon.access.policies.model import Policy
from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Conflict
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.rollouts.advance import rules
from andon.rollouts.holds.model import Hold
from andon.rollouts.holds.rules import ANDON
from andon.rollouts.model import Cord, Rollout
from andon.rollouts.stables.store import Stable
from andon.units.desired import Desired

_log = logging.get(__name__)
_MOST_TRIED = 1000


class Demands(Protocol):
    """What environments demand (`access/policies/commands.py`)."""

    async def environments(self) -> Sequence[str]:
        """Names of the environments that have a policy of their own."""
        ...

    async def get(self, environment: str) -> Policy:
        """The policy in force; raises Untrusted, Damaged."""
        ...


class Holds(Protocol):
    """The holds in force (`holds/store.py`)."""

    async def find(self, unit: UnitName, environment: EnvironmentName) -> Hold | None: ...


class Known(Protocol):
    """What is read of rollouts (`rollouts/store.py`)."""

    @property
    def hold(self) -> Holds: ...
    async def list(
        self, unit: UnitName | None = None, environment: EnvironmentName | None = None, limit: int = 50
    ) -> Sequence[Rollout]: ...
    async def stables(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Stable]: ...
    async def find_active(self, unit: UnitName, environment: EnvironmentName) -> Rollout | None: ...
    async def cords(self) -> Sequence[Cord]: ...


class Deploys(Protocol):
    """The command (`rollouts/commands.py`)."""

    async def deploy(
        self, unit: UnitName, environment: EnvironmentName, version: Version, *, actor: str, reason: str
    ) -> Rollout: ...


class AdvanceController:
    """One tick looks at every unit of every environment that moves by itself."""

    def __init__(
        self,
        demands: Demands,
        known: Known,
        commands: Deploys,
        running: Callable[[], Awaitable[Sequence[Desired]]],
        clock: Clock,
    ) -> None:
        self._demands = demands
        self._known = known
        self._commands = commands
        self._running = running
        self._clock = clock

    async def tick(self) -> None:
        """Begin what may begin. One environment or unit that cannot be looked at does not stop the others."""
        for name in await self._demands.environments():
            try:
                policy = await self._demands.get(name)
            except AndonError as error:
                _log.warning("environment does not advance", environment=name, code=error.code)
                continue
            if policy.bounds.is_auto and not await self._is_corded(name):
                await self._environment(policy)

    async def _environment(self, policy: Policy) -> None:
        source = policy.bounds.promotes_from
        for each in await self._running():
            if each.environment != source:
                continue
            try:
                await self._unit(each.unit, policy)
            except Conflict as error:
                _log.info("unit does not advance", unit=each.unit, code=error.code, reason=error.message)
            except AndonError as error:
                _log.warning("unit does not advance", unit=each.unit, code=error.code, reason=error.message)

    async def _unit(self, unit: UnitName, policy: Policy) -> None:
        here = EnvironmentName(policy.environment)
        is_taken = await self._known.find_active(unit, here) is not None
        if is_taken or await self._known.hold.find(unit, here) is not None:
            return
        tried = {each.candidate for each in await self._known.list(unit, here, _MOST_TRIED)}
        tried |= {each.version for each in await self._known.stables(unit, here)}
        history = await self._known.stables(unit, EnvironmentName(policy.bounds.promotes_from))
        found = rules.newest(policy.bounds, history, tried, self._clock.now())
        if found is None:
            return
        reason = f"{found} finished in {policy.bounds.promotes_from}, and the policy lets it come by itself"
        await self._commands.deploy(unit, here, found, actor=ANDON, reason=reason)
        _log.info("unit advances", unit=unit, environment=here, version=found)

    async def _is_corded(self, environment: str) -> bool:
        return any(each.environment in {None, environment} for each in await self._known.cords())
