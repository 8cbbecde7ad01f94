"""The gateway on a real Envoy: tiny upstreams, raw clients, and what the documents promise."""

import asyncio
import base64
import contextlib
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from andon.gateway import launch
from andon.gateway.controller import GatewayReconciler, Sources
from andon.gateway.delivery import Patience
from andon.gateway.envoy import Envoy, EnvoyOptions
from andon.gateway.model import Acknowledged, Backend, Endpoint, HealthCheck, ReleaseTraffic, Route
from andon.gateway.plan import Service
from andon.gateway.process import is_alive
from andon.gateway.stats import Scraper
from andon.kernel.clock import SystemClock
from andon.kernel.errors import InvalidInput, Unavailable
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.units.desired import Desired, DesiredRelease

pytestmark = pytest.mark.component

SHOP, PRODUCTION = UnitName("shop"), EnvironmentName("production")
OLD, NEW = Version("1.0.0"), Version("1.1.0")
QUICK_HEALTH = HealthCheck(interval=timedelta(milliseconds=200), timeout=timedelta(seconds=2))


class Upstream:
    """One instance of a release: answers with its name; health checks are not counted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = 200
        self.healthy = True
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
        if path == "/health":
            self.probes += 1
            self._write(writer, 200 if self.healthy else 503, "probe")
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
            Backend(OLD, 1000 - share, (self.old.endpoint,)),
            Backend(NEW, share, (self.new.endpoint,), is_candidate=True),
        )
        return Route(
            SHOP,
            PRODUCTION,
            self.revision,
            "127.0.0.1",
            self.port,
            backends,
            sticky=sticky,
            health=QUICK_HEALTH,
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


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    old, new = await Upstream("old").start(), await Upstream("new").start()
    folder = tmp_path / "gateway"
    envoy = envoy_in(folder)
    try:
        await envoy.ensure()
        yield Plant(envoy, folder, old, new)
    finally:
        await envoy.stop()
        old.kill()
        new.kill()


async def test_requests_are_split_by_weight_and_counted_exactly(plant):
    acknowledged = await plant.share(100)
    assert acknowledged.weights == {OLD: 900, NEW: 100}
    assert acknowledged.revision == plant.revision
    client = Client(plant.port)
    answers = Counter([(await client.ask())[1] for _ in range(1000)])
    assert 55 <= answers["new"] <= 145
    counts = await plant.counts()
    assert counts[NEW].requests == answers["new"] == plant.new.requests
    assert counts[OLD].requests == answers["old"] == plant.old.requests
    assert counts[NEW].latency_ms[-1] == (float("inf"), answers["new"])
    assert counts[OLD].errors == counts[NEW].errors == 0
    assert plant.new.probes > 0


async def test_a_session_stays_on_its_release_while_the_share_rises_and_falls(plant):
    await plant.share(100, sticky=True)
    clients = [Client(plant.port) for _ in range(120)]
    first = [(await each.ask())[1] for each in clients]
    seen: dict[int, list[str]] = {}
    for share in (100, 250, 500, 1000, 500, 100):
        await plant.share(share, sticky=True)
        answers = [(await each.ask())[1] for each in clients]
        # Rising and falling through the same share must give the same users.
        assert seen.setdefault(share, answers) == answers
    assert first == seen[100], "the first answer comes from the release that the session stays on"
    for lower, higher in ((100, 250), (250, 500), (500, 1000)):
        for before, after in zip(seen[lower], seen[higher], strict=True):
            assert not (before == "new" and after == "old")
    assert seen[1000] == ["new"] * len(clients)
    assert 0 < seen[250].count("new") < seen[500].count("new") < len(clients)
    for each in clients:
        each.close()


async def test_no_request_fails_over_many_switches_under_load(plant):
    await plant.share(0)
    async with Load(plant.port) as load:
        for share in (100, 500, 1000, 0) * 12:
            await plant.share(share)
        await until(lambda: load.sent > 3000)
    assert load.failed == []
    counts = await plant.counts()
    assert counts[OLD].requests + counts[NEW].requests == load.sent


async def test_a_return_is_one_rename(plant):
    await plant.share(500)
    files = [each for each in plant.folder.rglob("*.json") if each.is_file()]
    before = {each: each.stat().st_ino for each in files}
    await plant.share(0)
    changed = [each.parent.name for each in files if each.stat().st_ino != before[each]]
    assert changed == ["rds"]


async def test_an_instance_that_moves_to_another_port_costs_no_request(plant):
    await plant.share(500)
    async with Load(plant.port) as load:
        for _ in range(5):
            before, plant.new = plant.new, await Upstream("new").start()
            await plant.share(500)
            await until(lambda: plant.new.requests > 20)
            before.kill()
    assert load.failed == []


async def test_a_killed_candidate_costs_no_request_and_is_counted_as_failing(plant):
    await plant.share(500)
    async with Load(plant.port) as load:
        await until(lambda: load.sent > 500)
        plant.new.kill()
        taken = load.answers["new"]
        await until(lambda: load.sent > 4000)
    assert load.failed == []
    counts = await plant.counts()
    assert counts[OLD].requests + counts[NEW].requests == load.sent
    # What the stable release saved is an error of the candidate, and not a success of the stable one.
    assert counts[NEW].requests > load.answers["new"]
    lost = counts[NEW].requests - load.answers["new"]
    assert lost - 8 <= counts[NEW].errors <= lost + 8, f"{taken=}"
    assert counts[OLD].errors == 0


async def test_at_share_0_no_new_request_reaches_the_candidate_after_the_acknowledgement(plant):
    for _ in range(5):
        await plant.share(500)
        async with Load(plant.port) as load:
            await until(lambda: load.answers["new"] > 50)
            acknowledged = await plant.share(0)
            assert acknowledged.weights == {OLD: 1000, NEW: 0}
            # Requests that Envoy had already taken when it acknowledged are still on their way.
            await until(lambda: load.answers["old"] > 0)
            await asyncio.sleep(0.05)
            before, enough = plant.new.requests, load.sent + 300
            await until(lambda: load.sent > enough)  # noqa: B023  awaited here
            assert plant.new.requests == before
        assert load.failed == []


async def test_an_answer_in_progress_survives_the_switch_and_the_removal_of_its_release(plant):
    await plant.share(1000)
    streaming, socket_ = Client(plant.port), Client(plant.port)
    stream, _ = await streaming.open("GET /stream HTTP/1.1\r\nHost: shop\r\n\r\n")
    key = base64.b64encode(os.urandom(16)).decode()
    echo, writer = await socket_.open(
        "GET /echo HTTP/1.1\r\nHost: shop\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    assert b"101" in await echo.readuntil(b"\r\n\r\n")
    await stream.readuntil(b"\r\n\r\n")
    await plant.share(0)
    assert (await plant.counts())[NEW].active == 2
    only_old = Route(
        SHOP,
        PRODUCTION,
        99,
        "127.0.0.1",
        plant.port,
        (Backend(OLD, 1000, (plant.old.endpoint,)),),
        health=QUICK_HEALTH,
    )
    await plant.envoy.apply([only_old])
    writer.write(b"still there")
    assert await echo.readexactly(11) == b"still there"
    async with asyncio.timeout(10):
        assert (await stream.readuntil(b"0\r\n\r\n")).count(b"hi") == 20
    streaming.close()
    socket_.close()
    async with asyncio.timeout(10):  # and the release goes when nothing is in flight any more
        while NEW in await plant.counts():
            await plant.envoy.apply([only_old])
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("method", "headers", "is_repeated"),
    [
        ("GET", (), True),
        ("POST", ("Content-Length: 0",), False),
        ("POST", ("Content-Length: 0", "Idempotency-Key: 7"), True),
    ],
)
async def test_only_a_request_that_may_be_repeated_is(plant, method, headers, is_repeated):
    await plant.share(1000)
    client = Client(plant.port)
    plant.new.status = 503
    status, body = await client.ask(method, "/", *headers)
    assert (status, body) == ((200, "old") if is_repeated else (503, "new"))
    plant.new.resets = True
    status, _ = await client.ask(method, "/", *headers)
    assert status == (200 if is_repeated else 503)
    plant.new.resets, plant.new.status = False, 500
    assert await client.ask(method, "/", *headers) == (500, "new"), "an honest error stays visible"
    counts = await plant.counts()
    assert (counts[NEW].requests, counts[NEW].errors) == (3, 3)
    assert OLD not in counts or counts[OLD].requests == 0


async def test_an_answer_that_is_cut_off_counts_as_an_error(plant):
    await plant.share(1000)
    client = Client(plant.port)
    with contextlib.suppress(asyncio.IncompleteReadError):
        await client.ask("GET", "/cut")
    counts = await plant.counts()
    assert (counts[NEW].requests, counts[NEW].errors) == (1, 1)


async def test_a_release_that_is_not_healthy_yet_gets_no_request(plant):
    await plant.share(0)
    plant.new.healthy = False
    late = await Upstream("new").start()
    late.healthy = False
    plant.new.kill()
    plant.new = late
    route = plant.route(500)
    applied = await plant.envoy.apply([route])
    assert applied.acknowledged[0].weights == {OLD: 1000, NEW: 0}
    assert applied.acknowledged[0].revision == route.revision - 1
    assert "not healthy" in applied.waiting[0]
    late.healthy = True
    async with asyncio.timeout(10):
        while (await plant.envoy.apply([route])).acknowledged[0].weights[NEW] != 500:
            await asyncio.sleep(0.05)


async def test_a_refused_document_is_put_back_and_the_old_one_serves(plant):
    await plant.share(0)
    good = (plant.folder / "cds.json").read_bytes()
    plant.new.endpoint = Endpoint("not-an-address", 1)
    applied = await plant.envoy.apply([plant.route(0)])
    with pytest.raises(InvalidInput, match="not-an-address") as refused:
        applied.check()
    assert refused.value.code == "gateway-rejected"
    assert (plant.folder / "cds.json").read_bytes() == good
    assert await Client(plant.port).ask() == (200, "old")


async def test_a_port_in_use_is_said_and_the_other_routes_go_on(plant):
    await plant.share(0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other = Route(
            UnitName("mes"), PRODUCTION, 1, "127.0.0.1", taken.getsockname()[1], (Backend(OLD, 0, ()),)
        )
        third = Route(UnitName("zeta"), PRODUCTION, 1, "127.0.0.1", free_port(), (Backend(OLD, 0, ()),))
        for _ in range(2):
            applied = await plant.envoy.apply([plant.route(500), other, third])
            assert [each.code for each in applied.problems] == ["gateway-port-in-use"]
            assert [each.unit for each in applied.acknowledged] == [SHOP, third.unit]
            assert (await Client(third.port).ask())[0] == 503
            assert (await Client(plant.port).ask())[0] == 200
    applied = await plant.envoy.apply([plant.route(500), other, third])
    assert [each.unit for each in applied.check().acknowledged] == [other.unit, SHOP, third.unit]


async def test_a_route_without_a_ready_release_answers_503_and_no_route_is_an_idle_gateway(plant):
    nothing = Route(SHOP, PRODUCTION, 1, "127.0.0.1", plant.port, (Backend(OLD, 0, ()),))
    (acknowledged,) = (await plant.envoy.apply([nothing])).check().acknowledged
    assert acknowledged.weights == {OLD: 0}
    status, body = await Client(plant.port).ask()
    assert status == 503
    assert "No release of shop in production is ready" in body
    assert (await plant.envoy.apply([])).check().acknowledged == ()
    with pytest.raises(OSError):
        await Client(plant.port).ask()
    await plant.share(0)
    assert await Client(plant.port).ask() == (200, "old")


async def test_a_second_start_does_not_make_a_second_envoy(plant):
    running = await plant.envoy.ensure()
    another = envoy_in(plant.folder)
    assert await another.ensure() == running
    await another.close()
    log = str(plant.folder / "second.log")
    command = [sys.executable, "-m", launch.__name__, str(plant.folder), log, running.program, "--version"]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    assert await process.wait() == launch.ALREADY_RUNNING
    assert plant.envoy.find_running() == running


async def test_an_envoy_that_was_killed_comes_back_with_what_it_served(plant):
    await plant.share(1000)
    before = await plant.envoy.ensure()
    os.kill(before.pid, signal.SIGKILL)
    await until(lambda: not is_alive(before))
    with pytest.raises(Unavailable):
        await plant.scraper.scrape()
    async with asyncio.timeout(20):
        while True:
            try:
                after = await plant.envoy.ensure()
                break
            except Unavailable as wait:
                await asyncio.sleep(wait.retry_after.total_seconds())
    assert after != before
    assert await Client(plant.port).ask() == (200, "new")
    epoch = (await plant.scraper.scrape()).epoch
    assert epoch == after.epoch != before.epoch
    assert (await plant.share(0)).weights == {OLD: 1000, NEW: 0}


_CONTROL_PROCESS = """
import asyncio, sys
from pathlib import Path
from andon.gateway.envoy import Envoy, EnvoyOptions
from andon.gateway.model import Backend, Endpoint, Route
from andon.kernel.clock import SystemClock

