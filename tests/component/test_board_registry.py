"""The registry on the board, in a real Chromium: a collection is asked first, done once and told."""

import pytest
from playwright.async_api import expect

pytest_plugins = ["tests.component.board_site"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_collection_is_asked_first_with_what_it_takes_and_leaves_nothing_to_take(site, plant, opener):
    async with opener(site, "/registry", who="admin") as (page, seen):
        await expect(page.locator("#going li")).to_have_count(3)
        await page.locator("#verb-collect").click()
        dialog = page.locator("#act-dialog")
        await expect(dialog).to_contain_text("releases: 2, deltas: 1")
        assert plant.stock is None
        await dialog.locator("[name=reason]").fill("the disk is small")
        await dialog.locator("button[type=submit]").click()
        await expect(dialog).not_to_be_visible()
        await expect(page.locator("#going")).to_have_count(0)
        await expect(page.locator("#verb-collect")).to_have_count(0)
        assert plant.records[-1].event.reason == "the disk is small"
        assert seen.complaints == []


async def test_who_may_only_look_is_told_which_right_is_missing(site, plant, opener):
    async with opener(site, "/registry", who="auditor") as (page, _seen):
        button = page.locator("#verb-collect")
        await expect(button).to_have_attribute("aria-disabled", "true")
        await expect(button).to_contain_text("Clean up the registry")
        await page.locator("#collection summary").click()
        await expect(page.locator("#kept tbody tr")).to_have_count(3)
