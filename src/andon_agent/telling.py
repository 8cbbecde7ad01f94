"""How this station is: reported each 30 s, at once when something happened, and all of it after a cut.

What the control plane never takes (it says that the report cannot be read) must not hold up the rest: the
batch is made smaller until one event is found to be the cause, and that one is set aside, once a report
without it was taken.
"""

import logging
import random
import secrets
from collections.abc import Callable, Mapping

from andon_agent.asking import Asking, Tools
from andon_agent.buffer import Batch
from andon_agent.client import Busy
from andon_agent.pace import Backoff, jittered
from andon_wire.errors import Malformed, WireError
from andon_wire.protocol import MOST_EVENTS, Machine, Report, Reported, StationEvent, UnitState

_log = logging.getLogger(__name__)
_NOT_YET_S = 0.5


class Telling:
    """Reports, one turn after another. states: of the units, as they were seen last; None: not yet."""

    def __init__(
        self,
        tools: Tools,
        asking: Asking,
        states: Callable[[], Mapping[str, UnitState] | None],
        chance: random.Random,
        *,
        ask_now: Callable[[], None],
    ) -> None:
        self._tools, self._asking, self._states = tools, asking, states
        self._chance, self._ask_now = chance, ask_now
        self._backoff = Backoff(chance)
        self._boot = secrets.token_hex(8)
        self._told_machine: Machine | None = None
        self._most = MOST_EVENTS
        self._suspect: StationEvent | None = None  # next an empty report shows whether it is to blame
        self._why = ""
        self.machine: Machine | None = None

    async def turn(self) -> float:
        """Report once; gives the seconds until the next time."""
        states = self._states()
        if states is None:
            return _NOT_YET_S
        batch = self._batch()
        report, machine = self._report(batch, states), self.machine
        try:
            answer = await self._tools.client.report(self._tools.who, report)
        except Malformed as error:
            return self._unreadable(batch, error)
        except WireError as error:
            _log.debug("no report was taken: %s", error.message)
            return self._backoff.failed(error.retry_after_s if isinstance(error, Busy) else 0.0)
        self._taken(batch, answer, machine)
        waiting, samples = self._tools.buffer.waiting
        if (batch.events and waiting) or (batch.samples and samples):
            return jittered(0.2, 1.0, self._chance)
        return jittered(self._asking.pace.report_s, self._asking.pace.jitter, self._chance)

    def _batch(self) -> Batch:
        batch = self._tools.buffer.take()
        if self._suspect is not None:
            return Batch([], [])
        if self._most == MOST_EVENTS:
            return batch
        return Batch(batch.events[: self._most], [])

    def _report(self, batch: Batch, states: Mapping[str, UnitState]) -> Report:
        is_new = self.machine != self._told_machine
        return Report(
            at=self._tools.watch.now().at,
            boot=self._boot,
            revision=self._asking.revision,
            machine=self.machine if is_new else None,
            units=dict(states),
            events=batch.events,
            samples=batch.samples,
            checkpoint=self._tools.witness.newest,
        )

    def _taken(self, batch: Batch, answer: Reported, machine: Machine | None) -> None:
        self._backoff.again()
        if self._suspect is not None:
            self._tools.buffer.set_aside(self._suspect, self._why)
            self._suspect = None
        self._most = min(MOST_EVENTS, self._most * 2)
        self._told_machine = machine
        self._tools.buffer.forget(batch, answer.seq)
        if answer.revision != self._asking.revision:
            self._ask_now()

    def _unreadable(self, batch: Batch, error: Malformed) -> float:
        _log.warning("a report with %d events was refused: %s", len(batch.events), error.message)
        if self._suspect is not None or not (batch.events or batch.samples):
            self._suspect = None  # not even an empty one is taken: no event is to blame
            return self._backoff.failed()
        if len(batch.events) == 1 and self._most == 1:
            self._suspect, self._why = batch.events[0], f"{error.code}: {error.message}"
        self._most = max(1, min(self._most, len(batch.events)) // 2)
        return jittered(0.2, 1.0, self._chance)
