"""Signing in, accounts and rights in a real Chromium: what a person meets, by pointer and by keyboard."""

import contextlib
import itertools
from dataclasses import replace

import pytest
from playwright.async_api import Error, Page, expect

from andon.access.model import Source, User
from andon.access.people.model import Purpose
from andon.kernel.errors import AndonError, Forbidden, Unavailable
from andon.testing.access import PASSWORD, FakeLogin
from andon.testing.services import FakePlant
from andon.timeline.records import Event
from tests.component.board_site import Site

pytest_plugins = ["tests.component.board_site"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
_NEW = "quiet torque under blue lamps"


async def sign_in(page: Page, login: str, password: str) -> None:
    await page.locator("[name=login]").fill(login)
    await page.locator("[name=password]").fill(password)
    await page.locator("#login button[type=submit]").click()


async def test_one_signs_in_by_keyboard_and_comes_back_to_the_page_one_wanted(site, opener):
    async with opener(site, "/timeline?kind=rollout.created", who=None) as (page, seen):
        await expect(page).to_have_url(site.url + "/login?next=%2Ftimeline%3Fkind%3Drollout.created")
        await expect(page.locator("[name=login]")).to_be_focused()
        await page.keyboard.type("engineer")
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(site.url + "/timeline?kind=rollout.created")
        await expect(page.locator("#person summary")).to_contain_text("Engineer")
        assert seen.complaints == []


@pytest.mark.asvs("3.7.2")
async def test_a_sign_in_never_leads_to_another_host(site, opener):
    async with opener(site, "/login?next=//127.0.0.1:9/", who=None) as (page, _seen):
        await sign_in(page, "viewer", PASSWORD)
        await expect(page).to_have_url(site.url + "/")


async def test_a_wrong_password_is_said_plainly_and_forgotten(site, opener):
    async with opener(site, "/login", who=None) as (page, _seen):
        await sign_in(page, "engineer", "wrong")
        await expect(page.get_by_role("alert")).to_have_text("User name or password is wrong.")
        await expect(page.locator("[name=password]")).to_have_value("")
        await expect(page.locator("[name=password]")).to_be_focused()
        assert (await page.context.cookies()) == []


class Refusing(FakeLogin):
    """Refuses everybody in the same way."""

    def __init__(self, plant: FakePlant, error: AndonError) -> None:
        super().__init__(plant)
        self._error = error

    async def check(
        self, login: str, password: str, *, source: str, purpose: Purpose = Purpose.SIGN_IN
    ) -> tuple[User, str]:
        raise self._error


@pytest.mark.parametrize(
    ("language", "error", "words"),
    [
        ("en", Forbidden("account-disabled", "it is disabled"), "This account is disabled."),
        ("en", Forbidden("password-expired", "too late"), "was not used in time"),
        ("en", Unavailable("directory-unavailable", "no server"), "The company directory does not answer"),
        ("ko", Forbidden("locked-out", "often", needs={"retry_after_s": 90}), "이후에 다시 시도하세요"),
        ("ko", Forbidden("locked-out", "often", needs={"retry_after_s": 3e9}), "관리자에게 잠금 해제를"),
        ("en", Forbidden("new-code", "a newer part says so"), "a newer part says so"),
    ],
)
async def test_what_keeps_one_out_is_said_in_words(plant, opener, language, error, words):
    site = Site(replace(plant.services(), login=Refusing(plant, error)), plant)
    await site.start()
    try:
        async with opener(site, "/login", who=None, language=language) as (page, _seen):
            await sign_in(page, "engineer", PASSWORD)
            await expect(page.get_by_role("alert")).to_contain_text(words)
            assert "{time}" not in await page.get_by_role("alert").inner_text()
    finally:
        await site.end()


async def test_a_password_that_somebody_else_knows_is_changed_before_one_gets_in(site, opener, plant):
    plant.access.add("fresh", *plant.access.users["us-viewer"].grants, must_change_password=True)
    async with opener(site, "/login", who=None) as (page, seen):
        await expect(page.locator("#new-password")).to_be_hidden()
        await sign_in(page, "fresh", PASSWORD)
        fresh = page.locator("[name=new_password]")
        await expect(fresh).to_be_focused()
        await expect(page.locator("#new-password")).to_contain_text("At least 15 characters")
        await page.keyboard.type("short")
        await expect(page.locator(".strength")).to_have_text("Too short yet: 10 more characters")
        await fresh.fill(_NEW)
        await expect(page.locator(".strength")).to_have_text("Strong")
        await page.locator("[name=again]").fill("something else")
        await expect(page.locator(".match")).to_have_text("The two do not match")
        await page.locator("#login button[type=submit]").click()
        await expect(page.get_by_role("alert")).to_have_text("The two do not match")
        await page.locator("[name=again]").fill(_NEW)
        await page.locator("#login button[type=submit]").click()
        await expect(page).to_have_url(site.url + "/")
        assert plant.access.passwords["us-fresh"] == _NEW
        assert [each for each in seen.complaints if "403" not in each] == []


async def test_without_script_one_is_told_so_and_no_password_leaves_the_page(site, opener):
    async with opener(site, "/login", who=None, has_script=False) as (page, _seen):
        # Chromium that is told to run no script still hides this element; a browser without script shows it.
        assert "Signing in needs JavaScript" in await page.locator("#login noscript").inner_text()
        await expect(page.locator("#login button[type=submit]")).to_be_disabled()
    async with opener(site, "/timeline?actor=jiwoo", who="viewer", has_script=False) as (page, _seen):
        await expect(page.locator(".audit li").first).to_be_visible()
        await page.locator("#filter [name=actor]").fill("andon")
        await page.get_by_role("button", name="Apply").click()
        await page.wait_for_url("**actor=andon**")


@pytest.mark.asvs("7.4.4")
async def test_one_signs_out_and_is_out(site, opener):
    async with opener(site, who="engineer") as (page, _seen):
        await page.locator("#person summary").click()
        await page.locator("#sign-out").click()
        await expect(page).to_have_url(site.url + "/login")
        await page.goto(site.url + "/timeline")
        await expect(page).to_have_url(site.url + "/login?next=%2Ftimeline")


@pytest.mark.asvs("14.3.1")
async def test_a_session_that_ends_leads_to_signing_in_and_back(site, opener, plant):
    async with opener(site, "/timeline", who="viewer") as (page, _seen):
        await page.wait_for_load_state()
        plant.access.sessions.clear()
        with contextlib.suppress(Error):  # the page's own stream may hear of it first, and leave
            await page.evaluate("Andon.refresh()")
        await expect(page).to_have_url(site.url + "/login?next=%2Ftimeline")
        await sign_in(page, "viewer", PASSWORD)
        await expect(page).to_have_url(site.url + "/timeline")


async def test_what_is_being_typed_outlives_a_refresh_and_the_end_of_the_session(site, opener, plant):
    async with opener(site, "/users") as (page, _seen):
        await page.locator("#h-new").scroll_into_view_if_needed()
        await page.locator("main [name=login]").fill("dohyun")
        number = len(plant.access.users)
        plant.access.add("someone-else")
        plant.tell(Event("access.user-created", "user/someone-else", "admin", "new"))
        await expect(page.locator("tbody tr")).to_have_count(number + 1)
        await expect(page.locator("main [name=login]")).to_have_value("dohyun")
        plant.access.sessions.clear()
        await page.evaluate("Andon.refresh()")
        await expect(page.locator("#old")).to_contain_text("Your session has ended")
        await expect(page.locator("main [name=login]")).to_have_value("dohyun")
        fresh = plant.access.sign_in("admin")
        await page.context.add_cookies([{"name": "andon_session", "value": fresh.secret, "url": site.url}])
        await page.evaluate("dispatchEvent(new Event('focus'))")
        await expect(page.locator("#old")).to_be_hidden()
        await page.locator("[name=display_name]").fill("이도현")
        await page.locator("form[data-api] [name=reason]").fill("joins line 2")
        await page.get_by_role("button", name="Create", exact=True).click()
        await expect(page.locator("#once-dialog")).to_be_visible()


async def test_a_person_is_made_with_roles_on_a_scope_and_the_password_is_shown_once(site, opener, plant):
    async with opener(site, "/users") as (page, seen):
        await page.locator("main [name=login]").fill("sora")
        await page.locator("[name=display_name]").fill("박소라")
        row = page.locator(".grant").first
        await row.locator("[data-part=role]").select_option("operator")
        await row.locator("[data-part=line]").fill("line-2")
        await page.get_by_role("button", name="Add a role").click()
        second = page.locator(".grant").nth(1)
        await expect(second.locator("[data-part=role]")).to_be_focused()
        await second.locator("[data-part=role]").select_option("engineer")
        await second.locator("[data-part=environment]").fill("staging")
        await page.locator("form[data-api] [name=reason]").fill("new on line 2")
        await page.get_by_role("button", name="Create", exact=True).click()
        secret = page.locator("#once-text")
        await expect(secret).to_be_visible()
        await expect(secret).not_to_have_value("")
        shown = await secret.input_value()
        user = next(each for each in plant.access.users.values() if each.login == "sora")
        assert shown == plant.access.passwords[user.id]
        assert [each.label for each in user.grants] == ["operator@*/*/line-2", "engineer@staging"]
        await expect(page.locator("#once-for")).to_contain_text("sora")
        await page.get_by_role("button", name="Close").last.click()
        await expect(page.locator("#once-dialog")).to_be_hidden()
        await expect(page.locator(f"#user-{user.id}")).to_contain_text("박소라")
        assert shown not in await page.content()
        await expect(page.locator("main [name=login]")).to_have_value("")
        assert seen.complaints == []


async def test_a_person_is_changed_disabled_and_given_a_new_password(site, opener, plant):
    async with opener(site, "/users/operator") as (page, _seen):
        await page.get_by_text("Edit", exact=True).click()
        await page.locator("[name=display_name]").fill("Operator of line 3")
        await page.locator("form[data-api] [name=reason]").fill("moved")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("h1")).to_contain_text("Operator of line 3")
        await page.get_by_role("button", name="Reset password").click()
        await page.locator("#act-dialog [name=reason]").fill("forgotten")
        await page.locator("#act-dialog button[type=submit]").click()
        await expect(page.locator("#once-text")).to_have_value(plant.access.passwords["us-operator"])
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Disable").click()
        await page.locator("#act-dialog [name=reason]").fill("left the plant")
        await page.locator("#act-dialog button[type=submit]").click()
        await expect(page.get_by_role("button", name="Enable")).to_be_visible()
        assert plant.access.users["us-operator"].is_disabled


