"""Keeps up with the agent in a thread of its own, and tells the screen what changed."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from andon_station.updates.agent import Agent, AgentSilent
from andon_station.updates.present import SILENT, Shown, shown


@dataclass(frozen=True, slots=True)
class Told:
    """What the screen is told: how it looks, and whether the agent asks it to end."""

    shown: Shown
    is_ending: bool = False


class Talk:
    """Asks once a second, and at once when something is to be said.

    tell: called in this thread with each change; it must hand over to the screen's thread.
    """

    def __init__(self, agent: Agent, tell: Callable[[Told], None], *, every: float = 1.0) -> None:
        self._agent = agent
        self._tell = tell
        self._every = every
        self._wake = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._is_healthy = False
        self._safe = (False, "the operator has not agreed yet")
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)

    def begin(self) -> None:
        """Start to talk."""
        self._thread.start()

    def healthy(self) -> None:
        """This version works; said until the agent has heard it."""
        with self._lock:
            self._is_healthy = True
        self._wake.set()

    def agree(self, *, is_safe: bool, why: str) -> None:
        """Whether it may be ended now; said until the agent has heard it."""
        with self._lock:
            self._safe = (is_safe, why)
        self._wake.set()

    def end(self) -> None:
        """Stop talking; comes back when the thread is gone."""
        self._over.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        heard_healthy, heard_safe, last = False, None, None
        while not self._over.is_set():
            with self._lock:
                is_healthy, safe = self._is_healthy, self._safe
            try:
                if is_healthy and not heard_healthy:
                    self._agent.healthy()
                    heard_healthy = True
                if safe != heard_safe:
                    self._agent.safe(is_safe=safe[0], why=safe[1])
                    heard_safe = safe
                state = self._agent.state()
                now = Told(shown(state), bool(state.get("is_ending")))
            except AgentSilent:
                now = Told(SILENT)
                heard_healthy, heard_safe = False, None  # another agent may answer next, which heard nothing
            if now != last:
                self._tell(now)
                last = now
            self._wake.wait(self._every)
            self._wake.clear()
