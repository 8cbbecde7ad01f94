"""A set on its page: each unit with its plan and its bytes, and one signature for all of them."""

from dataclasses import replace

import pytest

from andon.access.model import Grant, Scope
from andon.testing import scenes
from andon.testing.access import PASSWORD
from andon.testing.board import person
from andon.testing.services import FakePlant
from andon.testing.sets import a_set_under_way

PAGE, API = "/sets/line/production", "/api/v1/sets/line/environments/production"


@pytest.fixture
def plant() -> FakePlant:
    made = scenes.a_busy_morning(FakePlant())
    made.set_rollouts[:] = [a_set_under_way(made.clock.now())]
    return made


@pytest.mark.parametrize(
    ("language", "button"), [("en", "Approve all of it"), ("ko", "전체 승인")], ids=["en", "ko"]
)
async def test_a_set_shows_every_unit_with_its_plan_and_bytes_before_it_is_signed(plant, language, button):
    async with person(plant, "approver") as client:
        page = (await client.get(f"{PAGE}?lang={language}")).text
        seen = (await client.get(f"{API}/approval")).json()
    assert f'data-act="{API}/approve"' in page
    assert button in page
    assert seen["document_hash"] in page
    for each in seen["members"]:
        section = page[page.index(f'id="member-{each["unit"]}"') :]
        section = section[: section.index("</section>")]
        assert each["plan"]["hash"] in section
        assert each["candidate"] in section
        assert each["artifacts"]
        assert all(name in section and sha256 in section for name, sha256 in each["artifacts"].items())


async def test_a_signature_is_seen_there_and_who_gave_it_cannot_give_it_again(plant):
    given = {"login": "approver", "password": PASSWORD, "meaning": "approved"}
    async with person(plant, "approver") as client:
        done = await client.post(f"{API}/approve", json={"reason": "tests seen", "signature": given})
        assert done.status_code == 202, done.text
        page = (await client.get(PAGE)).text
    assert "tests seen" in page
    assert "1 of 1 approvals by the role approver" in page
    assert "approver has approved it already" in page
    assert f'data-act="{API}/approve"' not in page


@pytest.mark.parametrize("who", ["viewer", "engineer"])
async def test_who_may_not_approve_sees_it_and_signs_nothing(plant, who):
    async with person(plant, who) as client:
        page = (await client.get(PAGE)).text
    assert 'id="member-roastery"' in page
    assert f'data-act="{API}/approve"' not in page


async def test_the_floor_and_the_page_of_a_member_lead_to_it_for_who_sees_all_units_there(plant):
    first = plant.set_rollouts[0].parts[0]
    begun = replace(first, rollout=scenes.UNDER_WAY)
    parts = (begun, *plant.set_rollouts[0].parts[1:])
    plant.set_rollouts[0] = replace(plant.set_rollouts[0], parts=parts)
    waiting = plant.rollouts[scenes.UNDER_WAY]
    gate = plant.set_rollouts[0].parts[1].plan.gate
    plant.rollouts[scenes.UNDER_WAY] = replace(waiting, plan=replace(waiting.plan, gate=gate))
    plant.access.add("half", Grant("viewer", Scope(unit="mes")), Grant("viewer", Scope(unit="roastery")))
    for who, is_there in (("admin", True), ("half", False)):
        async with person(plant, who) as client:
            floor = (await client.get("/")).text
            one = (await client.get(f"/rollouts/{scenes.UNDER_WAY}")).text
            assert (await client.get(PAGE)).status_code == (200 if is_there else 403)
        assert 'id="set-rs-1"' in floor
        assert (f'href="{PAGE}"' in floor, f'href="{PAGE}"' in one) == (is_there, is_there), who


async def test_a_set_that_is_none_is_not_found(plant):
    async with person(plant, "admin") as client:
        assert (await client.get("/sets/none/production")).status_code == 404
        assert (await client.get("/sets/line/staging")).status_code == 404
