"""Former rollouts side by side."""

import pytest

from andon.testing import scenes
from andon.testing.access import client_as
from andon.testing.board import board
from andon.testing.services import FakePlant

PAGE = "/units/mes/production/compare"
BOTH = f"{PAGE}?rollout={scenes.PROMOTED}&rollout={scenes.TAKEN_BACK}"


async def asked(address: str, who: str = "viewer"):
    plant = scenes.a_busy_morning(FakePlant())
    async with client_as(plant, who, app=board(plant)) as client:
        return await client.get(address, headers={"Accept": "text/html"})


async def test_two_rollouts_stand_side_by_side_the_older_first():
    page = (await asked(BOTH)).text
    assert page.index("1.0.0 → 1.1.0") < page.index("1.1.0 → 1.2.0")
    assert "Promoted" in page
    assert "Taken back" in page
    assert page.count('class="effect"') == 4
    assert "10 m" in page


@pytest.mark.parametrize("query", ["", f"?rollout={scenes.PROMOTED}"])
async def test_fewer_than_two_ask_for_more(query):
    assert "Choose two to four" in (await asked(PAGE + query)).text


async def test_the_same_twice_is_one():
    assert (
        "Choose two to four"
        in (await asked(f"{PAGE}?rollout={scenes.PROMOTED}&rollout={scenes.PROMOTED}")).text
    )


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"/units/mes/staging/compare?rollout={scenes.PROMOTED}", 404),
        (f"{PAGE}?rollout=ro-none", 404),
        (f"{PAGE}?rollout=../x", 422),
        (f"{PAGE}?" + "&".join(f"rollout=ro-{n}" for n in range(5)), 422),
    ],
)
async def test_rollouts_of_elsewhere_and_nonsense_are_refused(address, status):
    assert (await asked(address)).status_code == status
