"""The registry's page: what it shows of whose keys sign, of what goes and why the rest stays, and to whom."""

from dataclasses import replace

import pytest

from andon.api import registry_views
from andon.api.http import create
from andon.board.registry_pages import custody, kept_by_unit, takes
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Damaged
from andon.releases.ceremony.status import KeyStanding, Worry
from andon.releases.garbage.model import Collected
from andon.releases.stock import Strays
from andon.testing.access import client_as
from andon.testing.board import board
from andon.testing.services import FakePlant
from andon.testing.upkeep import a_look, a_role, a_standing

NOW = SystemClock().now()
NOTHING = Collected({}, (), (), 0, 0, 0, 0)
HOLDERS = tuple(
    KeyStanding(f"{n}" * 16, name, is_here=False) for n, name in enumerate(("kim", "lee", "park"))
)


def offline(**changes):
    root = a_role(NOW, "root", threshold=2, keys=HOLDERS, **changes)
    others = a_standing(NOW).roles[1:]
    return a_standing(NOW, is_development=False, roles=(root, *others))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "development"),
        ({"standing": offline()}, "offline"),
        ({"standing": a_standing(NOW, is_development=False)}, "here"),
        ({"standing": offline(), "is_following": True}, "elsewhere"),
        ({"standing": None, "is_following": True}, "elsewhere"),
    ],
)
def test_where_the_keys_are_is_said(changes, said):
    assert custody(registry_views.registry(a_look(NOW, **changes))) == said


@pytest.mark.parametrize(
    ("changes", "is_offered"),
    [
        ({}, True),
        ({"trial": NOTHING}, True),  # left-over files wait
        ({"trial": NOTHING, "strays": Strays()}, False),
        ({"trial": None, "refusal": Damaged("artifact-missing", "a file is not there")}, False),
    ],
)
def test_a_collection_is_offered_where_it_may_find_something(changes, is_offered):
    assert takes(registry_views.registry(a_look(NOW, **changes))) is is_offered


def test_what_stays_is_put_together_by_unit_with_why():
    found = kept_by_unit(registry_views.registry(a_look(NOW)).collection)
    assert found["mes"][0] == ("1.1.0", "is stable in production")
    assert list(found) == ["mes", "roastery"]


async def _page(plant, who="admin", **headers):
    async with client_as(plant, who, app=board(plant)) as client:
        return await client.get("/registry", headers={"Accept": "text/html", **headers})


async def test_it_shows_what_is_stored_what_goes_and_what_was_revoked():
    text = (await _page(FakePlant())).text
    for said in ("508 MB", "mes@0.8.0", "is stable in production", "loses serials", "93 MB", "1 of 1 sign"):
        assert said in text, said


async def test_an_expiry_that_is_near_has_its_tone_and_what_to_do():
    plant = FakePlant()
    advice = "before 2026-12-24: andon keys propose --reason renewal, then let the holders sign"
    plant.stock = a_look(plant.clock.now(), standing=offline(worry=Worry.LATE, advice=advice))
    text = (await _page(plant, **{"Accept-Language": "ko"})).text
    row = text[text.index('id="role-root"') : text.index('id="role-targets"')]
    assert 'class="light red"' in row
    assert "갱신 지연" in row
    assert "2026-12-24 전에" in row
    assert "3개 중 2개 서명" in row
    assert "kim" in row
    rest = text[text.index('id="role-targets"') :]
    assert 'class="light green"' in rest[: rest.index("</li>")]


async def test_where_the_holders_must_sign_it_first_it_says_so_before_anybody_asks_for_it():
    plant = FakePlant()
    assert 'id="signed-offline"' not in (await _page(plant)).text
    root, _targets, *others = a_standing(NOW).roles
    targets = a_role(NOW, "targets", threshold=2, keys=HOLDERS)
    plant.stock = a_look(plant.clock.now(), standing=a_standing(NOW, roles=(root, targets, *others)))
    assert 'id="signed-offline"' in (await _page(plant)).text


async def test_it_says_why_nothing_would_be_collected_and_offers_no_button():
    plant = FakePlant()
    refusal = Damaged("artifact-missing", "mes/1.1.0 is not there", hint="andon registry mirror FROM")
    plant.stock = a_look(plant.clock.now(), trial=None, refusal=refusal)
    text = (await _page(plant)).text
    assert "mes/1.1.0 is not there" in text
    assert "andon registry mirror FROM" in text
    assert "data-act" not in text[text.index('id="collection"') : text.index('id="revoked"')]


async def test_before_anything_was_brought_it_says_so():
    plant = FakePlant()
    nothing = a_look(plant.clock.now(), units=(), revoked=(), standing=None, is_following=True, trial=None)
    plant.stock = replace(nothing, strays=Strays())
    text = (await _page(plant)).text
    assert "Nothing was published yet" in text
    assert "andon bundle import FILE" in text


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("scoped-admin", 403), ("auditor", 200)])
async def test_who_does_not_see_the_whole_system_does_not_see_it(who, status):
    plant = FakePlant()
    if who == "scoped-admin":
        from andon.access.model import Grant, Scope

        plant.access.add(who, Grant("admin", Scope(environment="staging", unit="mes")))
    assert (await _page(plant, who)).status_code == status


async def test_only_who_may_collect_can_do_so_and_it_is_told_by_whom_and_why():
    plant = FakePlant()
    app = create(plant.services())
    wanted = {"reason": "the disk is small"}
    async with client_as(plant, "auditor", app=app) as client:
        assert (await client.post("/api/v1/registry/collections", json=wanted)).status_code == 403
    assert plant.stock is None
    async with client_as(plant, "admin", app=app) as client:
        assert (await client.post("/api/v1/registry/collections", json={})).status_code == 422
        answer = await client.post("/api/v1/registry/collections", json=wanted)
        left = (await client.get("/api/v1/registry")).json()
    assert answer.json()["releases"] == ["mes@0.8.0", "mes@0.9.0"]
    assert left["collection"]["releases"] == []
    told = plant.records[-1].event
    assert (told.kind, told.actor, told.reason) == ("registry.collected", "admin", "the disk is small")
