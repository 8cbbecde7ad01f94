"""Sealing: a loop of every instance, of which one does the work at a time."""

from andon_mes.audit import store
from andon_mes.kernel.clock import Clock
from andon_mes.store.engine import Database


class Sealing:
    """Seals what was committed, within about a second of it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def tick(self) -> None:
        """Seal until nothing is left that is settled."""
        while await self._database.read(store.has_unsealed):
            sealed = await self._database.write(
                lambda connection: store.seal_once(connection, self._clock.now()), alone=False
            )
            if sealed == 0:  # another instance is at it, or a transaction still runs
                return
