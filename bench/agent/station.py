"""A station in memory: a disk that dies, processes with a behaviour, registries, a clock that is moved.

The machine checks what must hold at every instant: nothing is started that is not whole, no two processes of
an application run at once, and what is told under a number is always the same.
"""

import copy
import io
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from andon.releases.deltas.make import make
from andon.testing.disks import MemoryDisk
from andon_agent.engine.controller import Engine
from andon_agent.engine.health import Doctor
from andon_agent.engine.jobs import Doing, Key, outcome
from andon_agent.engine.journal import Journal
from andon_agent.engine.model import Happened, Job, Now, Process, Rules, SlotName, State, Work
from andon_agent.engine.parts import Parts
from andon_agent.engine.places import place_of
from andon_agent.engine.ports import Heard, Named, Progress
from andon_agent.engine.slots import Slots
from andon_agent.hosts.host import Launch, unit_of
from andon_wire import application, scan, tree
from andon_wire.application import Application, CrashLoop, Data, Health, SafePoint
from andon_wire.delta.apply import apply
from andon_wire.errors import Missing, Unreachable, WireError
from andon_wire.protocol import Phase, UnitState

HOME = Path("/station")
PLATFORM = "linux-x86_64"
_START = datetime(2026, 3, 2, 8, tzinfo=UTC)
RULES = Rules(retry_s=1.0, longest_retry_s=4.0, longest_backoff_s=4.0, first_drift_s=1e9, drift_s=1e9)


@dataclass(frozen=True, slots=True)
class Release:
    """One release. behaviour: of its process: good, silent, crash, late-crash, stubborn,
    unstartable, frail (dies at once on a machine that is old).

    schema: what it makes of its data; it cannot read a higher one. deltas: versions that it has a delta from.
    """

    unit: str
    version: str
    behaviour: str = "good"
    schema: int = 1
    deltas: Sequence[str] = ()
    broken: Sequence[str] = ()  # artifacts whose bytes are damaged, although their hash is right
    is_agent: bool = False
    size: int = 600

    @property
    def key(self) -> str:
        """Unit and version."""
        return f"{self.unit}@{self.version}"

    def files(self) -> Mapping[str, bytes]:
        """Its tree. Some files are the same in all versions, some change a little, one is new."""
        about = {"version": self.version, "behaviour": self.behaviour, "schema": self.schema}
        noise = random.Random(self.unit).randbytes(self.size)
        return {
            "app": json.dumps(about).encode() + b"\n" + noise + self.version.encode(),
            "lib/same": noise[:200],
            f"lib/only-{self.version}": b"x" * 40,
            "empty": b"",
        }

    def contract(self) -> Application:
        """How it is run."""
        return Application(
            unit=self.unit,
            version=self.version,
            platform=PLATFORM,
            command=["app"],
            stop_s=2,
            health=Health(kind="reported", deadline_s=20, settle_s=2),
            crash_loop=CrashLoop(deaths=3, within_s=60),
            safe_point=SafePoint(kind="asked"),
            data={"db": Data(kind="sqlite", path="db"), "files": Data(kind="folder", path="kept")},
            is_agent=self.is_agent,
        )


class Registry:
    """Releases with their artifacts, made once."""

    def __init__(self, releases: Sequence[Release]) -> None:
        self.releases = {each.key: each for each in releases}
        self.content: dict[str, dict[str, bytes]] = {}
        self.trees: dict[str, tree.Tree] = {}
        with TemporaryDirectory() as scratch:
            for each in releases:
                self._publish(each, Path(scratch))

    def names(self, key: str) -> Mapping[str, Named]:
        """The artifacts of a release. Their name stands in for their hash, but for the tree's."""
        made = {
            name: Named(name, f"{key}-{name}".replace("@", "-"), len(content))
            for name, content in self.content[key].items()
        }
        name = f"tree-{PLATFORM}.json"
        return made | {name: replace(made[name], sha256=self.trees[key].id)}

    def _publish(self, release: Release, scratch: Path) -> None:
        folder = scratch / release.key
        for path, content in release.files().items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        (folder / "app").chmod(0o755)
        self.trees[release.key] = scan.scan(folder)
        made = {
            f"tree-{PLATFORM}.json": tree.encode(self.trees[release.key]),
            f"application-{PLATFORM}.json": application.encode(release.contract()),
            f"bundle-{PLATFORM}.andon": _container(None, folder, scratch),
        }
        for base in release.deltas:
            old = scratch / f"{release.unit}@{base}"
            made[f"delta-{PLATFORM}-from-{base}.andon"] = _container(old, folder, scratch)
        for name in release.broken:
            made[name] = made[name][:-9] + b"\0" * 9
        self.content[release.key] = made


