"""The cord, from its row to what it stops: wired as it is when Andon runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from andon import access_parts, parts
from andon.access.signatures.seal import Sealer
from andon.kernel import processes
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Forbidden
from andon.kernel.ids import EnvironmentName
from andon.parts import Parts
from andon.pipelines.job import MARK
from andon.pipelines.model import Run, StageName, StageState
from andon.settings import Settings
from andon.store import migrate
from andon.testing import plain_unit
from andon.testing.signing import Hand


@pytest.fixture
async def andon(tmp_path: Path) -> AsyncIterator[Parts]:
    """Andon with only its pipelines running."""
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    await migrate.upgrade(settings.database())
    access_parts.make_keys(settings.home, SystemClock())
    async with parts.assembled(settings) as made:
        pipelines = next(each for each in made.loops if each.health.name == "pipelines")
        task = asyncio.create_task(pipelines.run())
        yield made
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for run in await made.services.runs.list():
            processes.kill_marked(MARK, f"{run.id}/source/1")


async def until(andon: Parts, run: Run, holds: Callable[[Run], bool]) -> Run:
    async with asyncio.timeout(60):
        while not holds(now := await andon.services.runs.get(run.id)):
            await asyncio.sleep(0.02)
    return now


def has_begun(run: Run) -> bool:
    return run.stage(StageName.SOURCE).state is not StageState.WAITING


async def test_the_cord_of_everywhere_stops_a_pipeline_until_it_is_released(
    andon: Parts, tmp_path: Path
) -> None:
    commands, ship = andon.services.commands, andon.services.ship
    await commands.pull_cord(None, returns=False, actor="kim", reason="smoke")
    run = await ship.start(plain_unit.write(tmp_path / "plain"), "kim")
    halted = await until(andon, run, lambda now: bool(now.reason))
    assert "the cord is pulled everywhere" in halted.reason
    assert not has_begun(halted)
    with pytest.raises(Forbidden, match="has to be signed"):
        await commands.release_cord(None, "lee", "it was toast")
    hand = Hand(Sealer.load(tmp_path / "home" / "keys" / "signatures.key"))
    signed = hand.sign(await commands.document_of_cord(None), "lee", andon.services.clock.now())
    await commands.release_cord(None, "lee", "it was toast", signature=signed)
    assert (await until(andon, run, has_begun)).reason == ""


async def test_the_cord_of_one_environment_stops_no_pipeline(andon: Parts, tmp_path: Path) -> None:
    cord = EnvironmentName("production")
    await andon.services.commands.pull_cord(cord, returns=False, actor="kim", reason="smoke")
    run = await andon.services.ship.start(plain_unit.write(tmp_path / "plain"), "kim")
    await until(andon, run, has_begun)
