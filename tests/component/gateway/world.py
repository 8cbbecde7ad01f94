"""What the tests of the gateway share: tiny upstreams, raw clients, load, and an Envoy between them."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from andon.gateway.delivery import Patience
from andon.gateway.envoy import Envoy, EnvoyOptions
from andon.gateway.model import Acknowledged, Backend, Endpoint, HealthCheck, ReleaseTraffic, Route
from andon.gateway.stats import Scraper
from andon.kernel.clock import SystemClock
from andon.kernel.ids import EnvironmentName, UnitName, Version

SHOP, PRODUCTION = UnitName("shop"), EnvironmentName("production")
OLD, NEW = Version("1.0.0"), Version("1.1.0")
QUICK_HEALTH = HealthCheck(interval=timedelta(milliseconds=200), timeout=timedelta(seconds=2))


class Upstream:
    """One instance of a release: answers with its name; health checks are not counted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = 200
        self.healthy = True
        self.health_path = "/health"
        self.resets = False
        self.requests = 0
        self.probes = 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> "Upstream":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint = Endpoint("127.0.0.1", self._server.sockets[0].getsockname()[1])
        return self

    def kill(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                await self._answer(head, reader, writer)
        writer.transport.abort()
        self._writers.discard(writer)

    async def _answer(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = head.split(" ")[1]
        if path.startswith("/health"):
            self.probes += 1
            is_right = self.healthy and path == self.health_path
            self._write(writer, 200 if is_right else 503, "probe")
            return
        self.requests += 1
        if self.resets:
            writer.transport.abort()
            raise ConnectionResetError
        if path == "/stream":
            await self._stream(writer)
        elif path == "/echo":
            await self._echo(reader, writer)
        elif path == "/cut":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning")
            await writer.drain()
            await asyncio.sleep(0.02)
            raise ConnectionResetError
        else:
            self._write(writer, self.status, self.name)
            await writer.drain()

    def _write(self, writer: asyncio.StreamWriter, status: int, body: str) -> None:
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            writer.write(b"2\r\nhi\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.write(b"0\r\n\r\n")

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while data := await reader.read(1024):
            writer.write(data)


class Client:
    """One keep-alive connection to the gateway, with the session cookie that it was given."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self, head: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        self._streams[1].write(head.encode())
        return self._streams

    async def ask(self, method: str = "GET", path: str = "/", *headers: str) -> tuple[int, str]:
        lines = [f"{method} {path} HTTP/1.1", "Host: shop", *headers]
        lines += [f"Cookie: other=1; {self.cookie}"] if self.cookie else []
        reader, _ = await self.open("\r\n".join([*lines, "", ""]))
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = 0
        for line in head.split("\r\n")[1:]:
            key, _, value = line.partition(": ")
            if key.lower() == "content-length":
                length = int(value)
            if key.lower() == "set-cookie":
                self.cookie = value.partition(";")[0]
        body = (await reader.readexactly(length)).decode()
        return int(head.split(" ")[1]), body

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


class Load:
    """Clients that ask without pause until the block ends."""

    def __init__(self, port: int, clients: int = 8) -> None:
        self.answers: Counter[str] = Counter()
        self.failed: list[str] = []
        self._clients = [Client(port) for _ in range(clients)]
        self._over = False

    @property
    def sent(self) -> int:
        return sum(self.answers.values()) + len(self.failed)

    async def __aenter__(self) -> "Load":
        self._tasks = [asyncio.create_task(self._ask(each)) for each in self._clients]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        await asyncio.gather(*self._tasks)

    async def _ask(self, client: Client) -> None:
        while not self._over:
            try:
                status, body = await client.ask()
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failed.append(repr(error))
                client.close()
                continue
            if status == 200:
                self.answers[body] += 1
            else:
                self.failed.append(f"{status} {body}")
        client.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def until(condition: Callable[[], bool], within: float = 10) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


class Plant:
    """An Envoy in a folder, a stable and a candidate upstream, and a route between them."""

    def __init__(self, envoy: Envoy, folder: Path, old: Upstream, new: Upstream) -> None:
        self.envoy, self.folder, self.old, self.new = envoy, folder, old, new
        self.scraper = Scraper(envoy, SystemClock())
        self.port = free_port()
        self.revision = 0

    def route(self, share: int, *, sticky: bool = False) -> Route:
        self.revision += 1
        backends = (
            Backend(OLD, 1000 - share, (self.old.endpoint,), health=QUICK_HEALTH),
            Backend(NEW, share, (self.new.endpoint,), is_candidate=True, health=QUICK_HEALTH),
        )
        return Route(
            SHOP,
            PRODUCTION,
            self.revision,
            "127.0.0.1",
            self.port,
            backends,
            sticky=sticky,
        )

    async def share(self, share: int, *, sticky: bool = False) -> Acknowledged:
        """Bring the candidate's share (of 1000) into force."""
        route = self.route(share, sticky=sticky)
        async with asyncio.timeout(15):
            while True:
                applied = (await self.envoy.apply([route])).check()
                if applied.acknowledged and applied.acknowledged[0].weights[NEW] == share:
                    return applied.acknowledged[0]

    async def counts(self) -> dict[str, ReleaseTraffic]:
        return {key[2]: each for key, each in (await self.scraper.scrape()).releases.items()}


def envoy_in(folder: Path) -> Envoy:
    patience = Patience(refused=timedelta(0))
    return Envoy(EnvoyOptions(folder, concurrency=2, patience=patience), SystemClock())