def _container(old: Path | None, new: Path, scratch: Path) -> bytes:
    into = io.BytesIO()
    make(old, new, into, scratch=scratch)
    return into.getvalue()


@dataclass(slots=True)
class Running:
    """A process of the machine."""

    process: Process
    mark: str
    release: Release
    token: str
    since: float
    dies_at: float | None
    path: Path
    ends_at: float | None = None


@dataclass(slots=True)
class Machine:
    """See the module. It survives the agent: a new agent is a new `Engine` on the same machine."""

    registry: Registry
    disk: MemoryDisk = field(default_factory=MemoryDisk)
    is_online: bool = True
    is_safe: bool = True
    is_old: bool = False
    boot: int = 1
    uptime: float = 10.0
    at: datetime = _START
    next_pid: int = 100
    processes: list[Running] = field(default_factory=list)
    told: dict[tuple[str, int], Happened] = field(default_factory=dict)
    shown: dict[str, UnitState] = field(default_factory=dict)
    stage: int = 0
    starts: list[str] = field(default_factory=list)

    def copied(self) -> "Machine":
        """Another one in the same state; the registry is shared."""
        return copy.deepcopy(self, {id(self.registry): self.registry})

    def advance(self, seconds: float) -> None:
        """Time passes; processes die of what they are."""
        self.uptime += seconds
        self.at += timedelta(seconds=seconds)
        self.keep([each for each in self.processes if not _is_over(each, self.uptime)])

    def keep(self, processes: list[Running]) -> None:
        """These run; their programs are locked, which means something on Windows."""
        self.processes = processes
        self.disk.locked = {each.path for each in processes}

    def lose_power(self, seed: int) -> None:
        """It goes dark, and comes back with what the platter kept."""
        self.disk.die()
        self.disk = self.disk.after_cut(seed)
        self.processes = []
        self.boot += 1
        self.uptime = 5.0
        self.at += timedelta(minutes=1)

    def lose_agent(self) -> None:
        """The agent alone is killed."""
        self.disk.revive()

    def running(self, unit: str) -> Sequence[Running]:
        """What runs of a unit."""
        return [each for each in self.processes if unit_of(each.mark) == unit]

    def journal(self, unit: str) -> State | None:
        """What a new agent would read."""
        return Journal(place_of(HOME, unit).journal, self.disk).load()

    def check(self, unit: str) -> None:
        """Whatever died: what was confirmed is whole, and the pointer names something whole."""
        state = self.journal(unit)
        is_leaving = state is not None and state.phase is Phase.SWITCHING and state.target is None
        if state is None or state.confirmed is None or is_leaving:
            return
        slots = Slots(place_of(HOME, unit), self.disk)
        held = slots.held()
        assert held.get(state.confirmed.slot) == state.confirmed, (
            f"{state.confirmed} is not in its slot: {held}"
        )
        for each in held:
            self.check_slot(unit, each)
        pointer = slots.pointer()
        assert pointer is not None
        assert pointer in held, f"the pointer names {pointer}, whole are {held}"

    def check_slot(self, unit: str, slot: SlotName) -> None:
        """The slot's files are those of the release that it says it holds."""
        held = Slots(place_of(HOME, unit), self.disk).held()[slot]
        scan.check(place_of(HOME, unit).files(slot), self.registry.trees[f"{unit}@{held.version}"], self.disk)

    def schema(self, unit: str) -> int:
        """What is in the application's data."""
        path = place_of(HOME, unit).data / "db"
        return int(self.disk.read(path)) if self.disk.exists(path) else 0


