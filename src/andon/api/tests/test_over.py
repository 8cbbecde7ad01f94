"""Whoever manages people acts over nobody who may more than they; a person who was reset is confirmed."""

import pytest

from andon.access.model import Grant, Permission, Role, Scope, Where
from andon.testing import scenes
from andon.testing.access import client_as
from andon.testing.services import FakePlant

_REASON = {"reason": "left the company"}


@pytest.fixture
def plant() -> FakePlant:
    plant = scenes.a_busy_morning(FakePlant())
    given = (Permission.USERS_MANAGE, Permission.FLOOR_VIEW, Permission.TIMELINE_VIEW, Permission.FLEET_VIEW)
    plant.access.roles["desk"] = Role("desk", dict.fromkeys(given, Where.ANYWHERE))
    plant.access.add("desk", Grant("desk"))
    return plant


@pytest.mark.asvs("8.2.1")
async def test_who_only_manages_people_ends_no_session_of_somebody_who_may_more(plant):
    for who in ("admin", "viewer"):
        plant.access.sign_in(who)

    def is_in(who: str) -> bool:
        return any(each.user_id == f"us-{who}" for each in plant.access.sessions.values())

    async with client_as(plant, "desk") as client:
        over = await client.request("DELETE", "/api/v1/users/admin/sessions", json=_REASON)
        below = await client.request("DELETE", "/api/v1/users/viewer/sessions", json=_REASON)
    assert (over.status_code, over.json()["code"], is_in("admin")) == (403, "beyond-own-rights", True)
    assert (below.status_code, is_in("viewer")) == (204, False)


@pytest.mark.asvs("8.2.1")
@pytest.mark.parametrize(
    ("owner", "grant", "status"),
    [
        ("", Grant("engineer"), 403),
        ("", Grant("viewer", Scope(unit="mes")), 204),
        ("admin", Grant("viewer"), 403),  # over a person stands what the person may
        ("viewer", Grant("viewer"), 204),
    ],
)
async def test_nor_a_token_that_may_more_or_is_of_such_a_person(plant, owner, grant, status):
    text = plant.access.token("robot", grant, owner=owner)
    own = plant.access.tokens[text].id
    async with client_as(plant, "desk") as client:
        answer = await client.request("DELETE", f"/api/v1/tokens/{own}", json=_REASON)
    assert answer.status_code == status
    assert (plant.access.tokens[text].revoked_at is None) is (status == 403)


async def test_a_token_gives_no_more_over_people_than_it_was_given(plant):
    narrow = plant.access.token("narrow", Grant("desk"), owner="admin")
    async with client_as(plant, None) as client:
        answer = await client.request(
            "DELETE",
            "/api/v1/users/approver/sessions",
            json=_REASON,
            headers={"Authorization": f"Bearer {narrow}"},
        )
    assert answer.json()["code"] == "beyond-own-rights"


@pytest.mark.part11("11.200(a)(3)")
async def test_somebody_else_confirms_a_person_whose_password_was_reset(plant):
    plant.access.add("kim", Grant("engineer"), signing_suspended_by="admin")
    told = {}
    for who in ("viewer", "engineer", "admin", "approver"):
        async with client_as(plant, who) as client:
            answer = await client.post("/api/v1/users/kim/confirm", json=_REASON)
            told[who] = (answer.status_code, answer.json().get("code"))
    assert told == {
        "viewer": (403, "not-permitted"),
        "engineer": (403, "not-permitted"),
        "admin": (403, "not-independent"),
        "approver": (200, None),
    }
    assert answer.json()["signing_suspended"] is False
    assert plant.access.users["us-kim"].signing_suspended_by == ""
    async with client_as(plant, "admin") as client:
        again = await client.post("/api/v1/users/kim/confirm", json=_REASON)
    assert (again.status_code, again.json()["code"]) == (409, "nothing-to-confirm")
