"""A real agent is killed right after each line of its journal; a real application must not suffer by it.

ANDON_AGENT_KILLS=all kills at every line; else some of them.
"""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from andon.releases.deltas.make import make
from andon_agent.hosts.linux import Linux
from andon_wire import application, platforms, scan, tree
from andon_wire.application import Application, CrashLoop, Data, Health, SafePoint

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
UNIT = "screen"
PATIENCE_S = 300.0
LINES = range(1, 40) if os.environ.get("ANDON_AGENT_KILLS") == "all" else (3, 6, 9, 12)

# It takes a lock, so that a second one beside it is seen, and turns its data into what 1.0 cannot read.
_APP = """\
import fcntl, os, signal, sqlite3, sys, time
data, version, behaviour = os.environ["ANDON_DATA"], os.environ["ANDON_RELEASE"], {behaviour!r}
lock = open(data + "/lock", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    open(data + "/twice", "w").write(version)
    sys.exit(4)
with sqlite3.connect(data + "/db") as db:
    schema = db.execute("PRAGMA user_version").fetchone()[0]
    if schema > int(version[0]):
        sys.exit(5)
    db.execute(f"PRAGMA user_version = {{int(version[0])}}")
db.close()
if behaviour == "crash":
    sys.exit(3)
open(data + "/runs", "a").write(f"{{version}} {{os.getpid()}}\\n")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    time.sleep(60)
"""


@dataclass
class Station:
    """A home, a registry in a folder, and the agents that ran."""

    home: Path
    registry: Path
    agents: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def publish(self, version: str, behaviour: str = "good", base: Path | None = None) -> Path:
        """Make a release; gives the folder of its files."""
        files = self.registry / "sources" / version
        files.mkdir(parents=True)
        (files / "app.py").write_text(_APP.format(behaviour=behaviour))
        (files / "same").write_bytes(b"the same" * 2000)
        (files / f"only-{version}").write_text(version)
        folder = self.registry / UNIT / version
        folder.mkdir(parents=True)
        platform = platforms.own()
        contract = Application(
            unit=UNIT,
            version=version,
            platform=platform,
            command=[sys.executable, "{slot}/app.py"],
            stop_s=5,
            health=Health(kind="alive", deadline_s=30, settle_s=0.5),
            crash_loop=CrashLoop(deaths=2, within_s=60),
            safe_point=SafePoint(kind="always"),
            data={"db": Data(kind="sqlite", path="db")},
        )
        (folder / f"tree-{platform}.json").write_bytes(tree.encode(scan.scan(files)))
        (folder / f"application-{platform}.json").write_bytes(application.encode(contract))
        with (folder / f"bundle-{platform}.andon").open("w+b") as container:
            make(None, files, container)
        if base is not None:
            with (folder / f"delta-{platform}-from-{base.name}.andon").open("w+b") as container:
                make(base, files, container)
        return files

    def agent(self, version: str, die_at: int | None = None) -> subprocess.Popen[bytes]:
        """Start an agent that wants this version."""
        wanted = json.dumps({UNIT: {"version": version}})
        command = [sys.executable, "-m", "tests.system.agent_station", self.home, self.registry, wanted]
        if die_at is not None:
            command += ["--die-at", str(die_at)]
        self.agents.append(subprocess.Popen([str(each) for each in command]))
        return self.agents[-1]

    def state(self) -> dict[str, Any]:
        """How the unit stands, as the last agent said it."""
        with contextlib.suppress(OSError):
            return json.loads((self.home / "states.json").read_text()).get(UNIT, {})  # type: ignore[no-any-return]
        return {}

    def until(self, claim: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for it."""
        end = time.monotonic() + PATIENCE_S
        while not claim(state := self.state()):
            assert time.monotonic() < end, state
            assert self.agents[-1].poll() is None, "the agent ended"
            time.sleep(0.05)  # between looks at a file
        return state

    def live(self, version: str, goal: Callable[[dict[str, Any]], bool], die_at: int) -> None:
        """Let an agent live until it is killed, or is done before it came to that."""
        agent = self.agent(version, die_at)
        end = time.monotonic() + PATIENCE_S
        while agent.poll() is None and not goal(self.state()):
            assert time.monotonic() < end, self.state()
            time.sleep(0.05)  # between looks at a file
        if agent.poll() is None:
            self.end_agent()
        else:
            assert agent.returncode == -signal.SIGKILL

    def applications(self) -> list[int]:
        """Processes of the application."""
        return [process.pid for _, process in Linux().marked(UNIT)]

    def schema(self) -> int:
        """Of the application's data."""
        with contextlib.closing(sqlite3.connect(self.home / f"units/{UNIT}/data/db")) as db:
            return int(db.execute("PRAGMA user_version").fetchone()[0])

    def end_agent(self) -> None:
        """End the last one, as its service would."""
        self.agents[-1].terminate()
        assert self.agents[-1].wait(PATIENCE_S) == 0

    def close(self) -> None:
        """End everything that was started here."""
        for each in self.agents:
            if each.poll() is None:
                each.kill()
            each.wait()
        for pid in self.applications():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    made = Station(tmp_path / "home", tmp_path / "registry")
    made.home.mkdir()
    try:
        yield made
    finally:
        made.close()


def _runs(version: str) -> Callable[[dict[str, Any]], bool]:
    return lambda state: (state.get("confirmed"), state.get("phase")) == (version, "idle")


def _is_back(state: dict[str, Any]) -> bool:
    return (state.get("running"), state.get("phase")) == ("1.0", "failed")


def _begun(station: Station, behaviour: str) -> None:
    first = station.publish("1.0")
    station.publish("2.0", behaviour, base=first)
    station.agent("1.0")
    station.until(_runs("1.0"))
    station.end_agent()
    (station.home / "states.json").unlink()


@pytest.mark.parametrize("line", LINES)
def test_an_update_goes_on_wherever_its_agent_was_killed(station: Station, line: int) -> None:
    _begun(station, "good")
    before = station.applications()
    assert len(before) == 1  # it did not notice that its agent ended
    station.live("2.0", _runs("2.0"), die_at=line)
    assert len(station.applications()) <= 1
    station.agent("2.0")
    station.until(_runs("2.0"))
    assert len(station.applications()) == 1
    assert not (station.home / f"units/{UNIT}/data/twice").exists()
    assert station.schema() == 2


@pytest.mark.parametrize("line", LINES)
def test_a_version_that_dies_is_taken_back_wherever_the_agent_was_killed(station: Station, line: int) -> None:
    _begun(station, "crash")
    station.live("2.0", _is_back, die_at=line)
    station.agent("2.0")
    state = station.until(_is_back)
    assert "died" in state["reason"]
    assert len(station.applications()) == 1
    assert not (station.home / f"units/{UNIT}/data/twice").exists()
    assert station.schema() == 1