def _is_over(each: Running, uptime: float) -> bool:
    ends = [at for at in (each.dies_at, each.ends_at) if at is not None]
    return bool(ends) and uptime >= min(ends)


class SimulatedHost:
    """See `Host`. What is started must be whole, and nothing else of the unit may run."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def now(self) -> Now:
        """The machine's."""
        return Now(self._machine.at, self._machine.uptime, str(self._machine.boot))

    def start(self, launch: Launch) -> Process:
        """Start what the slot holds. A power cut may hit before and after it."""
        machine, unit = self._machine, unit_of(launch.mark)
        machine.disk.sync_folder(HOME)  # an operation like others: here, too, the power may go
        assert not machine.running(unit), f"{launch.mark} is started beside {machine.running(unit)}"
        path = Path(launch.command[0])
        slot: SlotName = "a" if path.parent.parent.name == "a" else "b"
        machine.check_slot(unit, slot)
        about = json.loads(machine.disk.read(path).split(b"\n")[0])
        release = machine.registry.releases[f"{unit}@{about['version']}"]
        if release.behaviour == "unstartable":
            raise OSError("no such program")
        machine.starts.append(release.version)
        process = Process(machine.next_pid, machine.uptime, str(machine.boot))
        machine.next_pid += 1
        token = launch.environment["ANDON_TOKEN"]
        death = self._death(release, unit)
        running = Running(process, launch.mark, release, token, machine.uptime, death, path)
        machine.keep([*machine.processes, running])
        self._migrate(release, unit)
        machine.disk.sync_folder(HOME)
        return process

    def _death(self, release: Release, unit: str) -> float | None:
        lives = {"crash": 0.5, "late-crash": 8.0}.get(release.behaviour)
        if self._machine.schema(unit) > release.schema or (
            release.behaviour == "frail" and self._machine.is_old
        ):
            lives = 0.2  # it does not understand its data
        return None if lives is None else self._machine.uptime + lives

    def _migrate(self, release: Release, unit: str) -> None:
        """What an application does to its data; as durable as a good application makes it."""
        disk, data = self._machine.disk, place_of(HOME, unit).data
        if self._machine.schema(unit) >= release.schema:
            return
        was, disk.dies_at = disk.dies_at, None
        disk.make_folder(data / "kept")
        for path in (data / "db", data / "kept/file"):
            with disk.open_write(path) as stream:
                stream.write(str(release.schema).encode())
                disk.sync(stream)
            disk.sync_folder(path.parent)
        disk.dies_at = was

    def is_alive(self, process: Process) -> bool:
        """See `Host`."""
        return any(each.process == process for each in self._machine.processes)

    def marked(self, unit: str) -> Sequence[tuple[str, Process]]:
        """See `Host`."""
        return [(each.mark, each.process) for each in self._machine.running(unit)]

    def is_being_started(self, lock: Path) -> bool:
        """Here a process is there at once."""
        del lock
        return False

    def end_of(self, process: Process) -> str:
        """See `Host`."""
        return f"{process.pid} is gone"

    def ask_to_end(self, process: Process) -> None:
        """All but the stubborn do."""
        for each in self._machine.processes:
            if each.process == process and each.release.behaviour != "stubborn":
                each.ends_at = min(each.ends_at or 1e18, self._machine.uptime + 0.5)

    def kill(self, unit: str) -> None:
        """See `Host`."""
        self._machine.keep([each for each in self._machine.processes if unit_of(each.mark) != unit])


