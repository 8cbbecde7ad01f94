"""A person is faster than the page, or slower: what they do is neither lost nor done to something else."""

import pytest
from playwright.async_api import expect

from andon.testing.access import PASSWORD
from andon.testing.services import FakePlant
from andon.timeline.records import Event
from tests.component.board_site import Held, Site

pytest_plugins = ["tests.component.board_site"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def refreshed(page):
    """The living part was asked for once more, and shown."""
    await page.evaluate("document.querySelector('#live').setAttribute('data-before', '')")
    await page.evaluate("Andon.refresh()")
    await expect(page.locator("#live")).not_to_have_attribute("data-before", "")


async def test_what_is_done_before_the_scripts_are_there_is_done_then(site, opener):
    async with opener(site) as (page, seen):
        scripts = Held()
        await page.route("**/static/board.js*", scripts)
        await page.goto(site.url + "/", wait_until="commit")
        await page.locator("#cord").click()
        await expect(page.locator("#cord-dialog")).to_be_hidden()
        scripts.let_go()
        await expect(page.locator("#cord-dialog")).to_be_visible()
        assert seen.complaints == []


async def test_a_key_before_the_scripts_are_there_pulls_the_cord_as_well(site, opener):
    async with opener(site) as (page, _seen):
        scripts = Held()
        await page.route("**/static/board.js*", scripts)
        await page.goto(site.url + "/", wait_until="commit")
        await expect(page.locator("#cord")).to_be_visible()
        await page.keyboard.press("c")
        scripts.let_go()
        await expect(page.locator("#cord-dialog")).to_be_visible()


async def test_keys_in_a_field_before_the_scripts_are_there_are_kept_nowhere(site, opener):
    async with opener(site, "/me", who="auditor") as (page, _seen):
        scripts = Held()
        await page.route("**/static/board.js*", scripts)
        await page.goto(site.url + "/me", wait_until="commit")
        await page.locator("form[data-secret] [name=old]").press_sequentially(PASSWORD)
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("?")
        await page.evaluate(
            "document.addEventListener('keydown', (event) => { (window.again ??= []).push(event.key) })"
        )
        scripts.let_go()
        await expect(page.locator("#help-dialog")).to_be_visible()
        assert await page.evaluate("window.again") == ["?"]


@pytest.mark.asvs("14.2.1")
async def test_a_password_that_is_sent_before_the_scripts_are_there_never_stands_in_an_address(site, opener):
    async with opener(site, "/me", who="auditor") as (page, seen):
        scripts = Held()
        await page.route("**/static/board.js*", scripts)
        await page.goto(site.url + "/me", wait_until="commit")
        form = page.locator("form[data-secret]")
        await form.locator("[name=old]").fill(PASSWORD)
        await form.locator("[name=new_password]").fill("quiet torque under blue lamps")
        await form.locator("[name=again]").fill("quiet torque under blue lamps")
        for _ in range(3):  # nothing seems to happen
            await form.get_by_role("button", name="Change password").click()
        scripts.let_go()
        await expect(form.locator(".success")).to_have_text("The password was changed")
        assert [each for each in seen.requests if "?" in each and "torque" in each] == []
        assert len([each for each in seen.requests if each.endswith("/me/password")]) == 1
        assert site.plant.access.passwords["us-auditor"] == "quiet torque under blue lamps"


async def test_a_plan_that_is_changed_before_the_scripts_are_there_is_looked_at(site, opener):
    async with opener(site, who="engineer") as (page, _seen):
        scripts = Held()
        await page.route("**/static/board.js*", scripts)
        await page.goto(site.url + "/units/mes/staging", wait_until="commit")
        await page.get_by_role("link", name="Deploy").click()
        await page.locator("[name=shares]").fill("25, 100")
        scripts.let_go()
        await expect(page.locator("#preview .share").first).to_have_text("25%")


async def test_a_button_is_not_taken_from_under_the_finger(site, opener):
    async with opener(site, "/users/operator") as (page, _seen):
        button = page.get_by_role("button", name="Disable")
        await refreshed(page)  # so that none that opening the page began moves the button below
        await button.hover()
        # Begun before the press: one on its way by then waits for its end, and none is asked beside it.
        async with page.expect_response(lambda each: "fragment=true" in each.url) as asked:
            await page.mouse.down()
            # as a refresh would: another stands in its place
            await button.evaluate("(it) => { it.id = 'pressed' }")
            await page.evaluate("Andon.refresh()")
        await (await asked.value).finished()
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        await expect(page.locator("#pressed")).to_have_count(1)
        await page.mouse.up()
        await expect(page.locator("#act-dialog")).to_be_visible()
        await expect(page.locator("#pressed")).to_have_count(0)  # and what came meanwhile is shown


@pytest.mark.asvs("7.4.4")
async def test_who_signs_out_is_not_led_to_their_own_page_again(site, opener):
    async with opener(site, "/timeline", who="engineer") as (page, _seen):
        out = Held()
        await page.route("**/api/v1/logout", out)
        await page.locator("#person summary").click()
        await page.locator("#sign-out").click()
        await out.is_asked.wait()
        async with page.expect_response(lambda each: "fragment=true" in each.url and each.status == 401):
            await page.evaluate("Andon.refresh()")
        out.let_go()
        await page.wait_for_url("**/login**")
        await expect(page).to_have_url(site.url + "/login")


@pytest.mark.asvs("7.4.4")
async def test_who_is_not_signed_out_is_told_so(site, opener, plant):
    async with opener(site, "/timeline", who="engineer") as (page, _seen):
        await page.route("**/api/v1/logout", lambda route: route.abort())
        await page.locator("#person summary").click()
        await page.locator("#sign-out").click()
        await expect(page.locator("#person").get_by_role("alert")).to_be_visible()
        number = plant.tell(Event("rollout.paused", "unit/mes", "jiwoo", "still heard")).number
        await expect(page.locator(f"#r{number}")).to_be_visible()


async def test_an_answered_terminal_stays_answered_while_the_page_is_refreshed(plant: FakePlant, opener):
    services = plant.services()
    begun = await services.devices.begin(source="10.0.0.7", agent="andon on line-pc-3")
    site = Site(services, plant)
    await site.start()
    try:
        async with opener(site, f"/device?code={begun.user_code}", who="engineer") as (page, seen):
            yes = Held()
            await page.route("**/approve", yes)
            for _ in range(2):
                await page.get_by_role("button", name="Approve").click()
            await page.get_by_role("button", name="Deny").click()
            await yes.is_asked.wait()
            await refreshed(page)
            yes.let_go()
            await expect(page.locator("#device-done")).to_contain_text("Approved")
            await refreshed(page)
            await expect(page.locator("#device-done")).to_contain_text("Approved")
            sent = [each for each in seen.requests if each.endswith(("/approve", "/deny"))]
            assert [each.rsplit("/", 1)[1] for each in sent] == ["approve"]
            assert seen.complaints == []
    finally:
        await site.end()
