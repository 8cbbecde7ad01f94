"""The loopback interface between the agent and what runs on its station: what is shown, what was said.

    GET  /v1/unit?after=<n>&wait=<s>       how the unit stands; waits until its number is not n any more
    GET  /v1/unit/events                   the same as server-sent events
    POST /v1/unit/health                   {"is_healthy": true, "problem": ""}
    POST /v1/unit/safe-point               {"is_safe": true, "why": ""}     may it be ended now?
    POST /v1/unit/restart                  the operator agrees: now
    POST /v1/unit/pause, resume, cancel    of the download
    GET  /v1/units                         all of them; with the agent's own token

A unit's token speaks for that unit alone, the agent's own (local.json, 0600) for all: `?unit=<name>`. HTTP
is in local_http.py; here is what is remembered. docs/design/agent-local.md has examples.
"""

import hmac
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from andon_agent.engine.ports import Heard
from andon_agent.flow import Flow
from andon_agent.words import sentence
from andon_wire.errors import Missing, Untrusted
from andon_wire.protocol import UnitState

LONGEST_WAIT_S = 60.0
MOST_WAITING = 32


@dataclass(frozen=True, slots=True)
class Shown:
    """What a unit may show. number: rises with each change."""

    state: UnitState = field(default_factory=UnitState)
    is_ending: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True)
class _Unit:
    token: str = ""
    heard: Heard = field(default_factory=Heard)
    shown: Shown = field(default_factory=Shown)


class Desk:
    """Implements `engine.ports.Local`. Safe for threads.

    own_token: of the agent itself. wake: called when an application said something that may let the engine
    go on.
    """

    def __init__(self, station: str, own_token: str, flow: Flow, wake: Callable[[], None]) -> None:
        self._station, self._own_token, self._flow, self._wake = station, own_token, flow, wake
        self._changed = threading.Condition()
        self._units: dict[str, _Unit] = {}
        self._waiting = 0
        self._is_online, self._problem = False, ""
        self.address = ""  # of the server, once there is one
        self._is_closed = False

    def admit(self, unit: str, token: str) -> None:
        """See `Local`."""
        with self._changed:
            known = self._units.get(unit, _Unit())
            if known.token != token:
                self._units[unit] = replace(known, token=token, heard=Heard())

    def heard(self, unit: str, token: str) -> Heard:
        """See `Local`."""
        with self._changed:
            known = self._units.get(unit, _Unit())
            return known.heard if token and known.token == token else Heard()

    def show(self, unit: str, state: UnitState, *, is_ending: bool) -> None:
        """See `Local`."""
        with self._changed:
            known = self._units.get(unit, _Unit())
            if (known.shown.state, known.shown.is_ending) != (state, is_ending) or not known.shown.number:
                self._show(unit, replace(known.shown, state=state, is_ending=is_ending))

    def set_online(self, *, is_online: bool, problem: str) -> None:
        """Whether the control plane answers; problem: why not."""
        with self._changed:
            if (is_online, problem) != (self._is_online, self._problem):
                self._is_online, self._problem = is_online, problem
                self._all_changed()

    def close(self) -> None:
        """Let everybody who waits go."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def unit_of(self, token: str, asked: str) -> str:
        """The unit that a token may speak for. asked: which, where it is the agent's own; may be empty.

        Raises:
            Untrusted: it is nobody's. Missing: there is no such unit.
        """
        with self._changed:
            if hmac.compare_digest(token.encode(), self._own_token.encode()):
                names = sorted(self._units)
                if asked in names or (not asked and len(names) == 1):
                    return asked or names[0]
                raise Missing("no-such-unit", f"say which unit: {', '.join(names) or 'there is none yet'}")
            for name, each in self._units.items():
                if each.token and hmac.compare_digest(token.encode(), each.token.encode()):
                    return name
        raise Untrusted("bad-token", "this token speaks for no unit that runs here now")

    def is_own(self, token: str) -> bool:
        """Whether it is the agent's own."""
        return hmac.compare_digest(token.encode(), self._own_token.encode())

    def view(self, unit: str) -> dict[str, Any]:
        """How a unit stands, as it is sent."""
        with self._changed:
            return self._view(unit)

    def views(self) -> dict[str, Any]:
        """All of them."""
        with self._changed:
            return {
                "station": self._station,
                "is_online": self._is_online,
                "problem": self._problem,
                "units": {name: self._view(name) for name in self._units},
            }

    def wait(self, unit: str, after: int, seconds: float) -> dict[str, Any]:
        """How it stands once its number is another than `after`, or that time is over."""
        with self._changed:
            if self._waiting >= MOST_WAITING:
                return self._view(unit)
            self._waiting += 1
            try:
                self._changed.wait_for(
                    lambda: self._is_closed or self._units[unit].shown.number != after,
                    min(seconds, LONGEST_WAIT_S),
                )
            finally:
                self._waiting -= 1
            return self._view(unit)

    @property
    def is_closed(self) -> bool:
        """Whether the agent ends."""
        return self._is_closed

    def say_health(self, unit: str, *, is_healthy: bool, problem: str) -> None:
        """An application says how it is."""
        self._hear(unit, lambda heard: replace(heard, is_healthy=is_healthy, problem=problem))

    def say_safe(self, unit: str, *, is_safe: bool, why: str) -> None:
        """An application says whether it may be ended."""
        self._hear(unit, lambda heard: replace(heard, is_safe=is_safe, why=why))

    def steer(self, verb: str) -> None:
        """pause, resume or cancel the download."""
        steps: Mapping[str, Callable[[], None]] = {
            "pause": self._flow.pause,
            "resume": self._flow.resume,
            "cancel": self._flow.cancel,
        }
        steps[verb]()
        with self._changed:
            self._all_changed()

    def _hear(self, unit: str, change: Callable[[Heard], Heard]) -> None:
        with self._changed:
            known = self._units[unit]
            self._units[unit] = replace(known, heard=change(known.heard))
        self._wake()

    def _show(self, unit: str, shown: Shown) -> None:
        known = self._units.get(unit, _Unit())
        self._units[unit] = replace(known, shown=replace(shown, number=known.shown.number + 1))
        self._changed.notify_all()

    def _all_changed(self) -> None:
        for name, each in list(self._units.items()):
            self._show(name, each.shown)

    def _view(self, unit: str) -> dict[str, Any]:
        shown = self._units[unit].shown
        state, rests = shown.state, self._flow.rests()
        return {
            "number": shown.number,
            "station": self._station,
            "unit": unit,
            "phase": state.phase.value,
            "running": state.running,
            "wanted": state.wanted,
            "progress": state.progress,
            "reason": state.reason,
            "has_process": state.pid is not None,
            "is_drifted": state.is_drifted,
            "is_ending": shown.is_ending,
            "is_paused": self._flow.is_paused,
            "is_online": self._is_online,
            "problem": self._problem,
            "sentence": sentence(state, is_ending=shown.is_ending, rests=rests),
        }
