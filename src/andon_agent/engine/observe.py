"""Reads the world for one decision: slots, pointer, processes, jobs, what the application says."""

from collections.abc import Mapping
from pathlib import Path

from andon_agent.engine import starting
from andon_agent.engine.data import Keeper
from andon_agent.engine.jobs import Key
from andon_agent.engine.model import (
    SLOTS,
    Health,
    Job,
    Now,
    Outcome,
    Running,
    Safe,
    Seen,
    State,
    Trial,
    Wanting,
    Work,
)
from andon_agent.engine.parts import Parts
from andon_agent.engine.places import Place
from andon_agent.engine.room import Room
from andon_agent.engine.said import TAIL_BYTES, last_words
from andon_agent.engine.slots import Slots
from andon_agent.hosts.host import mark_of
from andon_agent.launcher import trials
from andon_wire import spans
from andon_wire.application import Application
from andon_wire.errors import WireError
from andon_wire.protocol import Phase

_UNMARKED_S = 10.0
_RESTING = (Phase.IDLE, Phase.FAILED, Phase.HELD)


class Observer:
    """Of one unit."""

    def __init__(self, unit: str, place: Place, slots: Slots, parts: Parts) -> None:
        self._unit, self._place, self._slots, self._parts = unit, place, slots, parts
        self._own_since: float | None = None
        self._starting_since: float | None = None
        self._room = Room(Keeper(self._place.data, self._place.backups, parts.disk))
        self.looked_at: float | None = None  # uptime of the last look for drift

    def observe(self, state: State, wanting: Wanting, now: Now, *, others_busy: bool) -> Seen:
        """What the world looks like at `now`."""
        contract = None if state.active is None else self._slots.contract(state.active.slot)
        is_own = state.is_agent
        running = Running(is_alive=True) if is_own else self._running(state, now)
        jobs = self._jobs(state)
        return Seen(
            pointer=self._slots.pointer(),
            held=self._slots.held(),
            contract=contract,
            standby=None if state.target is None else self._slots.contract(state.target.slot),
            running=running,
            health=self._own_health(state, now) if is_own else self._health(state, contract, running, now),
            said=self._said(state, running),
            safe=self._safe(state, wanting, contract, running),
            jobs=jobs,
            is_window_open=_is_open(wanting, now),
            has_rubbish=bool(self.rubbish(state)),
            short=self._room.short(state, contract, jobs[Job.BACK_UP], now.uptime),
            others_busy=others_busy,
            own_slot=self._parts.own_slot if is_own else None,
            trial=self._trial() if is_own else None,
            is_drift_due=self._is_drift_due(state, now),
        )

    def rubbish(self, state: State) -> list[Path]:
        """What nothing needs: leavings of what was given up or dropped, copies of former switches."""
        if state.phase not in _RESTING or state.target is not None:
            return []
        disk, place = self._parts.disk, self._place
        kept = {each.slot for each in (state.active, state.confirmed, state.former) if each is not None}
        found = [place.slot(each) for each in SLOTS if each not in kept and disk.exists(place.slot(each))]
        if disk.exists(place.incoming):
            found.append(place.incoming)
        copies = disk.names(place.backups)
        aside = [each for each in copies if each.startswith("replaced-")]
        keep = {state.backup, *sorted(aside, key=_start_of)[-1:]}
        return found + [place.backups / each for each in copies if each not in keep]

    def words(self, state: State) -> Mapping[str, str]:
        """What is filled in for the active release."""
        return starting.words_of(state, self._place, self._parts.local.address)

    def key(self, state: State, job: Job) -> Key:
        """Which job it is: one for another version is another."""
        match job:
            case Job.DOWNLOAD | Job.INSTALL:
                target = state.target
                of = "" if target is None else f"{target.version} {target.attempt}"
            case Job.BACK_UP | Job.RESTORE:
                of = str(state.starts)
            case Job.CLEAN | Job.LOOK:
                of = ""
        return Key(self._unit, job, of)

    def _jobs(self, state: State) -> Mapping[Job, Work]:
        return {each: self._parts.jobs.work(self.key(state, each)) for each in Job}

    def _running(self, state: State, now: Now) -> Running:
        host = self._parts.host
        end = ""
        if state.process is not None:
            if host.is_alive(state.process):
                return Running(is_alive=True)
            end = host.end_of(state.process)
        marked = host.marked(self._unit)
        own = mark_of(self._unit, state.starts)
        found = next((process for mark, process in marked if mark == own), None)
        is_found = state.is_launching and state.process is None
        return Running(
            end=end,
            found=found if is_found else None,
            is_starting=is_found and not marked and self._is_being_started(now),
            has_strays=any(mark != own or not is_found for mark, _ in marked),
        )

    def _is_being_started(self, now: Now) -> bool:
        """For a moment a process has no mark yet. What holds the lock for longer than that is another."""
        if not self._parts.host.is_being_started(self._place.run / "lock"):
            self._starting_since = None
            return False
        if self._starting_since is None:
            self._starting_since = now.uptime
        return now.uptime - self._starting_since < _UNMARKED_S

    def _health(self, state: State, contract: Application | None, running: Running, now: Now) -> Health:
        is_asked = state.phase is Phase.WATCHING or state.confirmed is None
        if state.active is None or not running.is_alive or not is_asked:
            self._parts.doctor.forget(self._unit)
            return Health()
        return self._parts.doctor.health(state, contract, self.words(state), now.uptime)

    def _said(self, state: State, running: Running) -> str:
        """The output belongs to the application: what cannot be read of it says nothing."""
        is_asked = state.phase is Phase.WATCHING or (state.process is not None and not running.is_alive)
        if state.active is None or state.is_agent or not is_asked:
            return ""
        disk, output = self._parts.disk, self._place.output
        try:
            with disk.open_read(output) as stream:
                stream.seek(max(0, disk.size(output) - TAIL_BYTES))
                return last_words(stream.read(TAIL_BYTES), mark_of(state.unit, state.starts))
        except OSError:
            return ""

    def _own_health(self, state: State, now: Now) -> Health:
        problem = self._parts.own_health.problem() if state.phase is Phase.SWITCHING else ""
        if problem is not None:
            self._own_since = None
            return Health(None, problem)
        if self._own_since is None:
            self._own_since = now.uptime
        return Health(now.uptime - self._own_since)

    def _safe(self, state: State, wanting: Wanting, contract: Application | None, running: Running) -> Safe:
        is_asked = state.phase is Phase.READY or (wanting is not None and wanting.version is None)
        if state.active is None or not running.is_alive or not is_asked or state.is_agent:
            return Safe(is_safe=False)
        return self._parts.doctor.safe(state, contract, self.words(state))

    def _trial(self) -> Trial | None:
        found = trials.read(self._parts.disk, self._place.trial)
        if found is None:
            return None
        return Trial(found.slot, Outcome.FAILED if found.outcome else Outcome.OPEN, found.outcome)

    def _is_drift_due(self, state: State, now: Now) -> bool:
        rules = self._parts.rules
        if self.looked_at is None:
            self.looked_at = now.uptime - rules.drift_s + rules.first_drift_s
        return state.phase in _RESTING and now.uptime - self.looked_at >= rules.drift_s


def _is_open(wanting: Wanting, now: Now) -> bool:
    if wanting is None:
        return False
    try:
        return spans.is_open(wanting.windows, now.at)
    except WireError:
        return False


def _start_of(name: str) -> int:
    """The number at the end of a copy's name: of the start of the unit that it was made before."""
    last = name.rpartition("-")[2]
    return int(last) if last.isdigit() else 0
