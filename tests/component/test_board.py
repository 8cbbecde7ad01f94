"""The board in a real Chromium over a real uvicorn: it lives, acts, asks why, and keeps to its own host."""

import pytest
from playwright.async_api import expect

from andon.pipelines.model import StageName
from andon.testing import scenes
from andon.testing.access import PASSWORD
from andon.timeline.records import Event, Severity

pytest_plugins = ["tests.component.board_site"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
_PAGES = (
    "/",
    f"/rollouts/{scenes.UNDER_WAY}",
    f"/rollouts/{scenes.TAKEN_BACK}",
    "/units/mes/production",
    "/sets/line/production",
    f"/runs/{scenes.SHIPPING}",
    "/me",
    "/device",
    "/users",
    "/users/engineer",
    "/roles",
    "/tokens",
    "/policies",
    "/fleet",
    "/fleet/settings",
    "/registry",
    "/stations/press-1",
    "/timeline",
    "/timeline/1",
    "/signatures",
)


@pytest.mark.asvs("3.4.3", "14.2.3")
@pytest.mark.parametrize("path", _PAGES)
async def test_a_page_keeps_to_its_own_host_and_complains_of_nothing(site, opener, path):
    async with opener(site, path) as (_page, seen):
        own = [each for each in seen.requests if each.startswith(site.url + "/")]
        assert own
        assert seen.requests == own
        assert seen.complaints == []


async def test_the_first_view_is_light(site, opener, plant):
    async with opener(site) as (page, _seen):
        sizes = await page.evaluate(
            "performance.getEntries().filter((e) => e.decodedBodySize).map((e) => e.decodedBodySize)"
        )
    assert len(sizes) >= 3
    assert sum(sizes) < 190_000


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_a_phone_never_scrolls_sideways(site, opener, language):
    async with opener(site, language=language, width=390) as (page, _seen):
        for path in _PAGES:
            await page.goto(site.url + path)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path
            broken = (
                "all => all.filter((a) => a.offsetHeight > 60 && a.offsetWidth < 30).map((a) => a.innerText)"
            )
            assert await page.locator("td a, td b, td").evaluate_all(broken) == [], path


async def test_a_change_arrives_without_a_reload_and_leaves_focus_and_details(site, opener, plant):
    async with opener(site, "/units/mes/production") as (page, seen):
        await page.evaluate("window.same = true")
        await page.locator("main details").first.locator("summary").click()
        await expect(page.locator("main details pre").first).to_contain_text("request handled")
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
        await expect(page.locator(f"#r{number}")).to_contain_text("exit code 137")
        assert await page.evaluate("window.same && document.activeElement.id === 'help'")
        assert await page.locator("main details").first.get_attribute("open") is not None
        assert not await page.evaluate("window.isEmptied")
        assert seen.complaints == []


async def test_a_new_look_moves_the_chart(site, opener, plant):
    async with opener(site, f"/rollouts/{scenes.UNDER_WAY}") as (page, _seen):
        await expect(page.locator("#h-evidence")).to_contain_text("64 looks")
        scenes.look_again(plant)
        await expect(page.locator("#h-evidence")).to_contain_text("65 looks")


async def test_a_run_shows_its_output_while_it_grows(site, opener, plant):
    async with opener(site, f"/runs/{scenes.SHIPPING}") as (page, _seen):
        output = page.locator("#log-test pre")
        await expect(output).to_contain_text("test_number_29 PASSED")
        plant.logs[scenes.SHIPPING, StageName.TEST] += "\nthe last line"
        await expect(output).to_contain_text("the last line")
        assert (await output.inner_text()).count("test_number_29") == 1


async def test_the_cord_is_pulled_in_two_movements_by_keyboard_and_released_with_a_signature(real, opener):
    async with opener(real.site, who="approver") as (page, seen):
        await page.keyboard.press("c")
        await page.keyboard.press("Enter")
        banner = page.locator(".pulled")
        await expect(banner).to_contain_text("The cord is pulled: Everywhere")
        assert [each.environment for each in await real.rollouts.cords()] == [None]
        await page.goto(f"{real.site.url}/rollouts/{real.rollout}")
        await banner.get_by_role("button").click()
        dialog = page.locator("#act-dialog")
        await dialog.locator("[name=reason]").fill("false alarm")
        await dialog.get_by_role("button", name="Release").click()
        await expect(dialog.locator("#act-signing")).to_be_visible()
        await expect(dialog.locator("[name=login]")).to_be_focused()
        await page.keyboard.type("approver")
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await dialog.locator("[name=meaning]").select_option("responsible")
        await page.keyboard.press("Enter")
        await expect(banner).to_have_count(0)
        assert await real.rollouts.cords() == []
        [(signature, standing)] = await real.signing.list("cord/everywhere")
        assert (signature.signer, signature.meaning, signature.reason) == (
            "approver",
            "responsible",
            "false alarm",
        )
        assert standing == "valid"
        assert [each for each in seen.complaints if "403" not in each] == []


async def test_a_plan_is_changed_looked_at_and_begun(site, plant, opener):
    async with opener(site, "/units/mes/staging", who="engineer") as (page, seen):
        await page.get_by_role("link", name="Deploy").click()
        preview = page.locator("#preview")
        await expect(preview).to_contain_text("after 3 m")
        await page.locator("[name=shares]").fill("25, 100")
        await expect(preview.locator(".share").first).to_have_text("25%")
        await page.locator("[name=soak]").fill("2")
        await expect(preview.locator(".problem")).to_contain_text("write a number")
        await page.locator("[name=soak]").fill("2m")
        await expect(preview).to_contain_text("after 4 m")
        await preview.get_by_role("button", name="Begin").click()
        await page.locator("#act-dialog [name=reason]").fill("try the new labels")
        await page.locator("#act-dialog button[type=submit]").click()
        await page.wait_for_url("**/rollouts/ro-*")
        assert seen.complaints == []
    begun = max(
        plant.rollouts.values() if isinstance(plant.rollouts, dict) else plant.rollouts,
        key=lambda each: each.created_at,
    )
    assert (begun.environment, begun.reason) == ("staging", "try the new labels")


async def test_the_cord_is_pulled_in_two_movements_by_pointer(real, opener):
    async with opener(real.site, who="operator", language="ko") as (page, _seen):
        await page.locator("#cord").click()
        await page.get_by_role("button", name="코드 당기기").click()
        await expect(page.locator(".pulled")).to_contain_text("안돈 코드 당김: 전체")


async def test_the_cord_can_be_pulled_for_one_environment_with_a_return_and_a_signature(real, opener):
    async with opener(real.site, who="approver") as (page, _seen):
        await page.locator("#cord").click()
        await page.locator("#cord-dialog label", has_text="production").click()
        await page.locator("#cord-dialog [name=return]").check()
        await page.locator("#cord-dialog [name=reason]").fill("smoke at EOL")
        await page.locator("#cord-dialog .pull").click()
        dialog = page.locator("#act-dialog")
        await expect(dialog.locator("#act-document")).to_contain_text("returns")
        await dialog.locator("[name=login]").fill("approver")
        await dialog.locator("[name=password]").fill(PASSWORD)
        await dialog.locator("button[type=submit]").click()
        await expect(page.locator(".pulled")).to_contain_text("smoke at EOL")
        cord = (await real.rollouts.cords())[0]
        assert (cord.environment, cord.returns, cord.actor) == ("production", True, "approver")


async def test_who_may_not_pull_the_cord_is_told_why_and_nothing_opens(site, opener):
    async with opener(site, who="viewer") as (page, _seen):
        cord = page.locator("#cord")
        await expect(cord).to_have_attribute("aria-disabled", "true")
        await expect(cord).to_have_attribute("title", "You lack the right “Pull the cord”")
        await cord.click(force=True)
        await page.keyboard.press("c")
        assert await page.locator("dialog[open]").count() == 0


async def test_a_refused_act_says_why_in_the_dialog(site, opener):
    async with opener(site, f"/rollouts/{scenes.UNDER_WAY}", who="engineer") as (page, _seen):
        await page.get_by_role("button", name="Pause").click()
        await page.locator("#act-dialog [name=reason]").fill("look first")
        await page.evaluate(
            "document.querySelector('#act-dialog').task.url = '/api/v1/rollouts/ro-none/pause'"
        )
        await page.locator("#act-dialog button[type=submit]").click()
        await expect(page.locator("#act-dialog .problem")).to_contain_text("there is no rollout ro-none")


async def test_silence_is_said_and_a_restart_is_noticed(site, opener, plant):
    async with opener(site) as (page, _seen):
        await page.evaluate("window.same = true")
        await site.stop()
        await page.clock.install()
        await page.clock.fast_forward(40_000)
        await expect(page.locator("#old")).to_be_visible()
        await expect(page.locator("#old")).to_contain_text("Last heard")
        await expect(page.locator("#heard")).to_have_attribute("data-state", "stale")
        number = plant.tell(Event("rollout.paused", "unit/mes", "jiwoo", "while nobody heard")).number
        await page.clock.resume()
        await site.start()
        await expect(page.locator(f"#r{number}")).to_be_visible()
        await expect(page.locator("#old")).to_be_hidden()
        assert await page.evaluate("window.same")


async def test_a_page_that_was_hidden_catches_up(site, opener, plant):
    hide = (
        "(isHidden) => { Object.defineProperty(document, 'hidden', { value: isHidden, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')) }"
    )
    async with opener(site) as (page, _), opener(site) as (other, _):
        await page.evaluate(hide, True)
        number = plant.tell(Event("rollout.paused", "unit/mes", "jiwoo", "while it was hidden")).number
        await expect(other.locator(f"#r{number}")).to_be_visible()
        await expect(page.locator(f"#r{number}")).to_have_count(0)
        await page.evaluate(hide, False)
        await expect(page.locator(f"#r{number}")).to_be_visible()


async def test_language_and_theme_change_by_keyboard_and_stay(site, opener):
    async with opener(site, language="ko-KR") as (page, _seen):
        await expect(page.locator("html")).to_have_attribute("lang", "ko")
        await page.keyboard.press("l")
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await page.wait_for_load_state()
        light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        await page.keyboard.press("t")
        await expect(page.locator("body")).not_to_have_css("background-color", light)
        await page.goto(f"{site.url}/units/mes/production")
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await page.keyboard.press("?")
        await expect(page.locator("#help-dialog")).to_be_visible()


async def test_the_skip_link_is_first_and_focus_is_seen(site, opener):
    async with opener(site) as (page, _seen):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        await page.locator("#cord").focus()
        await page.keyboard.press("Tab")
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
