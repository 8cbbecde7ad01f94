"""Sets, holds, history and what a plan would meet, over HTTP."""

from datetime import timedelta

import pytest

from andon.access.model import Grant, Scope
from andon.access.policies.model import Bounds, Policy
from andon.testing import scenes
from andon.testing.access import client_as
from andon.testing.services import FakePlant

_MES = {"unit": "mes", "environment": "production"}
_SET = {
    "name": "line",
    "version": "1.0.0",
    "members": [{"unit": "mes", "version": "1.2.0"}, {"unit": "roastery", "version": "2.4.1"}],
}


def _plant() -> FakePlant:
    return scenes.a_busy_morning(FakePlant())


async def test_a_set_is_published_deployed_and_seen_on_the_floor():
    async with client_as(_plant(), "admin") as client:
        made = (await client.post("/api/v1/sets", json=_SET)).json()
        assert [each["unit"] for each in made["members"]] == ["mes", "roastery"]
        path = "/api/v1/sets/line/environments/staging"
        begun = (await client.post(f"{path}/deploy", json={"reason": "new torque"})).json()
        assert (begun["phase"], begun["name"], begun["actor"]) == ("going", "line", "admin")
        assert (await client.get("/api/v1/status")).json()["sets"] == [begun]
        back = await client.post(f"{path}/rollback", json={"reason": "bad parts"})
        assert (back.status_code, back.json()["phase"]) == (202, "returning")
        assert (await client.get("/api/v1/set-rollouts")).json()[0]["reason"] == "bad parts"


async def test_who_sees_not_all_units_of_a_set_does_not_see_it():
    plant = _plant()
    async with client_as(plant, "admin") as client:
        await client.post("/api/v1/sets", json=_SET)
        await client.post("/api/v1/sets/line/environments/staging/deploy", json={"reason": "so"})
    plant.access.add("half", Grant("viewer", Scope(unit="mes")))
    async with client_as(plant, "half") as client:
        assert (await client.get("/api/v1/sets")).json() == []
        assert (await client.get("/api/v1/set-rollouts")).json() == []
        assert (await client.get("/api/v1/status")).json()["sets"] == []


_HERE = "/api/v1/sets/line/environments/production"
_SIGNED = {"password": "open the gate slowly", "meaning": "approved"}


async def _a_set_to_approve(plant: FakePlant) -> None:
    plant.access.policies["production"] = Policy("production", approvals=1)
    async with client_as(plant, "admin") as client:
        await client.post("/api/v1/sets", json=_SET)
        begun = await client.post(f"{_HERE}/deploy", json={"reason": "new torque"})
        assert begun.status_code == 201, begun.text


async def test_a_set_is_seen_whole_and_signed_once():
    plant = _plant()
    await _a_set_to_approve(plant)
    async with client_as(plant, "approver") as client:
        seen = (await client.get(f"{_HERE}/approval")).json()
        assert (seen["may_approve"], seen["why_not"], seen["approvals"]) == (True, "", [])
        assert [each["unit"] for each in seen["members"]] == ["mes", "roastery"]
        assert all(each["plan"]["steps"] and each["artifacts"] for each in seen["members"])
        said = {"reason": "tests seen"}
        asks = (await client.post(f"{_HERE}/approve", json=said)).json()
        assert (asks["code"], asks["needs"]["document"]) == ("signature-required", seen["document"])
        signature = _SIGNED | {"login": "approver", "document_hash": seen["document_hash"]}
        stale = await client.post(
            f"{_HERE}/approve", json=said | {"signature": signature | {"document_hash": "0" * 64}}
        )
        assert stale.json()["code"] == "signature-stale"
        done = await client.post(f"{_HERE}/approve", json=said | {"signature": signature})
        assert done.status_code == 202, done.text
        assert [each["approvals"] for each in done.json()["members"]] == [1, 1]
        (made,) = done.json()["approvals"]
        assert (made["signer"], made["standing"], made["document_hash"]) == (
            "approver",
            "valid",
            seen["document_hash"],
        )
        assert done.json()["why_not"] == "approver has approved it already"