async def main(folder, port, old, new):
    envoy = Envoy(EnvoyOptions(Path(folder), concurrency=1), SystemClock())
    await envoy.ensure()
    old, new = (Endpoint("127.0.0.1", int(each)) for each in (old, new))
    backends = (Backend("1.0.0", 500, (old,)), Backend("1.1.0", 500, (new,), True))
    route = Route("shop", "production", 7, "127.0.0.1", int(port), backends)
    print((await envoy.apply([route])).check().acknowledged[0].weights, flush=True)
    await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_envoy_outlives_the_control_process_and_is_adopted_by_the_next(tmp_path):
    old, new = await Upstream("old").start(), await Upstream("new").start()
    folder, port = tmp_path / "gateway", free_port()
    ports = [str(each) for each in (port, old.endpoint.port, new.endpoint.port)]
    envoy = envoy_in(folder)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CONTROL_PROCESS, str(folder), *ports, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            while b"500" not in await process.stdout.readline():
                assert process.returncode is None
        running = envoy.find_running()
        async with Load(port) as load:
            await until(lambda: load.sent > 200)
            process.kill()
            await process.wait()
            sent = load.sent
            await until(lambda: load.sent > sent + 500)
            assert await envoy.ensure() == running
            cds = (folder / "cds.json").stat().st_ino
            backends = (
                Backend(OLD, 500, (old.endpoint,)),
                Backend(NEW, 500, (new.endpoint,), is_candidate=True),
            )
            route = Route(SHOP, PRODUCTION, 7, "127.0.0.1", port, backends)
            (acknowledged,) = (await envoy.apply([route])).check().acknowledged
            assert (acknowledged.revision, acknowledged.weights) == (7, {OLD: 500, NEW: 500})
            assert (folder / "cds.json").stat().st_ino == cds, "nothing is written again"
        assert load.failed == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await envoy.stop()
        old.kill()
        new.kill()


