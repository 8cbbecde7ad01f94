"""What the target of a fleet must know of rollouts: which is under way, and whether anybody may begin now.

A cord, a pause and a hold stop whoever has not begun, at once and before any tick. A way back they do not.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from andon.kernel.ids import EnvironmentName, UnitName
from andon.rollouts.model import Cord, Phase, Rollout
from andon.targets.stations import Errand

_MOST = 500


class Rollouts(Protocol):
    """The part of the store that is read (`rollouts/store.py`)."""

    async def find_active(self, unit: UnitName, environment: EnvironmentName) -> Rollout | None: ...
    async def cords(self) -> Sequence[Cord]: ...
    async def list(
        self, unit: UnitName | None = None, environment: EnvironmentName | None = None, limit: int = 50
    ) -> Sequence[Rollout]: ...


class Errands:
    """Reads them."""

    def __init__(self, rollouts: Rollouts) -> None:
        self._rollouts = rollouts

    async def of(self, unit: UnitName, environment: EnvironmentName) -> Errand:
        """Of a unit in an environment; raises Unavailable where our database does not answer."""
        active = await self._rollouts.find_active(unit, environment)
        cords = await self._rollouts.cords()
        here = [each for each in cords if each.environment in {None, environment}]
        return errand(active, here, await self._rollouts.list(unit, environment, _MOST))


def errand(active: Rollout | None, cords: Sequence[Cord], rollouts: Sequence[Rollout]) -> Errand:
    """What follows from the rollout under way, the cords that hold there, and all rollouts there. Pure."""
    times = Counter(each.candidate for each in rollouts)
    return Errand(
        rollout="" if active is None else active.id,
        halted=_halted(active, cords),
        attempts={version: count - 1 for version, count in times.items() if count > 1},
    )


def _halted(active: Rollout | None, cords: Sequence[Cord]) -> str:
    for each in cords:
        return f"the cord is pulled: {each.reason}"
    if active is None or active.working_phase is Phase.RETURNING:
        return ""
    if active.phase is Phase.HELD:
        return "its rollout is held"
    return "its rollout is paused" if active.is_paused else ""
