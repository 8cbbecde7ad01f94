"""Holds in memory, under the rules of `rollouts/holds/store.py`."""

from collections.abc import Sequence
from datetime import datetime

from andon.kernel.ids import EnvironmentName, UnitName
from andon.rollouts.holds.model import Hold
from andon.rollouts.holds.store import held_again, not_held, on_hold, told_made, told_released
from andon.testing.simulation.tables import Memory, Tables, record


class MemoryHolds:
    """Reads and writes holds, as `HoldStore` does."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def list(self) -> Sequence[Hold]:
        """The holds in force, by environment and unit."""
        found = self._memory.tables.holds.values()
        return sorted(found, key=lambda each: (each.environment, each.unit))

    async def find(self, unit: UnitName, environment: EnvironmentName) -> Hold | None:
        """The hold there, if there is one."""
        return self._memory.tables.holds.get((unit, environment))

    async def make(self, hold: Hold) -> None:
        """Hold a place; another hold there is replaced."""
        with self._memory.transaction() as tx:
            make_hold(tx, hold)

    async def release(self, held: Hold, by: tuple[str, str], at: datetime) -> None:
        """Release a hold; raises NotFound, or Conflict where it is another by now."""
        with self._memory.transaction() as tx:
            found = tx.holds.pop((held.unit, held.environment), None)
            if found is None:
                raise not_held(held.unit, held.environment)
            if found != held:
                raise held_again()
            record(tx, told_released(held, *by), at)


def make_hold(tables: Tables, hold: Hold | None) -> None:
    """Make a hold in the transaction of what makes it; None makes none."""
    if hold is None:
        return
    place = (hold.unit, hold.environment)
    record(tables, told_made(hold, tables.holds.get(place)), hold.at)
    tables.holds[place] = hold


def check_free(tables: Tables, unit: UnitName, environment: EnvironmentName) -> None:
    """See that automation may begin something there; raises Conflict."""
    if (hold := tables.holds.get((unit, environment))) is not None:
        raise on_hold(hold)