async def test_the_reconciler_makes_desired_shares_true_and_says_what_is_in_force(plant):
    desired = Desired(SHOP, PRODUCTION, 3, OLD, (DesiredRelease(OLD, 1, 0.9), DesiredRelease(NEW, 1, 0.1)))
    ready: dict[Version, list[Endpoint] | None] = {OLD: [plant.old.endpoint], NEW: []}
    published: list[tuple[int, dict[Version, int]]] = []

    async def read_desired():
        return [desired]

    async def read_endpoints(_unit, _environment, version):
        return ready[version]

    async def read_service(_unit, _environment):
        return Service(plant.port, health=QUICK_HEALTH)

    async def publish(acknowledged):
        published.append((acknowledged[0].revision, acknowledged[0].weights))

    reconciler = GatewayReconciler(plant.envoy, Sources(read_desired, read_endpoints, read_service), publish)
    await reconciler.tick()
    await reconciler.tick()
    assert published == [(3, {OLD: 1000, NEW: 0})], "an unready release gets nothing, and only news is told"
    ready[NEW] = [plant.new.endpoint]
    await reconciler.tick()
    assert published[-1] == (3, {OLD: 900, NEW: 100})
    ready[OLD] = ready[NEW] = None
    desired = Desired(SHOP, PRODUCTION, 4, OLD, (DesiredRelease(OLD, 1, 1.0), DesiredRelease(NEW, 1, 0.0)))
    await reconciler.tick()
    assert reconciler.acknowledged[0].weights == {OLD: 900, NEW: 100}, "not known is not the same as none"
    ready[OLD], ready[NEW] = [plant.old.endpoint], [plant.new.endpoint]
    await reconciler.tick()
    assert published[-1] == (4, {OLD: 1000, NEW: 0})
    assert reconciler.problems == ()


