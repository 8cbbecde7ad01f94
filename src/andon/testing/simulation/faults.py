"""The points at which a control plane can be struck, and who strikes: a crash, a database, a rival, people.

`Shaky` stands between controller and store and names the points; a `Fault` decides what happens at one.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from andon.kernel.errors import Conflict, Unavailable
from andon.kernel.ids import EnvironmentName, RolloutId
from andon.rollouts.actions import Decision
from andon.rollouts.keeping import Walked
from andon.rollouts.looks.store import Change
from andon.rollouts.rows.store import Loaded

# What happens at a point, by its name; it may raise.
Fault = Callable[[str], Awaitable[None]]


class Crash(Exception):
    """The control plane died here."""


async def no_fault(_where: str) -> None:
    """Nothing happens."""


@dataclass(frozen=True, slots=True)
class Shaky:
    """A store whose user may die, be refused or be overtaken just before and after each write.

    wrote: is told of every change that was written.
    """

    store: Walked
    fault: Fault
    wrote: Callable[[Change], None]

    async def active(self, environment: EnvironmentName | None = None) -> Sequence[RolloutId]:
        """As the store has them."""
        return await self.store.active(environment)

    async def load(self, rollout: RolloutId) -> Loaded:
        """As the store has it."""
        return await self.store.load(rollout)

    async def save(self, change: Change, decision: Decision) -> None:
        """Save, perhaps not coming back."""
        await self.fault("before save")
        await self.store.save(change, decision)
        self.wrote(change)
        await self.fault("after save")

    async def save_look(self, change: Change) -> None:
        """Save a look, perhaps not coming back."""
        await self.fault("before look")
        await self.store.save_look(change)
        self.wrote(change)
        await self.fault("after look")

    async def quarantine(self, rollout: RolloutId, reason: str, at: datetime) -> None:
        """As the store does."""
        await self.store.quarantine(rollout, reason, at)


class AtPoint:
    """The process dies once, at the `number`-th point of a write; 0: never, it only counts."""

    def __init__(self, number: int = 0) -> None:
        self._number = number
        self.seen = 0

    async def __call__(self, where: str) -> None:
        """Die when it is this point's turn."""
        self.seen += 1
        if self.seen == self._number:
            raise Crash(where)


class Sometimes:
    """Strikes with `chance` at each point, at most `most` times, in one of the ways that a database has.

    The process dies; before a write somebody else was faster, or the database does not answer; after it the
    write was made, and the database says that it was not. Or something of `between` happens, and it goes on.
    """

    def __init__(
        self,
        seed: int,
        chance: float,
        between: Sequence[Callable[[], Awaitable[None]]] = (),
        most: int = 20,
        *,
        can_break: bool = True,
    ) -> None:
        self._dice = random.Random(seed)  # noqa: S311  a simulation, not a secret
        self._chance = chance
        self._between = between
        self._left = most
        self._can_break = can_break
        self._is_busy = False

    async def __call__(self, where: str) -> None:
        """Perhaps strike at this point."""
        if self._is_busy or not self._left or self._dice.random() >= self._chance:
            return
        self._left -= 1
        if self._between and (not self._can_break or self._dice.random() < 0.5):
            self._is_busy = True  # what happens in between is not struck itself
            try:
                await self._dice.choice(self._between)()
            finally:
                self._is_busy = False
            return
        kind = self._dice.random()
        if kind < 0.4:
            raise Crash(where)
        if kind < 0.7 and where.startswith("before"):
            raise Conflict("rollout-moved", "somebody else was faster")
        raise Unavailable("database-unavailable", "the database did not answer")
