"""What nothing deploys to by itself, and sets on their way, stand on the floor and on the unit's page."""

from dataclasses import replace

import pytest

from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.rollouts.holds.model import Hold
from andon.rollouts.sets.model import Part, SetPhase, SetRollout
from andon.testing import scenes
from andon.testing.board import person
from andon.testing.services import FakePlant

MES, PRODUCTION = UnitName("mes"), EnvironmentName("production")


@pytest.fixture
def plant() -> FakePlant:
    return scenes.a_busy_morning(FakePlant())


async def test_a_hold_is_seen_on_the_floor_and_released_on_the_page_of_its_unit(plant):
    async with person(plant, "engineer") as client:
        before = (await client.get("/units/mes/production")).text
    now = plant.clock.now()
    plant.holds[MES, PRODUCTION] = Hold(MES, PRODUCTION, "yuna", "<b>scrap</b>", now, Version("1.4.1"))
    found = {}
    for who in ("admin", "viewer"):
        async with person(plant, who) as client:
            floor = (await client.get("/?lang=ko")).text
            found[who] = (await client.get("/units/mes/production")).text
        assert 'id="hold-mes-production"' in floor
        assert "자동 배포 보류 중" in floor
        assert "&lt;b&gt;scrap" in floor
    assert 'id="hold"' not in before
    assert 'data-act="/api/v1/units/mes/environments/production/hold" data-method="DELETE"' in found["admin"]
    assert 'id="hold"' in found["viewer"]
    assert "environments/production/hold" not in found["viewer"]


async def test_a_set_on_its_way_names_its_units_and_leads_to_their_rollouts(plant):
    parts = (Part(MES, Version("1.5.0"), rollout=scenes.UNDER_WAY), Part(UnitName("erp"), Version("2.0.0")))
    going = SetRollout(
        "rs-1", "line", Version("7.0.0"), PRODUCTION, parts, SetPhase.GOING, "mes is not ready yet", "yuna",
        plant.clock.now(),
    )  # fmt: skip
    plant.set_rollouts[:] = [going, replace(going, id="rs-0", phase=SetPhase.PROMOTED)]
    async with person(plant, "admin") as client:
        floor = (await client.get("/")).text
    section = floor[floor.index('id="set-rs-1"') :]
    assert f'href="/rollouts/{scenes.UNDER_WAY}"' in section[: section.index("</li>")]
    assert "mes is not ready yet" in section
    assert 'id="set-rs-0"' not in floor