async def test_a_role_is_made_edited_and_deleted(site, opener, plant):
    async with opener(site, "/roles") as (page, _seen):
        form = page.locator("form[data-api]")
        await form.locator("[name=name]").fill("line-lead")
        await form.locator("[data-key='cord.pull']").select_option("anywhere")
        await form.locator("[data-key='rollouts.deploy']").select_option("outside-production")
        await form.locator("[name=reason]").fill("leads of lines")
        await form.get_by_role("button", name="Save").click()
        await expect(page.locator("#role-line-lead")).to_be_visible()
        given = plant.access.roles["line-lead"].permissions
        assert given == {"cord.pull": "anywhere", "rollouts.deploy": "outside-production"}
        await page.locator("#role-line-lead").get_by_role("link", name="Edit").click()
        await expect(form.locator("[name=name]")).to_have_value("line-lead")
        await expect(form.locator("[data-key='cord.pull']")).to_have_value("anywhere")
        await page.locator("#role-line-lead").get_by_role("button", name="Delete").click()
        await page.locator("#act-dialog [name=reason]").fill("nobody has it")
        await page.locator("#act-dialog button[type=submit]").click()
        await expect(page.locator("#role-line-lead")).to_have_count(0)


@pytest.mark.asvs("10.4.9")
@pytest.mark.parametrize(("path", "owner"), [("/tokens", ""), ("/me", "us-admin")])
async def test_a_token_is_shown_once_and_revoked(site, opener, plant, path, owner):
    async with opener(site, path) as (page, _seen):
        await page.get_by_text("Create token").first.click()
        form = page.locator("form[data-once]")
        await form.locator("[name=name]").fill("metrics")
        await form.locator("[name=expires_in_days]").fill("30")
        await form.locator("[name=reason]").fill("dashboards")
        await form.get_by_role("button", name="Create token").click()
        await expect(page.locator("#once-text")).not_to_have_value("")
        shown = await page.locator("#once-text").input_value()
        assert plant.access.tokens[shown].owner_id == owner
        await page.keyboard.press("Escape")
        row = page.locator("tr", has_text="metrics")
        await row.get_by_role("button", name="Revoke").click()
        await page.locator("#act-dialog [name=reason]").fill("no longer used")
        await page.locator("#act-dialog button[type=submit]").click()
        await expect(row).to_contain_text("revoked")
        assert plant.access.tokens[shown].revoked_at is not None


