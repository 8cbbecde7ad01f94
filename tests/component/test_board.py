"""The board in a real Chromium over a real uvicorn: it lives, acts, asks why, and keeps to its own host."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from andon.api.http import create
from andon.api.services import Services
from andon.board import pages
from andon.judge import sequential
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.pipelines.store import RunStore
from andon.rollouts.commands import Commands
from andon.rollouts.store import RolloutStore
from andon.store.engine import Database
from andon.store.schema import metadata
from andon.testing import scenes
from andon.testing.services import FakePlant
from andon.timeline.records import Event, Severity
from andon.timeline.store import TimelineStore
from andon.units.store import DesiredStore

pytestmark = pytest.mark.asyncio(loop_scope="module")
_CHROMIUM = Path("/usr/bin/chromium")
_PATIENCE_MS = 20_000
_FLOOR = "/"
_PAGES = (
    _FLOOR,
    f"/rollouts/{scenes.UNDER_WAY}",
    f"/rollouts/{scenes.TAKEN_BACK}",
    "/units/mes/production",
    f"/runs/{scenes.SHIPPING}",
)


@dataclass
class Seen:
    """Everything that a page asked for, and everything that went wrong in it."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    received_bytes: int = 0


class Site:
    """The application behind a real server, which can be stopped and started on its port."""

    def __init__(self, services: Services) -> None:
        self._services = services
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        app = create(self._services)
        pages.install(app, self._services)
        config = uvicorn.Config(
            app, port=self.port, log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server._serve())
        async with asyncio.timeout(20):
            while not self._server.started:
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self._task is not None:
            self._server.should_exit = True
            await self._task
            self._task = None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    if not _CHROMIUM.exists():
        pytest.fail("Chromium is missing: apt-get install chromium fonts-noto-cjk")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=str(_CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        yield opened
        await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def plant() -> FakePlant:
    return scenes.a_busy_morning(FakePlant())


@pytest_asyncio.fixture(loop_scope="module")
async def site(plant: FakePlant) -> AsyncIterator[Site]:
    opened = Site(plant.services())
    await opened.start()
    yield opened
    await opened.stop()


@dataclass
class Real:
    """A site over the real stores on SQLite, with one rollout that was begun by the real command."""

    site: Site
    rollouts: RolloutStore
    timeline: TimelineStore
    rollout: str


@pytest_asyncio.fixture(loop_scope="module")
async def real(tmp_path: Path, plant: FakePlant) -> AsyncIterator[Real]:
    database = Database.open(f"sqlite:///{tmp_path / 'andon.db'}")
    async with database.transaction() as tx:
        await tx.run_sync(metadata.create_all)
    fake = plant.services()
    rollouts, timeline = RolloutStore(database), TimelineStore(database)
    services = replace(
        fake,
        rollouts=rollouts,
        commands=Commands(rollouts, fake.releases, sequential, fake.clock),
        desired=DesiredStore(database),
        timeline=timeline,
        runs=RunStore(database),
    )
    begun = await services.commands.deploy(
        UnitName("mes"),
        EnvironmentName("production"),
        Version("1.1.0"),
        actor="jiwoo",
        reason="spring torque limits",
    )
    site = Site(services)
    await site.start()
    yield Real(site, rollouts, timeline, begun.id)
    await site.stop()
    await database.close()


Opener = Callable[..., "contextlib.AbstractAsyncContextManager[tuple[Page, Seen]]"]


@pytest.fixture
def opener(browser: Browser) -> Opener:
    @contextlib.asynccontextmanager
    async def opened(
        url: str, *, language: str = "en", width: int = 1280, theme: str = "light"
    ) -> AsyncIterator[tuple[Page, Seen]]:
        context = await browser.new_context(
            viewport={"width": width, "height": 900}, locale=language, color_scheme=theme
        )
        context.set_default_timeout(_PATIENCE_MS)
        await context.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error('CSP ' + e.violatedDirective))"
        )
        page, seen = await context.new_page(), Seen()
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: seen.complaints.append(message.text) if message.type == "error" else None,
        )
        await page.goto(url)
        await expect(page.locator("#heard")).to_have_attribute("data-state", "live", timeout=_PATIENCE_MS)
        yield page, seen
        await context.close()

    return opened