@pytest.mark.parametrize(("who", "why"), [("viewer", "not-permitted"), ("engineer", "not-permitted")])
async def test_who_may_not_approve_all_units_signs_no_set(who: str, why: str):
    plant = _plant()
    await _a_set_to_approve(plant)
    async with client_as(plant, who) as client:
        refused = await client.post(f"{_HERE}/approve", json={"reason": "so", "signature": _SIGNED})
        assert (refused.status_code, refused.json()["code"]) == (403, why)
        seen = (await client.get(f"{_HERE}/approval")).json()
        assert not seen["may_approve"]
        assert seen["why_not"]
    plant.access.add("half", Grant("approver", Scope(unit="mes")))
    async with client_as(plant, "half") as client:
        for answer in (
            await client.get(f"{_HERE}/approval"),
            await client.post(f"{_HERE}/approve", json={"reason": "so", "signature": _SIGNED}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "not-permitted")
    assert plant.access.signatures == []


async def test_a_set_that_nobody_has_to_approve_says_so():
    plant = _plant()
    async with client_as(plant, "admin") as client:
        await client.post("/api/v1/sets", json=_SET)
        await client.post("/api/v1/sets/line/environments/staging/deploy", json={"reason": "so"})
        path = "/api/v1/sets/line/environments/staging"
        seen = (await client.get(f"{path}/approval")).json()
        assert (seen["document"], seen["why_not"]) == (None, "nobody has to approve it")
        refused = await client.post(f"{path}/approve", json={"reason": "so"})
        assert (refused.status_code, refused.json()["code"]) == (409, "set-not-signable")
        assert (await client.get("/api/v1/sets/none/environments/staging/approval")).status_code == 404


async def test_a_hold_is_made_shown_and_released_by_who_may_deploy_there():
    plant = _plant()
    path = "/api/v1/units/mes/environments/production/hold"
    async with client_as(plant, "engineer") as client:
        held = await client.post(path, json={"reason": "audit week"})
        assert (held.status_code, held.json()["actor"]) == (201, "engineer")
        tiles = (await client.get("/api/v1/status")).json()["units"]
        assert [each["hold"]["reason"] for each in tiles if each["hold"]] == ["audit week"]
        refused = await client.request("DELETE", path, json={"reason": "over"})
        assert refused.json()["code"] == "not-permitted"
    async with client_as(plant, "approver") as client:
        assert (await client.request("DELETE", path, json={"reason": "over"})).status_code == 200
        again = await client.request("DELETE", path, json={"reason": "over"})
        assert (again.status_code, again.json()["code"]) == (404, "no-hold")
        assert (await client.get("/api/v1/holds")).json() == []


async def test_history_says_what_ran_and_why_it_went():
    async with client_as(_plant(), "viewer") as client:
        found = (await client.get("/api/v1/units/mes/environments/production/history")).json()
    ends = {each["rollout"]["id"]: each for each in found}
    assert ends[scenes.PROMOTED]["ran_from"] is not None
    assert ends[scenes.TAKEN_BACK]["ran_from"] is None
    assert ends[scenes.TAKEN_BACK]["rollout"]["trigger"] is not None


async def test_a_dry_run_says_who_could_approve_and_what_answers():
    body = _MES | {"version": "1.2.0", "dry_run": True}
    async with client_as(_plant(), "engineer") as client:
        plan = (await client.post("/api/v1/rollouts", json=body)).json()
    now = plan["foreseen"]
    assert now["gates"][0]["people"] == ["approver"]
    assert len(now["starts_s"]) == len(plan["steps"])
    assert now["starts_s"][0] == 0
    assert {each["metric"] for each in now["evidence"]} == {each["name"] for each in plan["metrics"]}


async def test_a_release_is_named_by_its_version_or_by_where_it_comes_from():
    async with client_as(_plant(), "admin") as client:
        none = await client.post("/api/v1/rollouts", json=_MES | {"dry_run": True})
        both = await client.post(
            "/api/v1/rollouts", json=_MES | {"version": "1.2.0", "from": "staging", "dry_run": True}
        )
        never = await client.post("/api/v1/rollouts", json=_MES | {"from": "nowhere", "dry_run": True})
    assert none.json()["code"] == both.json()["code"] == "which-release"
    assert never.json()["code"] == "never-finished"


async def test_bounds_of_a_policy_stay_where_a_change_says_nothing_of_them():
    plant = _plant()
    signature = {"login": "admin", "password": "open the gate slowly", "meaning": "approved"}
    body = {"approvals": 0, "is_production": False, "signed": ["edit-policy"], "reason": "so"}
    bounds = {"promotes_from": "development", "min_age_s": 3600, "alpha_at_most": 0.005}
    async with client_as(plant, "admin") as client:
        path = "/api/v1/policies/staging"
        first = await client.put(path, json=body | {"bounds": bounds, "signature": signature})
        assert first.json()["bounds"]["min_age_s"] == 3600
        later = await client.put(path, json=body | {"approvals": 1, "signature": signature})
        assert later.json()["bounds"] == first.json()["bounds"]
        bad = await client.put(path, json=body | {"bounds": {"alpha_at_most": 0.9}, "signature": signature})
        assert bad.status_code == 422
    assert plant.policy("staging").bounds == Bounds("development", timedelta(hours=1), alpha_at_most=0.005)
