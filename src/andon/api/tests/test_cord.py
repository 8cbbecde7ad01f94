"""What a cord that returns takes, in which role one answers, and what an edit makes of a signature."""

from dataclasses import replace

import pytest

from andon.access.model import Grant, Scope
from andon.rollouts.model import Phase, Stage
from andon.rollouts.steps import Gate
from andon.testing import scenes
from andon.testing.access import PASSWORD, client_as
from andon.testing.services import FakePlant

RETURN = {"environment": "production", "return": True, "reason": "smoke"}


@pytest.fixture
def plant() -> FakePlant:
    return scenes.a_busy_morning(FakePlant())


@pytest.mark.parametrize(
    "grant", [Grant("operator"), Grant("engineer", Scope(unit="mes")), Grant("engineer", Scope("staging"))]
)
async def test_a_cord_returns_only_for_who_may_abort_all_that_it_takes_back(plant, grant):
    token = {"Authorization": f"Bearer {plant.access.token('robot', grant, Grant('operator'))}"}
    async with client_as(plant, None) as robot:
        refused = await robot.post("/api/v1/cord", json=RETURN, headers=token)
        assert (refused.status_code, refused.json()["code"]) == (403, "not-permitted")
        assert refused.json()["needs"]["permission"] == "rollouts.abort"
        plain = await robot.post("/api/v1/cord", json=RETURN | {"return": False}, headers=token)
        assert plain.status_code == 200


async def test_no_token_returns_where_aborts_are_signed(plant):
    token = {"Authorization": f"Bearer {plant.access.token('robot', Grant('engineer'))}"}
    signature = {"login": "engineer", "password": PASSWORD, "meaning": "responsible"}
    async with client_as(plant, None) as robot:
        unsigned = await robot.post("/api/v1/cord", json=RETURN, headers=token)
        assert unsigned.json()["code"] == "signature-required"
        signed = await robot.post("/api/v1/cord", json=RETURN | {"signature": signature}, headers=token)
    assert signed.json()["code"] == "token-cannot-sign"


@pytest.mark.parametrize(
    ("grant", "code"),
    [(Grant("alarm"), 202), (Grant("engineer"), 403), (Grant("alarm", Scope("staging")), 404)],
)
async def test_a_program_takes_a_rollout_back_for_an_alert_rule_without_a_signature(plant, grant, code):
    token = {"Authorization": f"Bearer {plant.access.token('watch', grant)}"}
    (own,) = [
        each
        for each in plant.rollouts.values()
        if not each.phase.is_over and (each.unit, each.environment) == ("mes", "production")
    ]
    async with client_as(plant, None) as watch:
        asked = await watch.post(f"/api/v1/rollouts/{own.id}/alert", json={"reason": "torque"}, headers=token)
    assert asked.status_code == code
    if code == 202:
        assert asked.json()["trigger"] == "alert"


async def test_a_person_aborts_and_does_not_alert(plant):
    own = next(each for each in plant.rollouts.values() if not each.phase.is_over)
    async with client_as(plant, "admin") as admin:
        refused = await admin.post(f"/api/v1/rollouts/{own.id}/alert", json={"reason": "torque"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not-a-program")


@pytest.mark.parametrize("word", ["approve", "reject"])
async def test_an_administrator_does_not_answer_for_a_role_that_they_lack(plant, word):
    (own,) = [each for each in plant.rollouts.values() if not each.phase.is_over and each.unit == "mes"][:1]
    plan = replace(own.plan, gate=Gate(1, "approver"))
    plant.rollouts[own.id] = replace(own, plan=plan, phase=Phase.PREPARING, stage=Stage.GATED)
    signature = {"login": "admin", "password": PASSWORD, "meaning": "approved"}
    async with client_as(plant, "admin") as client:
        body = {"reason": "seen", "signature": signature}
        refused = await client.post(f"/api/v1/rollouts/{own.id}/{word}", json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "not-this-role")
        shown = (await client.get(f"/api/v1/rollouts/{own.id}")).json()["gate"]
    assert not shown["may_approve"]
    assert shown["why_not"] == "it asks for the role approver, which admin does not hold there"
    assert plant.access.signatures == []


async def test_a_signature_over_what_changed_since_is_listed_as_unsigned(plant):
    signature = {"login": "approver", "password": PASSWORD, "meaning": "responsible"}
    async with client_as(plant, "approver") as client:
        await client.post("/api/v1/cord", json=RETURN | {"signature": signature})
        (made,) = (await client.get("/api/v1/signatures")).json()
        assert made["standing"] == "valid"
        (own,) = plant.access.signatures
        plant.changed[made["subject"]] = replace(own.document, values={"environment": "staging"})
        (listed,) = (await client.get("/api/v1/signatures")).json()
        whole = (await client.get(f"/api/v1/signatures/{made['id']}")).json()
    assert (listed["standing"], whole["standing"]) == ("unsigned", "unsigned")
