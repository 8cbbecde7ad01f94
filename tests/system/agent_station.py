"""A real agent's engine as a process of its own, on a real disk, with a registry that is a folder.

    python -m tests.system.agent_station HOME REGISTRY WANTED [--die-at N]

WANTED is JSON: unit to WantedUnit. It writes how the units stand to HOME/states.json after every tick, and
kills itself with SIGKILL right after the N-th line of a journal became durable.
"""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from andon_agent.engine.controller import Engine
from andon_agent.engine.health import Doctor
from andon_agent.engine.jobs import Threads
from andon_agent.engine.model import Happened, Rules
from andon_agent.engine.parts import Parts
from andon_agent.engine.ports import Heard, Named, Progress
from andon_agent.hosts.linux import Linux
from andon_wire import platforms
from andon_wire.delta.apply import apply
from andon_wire.disk import RealDisk, write_durably
from andon_wire.errors import Missing
from andon_wire.protocol import UnitState, WantedUnit

RULES = Rules(first_backoff_s=0.1, retry_s=0.2, tick_s=0.1)


class DyingDisk(RealDisk):
    """Kills the process after so many lines of journals were made durable."""

    def __init__(self, lines: int | None) -> None:
        self._left = lines

    def sync(self, stream: BinaryIO) -> None:
        """See `Disk`."""
        super().sync(stream)
        if self._left is not None and str(stream.name).endswith("/journal"):
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class FolderArtifacts:
    """`REGISTRY/<unit>/<version>/<name>`, believed as it is: the registry has its own tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self, unit: str, version: str) -> Mapping[str, Named]:
        """See `Artifacts`."""
        folder = self._folder / unit / version
        if not folder.exists():
            raise Missing("no-release", f"there is no {unit}@{version}")
        return {
            each.name: Named(each.name, f"{version}-{each.name}", each.stat().st_size)
            for each in folder.iterdir()
        }

    def read(self, unit: str, version: str, name: str) -> bytes:
        """See `Artifacts`."""
        return (self._folder / unit / version / name).read_bytes()

    def fetch(self, unit: str, version: str, artifact: Named, into: Path, progress: Progress) -> None:
        """See `Artifacts`."""
        content = self.read(unit, version, artifact.name)
        write_durably(RealDisk(), into, content)
        progress(len(content), len(content))


class Ears:
    """Nobody speaks: health is by being alive, and every moment is safe."""

    address = "http://127.0.0.1:9"

    def admit(self, unit: str, token: str) -> None:
        """See `Local`."""

    def heard(self, unit: str, token: str) -> Heard:
        """See `Local`."""
        del unit, token
        return Heard()

    def show(self, unit: str, state: UnitState, *, is_ending: bool) -> None:
        """See `Local`."""


class Diary:
    """What happened, a line each, in the home."""

    def __init__(self, home: Path) -> None:
        self._file = home / "told.jsonl"

    def tell(self, happened: Happened) -> None:
        """See `Reporter`."""
        row = [happened.unit, happened.number, happened.kind.value, happened.version, happened.reason]
        with self._file.open("a") as stream:
            stream.write(json.dumps(row) + "\n")


class Well:
    """See `OwnHealth`."""

    def problem(self) -> str | None:
        """Nothing is wrong."""
        return None


def main() -> int:
    """Tick until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("registry", type=Path)
    parser.add_argument("wanted", type=json.loads)
    parser.add_argument("--die-at", type=int)
    given = parser.parse_args()
    over, wake = threading.Event(), threading.Event()

    def stop(*_: Any) -> None:
        over.set()
        wake.set()

    signal.signal(signal.SIGTERM, stop)
    host, ears = Linux(), Ears()
    engine = Engine(
        Parts(
            home=given.home,
            platform=platforms.own(),
            disk=DyingDisk(given.die_at),
            host=host,
            jobs=Threads(wake.set, lambda: host.now().uptime, RULES),
            artifacts=FolderArtifacts(given.registry),
            apply=apply,
            reporter=Diary(given.home),
            local=ears,
            doctor=Doctor(ears),
            own_health=Well(),
            around=dict(os.environ),
            rules=RULES,
        )
    )
    engine.want({unit: WantedUnit.model_validate(each) for unit, each in given.wanted.items()})
    while not over.is_set():
        wait_s = engine.tick()
        states = {unit: state.model_dump(mode="json") for unit, state in engine.states().items()}
        new = given.home / ".states.new"
        new.write_text(json.dumps(states))
        new.replace(given.home / "states.json")
        wake.wait(wait_s)
        wake.clear()
    engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
