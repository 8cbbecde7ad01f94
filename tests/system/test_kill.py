"""Andon is killed at random moments of rollouts under load: traffic and outcome stay as if it had not been.

`make campaign` is the longer form; `ANDON_KILLS=n` sets how often.
"""

import asyncio
import itertools
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from andon.testing.ports import free_port
from tests.system.floor import Floor, View, floor
from tests.system.small_unit import Place

KILLS = int(os.environ.get("ANDON_KILLS", "25"))
SEED = int(os.environ.get("ANDON_SEED", "20"))
CLIENTS = 4
OF_A_START_SECONDS = 2.0  # within it, a kill may meet Andon before it is up


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(tmp_path, {"production": Place(port=free_port())}) as made:
        yield made


async def kill_until_over(plant: Floor, rollout: str, chance: random.Random, kills: Counter[str]) -> View:
    """Kill and start Andon again at random moments until the rollout is over; `kills` says where it was."""
    while True:
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        if (seen := await plant.rollout(rollout))["is_over"]:
            return seen
        await plant.plant.kill()
        kills[f"{seen['phase']}/{seen['stage']}"] += 1
        if chance.random() < 0.25:
            await plant.plant.launch()
            await asyncio.sleep(chance.uniform(0.0, OF_A_START_SECONDS))
            await plant.plant.kill()
            kills["while it came up"] += 1
        await plant.plant.restart()


@pytest.mark.timeout(900 + 60 * KILLS)
async def test_kill_9_at_random_moments_changes_neither_traffic_nor_outcome(plant: Floor) -> None:
    chance = random.Random(SEED)
    await plant.ship("1.0.0", "1.1.0", "1.2.0")
    await plant.with_stable("production", "1.0.0")
    load = plant.load("production")
    kills, ends = Counter[str](), []
    async with load.running(CLIENTS):
        for version in itertools.cycle(("1.1.0", "1.2.0", "1.0.0", "1.2.0")):
            end = await kill_until_over(plant, await plant.begin(version, "production"), chance, kills)
            ends.append((version, end["phase"], end["trigger"]))
            if kills.total() >= KILLS:
                break
    failed = load.failed()
    sys.stdout.write(
        f"{kills.total()} kills, {len(ends)} rollouts, {load.sent} requests, failed: {failed}\n{kills}\n"
    )
    assert ends == [
        (version, "returned", "judge") if version == "1.2.0" else (version, "promoted", None)
        for version, _, _ in ends
    ]
    assert failed == {}
    assert load.sent > 20 * kills.total()
