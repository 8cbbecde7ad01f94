"""Starts the agent, and starts it again; tries a new one and goes back. What the system's service runs.

It is small, is not updated by the agent, and understands only slots, pointer and trial. It holds a pipe to
the agent: an agent whose launcher is gone sees the end of it, and ends itself, so that there is never a
second one. Applications do not notice any of this.
"""

import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import assert_never

from andon_agent.engine.model import SlotName
from andon_agent.engine.places import Place, place_of
from andon_agent.engine.slots import Slots
from andon_agent.engine.starting import command_of, fill
from andon_agent.launcher import trials
from andon_agent.launcher.decide import decide
from andon_agent.launcher.model import RESTART, SLOT, Count, Fail, Nothing, Seen, Start
from andon_wire.application import AGENT_UNIT
from andon_wire.disk import Disk, RealDisk

_log = logging.getLogger(__name__)
_EARLY_S = 60.0  # an agent that ends sooner died early
_STOP_S = 20.0
_PAUSES_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
OWN_UNIT = AGENT_UNIT
HOME = "ANDON_AGENT_HOME"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a start of the agent went. code: of its exit; is_asked: the launcher should end."""

    code: int
    lived_s: float
    is_asked: bool = False


Run = Callable[[SlotName, float | None], Ended]


class Launcher:
    """Of the agent's own unit at `place`."""

    def __init__(self, place: Place, disk: Disk, run: Run, pause: Callable[[float], None]) -> None:
        self._place, self._disk, self._run, self._pause = place, disk, run, pause
        self.slots = Slots(place, disk)
        self._deaths = 0
        self._is_counted = False

    def step(self) -> bool:
        """Do what comes next; False: end.

        Raises:
            OSError: the disk does not do it; called again by whoever starts the launcher again.
        """
        action = decide(self._seen(), is_counted=self._is_counted, deaths=self._deaths)
        match action:
            case Count(trial):
                trials.write(self._disk, self._place.trial, trial)
                self._is_counted = True
            case Fail(trial):
                _log.error("the new agent is given up: %s", trial.outcome)
                trials.write(self._disk, self._place.trial, trial)
                self._deaths = 0  # they were the new one's, and say nothing of the one that comes back
            case Start(slot, deadline_s):
                return self._start(slot, deadline_s)
            case Nothing():
                _log.error("no slot holds an agent: install it anew")
                return False
            case _ as never:
                assert_never(never)
        return True

    def _start(self, slot: SlotName, deadline_s: float | None) -> bool:
        self._is_counted = False
        ended = self._run(slot, deadline_s)
        if ended.is_asked:
            return False
        if ended.code == RESTART or ended.lived_s >= _EARLY_S:
            self._deaths = 0
            return True
        self._deaths += 1
        _log.warning("the agent in slot %s ended with %s after %.1f s", slot, ended.code, ended.lived_s)
        self._pause(_PAUSES_S[min(self._deaths, len(_PAUSES_S) - 1)])
        return True

    def _seen(self) -> Seen:
        trial = trials.read(self._disk, self._place.trial)
        return Seen(self.slots.pointer(), frozenset(self.slots.held()), trial)


class Processes:
    """Runs the agent of a slot as a process. `stop` may be called from a signal."""

    def __init__(self, home: Path, disk: Disk, around: Mapping[str, str]) -> None:
        self._home, self._around = home, around
        self._place = place_of(home, OWN_UNIT)
        self.slots, self._disk = Slots(self._place, disk), disk
        self._is_asked = False
        # One of these may be put to by a signal's handler at any moment; an Event may not.
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """The system ends the service."""
        self._is_asked = True
        self._news.put(None)

    def pause(self, seconds: float) -> None:
        """Wait, unless asked to end."""
        until = time.monotonic() + seconds
        while not self._is_asked and self._sleep(until):
            continue

    def run(self, slot: SlotName, deadline_s: float | None) -> Ended:
        """See `Run`."""
        begun = time.monotonic()
        contract = self.slots.contract(slot)
        if contract is None or self._is_asked:
            return Ended(1, 0.0, self._is_asked)
        slot_files = str(self._place.files(slot))
        words = {"slot": slot_files, "data": str(self._place.data), "version": contract.version}
        command = command_of(contract, words, self._disk)
        around = {name: fill(value, words) for name, value in contract.env.items()}
        environment = {**self._around, **around, SLOT: slot, HOME: str(self._home)}
        try:
            agent = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
        except OSError:
            _log.exception("the agent in slot %s cannot be started", slot)
            return Ended(1, time.monotonic() - begun)
        with agent:
            self._watch(agent, slot, None if deadline_s is None else begun + deadline_s)
        return Ended(agent.returncode, time.monotonic() - begun, self._is_asked)

    def _watch(self, agent: "subprocess.Popen[bytes]", slot: SlotName, until: float | None) -> None:
        """Until it ended, or should: its launcher is ended, or its try is over and it is not confirmed."""
        threading.Thread(target=self._await, args=(agent,), name="agent", daemon=True).start()
        while agent.poll() is None:
            is_over = until is not None and time.monotonic() >= until
            if is_over and self.slots.pointer() == slot:
                until, is_over = None, False
            if self._is_asked or is_over:
                _end(agent)
                return
            self._sleep(until)

    def _await(self, agent: "subprocess.Popen[bytes]") -> None:
        """Sleeps until it ended, where a look now and then would cost more than the agent itself."""
        agent.wait()
        self._news.put(None)

    def _sleep(self, until: float | None) -> bool:
        """Until something happened, or that time; whether there is time left."""
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            return False
        with contextlib.suppress(queue.Empty):
            self._news.get(timeout=left)
        return True


def _end(agent: "subprocess.Popen[bytes]") -> None:
    if agent.stdin is not None:
        agent.stdin.close()  # which asks on every system
    if os.name != "nt":
        agent.terminate()
    try:
        agent.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        agent.kill()
        agent.wait()


def main(arguments: list[str] | None = None) -> int:
    """`andon-agent-launcher <home>`."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1:
        sys.stderr.write("usage: andon-agent-launcher HOME\n")
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s launcher %(levelname)s %(message)s")
    home, disk = Path(given[0]), RealDisk()
    processes = Processes(home, disk, os.environ)  # noqa: TID251  the root of this program
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, processes.stop)
    launcher = Launcher(place_of(home, OWN_UNIT), disk, processes.run, processes.pause)
    while launcher.step():
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
