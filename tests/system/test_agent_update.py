"""The agent updates itself, last of all; one that cannot start is taken back, and the old one tells of it.

    ANDON_AGENT_FREEZE=1 pytest --timeout 0 tests/system/test_agent_update.py

makes its three versions by the real pipeline (`frozen_agents.py`), and its launcher is the first one's
bundle. Without it the versions are scripts over the sources; launcher, slots, trial, registry and deltas are
the same.
"""

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from andon.kernel import files
from andon.kernel.clock import SystemClock
from andon.releases import keys
from andon.releases.deltas.make import make
from andon.releases.layout import Layout
from andon.releases.model import Artifact, Role
from andon.releases.publish import Publisher
from andon.testing.releases import a_release
from andon_agent import seeding
from andon_agent.tests.servers import serving
from andon_wire import application, platforms, scan, tree
from andon_wire.application import AGENT_UNIT, Application, Health, SafePoint
from andon_wire.delta.apply import apply
from andon_wire.disk import RealDisk
from andon_wire.enrolment import Token
from andon_wire.protocol import EventKind, Phase, UnitState, WantedUnit
from tests.system.frozen_agents import BROKEN, frozen
from tests.system.test_agent import Machine, Plant, Quiet, publish

IS_FROZEN = bool(os.environ.get("ANDON_AGENT_FREEZE"))
pytestmark = [pytest.mark.system, pytest.mark.timeout(0 if IS_FROZEN else 1500)]

ONE, TWO, DEAD = "1.0.0", "1.1.0", "1.2.0"
SCRIPT = "import sys\n\nfrom andon_agent.main import main\n\nsys.exit(main())\n"


@dataclass
class Field:
    """A registry with three agents and an application, and where the first agent's files are."""

    url: str
    root: str
    first: Path


def _contract(version: str) -> Application:
    return Application(
        unit=AGENT_UNIT,
        version=version,
        platform=platforms.own(),
        command=[sys.executable, "{slot}/agent.py", "run"],
        env={"ANDON_AGENT_VERSION": "{version}"},
        stop_s=20,
        health=Health(kind="reported", deadline_s=60, settle_s=0.5),
        safe_point=SafePoint(kind="always"),
        is_agent=True,
    )


def _scripted(folder: Path, version: str) -> Mapping[str, Path]:
    """The artifacts of an agent that is a script."""
    bundle, platform = folder / version, platforms.own()
    bundle.mkdir(parents=True)
    (bundle / "agent.py").write_text(BROKEN if version == DEAD else SCRIPT)
    (bundle / "version.txt").write_text(version)
    made = {
        f"tree-{platform}.json": tree.encode(scan.scan(bundle)),
        f"application-{platform}.json": application.encode(_contract(version)),
    }
    paths = {name: folder / f"{version}-{name}" for name in made}
    for name, content in made.items():
        paths[name].write_bytes(content)
    paths[f"bundle-{platform}.andon"] = folder / f"{version}.andon"
    with paths[f"bundle-{platform}.andon"].open("w+b") as into:
        make(None, bundle, into)
    return paths


def _unpacked(made: Mapping[str, Path], into: Path) -> Path:
    platform = platforms.own()
    content = tree.decode(made[f"tree-{platform}.json"].read_bytes())
    with made[f"bundle-{platform}.andon"].open("rb") as stream:
        apply(stream, old=None, into=into, tree=content, disk=RealDisk(), progress=lambda done, total: None)
    return into


