"""The MES behind a real uvicorn, and a real Chromium before it: fixtures for `test_dashboard_browser.py`."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from andon_mes.app import create_app
from andon_mes.settings import Settings
from playwright.async_api import Browser, Page, Route, async_playwright, expect

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
    """One instance on a port of its own, which can be ended and begun again as another release."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = _bound(0)  # never listens: it keeps the port while nobody serves there
        self.port: int = self._kept.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._task: asyncio.Task[None] | None = None

    async def start(self, release: str = "1.0.0") -> None:
        self._app = create_app(Settings(database=str(self._path), release=release, durability="NORMAL"))
        config = uvicorn.Config(self._app, port=self.port, log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server._serve([_bound(self.port)]))
        async with asyncio.timeout(_PATIENCE_MS / 1000):
            while not self._server.started:
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self._task is not None:
            self._app.end_streams()
            self._server.should_exit = True
            await self._task
            self._task = None

    async def end(self) -> None:
        """Stop for good, and give the port back."""
        await self.stop()
        self._kept.close()


@dataclass
class Line:
    """What stations and people do beside the browser, over HTTP."""

    client: httpx.AsyncClient

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.post(path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()["data"]

    async def released_lot(self, size: int) -> tuple[dict[str, Any], list[str]]:
        lot = await self.post("/api/v1/lots", {"target_quantity": size})
        made = await self.post(f"/api/v1/lots/{lot['id']}/serials/generate", {"quantity": size})
        await self.client.patch(f"/api/v1/lots/{lot['lot_number']}", json={"action": "release"})
        return lot, [each["serial_number"] for each in made["serials"]]

    async def scan(self, what: str, serial: str, process: str, **more: Any) -> dict[str, Any]:
        body = {
            "serial_number": serial,
            "process_code": process,
            "operator_id": "OP-1",
            "timestamp": "2025-11-10T12:00:00+09:00",
            **more,
        }
        return await self.post(f"/api/v1/process/{what}", body)


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
async def site(database_path: Path) -> AsyncIterator[Site]:
    opened = Site(database_path)
    await opened.start()
    yield opened
    await opened.end()


@pytest.fixture(scope="session")
def tokens(request: pytest.FixtureRequest) -> dict[str, str]:
    """The credential of a device of each role; none while everybody is let in."""
    try:
        return request.getfixturevalue("credentials")
    except pytest.FixtureLookupError:
        return {}


def headers_of(role: str | None, credentials: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {credentials.get(role)}"} if role else {}


@pytest_asyncio.fixture(loop_scope="module")
async def line(site: Site, tokens: dict[str, str]) -> AsyncIterator[Line]:
    headers = headers_of("admin", tokens)
    async with httpx.AsyncClient(base_url=site.url, headers=headers, timeout=_PATIENCE_MS / 1000) as client:
        yield Line(client)


Opener = Callable[..., "contextlib.AbstractAsyncContextManager[tuple[Page, Seen]]"]


@pytest.fixture
def opener(browser: Browser, tokens: dict[str, str]) -> Opener:
    """Opens a page in a fresh profile, asked with the credential of `role`; by nobody for None."""

    @contextlib.asynccontextmanager
    async def opened(
        site: Site,
        path: str = "/",
        *,
        role: str | None = "admin",
        language: str = "en",
        width: int = 1280,
        theme: str = "light",
    ) -> AsyncIterator[tuple[Page, Seen]]:
        context = await browser.new_context(
            viewport={"width": width, "height": 900},
            locale=language,
            color_scheme=theme,
            extra_http_headers=headers_of(role, tokens),
        )
        context.set_default_timeout(_PATIENCE_MS)
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
        if role:
            await expect(page.locator("#heard")).to_have_attribute("data-state", "live")
        yield page, seen
        await context.close()

    return opened
