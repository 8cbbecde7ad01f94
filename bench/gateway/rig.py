"""What the measurements stand on: instances as processes, our gateway, and an Envoy configured by hand."""

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from andon.gateway.admin import Admin
from andon.gateway.controller import GatewayReconciler, Sources
from andon.gateway.envoy import Envoy, EnvoyOptions
from andon.gateway.model import Acknowledged, Endpoint, Features
from andon.gateway.plan import Service
from andon.gateway.program import find_program
from andon.gateway.stats import Scraper
from andon.kernel.clock import SystemClock
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.kernel.supervise import Loop
from andon.units.desired import Desired, DesiredRelease

PRODUCTION = EnvironmentName("production")
PLAIN = Features()
STABLE, CANDIDATE = Version("1.0.0"), Version("1.1.0")
_HERE = Path(__file__).parent


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Instance:
    """A process that answers with its release's name; without one it is somebody else's."""

    process: asyncio.subprocess.Process | None
    port: int

    @classmethod
    async def start(cls, name: str) -> "Instance":
        started = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.gateway.upstream", name, stdout=asyncio.subprocess.PIPE
        )
        assert started.stdout is not None
        return cls(started, int(await started.stdout.readline()))

    async def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


class Control:
    """What Andon does for a gateway: its loop, over a desired state in memory. The first service is moved."""

    def __init__(
        self,
        folder: Path,
        instances: tuple[Instance, Instance],
        ports: Sequence[int],
        features: Features = PLAIN,
    ) -> None:
        stable, candidate = instances
        self.ports = {STABLE: [stable.port], CANDIDATE: [candidate.port]}
        clock = SystemClock()
        self.envoy = Envoy(EnvoyOptions(folder, concurrency=1), clock)
        self._services = {
            UnitName(f"shop{at}"): Service(port, features=features) for at, port in enumerate(ports)
        }
        self._desired = {unit: _desired(unit, 1, 0) for unit in self._services}
        sources = Sources(self._read_desired, self._read_endpoints, self._read_service)
        self._reconciler = GatewayReconciler(self.envoy, sources, self._publish)
        self._loop = Loop("gateway", self._tick, interval=timedelta(milliseconds=500), clock=clock)
        self._news = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start or adopt Envoy, and go on with what it serves."""
        await self.envoy.ensure()
        self._running = asyncio.create_task(self._loop.run())

    async def close(self) -> None:
        """Let go of Envoy, which goes on."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        await self.envoy.close()

    async def share(self, share: int) -> None:
        """Bring the candidate's share, of 1000, into force for the first service."""
        await self._move(lambda unit, revision: _desired(unit, revision, share))

    async def only_stable(self) -> None:
        """Take the candidate away."""
        await self._move(lambda unit, revision: _desired(unit, revision, None))

    async def instances(self, ports: Sequence[int]) -> None:
        """These are the stable release's from now on, alone; returns when it is in force."""
        self.ports[STABLE] = list(ports)
        await self.only_stable()

    async def _move(self, wanted: Callable[[UnitName, int], Desired]) -> None:
        first = next(iter(self._services))
        revision = time.monotonic_ns()  # above that of any control process before
        self._desired[first] = wanted(first, revision)
        self._loop.wake()
        async with asyncio.timeout(60):
            while not any(each.revision == revision for each in self._reconciler.acknowledged):
                self._news.clear()
                await self._news.wait()

    async def _tick(self) -> None:
        try:
            await self._reconciler.tick()
        finally:
            self._news.set()
        if self._reconciler.waiting:
            self._loop.wake()

    async def _publish(self, _acknowledged: Sequence[Acknowledged]) -> None:
        return None

    async def _read_desired(self) -> list[Desired]:
        return list(self._desired.values())

    async def _read_endpoints(
        self, _unit: UnitName, _environment: EnvironmentName, version: Version
    ) -> list[Endpoint]:
        return [Endpoint("127.0.0.1", each) for each in self.ports[version]]

    async def _read_service(self, unit: UnitName, _environment: EnvironmentName) -> Service:
        return self._services[unit]


def _desired(unit: UnitName, revision: int, share: int | None) -> Desired:
    releases = [DesiredRelease(STABLE, 1, 1 - (share or 0) / 1000)]
    if share is not None:
        releases.append(DesiredRelease(CANDIDATE, 1, share / 1000))
    return Desired(unit, PRODUCTION, revision, STABLE, tuple(releases))