@pytest.mark.parametrize("path", _PAGES)
async def test_a_page_keeps_to_its_own_host_and_complains_of_nothing(site, opener, path):
    async with opener(site.url + path) as (page, seen):
        await page.wait_for_function("document.querySelector('time[data-ago]').textContent.includes('ago')")
        own = [each for each in seen.requests if each.startswith(site.url + "/")]
        assert own
        assert seen.requests == own
        assert seen.complaints == []


async def test_the_first_view_is_light(site, opener, plant):
    async with opener(site.url) as (page, _seen):
        sizes = await page.evaluate(
            "performance.getEntries().filter((e) => e.decodedBodySize).map((e) => e.decodedBodySize)"
        )
    assert len(sizes) >= 3
    assert sum(sizes) < 150_000


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_a_phone_never_scrolls_sideways(site, opener, language):
    async with opener(site.url, language=language, width=390) as (page, _seen):
        for path in _PAGES:
            await page.goto(site.url + path)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path


async def test_a_change_arrives_without_a_reload_and_leaves_focus_and_details(site, opener, plant):
    async with opener(site.url + "/units/mes/production") as (page, seen):
        await page.evaluate("window.same = true")
        await page.locator("details").first.locator("summary").click()
        await expect(page.locator("details pre").first).to_contain_text("request handled")
        await page.evaluate(
            "new MutationObserver(() => { window.isEmptied = true })"
            ".observe(document.querySelector('details pre'),"
            " { childList: true, characterData: true, subtree: true })"
        )
        await page.locator("#help").focus()
        event = Event(
            "instance.died", "unit/mes", "andon", "exit code 137", "mes", "production", Severity.ALERT
        )
        number = plant.tell(event).number
        await expect(page.locator(f"#r{number}")).to_contain_text("exit code 137", timeout=_PATIENCE_MS)
        assert await page.evaluate("window.same && document.activeElement.id === 'help'")
        assert await page.locator("details").first.get_attribute("open") is not None
        assert not await page.evaluate("window.isEmptied")
        assert seen.complaints == []


async def test_a_new_look_moves_the_chart(site, opener, plant):
    async with opener(f"{site.url}/rollouts/{scenes.UNDER_WAY}") as (page, _seen):
        await expect(page.locator("#h-evidence")).to_contain_text("64 looks")
        scenes.look_again(plant)
        await expect(page.locator("#h-evidence")).to_contain_text("65 looks", timeout=_PATIENCE_MS)


async def test_a_run_shows_its_output_while_it_grows(site, opener, plant):
    from andon.pipelines.model import StageName

    async with opener(f"{site.url}/runs/{scenes.SHIPPING}") as (page, _seen):
        output = page.locator("#log-test pre")
        await expect(output).to_contain_text("test_number_29 PASSED")
        plant.logs[scenes.SHIPPING, StageName.TEST] += "\nthe last line"
        await expect(output).to_contain_text("the last line", timeout=_PATIENCE_MS)
        assert (await output.inner_text()).count("test_number_29") == 1


async def test_the_cord_is_pulled_in_two_movements_by_keyboard_and_released_with_a_reason(real, opener):
    async with opener(real.site.url) as (page, seen):
        await page.keyboard.press("c")
        await page.keyboard.press("Enter")
        banner = page.locator(".pulled")
        await expect(banner).to_contain_text("The cord is pulled: Everywhere", timeout=_PATIENCE_MS)
        assert [each.environment for each in await real.rollouts.cords()] == [None]
        await page.goto(f"{real.site.url}/rollouts/{real.rollout}")
        await expect(banner).to_be_visible()
        await banner.get_by_role("button").click()
        await page.locator("#act-dialog [name=reason]").fill("false alarm")
        await page.locator("#act-dialog [name=actor]").fill("민서")
        await page.keyboard.press("Enter")
        await expect(banner).to_have_count(0, timeout=_PATIENCE_MS)
        assert await real.rollouts.cords() == []
        assert seen.complaints == []


async def test_the_cord_is_pulled_in_two_movements_by_pointer(real, opener):
    async with opener(real.site.url, language="ko") as (page, _seen):
        await page.locator("#cord").click()
        await page.get_by_role("button", name="코드 당기기").click()
        await expect(page.locator(".pulled")).to_contain_text("안돈 코드 당김: 전체", timeout=_PATIENCE_MS)


