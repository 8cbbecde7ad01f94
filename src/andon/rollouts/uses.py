"""Which releases rollouts need: what is desired, under way, or could be returned to."""

from collections.abc import Sequence
from itertools import islice

from andon.releases.garbage.model import Use
from andon.rollouts.sets.store import SetStore
from andon.rollouts.store import RolloutStore
from andon.units.store import DesiredStore

_RETURNS = 3  # the stable release, and where two returns in a row would lead
_SETS = 3  # of each name: the newest that were signed


class RolloutUses:
    """Asks the stores anew each time. It is one `andon.releases.garbage.model.InUse`."""

    def __init__(self, rollouts: RolloutStore, sets: SetStore, desired: DesiredStore) -> None:
        self._rollouts = rollouts
        self._sets = sets
        self._desired = desired

    async def in_use(self) -> Sequence[Use]:
        """All of it.

        Raises:
            Damaged: a rollout under way cannot be read, so nobody knows what it needs.
        """
        found = await self._wanted()
        found += await self._under_way()
        found += await self._stables()
        return found + await self._of_sets()

    async def _wanted(self) -> list[Use]:
        found = []
        for each in await self._desired.list():
            if each.stable is not None:
                found.append(Use(each.unit, each.stable, f"is stable in {each.environment}"))
            why = f"should run in {each.environment}"
            found += [Use(each.unit, one.version, why) for one in each.releases]
        return found

    async def _under_way(self) -> list[Use]:
        found = []
        for rollout in await self._rollouts.active():
            each = await self._rollouts.get(rollout)
            why = f"is part of rollout {each.id} to {each.environment}"
            found.append(Use(each.unit, each.candidate, why))
            if each.stable is not None:
                found.append(Use(each.unit, each.stable, why))
        return found

    async def _stables(self) -> list[Use]:
        found = []
        for each in await self._desired.list():
            history = await self._rollouts.stables(each.unit, each.environment)
            versions = dict.fromkeys(one.version for one in history if not one.is_withdrawn)
            why = f"could be returned to in {each.environment}"
            found += [Use(each.unit, version, why) for version in islice(versions, _RETURNS)]
        return found

    async def _of_sets(self) -> list[Use]:
        found: list[Use] = []
        for moving in await self._sets.list(only_active=True):
            why = f"is part of set {moving.name}@{moving.version} on its way to {moving.environment}"
            found += [Use(each.unit, each.version, why) for each in moving.parts]
        counted: dict[str, int] = {}
        for stored in sorted(await self._sets.releases(), key=lambda each: each.at, reverse=True):
            counted[stored.release.name] = counted.get(stored.release.name, 0) + 1
            if counted[stored.release.name] <= _SETS:
                why = f"belongs to the set {stored.release.id}"
                found += [Use(each.unit, each.version, why) for each in stored.release.members]
        return found
