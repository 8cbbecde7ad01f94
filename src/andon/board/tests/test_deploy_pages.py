"""The page on which a plan is changed and begun: what it shows for what is typed."""

import pytest

from andon.board.deploy_pages import strategy_of
from andon.fleet.reports.model import Tally
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.testing import scenes
from andon.testing.access import client_as
from andon.testing.board import board
from andon.testing.services import FakePlant

PAGE = "/units/mes/staging/deploy"


async def shown(address: str, who: str = "engineer", language: str = "en") -> str:
    plant = scenes.a_busy_morning(FakePlant())
    async with client_as(plant, who, app=board(plant)) as client:
        answer = await client.get(address, headers={"Accept-Language": language, "Accept": "text/html"})
    return answer.text


async def test_it_opens_with_the_plan_of_the_newest_release_that_is_not_stable():
    page = await shown(PAGE)
    assert '<option value="1.2.0" selected>' in page
    assert "1.3.0 · stable" in page
    assert 'placeholder="10, 50, 100"' in page
    assert "after 3 m" in page
    assert "worse from 1.5 times the stable on" in page
    assert 'data-act="/api/v1/rollouts"' in page


async def test_what_was_revoked_is_offered_nowhere_and_marked_where_it_is_listed():
    plant = scenes.a_busy_morning(FakePlant())
    plant.revoked.update({(UnitName("mes"), Version("1.2.0")), (UnitName("screen"), Version("2.0.0"))})
    async with client_as(plant, "engineer", app=board(plant)) as client:
        deploy, unit, fleet = [
            (await client.get(each, headers={"Accept-Language": "en"})).text
            for each in (PAGE, "/units/mes/staging", "/fleet")
        ]
    assert 'value="1.2.0"' not in deploy
    assert "1.3.0 · stable" in deploy
    (row,) = [each for each in unit.split("<tr ") if each.startswith('id="rel-1.2.0"')]
    assert "revoked" in row
    assert unit.count("revoked") == 1
    (field,) = [each for each in fleet.split("<tr>") if "2.0.0" in each and "revoked" in each]
    assert 'href="/stations/press-1"' in field


async def test_a_release_that_only_failed_in_the_field_is_listed_there():
    plant = scenes.a_busy_morning(FakePlant())
    bad = (UnitName("screen"), EnvironmentName("production"), Version("2.1.0"))
    plant.stations.tallies[bad] = Tally(installs_failed=3)
    async with client_as(plant, "engineer", app=board(plant)) as client:
        page = (await client.get("/fleet", headers={"Accept-Language": "en"})).text
    (row,) = [each for each in page.split("<tr>") if ">screen 2.1.0<" in each]
    assert '<td class="num">3</td>' in row


async def test_what_is_typed_is_what_will_happen_and_what_is_sent():
    page = await shown(f"{PAGE}?version=1.1.0&shares=5,+20,+100&soak=2m&strategy=canary")
    assert '<b class="share">5%</b>' in page
    assert "after 6 m" in page
    assert "The plan differs" not in page, "the fake says no notes of its own"
    assert '"shares": [0.05, 0.2, 1.0]' in page
    assert '"soak_s": 120.0' in page
    assert '"plan": "' in page


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("shares=50,20,100", "do not rise to 100 %"),
        ("shares=ten", "no percentages"),
        ("soak=5", "write a number with a unit"),
        ("version=../x", "version"),
        ("strategy=slow", "strategy"),
        ("version=9.9.9", "9.9.9"),
    ],
)
async def test_what_is_no_plan_is_said_beside_the_form_and_cannot_be_begun(query, said):
    page = await shown(f"{PAGE}?{query}")
    assert 'role="alert"' in page
    assert said in page
    assert 'id="verb-deploy"' not in page


async def test_where_a_rollout_is_under_way_it_is_shown_and_cannot_be_begun():
    page = await shown("/units/mes/production/deploy")
    assert "is under way" in page
    assert 'id="verb-deploy" class="main" aria-disabled="true"' in page


async def test_a_unit_without_a_release_says_so():
    assert "No release yet" in await shown("/units/nothing/staging/deploy")


async def test_it_speaks_korean():
    assert "진행 내용" in await shown(PAGE, language="ko")


async def test_who_may_not_propose_gets_no_page():
    assert "rollouts.propose" in await shown(PAGE, who="viewer")


def test_no_strategy_is_the_manifest_s():
    assert strategy_of("") is None


async def test_where_nothing_is_held_a_person_may_hold():
    assert 'data-act="/api/v1/units/mes/environments/staging/hold"' in await shown("/units/mes/staging")