class Rig:
    """Two releases behind our gateway."""

    def __init__(
        self, folder: Path, instances: tuple[Instance, Instance], ports: Sequence[int], features: Features
    ) -> None:
        self.folder, self._features, self._ports = folder, features, ports
        self.stable, self._candidate = instances
        self._control = self._new_control()

    @property
    def port(self) -> int:
        """Where the first service listens."""
        return self._ports[0]

    @property
    def candidate(self) -> Instance:
        """The candidate's only instance."""
        return self._candidate

    @candidate.setter
    def candidate(self, instance: Instance) -> None:
        self._candidate = instance
        self._control.ports[CANDIDATE] = [instance.port]

    async def share(self, share: int) -> None:
        """Bring the candidate's share, of 1000, into force."""
        await self._control.share(share)

    async def only_stable(self) -> None:
        """Take the candidate away."""
        await self._control.only_stable()

    async def instances(self, ports: Sequence[int]) -> None:
        """These are the stable release's from now on, alone."""
        await self._control.instances(ports)

    async def take_over(self) -> None:
        """A control process begins."""
        self._control = self._new_control()
        await self._control.start()

    async def let_go(self) -> None:
        """It ends, and Envoy goes on."""
        await self._control.close()

    async def end(self) -> None:
        """Everything ends."""
        await self._control.close()
        await self._control.envoy.stop()
        await self.stable.kill()
        await self.candidate.kill()

    def pid(self) -> int:
        """Of our Envoy."""
        running = self._control.envoy.find_running()
        assert running is not None
        return running.pid

    def documents(self) -> dict[str, bytes]:
        """All that Envoy reads."""
        return {str(each): each.read_bytes() for each in self.folder.rglob("*ds*.json")}

    def scraper(self) -> Scraper:
        """A reader of its counts."""
        return Scraper(self._control.envoy, SystemClock())

    def _new_control(self) -> Control:
        return Control(self.folder, (self.stable, self._candidate), self._ports, self._features)


@contextlib.asynccontextmanager
async def rig(folder: Path, *, services: int = 1, features: Features = PLAIN) -> AsyncIterator[Rig]:
    """A rig that is taken down at the end."""
    instances = await Instance.start("stable"), await Instance.start("candidate")
    made = Rig(folder / "gateway", instances, [free_port() for _ in range(services)], features)
    try:
        await made.take_over()
        yield made
    finally:
        await made.end()


@dataclass(slots=True)
class ByHand:
    """An Envoy that somebody configured with a text editor, before the same two releases."""

    pid: int
    port: int


@contextlib.asynccontextmanager
async def by_hand(folder: Path, written: str, places: tuple[int, int]) -> AsyncIterator[ByHand]:
    """Start it with one thread, as ours is. `places`: ports of the stable release and the candidate."""
    folder.mkdir()
    port, admin_socket = free_port(), str(folder / "hand.sock")
    text = (_HERE / written).read_text()
    made = text.replace('"@PORT@"', str(port)).replace("@ADMIN@", admin_socket)
    for name, where in zip(("stable", "candidate"), places, strict=True):
        made = made.replace(f'"@{name.upper()}@"', json.dumps(_cluster(name, where)))
    path = folder / "hand.json"
    path.write_text(made)
    program = await find_program()
    with (folder / "hand.log").open("wb") as log:
        # A session of its own, as ours has: the scheduler shares the processor between sessions.
        started = await asyncio.create_subprocess_exec(
            program.path,
            *("-c", path, "--disable-hot-restart", "--concurrency", "1"),
            stderr=log,
            start_new_session=True,
        )
    admin = Admin(admin_socket)
    try:
        async with asyncio.timeout(20):
            while not await admin.is_answering():
                assert started.returncode is None, (folder / "hand.log").read_text()
                await asyncio.sleep(0.02)
        yield ByHand(started.pid, port)
    finally:
        await admin.close()
        with contextlib.suppress(ProcessLookupError):
            started.kill()
        await started.wait()


def _cluster(name: str, port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "health_checks": [
            {
                "timeout": "2s",
                "interval": "1s",
                "unhealthy_threshold": 3,
                "healthy_threshold": 1,
                "http_health_check": {"path": "/health"},
            }
        ],
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