async def test_a_restarted_andon_does_not_take_down_what_it_has_not_adopted_yet(plant):
    await plant.share(500)
    desired = Desired(SHOP, PRODUCTION, 9, OLD, (DesiredRelease(OLD, 1, 0.5), DesiredRelease(NEW, 1, 0.5)))
    ready: list[Endpoint] = []

    async def read_desired():
        return [desired]

    async def read_endpoints(_unit, _environment, version):
        return [plant.old.endpoint if version == OLD else plant.new.endpoint] if ready else []

    async def read_service(_unit, _environment):
        return Service(plant.port, health=QUICK_HEALTH)

    reconciler = GatewayReconciler(plant.envoy, Sources(read_desired, read_endpoints, read_service))
    async with Load(plant.port) as load:
        await reconciler.tick()
        await until(lambda: load.sent > 300)
        assert reconciler.acknowledged[0].weights == {OLD: 500, NEW: 500}
        assert reconciler.acknowledged[0].revision == plant.revision
        ready.append(plant.old.endpoint)
        await reconciler.tick()
        assert reconciler.acknowledged[0].revision == 9
    assert load.failed == []
    ready.clear()
    await reconciler.tick()
    assert reconciler.acknowledged[0].weights == {OLD: 0, NEW: 0}, "once known, none is none"
