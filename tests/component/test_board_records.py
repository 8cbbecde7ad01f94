"""Signatures, policies and the timeline in a real Chromium, over real signing and real policies."""

import pytest
from playwright.async_api import expect

from andon.testing import scenes
from andon.testing.access import PASSWORD
from andon.timeline.records import Event, Severity
from tests.component.board_site import Held

pytest_plugins = ["tests.component.board_site"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.part11("11.50(a)", "11.50(b)", "11.200(a)(1)")
async def test_an_approver_signs_at_the_gate_and_the_signature_is_shown_with_the_record(real, opener):
    path = f"/rollouts/{real.rollout}"
    async with opener(real.site, path, who="approver", language="ko") as (page, seen):
        gate = page.locator("#gate")
        await expect(gate).to_contain_text("승인 1건 중 0건")
        await gate.locator("summary").first.click()
        await expect(gate.locator(".document")).to_contain_text("candidate")
        await gate.get_by_role("button", name="승인").click()
        dialog = page.locator("#act-dialog")
        await expect(dialog.locator("#act-signing")).to_be_visible()
        await expect(dialog.locator("#act-document")).to_contain_text("SHA-256")
        await dialog.locator("[name=reason]").fill("토크 시험 성적서 확인")
        await dialog.locator("[name=login]").fill("approver")
        await dialog.locator("[name=password]").fill("wrong")
        await dialog.locator("button[type=submit]").click()
        await expect(dialog.locator(".problem")).to_contain_text("password is wrong")
        await expect(dialog.locator("[name=password]")).to_have_value("")
        await expect(dialog.locator("[name=reason]")).to_have_value("토크 시험 성적서 확인")
        await dialog.locator("[name=password]").fill(PASSWORD)
        await dialog.locator("[name=meaning]").select_option("reviewed")
        await dialog.locator("button[type=submit]").click()
        await expect(gate.locator(".signature")).to_contain_text("검토")
        await expect(gate.locator(".signature")).to_contain_text("유효")
        await expect(gate).to_contain_text("승인 1건 중 1건")
        [(signature, standing)] = await real.signing.list(f"rollout/{real.rollout}")
        assert (signature.signer, signature.reason, standing) == (
            "approver",
            "토크 시험 성적서 확인",
            "valid",
        )
        await expect(dialog.locator("[name=password]")).to_have_value("")
        await page.goto(real.site.url + "/signatures")
        await expect(page.locator(".signature")).to_contain_text(signature.document_hash)
        await page.goto(real.site.url + "/timeline?kind=signature.made")
        await page.locator(".audit summary").first.click()
        await expect(page.locator(".audit .signature")).to_contain_text("Approver")
        await page.emulate_media(media="print")
        await expect(page.locator("section.manifest .signature")).to_contain_text("검토")
        await expect(page.locator(".top")).to_be_hidden()
        await page.goto(real.site.url + "/timeline")  # its own record, and that of the approval
        await expect(page.locator("section.manifest .signature")).to_have_count(1)
        assert [each for each in seen.complaints if "403" not in each] == []


async def test_who_proposed_it_is_told_why_they_cannot_approve_it(real, opener):
    real.site.plant.access.add("engineer", *real.site.plant.access.users["us-approver"].grants)
    async with opener(real.site, f"/rollouts/{real.rollout}", who="engineer") as (page, _seen):
        approve = page.locator("#verb-approve")
        await expect(approve).to_have_attribute("aria-disabled", "true")
        await expect(page.locator("#gate .note")).to_contain_text("must be somebody else's")
        await approve.click(force=True)
        assert await page.locator("dialog[open]").count() == 0


async def test_a_viewer_is_told_which_right_an_approval_needs(real, opener):
    async with opener(real.site, f"/rollouts/{real.rollout}", who="viewer") as (page, _seen):
        await expect(page.locator("#verb-approve")).to_have_attribute(
            "title", "You lack the right “Approve with a signature” for mes · production"
        )


async def test_the_dialog_of_what_was_pressed_last_does_not_turn_into_that_of_before(real, opener):
    async with opener(real.site, f"/rollouts/{real.rollout}", who="approver") as (page, _seen):
        slow, asked = Held(), 0

        async def first_is_slow(route):
            nonlocal asked
            asked += 1
            await (slow(route) if asked == 1 else route.continue_())

        await page.route("**/api/v1/me", first_is_slow)
        await page.locator("#verb-approve").click()
        await slow.is_asked.wait()
        await page.locator("#verb-reject").click()
        await expect(page.locator("#act-title")).to_contain_text("Reject")
        await page.locator("#act-dialog [name=reason]").fill("not this one")
        async with page.expect_response("**/api/v1/me") as answered:
            slow.let_go()
        await (await answered.value).finished()
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        await expect(page.locator("#act-title")).to_contain_text("Reject")
        await expect(page.locator("#act-dialog [name=reason]")).to_have_value("not this one")


async def test_a_rejection_is_signed_and_shown_as_one(real, opener):
    async with opener(real.site, f"/rollouts/{real.rollout}", who="approver") as (page, _seen):
        await page.locator("#verb-reject").click()
        dialog = page.locator("#act-dialog")
        await expect(dialog.locator("#act-document")).to_contain_text("no")
        await dialog.locator("[name=reason]").fill("not before the shift ends")
        await dialog.locator("[name=login]").fill("approver")
        await dialog.locator("[name=password]").fill(PASSWORD)
        await dialog.locator("button[type=submit]").click()
        await expect(page.locator("#gate .signature")).to_contain_text("reject at a gate")
        await expect(page.locator("#gate")).to_contain_text("0 of 1 approvals")


async def test_an_abort_in_production_asks_a_reason_and_a_signature_and_the_timeline_keeps_both(real, opener):
    async with opener(real.site, f"/rollouts/{real.rollout}", who="engineer") as (page, seen):
        await page.get_by_role("button", name="Abort").click()
        dialog = page.locator("#act-dialog")
        await dialog.get_by_role("button", name="Abort").click()
        await expect(dialog).to_be_visible()
        assert not [each for each in seen.requests if each.endswith("/abort")]
        await dialog.locator("[name=reason]").fill("wrong torque at LMA")
        await expect(dialog.locator("#act-signing")).to_be_hidden()
        await dialog.get_by_role("button", name="Abort").click()
        await expect(dialog.locator("#act-signing")).to_be_visible()
        await expect(dialog.locator("[name=reason]")).to_have_value("wrong torque at LMA")
        await dialog.locator("[name=login]").fill("engineer")
        await dialog.locator("[name=password]").fill(PASSWORD)
        await dialog.get_by_role("button", name="Abort").click()
        await expect(dialog).to_be_hidden()
        await expect(page.locator(".head .verbs")).to_contain_text("asked for: Abort")
        await expect(page.locator(".records")).to_contain_text("wrong torque at LMA")
        await expect(page.locator("[aria-labelledby=h-signatures] .signature")).to_contain_text(
            "abort a rollout"
        )
        asked = (await real.rollouts.get(real.rollout)).request
        assert (asked.actor, asked.reason) == ("engineer", "wrong torque at LMA")


async def test_a_dialog_that_was_closed_keeps_no_password(real, opener):
    async with opener(real.site, f"/rollouts/{real.rollout}", who="approver") as (page, _seen):
        await page.locator("#verb-approve").click()
        await page.locator("#act-dialog [name=password]").fill(PASSWORD)
        await page.keyboard.press("Escape")
        await expect(page.locator("#act-dialog [name=password]")).to_have_value("")
        await page.locator("#verb-abort").click()
        await expect(page.locator("#act-dialog")).to_be_visible()
        await expect(page.locator("#act-signing")).to_be_hidden()


async def test_a_policy_is_changed_with_a_signature_and_its_history_says_what(real, opener):
    async with opener(real.site, "/policies") as (page, _seen):
        panel = page.locator("#policy-production")
        await panel.get_by_text("Edit", exact=True).click()
        await panel.locator("[name=approvals]").fill("2")
        await panel.locator("[name=reason]").fill("two pairs of eyes")
        await panel.get_by_role("button", name="Sign and save").click()
        dialog = page.locator("#act-dialog")
        await expect(dialog.locator("#act-signing")).to_be_visible()
        await expect(dialog.locator("#act-document")).to_contain_text("approvals")
        await dialog.locator("[name=login]").fill("admin")
        await dialog.locator("[name=password]").fill(PASSWORD)
        await dialog.locator("button[type=submit]").click()
        await expect(panel).to_contain_text("Version 1")
        await expect(panel.locator(".versions")).to_contain_text("two pairs of eyes")
        await expect(panel.locator(".signature")).to_contain_text("valid")
        assert (await real.policies.get("production")).approvals == 2


async def test_the_timeline_is_filtered_expanded_and_linked(site, opener, plant):
    number = plant.tell(
        Event(
            "access.grants-changed", "user/minseo", "admin", "moved to line 2", severity=Severity.WARNING,
            before={"grants": ["viewer"]}, after={"grants": ["operator@*/*/line-2"]}, source="10.0.0.9",
        )
    ).number  # fmt: skip
    async with opener(site, "/timeline", who="viewer") as (page, seen):
        await page.locator("#filter [name=text]").fill("line 2")
        await page.locator("#filter [name=severity]").select_option("warning")
        await page.keyboard.press("Tab")
        await page.get_by_role("button", name="Apply").click()
        await page.wait_for_url("**text=line+2**")
        record = page.locator(f"#r{number}")
        await expect(page.locator(".audit > li")).to_have_count(1)
        await record.locator("summary").press("Enter")
        await expect(record.locator(".diff")).to_contain_text("changed")
        await expect(record.locator("del")).to_have_text('["viewer"]')
        await expect(record).to_contain_text("10.0.0.9")
        plant.tell(Event("rollout.paused", "rollout/x", "jiwoo", "while it is open", "mes", "production"))
        await expect(record.locator("details")).to_have_attribute("open", "")
        await record.get_by_role("link", name="Permalink").click()
        await expect(page).to_have_url(f"{site.url}/timeline/{number}")
        await expect(page.locator("h1")).to_contain_text("Roles of a person changed")
        assert seen.complaints == []


@pytest.mark.part11("11.10(b)")
async def test_the_timeline_is_verified_and_exported_with_its_filter(site, opener, plant):
    async with opener(site, "/timeline?unit=mes&environment=production", who="auditor") as (page, _seen):
        await page.locator("#verify-now").click()
        await expect(page.locator("#verify-result")).to_have_attribute("data-tone", "good")
        await expect(page.locator("#verify-result")).to_contain_text(f"{len(plant.records)} records verified")
        plant.tell(Event("rollout.paused", "unit/mes", "jiwoo", "a refresh", "mes", "production"))
        await expect(page.locator(f"#r{plant.records[-1].number}")).to_be_visible()
        await expect(page.locator("#verify-result")).to_have_attribute("data-tone", "good")
        for name, end in (
            ("JSON lines", "jsonl"),
            ("CSV", "csv"),
            ("PDF", "pdf"),
            ("All with proof (zip)", "zip"),
        ):
            async with page.expect_download() as waiting:
                await page.get_by_role("link", name=name, exact=True).click()
            download = await waiting.value
            assert download.suggested_filename.endswith(f".{end}")
            assert "unit=mes" in download.url


async def test_who_may_not_export_is_told_so(site, opener):
    async with opener(site, "/timeline", who="viewer") as (page, _seen):
        await expect(page.locator("#verify .note")).to_contain_text("Verify and export the timeline")
        assert await page.locator("#verify-now").count() == 0
        assert await page.locator("#exports").count() == 0


async def test_a_rollout_without_a_gate_shows_none(site, opener):
    async with opener(site, f"/rollouts/{scenes.UNDER_WAY}") as (page, _seen):
        assert await page.locator("#gate").count() == 0
