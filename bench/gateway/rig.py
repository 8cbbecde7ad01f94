"""What the measurements stand on: instances as processes, our gateway, and an Envoy configured by hand."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from andon.gateway.admin import Admin
from andon.gateway.envoy import Envoy, EnvoyOptions
from andon.gateway.model import Acknowledged, Backend, Endpoint, Route
from andon.gateway.program import find_program
from andon.gateway.stats import Scraper
from andon.kernel.clock import SystemClock
from andon.kernel.ids import EnvironmentName, UnitName, Version

SHOP, PRODUCTION = UnitName("shop"), EnvironmentName("production")
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
    """A process that answers with its release's name."""

    process: asyncio.subprocess.Process
    port: int

    @classmethod
    async def start(cls, name: str) -> "Instance":
        started = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.gateway.upstream", name, stdout=asyncio.subprocess.PIPE
        )
        assert started.stdout is not None
        return cls(started, int(await started.stdout.readline()))

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


@dataclass(slots=True)
class Rig:
    """Two releases behind our gateway."""

    envoy: Envoy
    stable: Instance
    candidate: Instance
    port: int = field(default_factory=free_port)
    revision: int = 0

    async def share(self, share: int) -> Acknowledged:
        """Bring the candidate's share, of 1000, into force."""
        self.revision += 1
        backends = (
            Backend(STABLE, 1000 - share, (Endpoint("127.0.0.1", self.stable.port),)),
            Backend(CANDIDATE, share, (Endpoint("127.0.0.1", self.candidate.port),), is_candidate=True),
        )
        route = Route(SHOP, PRODUCTION, self.revision, "127.0.0.1", self.port, backends)
        async with asyncio.timeout(30):
            while True:
                applied = (await self.envoy.apply([route])).check()
                if applied.acknowledged and applied.acknowledged[0].weights[CANDIDATE] == share:
                    return applied.acknowledged[0]

    def scraper(self) -> Scraper:
        return Scraper(self.envoy, SystemClock())

    def cpu_seconds(self) -> float:
        """CPU time of our Envoy so far."""
        running = self.envoy.find_running()
        assert running is not None
        return cpu_seconds(running.pid)


@contextlib.asynccontextmanager
async def rig(folder: Path) -> AsyncIterator[Rig]:
    """A rig that is taken down at the end."""
    envoy = Envoy(EnvoyOptions(folder / "gateway", concurrency=1), SystemClock())
    stable, candidate = await Instance.start("stable"), await Instance.start("candidate")
    made = Rig(envoy, stable, candidate)
    try:
        await envoy.ensure()
        yield made
    finally:
        await envoy.stop()
        await made.stable.kill()
        await made.candidate.kill()


@dataclass(slots=True)
class ByHand:
    """An Envoy that somebody configured with a text editor, before the same two releases."""

    pid: int
    port: int


@contextlib.asynccontextmanager
async def by_hand(folder: Path, stable: int, candidate: int) -> AsyncIterator[ByHand]:
    """Start it with one thread, as ours is."""
    port, admin_socket = free_port(), str(folder / "hand.sock")
    text = (_HERE / "by_hand.json").read_text()
    made = text.replace('"@PORT@"', str(port)).replace("@ADMIN@", admin_socket)
    for name, where in (("stable", stable), ("candidate", candidate)):
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


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