def _published(
    layout: Layout, folder: Path, version: str, made: Mapping[str, Path], base: Path | None
) -> Path:
    """Publish a version, with its delta; gives its files."""
    bundle = _unpacked(made, folder / f"unpacked-{version}")
    paths = dict(made)
    if base is not None:
        name = f"delta-{platforms.own()}-from-{base.name.removeprefix('unpacked-')}.andon"
        paths[name] = folder / f"{version}-{name}"
        with paths[name].open("w+b") as into:
            make(base, bundle, into)
    (folder / f"release-{version}").mkdir()
    release, contents = a_release(folder / f"release-{version}", version, unit=AGENT_UNIT)
    roles = {"tree": Role.TREE, "application": Role.APPLICATION, "bundle": Role.BUNDLE, "delta": Role.DELTA}
    for name, path in paths.items():
        role = roles[name.partition("-")[0]]
        contents[Artifact(role, name, files.sha256(path), path.stat().st_size)] = path
    Publisher(layout, SystemClock()).publish(replace(release, artifacts=tuple(contents)), contents)
    return bundle


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    folder = tmp_path_factory.mktemp("agents")
    layout = Layout(folder / "home")
    keys.init_development(layout.home, SystemClock())
    publish(layout, folder, "1.0.0")
    bundles: list[Path] = []
    for version in (ONE, TWO, DEAD):
        made = (
            frozen(folder / "frozen", version, is_broken=version == DEAD)
            if IS_FROZEN
            else _scripted(folder / "scripts", version)
        )
        bundles.append(_published(layout, folder, version, made, bundles[-1] if bundles else None))
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(layout.registry)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = (layout.metadata / "1.root.json").read_text()
    yield Field(f"http://127.0.0.1:{server.server_address[1]}", root, bundles[0])
    server.shutdown()
    server.server_close()


class Station(Machine):
    """A computer on which somebody installed the first agent, with its launcher as the service."""

    def __init__(self, home: Path, first: Path) -> None:
        super().__init__(home)
        self._first = first

    def launch(self) -> "subprocess.Popen[bytes]":
        if IS_FROZEN:
            command = [str(self._first / "agent"), "--home", str(self.home), "launch", "--first-version", ONE]
        else:
            self._seed()
            command = [sys.executable, "-m", "andon_agent.launcher.main", str(self.home)]
        with (self.home / "agent.log").open("ab") as log:
            launcher = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.agents.append(launcher)
        return launcher

    def _seed(self) -> None:
        """As the frozen launcher does, with the contract of a script."""
        seeding.seed(self.home, self._first, ONE, RealDisk())
        contract = self.home / "units" / AGENT_UNIT / "a" / "application.json"
        contract.write_bytes(application.encode(_contract(ONE)))


@pytest.fixture
def station(tmp_path: Path, field: Field) -> Iterator[Station]:
    found = Station(tmp_path / "agent", field.first)
    found.home.mkdir()
    try:
        yield found
    finally:
        found.end()
        sys.stdout.write((found.home / "agent.log").read_text())  # shown where it failed


def _agent(plant: Plant, what: Callable[[UnitState], bool]) -> UnitState:
    return plant.wait(what, unit=AGENT_UNIT)


def test_the_agent_updates_itself_last_and_comes_back_from_one_that_cannot_start(
    station: Station, field: Field
) -> None:
    plant = Plant(field.url, field.root)
    with serving(plant) as stage:
        token = Token.make(plant.fleet.public, plant.root)
        assert station.run("enrol", "--url", stage.url, given=f"{token}\n").returncode == 0
        launcher = station.launch()
        plant.want("1.0.0", agent=WantedUnit(version=TWO))
        updated = _agent(plant, lambda state: state.confirmed == TWO and state.phase is Phase.IDLE)
        assert updated.running == TWO
        events = plant.events()
        (ours,) = [each.seq for each in events if (each.unit, each.kind) == ("station", EventKind.CONFIRMED)]
        (own,) = [each.seq for each in events if (each.unit, each.kind) == (AGENT_UNIT, EventKind.CONFIRMED)]
        assert ours < own
        assert _agent_version(plant) == TWO
        before = plant.wait(lambda state: state.confirmed == "1.0.0" and state.pid is not None)

        plant.want("1.0.0", agent=WantedUnit(version=DEAD))
        given_up = _agent(plant, lambda state: state.phase is Phase.FAILED)
        assert (given_up.running, given_up.wanted) == (TWO, DEAD)
        assert "3 tries" in given_up.reason
        (told,) = [each for each in plant.events() if each.version == DEAD and each.kind is EventKind.GAVE_UP]
        assert told.unit == AGENT_UNIT
        assert _agent_version(plant) == TWO
        after = plant.wait(lambda state: state.pid is not None)
        assert (after.pid, after.running) == (before.pid, "1.0.0")  # the application noticed nothing
        assert launcher.poll() is None
    assert "Fatal Python error" not in (station.home / "agent.log").read_text()


def _agent_version(plant: Plant) -> str:
    """As the newest report that names its machine says."""
    return next(each.machine.agent for each in reversed(plant.reports) if each.machine is not None)