@pytest.mark.asvs("7.5.2")
async def test_ones_own_session_elsewhere_is_ended_without_a_reason(site, opener, plant):
    other = plant.access.sign_in("engineer")
    async with opener(site, "/me", who="engineer") as (page, _seen):
        await page.locator(f"#session-{other.id}").get_by_role("button", name="End").click()
        await expect(page.locator("#act-reason")).to_be_hidden()
        await page.locator("#act-dialog button[type=submit]").click()
        await expect(page.locator(f"#session-{other.id}")).to_have_count(0)
        assert other.secret not in plant.access.sessions


@pytest.mark.asvs("6.2.2", "6.2.3")
async def test_ones_own_password_is_changed_and_a_wrong_present_one_is_said(site, opener, plant):
    async with opener(site, "/me", who="auditor") as (page, _seen):
        form = page.locator("form[data-secret]")
        await form.locator("[name=old]").fill("wrong")
        await form.locator("[name=new_password]").fill(_NEW)
        await form.locator("[name=again]").fill(_NEW)
        await form.get_by_role("button", name="Change password").click()
        await expect(form.locator(".problem")).to_contain_text("that is not the password")
        await form.locator("[name=old]").fill(PASSWORD)
        await form.get_by_role("button", name="Change password").click()
        await expect(form.locator(".success")).to_have_text("The password was changed")
        assert plant.access.passwords["us-auditor"] == _NEW


