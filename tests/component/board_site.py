"""The board behind a real uvicorn, and a real Chromium before it: fixtures for `test_board*.py`."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, Route, async_playwright, expect

from andon.access.policies.commands import Policies
from andon.access.policies.store import PolicyStore
from andon.access.rights import BUILTIN
from andon.access.signatures.commands import Signing
from andon.access.signatures.store import SignatureStore
from andon.api.http import create
from andon.api.services import Services
from andon.board import pages
from andon.judge import sequential
from andon.kernel.clock import SystemClock
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.pipelines.store import RunStore
from andon.rollouts.approvals import Approvals
from andon.rollouts.authority import Authority
from andon.rollouts.commands import Commands
from andon.rollouts.store import RolloutStore
from andon.store.engine import Database
from andon.store.schema import metadata
from andon.testing import scenes
from andon.testing.access import FakeLogin
from andon.testing.services import FakePlant
from andon.testing.sets import a_set_under_way
from andon.testing.shelf import Shelf, maker_of
from andon.testing.signing import Hand
from andon.timeline.store import TimelineStore
from andon.units.store import DesiredStore

# How long every action and expectation may take, said here alone: a machine under load is slow, never wrong.
_PATIENCE_MS = 60_000
# How many times slower the browser and its line are made; 10 shows what a page or a test takes for granted.
_SLOWED = int(os.environ.get("ANDON_SLOW_PAGES", "1"))
_LATENCY_MS = 20
_CHROMIUM = Path("/usr/bin/chromium")
_CSP_SEEN = "addEventListener('securitypolicyviolation', (e) => console.error('CSP ' + e.violatedDirective))"


@dataclass
class Seen:
    """Everything that a page asked for, and everything that went wrong in it."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


class Held:
    """What a page asks for is answered as ever, only not before `let_go`: `page.route(address, Held())`.

    is_late: it does not reach the server before either.
    """

    def __init__(self, *, is_late: bool = False) -> None:
        self.is_asked = asyncio.Event()
        self._is_late = is_late
        self._is_free = asyncio.Event()

    async def __call__(self, route: Route) -> None:
        if self._is_late:
            self.is_asked.set()
            await self._is_free.wait()
        answer = await route.fetch(timeout=_PATIENCE_MS)
        self.is_asked.set()
        await self._is_free.wait()
        await route.fulfill(response=answer)

    def let_go(self) -> None:
        self._is_free.set()


class Site:
    """The application behind a real server, which can be stopped and started on its port."""

    def __init__(self, services: Services, plant: FakePlant) -> None:
        self.plant = plant
        self._services = services
        self._kept = _bound(0)  # never listens: it keeps the port while nobody serves there
        self.port: int = self._kept.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        app = create(self._services)
        pages.install(app, self._services)
        config = uvicorn.Config(
            app, port=self.port, log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server._serve([_bound(self.port)]))
        async with asyncio.timeout(_PATIENCE_MS / 1000):
            while not self._server.started:
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self._task is not None:
            self._server.should_exit = True
            await self._task
            self._task = None

    async def end(self) -> None:
        """Stop for good, and give the port back."""
        await self.stop()
        self._kept.close()


@dataclass
class Real:
    """A site over the real stores on SQLite, with one rollout that waits at the gate of production.

    `engineer` proposed and shipped it; accounts are the plant's, signatures and policies are real.
    """

    site: Site
    rollouts: RolloutStore
    timeline: TimelineStore
    signing: Signing
    policies: Policies
    rollout: str


def _bound(port: int) -> socket.socket:
    """A socket on `port` of loopback, or on a free one for 0, beside another of ours."""
    made = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        made.setsockopt(socket.SOL_SOCKET, option, 1)
    made.bind(("127.0.0.1", port))
    return made


async def _slow_down(page: Page) -> None:
    if _SLOWED > 1:
        wire = await page.context.new_cdp_session(page)
        await wire.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWED})
        line = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
        await wire.send("Network.emulateNetworkConditions", line | {"latency": _SLOWED * _LATENCY_MS})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    if not _CHROMIUM.exists():
        pytest.fail("Chromium is missing: apt-get install chromium fonts-noto-cjk")
    expect.set_options(timeout=_PATIENCE_MS)
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=str(_CHROMIUM), args=["--no-sandbox", "--disable-gpu"], timeout=_PATIENCE_MS
        )
        yield opened
        await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def plant() -> FakePlant:
    made = scenes.a_busy_morning(FakePlant())
    made.set_rollouts.append(a_set_under_way(made.clock.now()))
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def site(plant: FakePlant) -> AsyncIterator[Site]:
    opened = Site(plant.services(), plant)
    await opened.start()
    yield opened
    await opened.end()


@pytest_asyncio.fixture(loop_scope="module")
async def real(tmp_path: Path, plant: FakePlant) -> AsyncIterator[Real]:
    database = Database.open(f"sqlite:///{tmp_path / 'andon.db'}")
    async with database.transaction() as tx:
        await tx.run_sync(metadata.create_all)
    clock, fake, hand = SystemClock(), plant.services(), Hand()
    signatures = SignatureStore(database)
    shelf = Shelf(scenes.manifest("mes", "serials of the line", 8080), shipped_by="engineer")

    async def roles():
        return BUILTIN

    policies = Policies(PolicyStore(database), signatures, hand.sealer, roles, clock)
    signing = Signing(signatures, hand.sealer, FakeLogin(plant), policies, clock)
    rollouts, timeline = RolloutStore(database), TimelineStore(database)
    authority = Authority(policies, hand.sealer, Approvals(signatures, hand.sealer, shelf, maker_of))
    services = replace(
        fake,
        rollouts=rollouts,
        commands=Commands(rollouts, shelf, sequential, clock, authority),
        desired=DesiredStore(database),
        timeline=timeline,
        runs=RunStore(database),
        signing=signing,
        policies=policies,
    )
    begun = await services.commands.deploy(
        UnitName("mes"),
        EnvironmentName("production"),
        Version("1.1.0"),
        actor="engineer",
        proposer_id="us-engineer",
        reason="spring torque limits",
    )
    site = Site(services, plant)
    await site.start()
    yield Real(site, rollouts, timeline, signing, policies, begun.id)
    await site.end()
    await database.close()


Opener = Callable[..., "contextlib.AbstractAsyncContextManager[tuple[Page, Seen]]"]


@pytest.fixture
def opener(browser: Browser) -> Opener:
    """Opens a page in a fresh profile; `who` has signed in before, None nobody has."""

    @contextlib.asynccontextmanager
    async def opened(
        site: Site,
        path: str = "/",
        *,
        who: str | None = "admin",
        language: str = "en",
        width: int = 1280,
        theme: str = "light",
        has_script: bool = True,
    ) -> AsyncIterator[tuple[Page, Seen]]:
        context = await browser.new_context(
            viewport={"width": width, "height": 900},
            locale=language,
            color_scheme=theme,
            java_script_enabled=has_script,
            accept_downloads=True,
        )
        context.set_default_timeout(_PATIENCE_MS)
        if who:
            secret = site.plant.access.sign_in(who).secret
            await context.add_cookies([{"name": "andon_session", "value": secret, "url": site.url}])
        await context.add_init_script(_CSP_SEEN)
        page, seen = await context.new_page(), Seen()
        await _slow_down(page)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: seen.complaints.append(message.text) if message.type == "error" else None,
        )
        await page.goto(site.url + path)
        if who and has_script:
            await expect(page.locator("#heard")).to_have_attribute("data-state", "live")
        yield page, seen
        await context.close()

    return opened
