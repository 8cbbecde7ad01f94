"""Andon is killed at random moments of rollouts under load: traffic and outcome stay as if it had not been.

`ANDON_KILLS=500 .venv/bin/pytest tests/system/test_kill.py` is the longer campaign.
"""

import asyncio
import itertools
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from demo.plant import Plant
from tests.system import small_unit
from tests.system.load import Load
from tests.system.ports import free_port

KILLS = int(os.environ.get("ANDON_KILLS", "50"))
CLIENTS = 6


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    made = Plant(tmp_path / "home", free_port())
    await made.start()
    yield made
    await made.stop()


async def ship(plant: Plant, tmp_path: Path, version: str, port: int) -> None:
    source = small_unit.write(tmp_path / "source" / version, version, port=port)
    await plant.command("ship", str(source), quiet=True)


async def deploy(plant: Plant, version: str) -> str:
    await plant.command("deploy", "parts", "--version", version, quiet=True)
    newest = (await plant.get("/rollouts", unit="parts", limit=1))[0]
    assert newest["candidate"] == version
    return str(newest["id"])


async def until_over(plant: Plant, rollout: str) -> dict[str, Any]:
    async with asyncio.timeout(200):
        while True:
            seen: dict[str, Any] = await plant.get(f"/rollouts/{rollout}")
            if seen["is_over"]:
                return seen
            await asyncio.sleep(0.1)


async def kill_until_over(plant: Plant, rollout: str, chance: random.Random) -> tuple[dict[str, Any], int]:
    """Kill and start Andon again at random moments until the rollout is over."""
    kills = 0
    while True:
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        if (seen := await plant.get(f"/rollouts/{rollout}"))["is_over"]:
            return seen, kills
        await plant.kill()
        kills += 1
        await plant.restart()


@pytest.mark.timeout(1100)
async def test_kill_9_at_random_moments_changes_neither_traffic_nor_outcome(
    plant: Plant, tmp_path: Path
) -> None:
    chance = random.Random(20)
    port = free_port()
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        await ship(plant, tmp_path, version, port)
    assert (await until_over(plant, await deploy(plant, "1.0.0")))["phase"] == "promoted"
    load = Load("127.0.0.1", port)
    kills, ends = 0, []
    releases = itertools.cycle(("1.1.0", "1.2.0", "1.0.0", "1.2.0"))
    async with load.running(CLIENTS):
        while kills < KILLS:
            version = next(releases)
            end, met = await kill_until_over(plant, await deploy(plant, version), chance)
            kills += met
            ends.append((version, end["phase"], end["trigger"]))
    expected = [
        (version, "returned", "judge") if version == "1.2.0" else (version, "promoted", None)
        for version, _, _ in ends
    ]
    assert ends == expected
    assert load.failed() == {}
    assert load.sent > 1000
    assert kills >= KILLS
