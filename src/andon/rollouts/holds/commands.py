"""What people ask of holds: hold a place, release it, see what is held."""

from collections.abc import Sequence

from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName, UnitName
from andon.rollouts.desk import Desk
from andon.rollouts.holds.model import Hold
from andon.rollouts.holds.store import not_held


class HoldCommands(Desk):
    """Hold and release."""

    async def hold(self, unit: UnitName, environment: EnvironmentName, actor: str, reason: str) -> Hold:
        """Keep automation away from a unit in an environment until a person releases it.

        Raises:
            InvalidInput: no reason was given.
        """
        _needs_reason(reason, "holding")
        made = Hold(unit, environment, actor, reason, self._clock.now())
        await self._store.hold.make(made)
        return made

    async def release_hold(
        self, unit: UnitName, environment: EnvironmentName, actor: str, reason: str
    ) -> Hold:
        """Let automation go on there; gives the hold that is over.

        Raises:
            InvalidInput: no reason was given. NotFound: nothing is held there.
            Conflict: it was held once more in between.
        """
        _needs_reason(reason, "releasing")
        held = await self._store.hold.find(unit, environment)
        if held is None:
            raise not_held(unit, environment)
        await self._store.hold.release(held, (actor, reason), self._clock.now())
        return held

    async def holds(self) -> Sequence[Hold]:
        """The holds in force, by environment and unit."""
        return await self._store.hold.list()


def _needs_reason(reason: str, what: str) -> None:
    if not reason.strip():
        raise InvalidInput("no-reason", f"{what} needs a reason", hint="--reason TEXT")
