"""What the tests of the gateway share: tiny upstreams, raw clients, load, and an Envoy between them."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from andon.gateway.certificates import Places
from andon.gateway.delivery import Patience
from andon.gateway.envoy import Envoy, EnvoyOptions
from andon.gateway.model import Acknowledged, Backend, Endpoint, HealthCheck, ReleaseTraffic, Route
from andon.gateway.stats import Scraper
from andon.kernel.clock import SystemClock
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.testing.ports import free_port

SHOP, PRODUCTION = UnitName("shop"), EnvironmentName("production")
OLD, NEW = Version("1.0.0"), Version("1.1.0")
NOWHERE = Places()
PATIENCE_SECONDS = 60  # generous: the machine may be busy with other tests
# Who answers is this process, which a busy machine may keep waiting for seconds; who is gone refuses at once.
QUICK_HEALTH = HealthCheck(interval=timedelta(milliseconds=200), timeout=timedelta(seconds=20))


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
        self.headers: tuple[str, ...] = ()  # of its answers
        self.heads: list[str] = []  # of the requests it got
        self.may_end = asyncio.Event()  # its /stream
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
        self.heads.append(head.lower())
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
            await asyncio.sleep(0.5 if path.endswith("/slow") else 0)
            body = self.name * 1000 if path.endswith("/big") else self.name
            self._write(writer, 404 if path.endswith("/missing") else self.status, body, *self.headers)
            await writer.drain()

    def _write(self, writer: asyncio.StreamWriter, status: int, body: str, *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", body]
        writer.write("\r\n".join(lines).encode())

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not self.may_end.is_set():
            writer.write(b"2\r\nhi\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.write(b"0\r\n\r\n")

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while data := await reader.read(1024):
            writer.write(data)


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` by lower-case name; of several with one name the last."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One keep-alive connection to the gateway, with the session cookie that it was given."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None, source: str = "127.0.0.1") -> None:
        """`source`: the address that it comes from."""
        self.port = port
        self._source = source
        self.cookie = ""
        self._context = context
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self, head: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            name = None if self._context is None else "localhost"
            self._streams = await asyncio.open_connection(
                "127.0.0.1", self.port, ssl=self._context, server_hostname=name, local_addr=(self._source, 0)
            )
        self._streams[1].write(head.encode())
        return self._streams

    async def ask(self, method: str = "GET", path: str = "/", *headers: str) -> tuple[int, str]:
        answer = await self.answer(method, path, *headers)
        return answer.status, answer.body.decode()

    async def answer(self, method: str = "GET", path: str = "/", *headers: str) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", "Host: shop", *headers]
        lines += [f"Cookie: other=1; {self.cookie}"] if self.cookie else []
        reader, _ = await self.open("\r\n".join([*lines, "", ""]))
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        pairs = (line.partition(": ") for line in head.split("\r\n")[1:])
        found = {key.lower(): value for key, _, value in pairs}
        if "set-cookie" in found:
            self.cookie = found["set-cookie"].partition(";")[0]
        if "transfer-encoding" in found:
            return Answer(int(head.split(" ")[1]), found, await _chunks(reader))
        body = await reader.readexactly(int(found.get("content-length", 0)))
        return Answer(int(head.split(" ")[1]), found, body)

    def certificate(self) -> dict[str, Any]:
        """The server's, of the open connection."""
        assert self._streams is not None
        made: dict[str, Any] = self._streams[1].get_extra_info("ssl_object").getpeercert()
        return made

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


class Load:
    """Clients that ask without pause until the block ends."""

    def __init__(self, port: int, clients: int = 8, context: ssl.SSLContext | None = None) -> None:
        self.answers: Counter[str] = Counter()
        self.failed: list[str] = []
        self._clients = [Client(port, context) for _ in range(clients)]
        self._each = [0] * clients
        self._over = False

    @property
    def sent(self) -> int:
        return sum(self.answers.values()) + len(self.failed)

    async def __aenter__(self) -> "Load":
        self._tasks = [asyncio.create_task(self._ask(at, each)) for at, each in enumerate(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        await asyncio.gather(*self._tasks)

    async def settle(self) -> None:
        """Wait until what was on its way is answered: each client has asked anew and heard since."""
        before = list(self._each)
        await until(lambda: all(now >= then + 3 for now, then in zip(self._each, before, strict=True)))

    async def _ask(self, at: int, client: Client) -> None:
        while not self._over:
            try:
                status, body = await client.ask()
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failed.append(repr(error))
                client.close()
                continue
            self._each[at] += 1
            if status == 200:
                self.answers[body] += 1
            else:
                self.failed.append(f"{status} {body}")
        client.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


class Plant:
    """An Envoy in a folder, a stable and a candidate upstream, and a route between them."""

    def __init__(self, envoy: Envoy, folder: Path, old: Upstream, new: Upstream) -> None:
        self.envoy, self.folder, self.old, self.new = envoy, folder, old, new
        self.scraper = Scraper(envoy, SystemClock())
        self.port = free_port()
        self.revision = 0

    def route(self, share: int, **changes: Any) -> Route:
        self.revision += 1
        backends = (
            Backend(OLD, 1000 - share, (self.old.endpoint,), health=QUICK_HEALTH),
            Backend(NEW, share, (self.new.endpoint,), is_candidate=True, health=QUICK_HEALTH),
        )
        route = Route(SHOP, PRODUCTION, self.revision, "127.0.0.1", self.port, backends)
        return replace(route, **changes)

    async def share(self, share: int, **changes: Any) -> Acknowledged:
        """Bring the candidate's share (of 1000) into force, on a route with these changes."""
        route = self.route(share, **changes)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                applied = (await self.envoy.apply([route])).check()
                if applied.acknowledged and applied.acknowledged[0].revision == route.revision:
                    return applied.acknowledged[0]

    async def configuration(self) -> list[object]:
        """What Envoy says that it serves, without when it was told."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.folder / "admin.sock"))
        async with httpx.AsyncClient(transport=transport, base_url="http://envoy") as client:
            dumped = (await client.get("/config_dump")).json()["configs"]
        kinds = ("ClustersConfigDump", "ListenersConfigDump", "RoutesConfigDump")
        return [_timeless(each) for each in dumped if each["@type"].endswith(kinds)]

    async def counts(self) -> dict[str, ReleaseTraffic]:
        return {key[2]: each for key, each in (await self.scraper.scrape()).releases.items()}

    async def counted(self, claim: Callable[[dict[str, ReleaseTraffic]], bool]) -> dict[str, ReleaseTraffic]:
        """The counts once the claim is true of them: Envoy counts some ends after the client has heard."""
        seen: dict[str, ReleaseTraffic] = {}
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not claim(seen := await self.counts()):
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise AssertionError(f"it never came to that: {seen}") from error
        return seen


_WHEN = ("last_updated", "version_info")  # a cluster bears the version of the document that brought it


def _timeless(made: object) -> object:
    if isinstance(made, dict):
        return {key: _timeless(each) for key, each in made.items() if key not in _WHEN}
    if isinstance(made, list):  # its order is that of a hash table
        return sorted((_timeless(each) for each in made), key=repr)
    return made


def envoy_in(folder: Path, certificates: Places = NOWHERE) -> Envoy:
    patience = Patience(acknowledgement=timedelta(seconds=PATIENCE_SECONDS), refused=timedelta(0))
    options = EnvoyOptions(
        folder,
        concurrency=2,
        start_within=timedelta(seconds=PATIENCE_SECONDS),
        patience=patience,
        certificates=certificates,
    )
    return Envoy(options, SystemClock())