class SimulatedLocal:
    """What the processes say; only with the token they were started with, once it was admitted."""

    address = "http://127.0.0.1:9"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._admitted: dict[str, str] = {}

    def admit(self, unit: str, token: str) -> None:
        """See `Local`."""
        self._admitted[unit] = token

    def heard(self, unit: str, token: str) -> Heard:
        """See `Local`."""
        for each in self._machine.running(unit):
            if each.token == token == self._admitted.get(unit):
                is_up = self._machine.uptime - each.since >= 1.0 and each.release.behaviour != "silent"
                return Heard(is_healthy=is_up, problem="it starts", is_safe=self._machine.is_safe)
        return Heard()

    def show(self, unit: str, state: UnitState, *, is_ending: bool) -> None:
        """See `Local`."""
        del is_ending
        self._machine.shown[unit] = state


class SimulatedArtifacts:
    """The registry, over a network that may be away. Downloads are written in pieces, and go on."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def names(self, unit: str, version: str) -> Mapping[str, Named]:
        """See `Artifacts`."""
        if not self._machine.is_online:
            raise Unreachable("no-network", "no registry answers")
        if f"{unit}@{version}" not in self._machine.registry.content:
            raise Missing("no-release", f"there is no {unit}@{version}")
        return self._machine.registry.names(f"{unit}@{version}")

    def read(self, unit: str, version: str, name: str) -> bytes:
        """See `Artifacts`."""
        self.names(unit, version)
        return self._machine.registry.content[f"{unit}@{version}"][name]

    def fetch(self, unit: str, version: str, artifact: Named, into: Path, progress: Progress) -> None:
        """See `Artifacts`."""
        content = self.read(unit, version, artifact.name)
        disk = self._machine.disk
        have = disk.read(into) if disk.exists(into) else b""
        if not content.startswith(have):
            disk.remove(into)
            have = b""
        with disk.open_write(into, append=True) as stream:
            for at in range(len(have), len(content), 400):
                stream.write(content[at : at + 400])
                progress(at, len(content))
            disk.sync(stream)
        disk.sync_folder(into.parent)


class SimulatedReporter:
    """Remembers what was told, as the control plane would."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def tell(self, happened: Happened) -> None:
        """See `Reporter`."""
        self._machine.disk.sync_folder(HOME)
        known = self._machine.told.setdefault((happened.unit, happened.number), happened)
        assert known == happened, f"number {happened.number} was {known}, is {happened}"


class Inline:
    """Jobs that are done at once."""

    def __init__(self, machine: Machine, rules: Rules) -> None:
        self._machine, self._rules = machine, rules
        self._done: dict[Key, Work] = {}

    def begin(self, key: Key, doing: Doing) -> None:
        """See `Jobs`."""
        failures = self._done.get(key, Work()).failures + 1
        try:
            found, error = doing(lambda _done, _total: None), None
        except (OSError, WireError) as raised:
            found, error = None, raised
        self._done[key] = outcome(error, found, failures, self._machine.uptime, self._rules)

    def work(self, key: Key) -> Work:
        """See `Jobs`."""
        return self._done.get(key, Work())

    def forget(self, unit: str, *jobs: Job) -> None:
        """See `Jobs`."""
        self._done = {
            key: work for key, work in self._done.items() if key.unit != unit or key.job not in jobs
        }

    def close(self) -> None:
        """See `Jobs`."""


class OwnHealth:
    """How the agent itself is."""

    def __init__(self, behaviour: str) -> None:
        self._behaviour = behaviour

    def problem(self) -> str | None:
        """See `ports.OwnHealth`."""
        return "it does not reach the control plane" if self._behaviour == "silent" else None


def an_engine(
    machine: Machine,
    *,
    own_unit: str | None = None,
    own_slot: SlotName | None = None,
    behaviour: str = "good",
    rules: Rules = RULES,
) -> Engine:
    """A new agent on the machine."""
    local = SimulatedLocal(machine)
    parts = Parts(
        home=HOME,
        platform=PLATFORM,
        disk=machine.disk,
        host=SimulatedHost(machine),
        jobs=Inline(machine, rules),
        artifacts=SimulatedArtifacts(machine),
        apply=apply,
        reporter=SimulatedReporter(machine),
        local=local,
        doctor=Doctor(local),
        own_health=OwnHealth(behaviour),
        own_unit=own_unit,
        own_slot=own_slot,
        rules=rules,
    )
    return Engine(parts)
