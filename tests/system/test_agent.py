"""The agent as a process, from its enrolment on: real registry and applications, kill -9, a bad release."""

import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from andon.kernel import files
from andon.kernel.clock import SystemClock
from andon.releases import keys
from andon.releases.deltas.make import make
from andon.releases.layout import Layout
from andon.releases.model import Artifact, Role
from andon.releases.publish import Publisher
from andon.testing.releases import a_release
from andon_agent.tests.servers import Asked, Stage, answer, serving
from andon_wire import application, platforms, scan, tree
from andon_wire.application import AGENT_UNIT, Application, CrashLoop, Health, SafePoint
from andon_wire.enrolment import Token
from andon_wire.identity import PrivateKey, sign_wanted
from andon_wire.protocol import EventKind, Pace, Phase, Report, StationEvent, UnitState, Wanted, WantedUnit

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]

PATIENCE_S = 300.0
FROZEN = os.environ.get("ANDON_AGENT_PROGRAM", "")  # of a frozen bundle, which is then tried, by its launcher
APP = """
import json, os, signal, sys, time, urllib.request
VERSION = "{version}"
if VERSION == "1.2.0":
    sys.exit("this release does not start")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
def say():
    request = urllib.request.Request(
        os.environ["ANDON_AGENT"] + "/v1/unit/health", json.dumps({{"is_healthy": True}}).encode(),
        {{"Authorization": "Bearer " + os.environ["ANDON_AGENT_TOKEN"]}})
    opener.open(request, timeout=5).read()
while True:
    try:
        say()
    except OSError:
        pass
    time.sleep(0.3)
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Plant:
    """Registry and control plane; what is wanted is signed anew for each revision."""

    registry: str
    root: str
    fleet: PrivateKey = field(default_factory=PrivateKey.generate)
    revision: int = 0
    version: str | None = None
    agent: WantedUnit | None = None
    reports: list[Report] = field(default_factory=list)
    is_away: bool = False
    news: threading.Condition = field(default_factory=threading.Condition)

    def want(self, version: str | None, agent: WantedUnit | None = None) -> None:
        with self.news:
            self.version, self.agent, self.revision = version, agent, self.revision + 1

    def __call__(self, asked: Asked, connection: socket.socket, stage: Stage) -> None:
        if self.is_away:
            return
        if asked.target.endswith("/enrol"):
            document = {"station": "line-1-test", "root": self.root, "wanted_key": self.fleet.public}
            document |= {"registries": [self.registry], "now": datetime.now(UTC).isoformat()}
            connection.sendall(answer("201 Created", json.dumps(document).encode()))
        elif "/wanted" in asked.target:
            connection.sendall(self._wanted(asked))
        else:
            report = Report.model_validate_json(asked.body)
            with self.news:
                self.reports.append(report)
                self.news.notify_all()
                seq = max((each.seq for every in self.reports for each in every.events), default=0)
            said = {"seq": seq, "revision": self.revision, "now": datetime.now(UTC).isoformat()}
            connection.sendall(answer("200 OK", json.dumps(said).encode()))

    def _wanted(self, asked: Asked) -> bytes:
        with self.news:
            if f"have={self.revision}&" in asked.target:
                return answer("304 Not Modified")
            units = {"station": WantedUnit(version=self.version)} if self.version else {}
            units |= {AGENT_UNIT: self.agent} if self.agent else {}
            wanted = Wanted(
                station="line-1-test",
                revision=self.revision,
                issued_at=datetime.now(UTC),
                units=units,
                pace=Pace(poll_s=3600, report_s=1.0),
            )
        return answer("200 OK", sign_wanted(wanted, self.fleet).encode())

    def wait(self, what: Callable[[UnitState], bool], *, unit: str = "station") -> UnitState:
        """The unit's state, once it is so."""
        until = time.monotonic() + PATIENCE_S
        with self.news:
            while True:
                state = self.reports[-1].units.get(unit, UnitState()) if self.reports else UnitState()
                if what(state):
                    return state
                assert self.news.wait(max(0.0, until - time.monotonic())), f"it stayed {state}"

    def events(self) -> list[StationEvent]:
        """All that was told, in order, each once."""
        seen: dict[int, StationEvent] = {}
        for report in self.reports:
            for each in report.events:
                assert seen.setdefault(each.seq, each) == each
        return [each for _, each in sorted(seen.items())]

    def kinds(self, version: str) -> list[EventKind]:
        return [each.kind for each in self.events() if each.version == version]