async def test_the_cord_can_be_pulled_for_one_environment_with_a_return(real, opener):
    async with opener(real.site.url) as (page, _seen):
        await page.locator("#cord").click()
        await page.locator("#cord-dialog label", has_text="production").click()
        await page.locator("#cord-dialog [name=return]").check()
        await page.locator("#cord-dialog [name=reason]").fill("smoke at EOL")
        await page.locator("#cord-dialog .pull").click()
        await expect(page.locator(".pulled")).to_contain_text("smoke at EOL", timeout=_PATIENCE_MS)
        cord = (await real.rollouts.cords())[0]
        assert (cord.environment, cord.returns, cord.actor) == ("production", True, "board")


async def test_an_abort_asks_a_reason_and_the_timeline_keeps_it(real, opener):
    async with opener(f"{real.site.url}/rollouts/{real.rollout}") as (page, seen):
        await page.get_by_role("button", name="Abort").click()
        dialog = page.locator("#act-dialog")
        await dialog.locator("[name=actor]").fill("민서")
        await dialog.get_by_role("button", name="Abort").click()
        await expect(dialog).to_be_visible()
        assert not [each for each in seen.requests if each.endswith("/abort")]
        await dialog.locator("[name=reason]").fill("wrong torque at LMA")
        await dialog.get_by_role("button", name="Abort").click()
        await expect(dialog).to_be_hidden()
        await expect(page.locator(".verbs")).to_contain_text("asked for: Abort", timeout=_PATIENCE_MS)
        await expect(page.locator(".records")).to_contain_text("wrong torque at LMA")
        asked = (await real.rollouts.get(real.rollout)).request
        assert (asked.actor, asked.reason) == ("민서", "wrong torque at LMA")


async def test_a_refused_act_says_why_in_the_dialog(real, opener):
    async with opener(f"{real.site.url}/rollouts/{real.rollout}") as (page, _seen):
        await page.get_by_role("button", name="Pause").click()
        await page.locator("#act-dialog [name=actor]").fill("jiwoo")
        await page.locator("#act-dialog [name=reason]").fill("look first")
        await page.evaluate(
            "document.querySelector('#act-dialog').todo.url = '/api/v1/rollouts/ro-none/pause'"
        )
        await page.locator("#act-dialog button[type=submit]").click()
        await expect(page.locator("#act-dialog .problem")).to_contain_text("there is no rollout ro-none")


async def test_silence_is_said_and_a_restart_is_noticed(site, opener, plant):
    async with opener(site.url) as (page, _seen):
        await page.evaluate("window.same = true")
        await site.stop()
        await page.clock.install()
        await page.clock.fast_forward(40_000)
        await expect(page.locator("#old")).to_be_visible(timeout=_PATIENCE_MS)
        await expect(page.locator("#old")).to_contain_text("Last heard")
        await expect(page.locator("#heard")).to_have_attribute("data-state", "stale")
        number = plant.tell(Event("rollout.paused", "unit/mes", "jiwoo", "while nobody heard")).number
        await page.clock.resume()
        await site.start()
        await expect(page.locator(f"#r{number}")).to_be_visible(timeout=_PATIENCE_MS)
        await expect(page.locator("#old")).to_be_hidden()
        assert await page.evaluate("window.same")


async def test_a_page_that_was_hidden_catches_up(site, opener, plant):
    hide = (
        "(isHidden) => { Object.defineProperty(document, 'hidden', { value: isHidden, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')) }"
    )
    async with opener(site.url) as (page, _), opener(site.url) as (other, _):
        await page.evaluate(hide, True)
        number = plant.tell(Event("rollout.paused", "unit/mes", "jiwoo", "while it was hidden")).number
        await expect(other.locator(f"#r{number}")).to_be_visible(timeout=_PATIENCE_MS)
        await expect(page.locator(f"#r{number}")).to_have_count(0)
        await page.evaluate(hide, False)
        await expect(page.locator(f"#r{number}")).to_be_visible(timeout=_PATIENCE_MS)


async def test_language_and_theme_change_by_keyboard_and_stay(site, opener):
    async with opener(site.url, language="ko-KR") as (page, _seen):
        await expect(page.locator("html")).to_have_attribute("lang", "ko")
        await page.keyboard.press("l")
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        await page.keyboard.press("t")
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        await page.goto(f"{site.url}/units/mes/production")
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await page.keyboard.press("?")
        await expect(page.locator("#help-dialog")).to_be_visible()


async def test_the_skip_link_is_first_and_focus_is_seen(site, opener):
    async with opener(site.url) as (page, _seen):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        await page.locator("#cord").focus()
        await page.keyboard.press("Tab")
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
