"""What is set for a fleet on the board, in a real Chromium: asked first, refused where it may not be."""

from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.async_api import Page, expect

from andon.access.policies.calendar import Calendar
from andon.fleet.model import Scope, Window
from andon.kernel.ids import UnitName, Version
from andon.testing.access import PASSWORD
from andon.testing.services import FakePlant

pytest_plugins = ["tests.component.board_site"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

SCREEN = UnitName("screen")
NIGHTS = Calendar("Asia/Seoul", ("Mon-Fri 22:00-05:00",), ("2026-12-24..2027-01-02 stock-taking",))


def a_window(plant: FakePlant, scope: Scope, name: str, calendar: Calendar = NIGHTS) -> None:
    plant.stations.windows[scope, name] = Window(scope, name, calendar)
    plant.fleet.roster.is_stale = True


def releases(plant: FakePlant, *versions: str) -> None:
    """Make releases of the stations' unit."""
    like = next(iter(plant.releases.values()))
    for version in map(Version, versions):
        plant.releases[SCREEN, version] = replace(like, unit=SCREEN, version=version)


async def confirmed(page: Page, reason: str, says: str) -> None:
    """Answer the question that is asked before anything is done."""
    dialog = page.locator("#act-dialog")
    await expect(dialog).to_contain_text(says)
    await dialog.locator("[name=reason]").fill(reason)
    await dialog.locator("button[type=submit]").click()
    await expect(dialog).not_to_be_visible()


async def signed(page: Page, reason: str, says: str) -> None:
    """As `confirmed`, where the policy wants it signed as well."""
    dialog = page.locator("#act-dialog")
    await expect(dialog).to_contain_text(says)
    await dialog.locator("[name=reason]").fill(reason)
    await dialog.locator("button[type=submit]").click()
    await expect(dialog.locator("#act-signing")).to_be_visible()
    await dialog.locator("[name=login]").fill("admin")
    await dialog.locator("[name=password]").fill(PASSWORD)
    await dialog.locator("button[type=submit]").click()
    await expect(dialog).not_to_be_visible()


async def test_a_token_is_made_shown_once_with_the_command_and_revoked(site, plant, opener):
    async with opener(site, "/fleet/settings", who="admin") as (page, seen):
        await page.locator("#enrolment summary").click()
        form = page.locator("#enrol")
        await form.locator("[name=line]").fill("line-2")
        await form.locator("[name=ring]").select_option("lab")
        await form.locator("[name=hours]").fill("2")
        await form.locator("[name=reason]").fill("a new oven")
        await form.get_by_role("button").click()
        once = page.locator("#once-dialog")
        await expect(once).to_be_visible()
        text = await once.locator("#once-text").input_value()
        assert text.startswith("andon1.")
        await expect(once.locator("#once-command")).to_have_value(f"andon-agent enrol --url {site.url}")
        await once.get_by_role("button", name="Close").click()
        await expect(once.locator("#once-text")).to_have_value("")
        made = next(each for each in plant.stations.tokens.values() if each.id != "et-none")
        assert (made.line, made.ring, made.reason) == ("line-2", "lab", "a new oven")
        assert made.expires_at - made.created_at == timedelta(hours=2)
        row = page.locator(f"#token-{made.id}")
        await expect(row).to_contain_text("waits for its machine")
        await expect(page.locator("main")).not_to_contain_text(text)
        await row.get_by_role("button", name="Revoke").click()
        await confirmed(page, "the oven went elsewhere", made.id)
        await expect(row).to_contain_text("revoked")
        assert seen.complaints == []


async def test_rings_are_put_into_another_order_after_a_question(site, plant, opener):
    async with opener(site, "/fleet/settings", who="admin") as (page, seen):
        await page.locator("#rings summary").click()
        await page.locator("#set-rings [name=names]").fill("plant, lab")
        await page.locator("#set-rings button").click()
        await confirmed(page, "few stations", "plant, lab")
        await expect(page.locator("ol.rings li")).to_have_count(2)
        await expect(page.locator("ol.rings li").first).to_contain_text("plant")
        assert plant.stations.rings == ["plant", "lab"]
        assert seen.complaints == []


async def test_a_ring_with_stations_stays_and_the_question_says_why(site, plant, opener):
    async with opener(site, "/fleet/settings", who="admin") as (page, _seen):
        await page.locator("#rings summary").click()
        await page.locator("#set-rings [name=names]").fill("lab")
        await page.locator("#set-rings button").click()
        dialog = page.locator("#act-dialog")
        await dialog.locator("[name=reason]").fill("tidy")
        await dialog.locator("button[type=submit]").click()
        await expect(dialog.locator(".problem")).to_contain_text("ring plant")
        assert "plant" in plant.stations.rings


async def test_a_window_is_set_changed_and_dropped(site, plant, opener):
    async with opener(site, "/fleet/settings", who="admin") as (page, seen):
        await page.locator("#windows > details > summary").click()
        form = page.locator("#new-window")
        await form.locator("[name=place]").select_option("line/line-1")
        await form.locator("[name='calendar.open']").fill("Mon-Fri 22:00-05:00\nSat 06:00-12:00")
        await form.locator("[name='calendar.closed']").fill("2026-12-25 holiday")
        await form.get_by_role("button").click()
        await confirmed(page, "never in a shift", "Line line-1")
        own = page.locator("#window-line-line-1")
        await expect(own).to_contain_text("Sat 06:00-12:00")
        await expect(own).to_contain_text("2026-12-25 holiday")
        made = plant.stations.windows[Scope.LINE, "line-1"].calendar
        assert made == Calendar(
            "Asia/Seoul", ("Mon-Fri 22:00-05:00", "Sat 06:00-12:00"), ("2026-12-25 holiday",)
        )
        await own.locator("summary").click()
        await own.locator("[name='calendar.closed']").fill("")
        await own.locator("button[type=submit]").click()
        await confirmed(page, "we work", "only at the times above")
        await expect(own).not_to_contain_text("holiday")
        await own.get_by_role("button", name="Drop").click()
        await confirmed(page, "one shift now", "Line line-1")
        await expect(own).to_have_count(0)
        assert plant.stations.windows == {}
        assert seen.complaints == []


async def test_changing_a_window_keeps_its_shifts(site, plant, opener):
    shifts = (("night", ("Mon-Fri 22:00-06:00",)),)
    a_window(plant, Scope.RING, "lab", Calendar("Asia/Seoul", ("night",), (), shifts))
    async with opener(site, "/fleet/settings", who="admin") as (page, _seen):
        own = page.locator("#window-ring-lab")
        await own.locator("summary").click()
        await own.locator("[name='calendar.closed']").fill("2026-12-25")
        await own.locator("button[type=submit]").click()
        await confirmed(page, "holiday", "only at the times above")
        await expect(own).to_contain_text("2026-12-25")
        assert plant.stations.windows[Scope.RING, "lab"].calendar.shifts == shifts


async def test_who_may_only_look_finds_no_button(site, plant, opener):
    a_window(plant, Scope.ENVIRONMENT, "production")
    async with opener(site, "/fleet/settings", who="viewer") as (page, _seen):
        await expect(page.locator("#window-environment-production")).to_contain_text("stock-taking")
        await expect(page.locator("#enrolment")).to_have_count(0)
        await expect(page.locator("main button, main form, main details")).to_have_count(0)


async def test_a_release_is_recalled_after_a_question_and_the_recall_lifted(site, plant, opener):
    releases(plant, "1.1.0", "2.0.0")
    async with opener(site, "/fleet?unit=screen", who="admin") as (page, seen):
        form = page.locator("#recall-production")
        await form.locator("summary").click()
        await form.locator("[name=version]").select_option("2.0.0")
        await form.locator("[name=to]").select_option("1.1.0")
        await form.locator("button[type=submit]").click()
        await signed(page, "it loses serials", "2.0.0 (3 stations) must not run in production")
        lift = page.locator("#verb-lift-production-2\\.0\\.0")
        await expect(lift).to_be_visible()
        [recall] = plant.stations.recalls.values()
        assert (recall.version, recall.to, recall.direct) == ("2.0.0", "1.1.0", False)
        await lift.click()
        await confirmed(page, "it was the scanner", "may run in production again")
        await expect(lift).to_have_count(0)
        assert plant.stations.recalls == {}
        assert [each for each in seen.complaints if "403" not in each] == []


async def test_a_unit_is_pinned_at_a_release_for_days_and_its_station_moved(site, plant, opener):
    releases(plant, "1.1.0", "2.0.0")
    async with opener(site, "/stations/press-1", who="admin") as (page, seen):
        form = page.locator("#pin-at-screen")
        await form.locator("summary").click()
        await form.locator("[name=version]").select_option("1.1.0")
        await form.locator("[name=days]").fill("7")
        await form.locator("button[type=submit]").click()
        await confirmed(page, "customer audit", "1.1.0")
        await expect(page.locator("#u-screen")).to_contain_text("customer audit")
        [pin] = plant.stations.pins.values()
        assert pin.version == "1.1.0"
        assert round((pin.expires_at - pin.at) / timedelta(days=1)) == 7
        await page.locator("#move summary").click()
        await page.locator("#move [name=ring]").select_option("plant")
        await page.locator("#move button[type=submit]").click()
        await confirmed(page, "it has no spare any more", "ring plant")
        await expect(page.locator("h1")).to_contain_text("plant")
        assert seen.complaints == []


async def test_who_may_only_look_sees_no_form_on_the_map(site, plant, opener):
    releases(plant, "1.1.0", "2.0.0")
    async with opener(site, "/fleet?unit=screen", who="viewer") as (page, _seen):
        await expect(page.locator("#versions")).to_contain_text("screen 2.0.0")
        await expect(page.locator("main form")).to_have_count(0)
