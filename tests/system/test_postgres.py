"""The same rollouts with the control plane on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from andon.testing.ports import free_port
from tests.system.floor import Floor, floor
from tests.system.small_unit import Place

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture
async def plant(tmp_path: Path, postgres: object) -> AsyncIterator[Floor]:
    with postgres.fresh_database() as url:
        places = {"production": Place(port=free_port())}
        async with floor(tmp_path, places, {"ANDON_DATABASE_URL": url}) as made:
            yield made


async def test_on_postgresql_a_good_release_is_promoted_and_a_bad_one_taken_back(plant: Floor) -> None:
    await plant.ship("1.0.0", "1.1.0", "1.2.0")
    await plant.with_stable("production")
    load = plant.load("production")
    async with load.running(4):
        good = await plant.deploy("1.1.0", "production", expected=0)
        bad = await plant.deploy("1.2.0", "production", expected=1)
    assert (good["phase"], bad["phase"], bad["trigger"]) == ("promoted", "returned", "judge")
    assert load.failed() == {}
    assert not (plant.plant.home / "andon.db").exists()