def a_contract(version: str) -> Application:
    return Application(
        unit="station",
        version=version,
        platform=platforms.own(),
        command=[sys.executable, "{slot}/app.py"],
        env={"ANDON_AGENT": "{agent}", "ANDON_AGENT_TOKEN": "{token}"},
        health=Health(kind="reported", deadline_s=60, settle_s=0.2),
        crash_loop=CrashLoop(deaths=2, within_s=60),
        safe_point=SafePoint(kind="always"),
        stop_s=5,
    )


def publish(layout: Layout, folder: Path, version: str, base: str | None = None) -> None:
    """A release whose application is a script."""
    bundle = folder / f"bundle-{version}"
    bundle.mkdir()
    (bundle / "app.py").write_text(APP.format(version=version))
    (bundle / "data.bin").write_bytes(b"the same in all versions " * 40_000)
    release, contents = a_release(folder, version, unit="station")
    platform = platforms.own()

    def add(role: Role, name: str, path: Path) -> None:
        contents[Artifact(role, name, files.sha256(path), path.stat().st_size)] = path

    parts = [(Role.TREE, f"tree-{platform}.json", tree.encode(scan.scan(bundle)))]
    parts.append((Role.APPLICATION, f"application-{platform}.json", application.encode(a_contract(version))))
    for role, name, content in parts:
        (folder / f"{version}-{name}").write_bytes(content)
        add(role, name, folder / f"{version}-{name}")
    made = [(Role.BUNDLE, None, f"bundle-{platform}.andon")]
    if base is not None:
        made.append((Role.DELTA, folder / f"bundle-{base}", f"delta-{platform}-from-{base}.andon"))
    for role, old, name in made:
        path = folder / f"{version}-{name}"
        with path.open("w+b") as into:
            make(old, bundle, into)
        add(role, name, path)
    Publisher(layout, SystemClock()).publish(replace(release, artifacts=tuple(contents)), contents)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("registry")
    layout = Layout(folder / "home")
    keys.init_development(layout.home, SystemClock())
    publish(layout, folder, "1.0.0")
    publish(layout, folder, "1.1.0", base="1.0.0")
    publish(layout, folder, "1.2.0", base="1.1.0")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(layout.registry)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    root = (layout.metadata / "1.root.json").read_text()
    yield f"http://127.0.0.1:{server.server_address[1]}", root
    server.shutdown()
    server.server_close()


class Machine:
    """A computer with an agent on it, as processes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.agents: list[subprocess.Popen[bytes]] = []

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments),
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def start(self) -> subprocess.Popen[bytes]:
        log = (self.home / "agent.log").open("ab")
        verb = "launch" if FROZEN else "run"
        agent = subprocess.Popen(self._command(verb), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        self.agents.append(agent)
        return agent

    def _command(self, *arguments: str) -> list[str]:
        program = [FROZEN] if FROZEN else [sys.executable, "-m", "andon_agent.main"]
        return [*program, "--home", str(self.home), *arguments]

    def end(self) -> None:
        for agent in self.agents:
            agent.kill()
            agent.wait()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if any(str(self.home) in each for each in process.cmdline()[1:2]):
                    process.kill()


def is_alive(pid: int) -> bool:
    """Whether it runs; not merely waits for a parent that reaps nobody, as in a container."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    found = Machine(tmp_path / "agent")
    found.home.mkdir()
    try:
        yield found
    finally:
        found.end()
        if os.environ.get("ANDON_SHOW_AGENT"):
            sys.stdout.write((found.home / "agent.log").read_text())


