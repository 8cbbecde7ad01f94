"""The engine: for every unit, look, decide, do, until nothing can be done at once. Implements `ports.Units`.

A unit whose disk fails is loaded from its journal again; the others go on. Nothing here knows a rule.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from andon_agent.engine.actions import Decision, Try, Wait
from andon_agent.engine.case import Case
from andon_agent.engine.decide import decide
from andon_agent.engine.execute import Executor
from andon_agent.engine.model import Now, Seen, State, Step, Wanting
from andon_agent.engine.observe import Observer
from andon_agent.engine.own import decide_own
from andon_agent.engine.parts import Parts
from andon_agent.engine.places import Place, place_of, units_in
from andon_agent.engine.present import present
from andon_agent.engine.slots import Slots
from andon_wire.protocol import Phase, UnitState, WantedUnit

_log = logging.getLogger(__name__)
_ROUNDS = 50
_SETTLED = (Phase.IDLE, Phase.FAILED, Phase.HELD)


class Unit:
    """One unit of this station, as a driver of its own."""

    def __init__(self, unit: str, parts: Parts) -> None:
        self.unit = unit
        self._parts = parts
        self._place: Place = place_of(parts.home, unit)
        self._slots = Slots(self._place, parts.disk)
        self._observer = Observer(unit, self._place, self._slots, parts)
        self._executor = Executor(unit, self._place, parts, self._slots, self._observer)
        self._loaded: State | None = None
        self.shown = UnitState()
        self.complaint = ""  # what its disk failed of last; said once

    @property
    def state(self) -> State:
        """As the journal has it."""
        if self._loaded is None:
            found = self._executor.journal.load() or State(self.unit)
            self._slots.settle()
            self._loaded = replace(found, unit=self.unit, is_agent=self.unit == self._parts.own_unit)
            self._executor.admit(self._loaded)
        return self._loaded

    @property
    def must_end(self) -> bool:
        """Whether the agent should end, for its launcher to try another one."""
        state = self._loaded
        if state is None or not state.is_agent or state.step is not Step.TRIAL or state.target is None:
            return False
        return state.target.slot != self._parts.own_slot

    def tick(self, wanting: Wanting, *, others_busy: bool) -> float:
        """Do what can be done at once; gives the seconds after which something may be due.

        Raises:
            OSError: the disk does not do it; the journal is read again next time.
        """
        try:
            return self._tick(wanting, others_busy=others_busy)
        except OSError:
            self._loaded = None
            self._executor.journal.close()
            raise

    def close(self) -> None:
        """Let go of the journal."""
        self._executor.journal.close()

    def _tick(self, wanting: Wanting, *, others_busy: bool) -> float:
        for _ in range(_ROUNDS):
            now = self._parts.host.now()
            seen = self._observer.observe(self.state, wanting, now, others_busy=others_busy)
            case = Case(self.state, seen, wanting, now, self._parts.rules)
            decision = decide_own(case) if self.state.is_agent else decide(case)
            before = self.state.phase
            self._loaded = self._executor.do(case, decision)
            self._say(before, decision)
            self._show(seen, wanting, decision, now)
            if isinstance(decision.action, Wait | Try):
                wait_s = decision.action.until_s if isinstance(decision.action, Wait) else None
                return min(self._parts.rules.tick_s, wait_s or self._parts.rules.tick_s)
        return 0.0

    def _say(self, before: Phase, decision: Decision) -> None:
        if self.state.phase is not before:
            _log.info("%s: %s, as %s", self.unit, self.state.phase.value, decision.reason)
        else:
            _log.debug("%s: %s: %s", self.unit, type(decision.action).__name__, decision.reason)

    def _show(self, seen: Seen, wanting: Wanting, decision: Decision, now: Now) -> None:
        del now
        waits_for = decision.reason if isinstance(decision.action, Wait) else ""
        shown = present(self.state, seen, wanting, waits_for)
        is_ending = self.state.ended_at is not None
        if shown != self.shown or is_ending:
            self._parts.local.show(self.unit, shown, is_ending=is_ending)
        self.shown = shown


@dataclass(slots=True)
class Engine:
    """All units of this station. One thread at a time."""

    parts: Parts
    _units: dict[str, Unit] = field(default_factory=dict)
    _wanted: dict[str, WantedUnit] = field(default_factory=dict)

    def want(self, wanted: Mapping[str, WantedUnit]) -> None:
        """See `ports.Units`."""
        self._wanted = dict(wanted)

    def tick(self) -> float:
        """See `ports.Units`."""
        failure: OSError | None = None
        soonest = self.parts.rules.tick_s
        for unit in self._present():
            others = [each for name, each in self._units.items() if name != unit.unit]
            others_busy = any(each.shown.phase not in _SETTLED for each in others)
            try:
                soonest = min(soonest, unit.tick(self._wanted.get(unit.unit), others_busy=others_busy))
            except OSError as error:
                if str(error) != unit.complaint:
                    _log.warning("%s: the disk failed: %s", unit.unit, error)
                unit.complaint = str(error)
                failure = error
            else:
                unit.complaint = ""
        if failure is not None:
            raise failure
        return soonest

    def states(self) -> Mapping[str, UnitState]:
        """See `ports.Units`."""
        return {name: each.shown for name, each in self._units.items()}

    @property
    def must_end(self) -> bool:
        """See `ports.Units`."""
        return any(each.must_end for each in self._units.values())

    def close(self) -> None:
        """See `ports.Units`."""
        self.parts.jobs.close()
        for each in self._units.values():
            each.close()

    def _present(self) -> list[Unit]:
        """Those on the disk and those that are wanted; the agent itself last."""
        named = {*self.parts.disk.names(units_in(self.parts.home)), *self._wanted}
        for name in sorted(named - set(self._units)):
            self._units[name] = Unit(name, self.parts)
        return sorted(self._units.values(), key=lambda each: (each.unit == self.parts.own_unit, each.unit))
