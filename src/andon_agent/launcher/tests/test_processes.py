"""The launcher with real agents: small scripts that confirm themselves, stay silent, or die."""

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from andon_agent.engine.model import SLOTS, SlotName
from andon_agent.engine.places import Place, place_of
from andon_agent.engine.slots import Slots
from andon_agent.launcher import trials
from andon_agent.launcher.decide import MOST_DEATHS
from andon_agent.launcher.main import OWN_UNIT, Ended, Launcher, Processes
from andon_agent.launcher.model import RESTART, SLOT, Trial
from andon_wire.application import Application
from andon_wire.disk import RealDisk
from andon_wire.tree import EMPTY

pytestmark = pytest.mark.component
PATIENCE_S = 120.0
_HEAD = f"""\
import os, sys
home, slot = os.environ["ANDON_AGENT_HOME"], os.environ["{SLOT}"]
unit = home + "/units/{OWN_UNIT}"
print(slot, file=open(home + "/lives", "a"), flush=True)
"""
_POINT = 'os.symlink(slot, unit + "/new"); os.replace(unit + "/new", unit + "/active")\n'
_FOREVER = "sys.stdin.buffer.read()\n"  # until its launcher ends


@dataclass
class Station:
    """A home with agents in its slots, and a launcher that runs in a thread."""

    home: Path
    disk: RealDisk = field(default_factory=RealDisk)

    def __post_init__(self) -> None:
        self.place: Place = place_of(self.home, OWN_UNIT)
        self.place.folder.mkdir(parents=True)
        self.slots = Slots(self.place, self.disk)
        self.processes = Processes(self.home, self.disk, os.environ)
        self.launcher = Launcher(self.place, self.disk, self.processes.run, lambda _: None)
        self.thread = threading.Thread(target=self._run)

    def put(self, slot: SlotName, code: str) -> None:
        """An agent that does this."""
        self.place.files(slot).mkdir(parents=True)
        (self.place.files(slot) / "agent.py").write_text(_HEAD + code)
        contract = Application(
            unit=OWN_UNIT,
            version=f"1.{slot}",
            platform="linux-x86_64",
            command=[sys.executable, "{slot}/agent.py"],
            is_agent=True,
        )
        self.slots.unseal(slot)
        self.slots.seal(slot, contract.version, EMPTY, contract)

    def lives(self) -> list[str]:
        """The slots whose agents were started, in order."""
        file = self.home / "lives"
        return file.read_text().split() if file.exists() else []

    def until(self, claim: Callable[[], bool]) -> None:
        """Wait for it."""
        tick = threading.Event()
        for _ in range(int(PATIENCE_S / 0.05)):
            if claim():
                return
            tick.wait(0.05)
        pytest.fail(f"it did not come: {self.lives()}")

    def end(self) -> None:
        """As the system ends the service."""
        self.processes.stop()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()

    def _run(self) -> None:
        while self.launcher.step():
            pass


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def test_a_new_agent_that_confirms_itself_stays(station: Station) -> None:
    station.put("a", f"sys.exit({RESTART})")
    station.put("b", _POINT + _FOREVER)
    station.slots.point("a")
    trials.write(station.disk, station.place.trial, Trial("b", deadline_s=60))
    station.thread.start()
    station.until(lambda: station.slots.pointer() == "b")
    assert station.lives() == ["b"]
    station.end()
    assert station.lives() == ["b"]


def test_a_new_agent_that_stays_silent_is_ended_and_the_former_one_comes_back(station: Station) -> None:
    station.put("a", _FOREVER)
    station.put("b", _FOREVER)
    station.slots.point("a")
    trials.write(station.disk, station.place.trial, Trial("b", most_tries=2, deadline_s=1))
    station.thread.start()
    station.until(lambda: station.lives() == ["b", "b", "a"])
    station.end()
    noted = trials.read(station.disk, station.place.trial)
    assert noted is not None
    assert noted.outcome == "it did not confirm itself in 2 tries"
    assert station.slots.pointer() == "a"


def test_a_new_agent_that_dies_is_tried_again_and_given_up(station: Station) -> None:
    station.put("a", _FOREVER)
    station.put("b", "sys.exit(1)")
    station.slots.point("a")
    trials.write(station.disk, station.place.trial, Trial("b", deadline_s=60))
    station.thread.start()
    station.until(lambda: station.lives() == ["b", "b", "b", "a"])
    station.end()


def test_the_deaths_of_a_new_agent_are_not_those_of_the_one_that_comes_back(station: Station) -> None:
    for slot in SLOTS:
        station.put(slot, "")
    station.slots.point("a")
    trials.write(station.disk, station.place.trial, Trial("b", most_tries=MOST_DEATHS))
    started: list[SlotName] = []

    def run(slot: SlotName, deadline_s: float | None) -> Ended:
        started.append(slot)
        return Ended(1, 0.1, is_asked=deadline_s is None)

    launcher = Launcher(station.place, station.disk, run, lambda _: None)
    while launcher.step():
        pass
    assert started == ["b"] * MOST_DEATHS + ["a"]


def test_a_confirmed_agent_that_dies_again_and_again_gives_way_to_the_other(station: Station) -> None:
    station.put("a", "sys.exit(1)")
    station.put("b", _FOREVER)
    station.slots.point("a")
    station.thread.start()
    station.until(lambda: station.lives() == ["a"] * 5 + ["b"])
    station.end()