async def test_a_terminal_is_confirmed_with_where_it_comes_from(plant, opener):
    services = plant.services()
    begun = await services.devices.begin(source="10.0.0.7", agent="andon on line-pc-3")
    site = Site(services, plant)
    await site.start()
    try:
        async with opener(site, "/device", who="engineer") as (page, _seen):
            await page.locator("main [name=code]").fill(begun.user_code.lower())
            await page.keyboard.press("Enter")
            await expect(page.locator(".facts")).to_contain_text("line-pc-3")
            await page.get_by_role("button", name="Approve").click()
            await expect(page.get_by_role("status").filter(has_text="Approved")).to_be_visible()
        opened = await services.devices.poll(begun.device_code, source="10.0.0.7")
        assert opened.user_id == "us-engineer"
    finally:
        await site.end()


async def test_a_directory_person_changes_the_password_elsewhere(site, opener, plant: FakePlant):
    viewer = plant.access.users["us-viewer"]
    plant.access.users["us-viewer"] = replace(viewer, source=Source.DIRECTORY)
    async with opener(site, "/me", who="viewer") as (page, _seen):
        await expect(page.get_by_text("kept by the company directory")).to_be_visible()
        assert await page.locator("[name=old]").count() == 0


@pytest.mark.parametrize("who", ["viewer", "operator", "engineer", "approver", "auditor", "admin"])
@pytest.mark.asvs("7.4.4")
async def test_every_role_meets_its_own_board_without_a_complaint(site, opener, who):
    async with opener(site, who=who) as (page, seen):
        links = await page.locator(".menu a").evaluate_all("all => all.map((a) => a.getAttribute('href'))")
        assert ("/users" in links) == (who in {"auditor", "admin"})
        for link in links:
            await page.goto(site.url + link)
            await expect(page.locator("h1").first).to_be_visible()
            headings = await page.locator("h1").count()
            assert headings == 1, link
            assert await page.locator("#sign-out").count() == 1, link
        assert seen.complaints == []


async def test_every_field_and_button_has_a_name(site, opener):
    nameless = """() => [...document.querySelectorAll('input, select, textarea, button, summary')].filter(
        (each) => !(each.labels && each.labels.length) && !each.ariaLabel && !each.textContent.trim()
    ).map((each) => each.outerHTML.slice(0, 120))"""
    paths = (
        "/",
        "/me",
        "/users",
        "/users/engineer",
        "/roles",
        "/tokens",
        "/policies",
        "/timeline",
        "/device",
    )
    async with opener(site) as (page, _seen):
        for path in paths:
            await page.goto(site.url + path)
            assert await page.evaluate(nameless) == [], path
            levels = await page.locator("main :is(h1,h2,h3,h4)").evaluate_all(
                "all => all.map((h) => +h.nodeName[1])"
            )
            assert all(low - high <= 1 for high, low in itertools.pairwise(levels)), (path, levels)