def test_a_station_from_its_enrolment_to_a_release_that_does_not_start(
    machine: Machine, registry: tuple[str, str]
) -> None:
    plant = Plant(*registry)
    with serving(plant) as stage:
        token = Token.make(plant.fleet.public, plant.root)
        enrolled = machine.run("enrol", "--url", stage.url, given=f"{token}\n")
        assert (enrolled.returncode, enrolled.stderr) == (0, "")
        assert "line-1-test" in enrolled.stdout
        assert f"andon-agent --home {machine.home} run" in enrolled.stdout
        again = machine.run("enrol", "--url", stage.url, given=f"{token}\n")
        assert again.returncode == 1
        assert "already" in again.stderr
        assert machine.run("status").returncode == 1

        plant.want("1.0.0")
        agent = machine.start()
        first = plant.wait(lambda state: state.confirmed == "1.0.0" and state.phase is Phase.IDLE)
        assert first.pid is not None
        status = machine.run("status")
        assert status.returncode == 0
        assert "station: 1.0.0, idle" in status.stdout
        second = machine.run("run")
        assert second.returncode == 1
        assert "runs in" in second.stderr

        # Killed: the application does not notice, and is found again.
        agent.kill()
        agent.wait()
        assert is_alive(first.pid)
        boots = {each.boot for each in plant.reports}
        agent = machine.start()
        found = plant.wait(lambda state: plant.reports[-1].boot not in boots and state.phase is Phase.IDLE)
        assert (found.pid, found.running) == (first.pid, "1.0.0")

        plant.want("1.1.0")
        updated = plant.wait(lambda state: state.confirmed == "1.1.0" and state.phase is Phase.IDLE)
        assert updated.pid != first.pid
        assert not is_alive(first.pid)

        # A release that does not start comes back by itself, and is not tried for ever.
        plant.want("1.2.0")
        failed = plant.wait(lambda state: state.phase is Phase.FAILED)
        assert (failed.running, failed.wanted) == ("1.1.0", "1.2.0")
        assert "it printed: this release does not start" in failed.reason
        plant.wait(lambda state: state.running == "1.1.0" and state.pid is not None)
        assert EventKind.CONFIRMED in plant.kinds("1.1.0")
        assert EventKind.GAVE_UP in plant.kinds("1.2.0") or EventKind.RETURNED in plant.kinds("1.2.0")
        shown = json.loads(machine.run("status", "--json").stdout)
        assert "taken back" in shown["units"]["station"]["sentence"]["en"]

        # Ended in order: the agent goes, the application stays.
        last = plant.wait(lambda state: state.pid is not None)
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(PATIENCE_S) == 0
        assert last.pid is not None
        assert is_alive(last.pid)


def test_a_station_that_starts_without_a_network_goes_on_and_tells_all_of_it_later(
    machine: Machine, registry: tuple[str, str]
) -> None:
    plant = Plant(*registry)
    with serving(plant) as stage:
        token = Token.make(plant.fleet.public, plant.root)
        assert machine.run("enrol", "--url", stage.url, given=f"{token}\n").returncode == 0
        plant.want("1.0.0")
        agent = machine.start()
        first = plant.wait(lambda state: state.confirmed == "1.0.0" and state.phase is Phase.IDLE)
        agent.kill()
        agent.wait()
        assert first.pid is not None
        psutil.Process(first.pid).kill()
        plant.is_away, before = True, len(plant.reports)
        machine.start()
        restarted = _local(machine, lambda unit: unit["running"] == "1.0.0" and unit["phase"] == "idle")
        assert restarted["is_online"] is False
        assert len(plant.reports) == before
        plant.is_away = False
        back = plant.wait(lambda state: len(plant.reports) > before and state.pid not in {None, first.pid})
        assert back.running == "1.0.0"


def _local(machine: Machine, what: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The station as its own screen sees it, once it is so."""
    until = time.monotonic() + PATIENCE_S
    while True:
        found = machine.run("status", "--json")
        unit = json.loads(found.stdout)["units"].get("station") if found.stdout else None
        if unit is not None and what(unit):
            return unit
        assert time.monotonic() < until, found.stdout + found.stderr
