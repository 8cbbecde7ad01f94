"""What stands before a share, on real processes: an outside system, production, a smoke test, a command.

Andon is killed while a command runs: the command goes on, and is not run a second time.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from andon.kernel import processes
from andon.rollouts.outside import webhooks
from andon.rollouts.tasks.job import MARK
from andon.testing.outside import OutsideServer
from andon.testing.ports import free_port
from tests.system.floor import Floor, floor
from tests.system.small_unit import Place

pytestmark = pytest.mark.timeout(1500)

_STEPS = """[
    {{ gate = "webhook", asks = "board", name = "board" }},
    {{ gate = "production", asks = "quiet", name = "quiet" }},
    {{ smoke = "front" }},
    {{ command = ["sh", "-c", "{script}"], name = "settings", timeout = "10m" }},
    0.5,
    {{ gate = "webhook", asks = "desk", name = "desk" }},
    1.0,
]"""
_SCRIPT = "echo $ANDON_VERSION >> {count}; while [ ! -e {go} ]; do sleep 0.05; done"
_TABLES = """
[webhooks.board]
url = "{base}/gate"
signed_by = "board"
every = "500ms"
[webhooks.desk]
[production.quiet]
path = "/production"
field = "lots"
equals = 0
[smoke.front]
path = "/health"
contains = "ok"
"""


class Scene:
    def __init__(self, plant: Floor, outside: OutsideServer, folder: Path) -> None:
        self.plant, self.outside = plant, outside
        self.go, self.count = folder / "go", folder / "count"

    async def gate(self, rollout: str, name: str) -> str:
        found = await self.plant.plant.get(f"/rollouts/{rollout}/gates")
        return next(f"{each['state']}: {each['reason']}" for each in found if each["name"] == name)

    async def runs(self, rollout: str) -> str:
        """The mark of the command's process, as soon as it runs."""
        path = f"/rollouts/{rollout}/tasks"
        await self.plant.until(path, lambda seen: seen[1]["state"] == "running")
        mark = f"{rollout}/0/settings/1"
        while not self.count.exists():
            await asyncio.sleep(0.05)
        return mark

    async def answered(self, rollout: str, word: str) -> None:
        """The desk says its word. At a first release all gates stand together before anything starts."""
        await self.plant.said("gate", "answer", rollout, "desk", f"--{word}", "--reason", "checked")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    outside = OutsideServer()
    steps = _STEPS.format(script=_SCRIPT.format(count=tmp_path / "count", go=tmp_path / "go"))
    place = Place(port=free_port(), steps=steps, tables=_TABLES.format(base=outside.base))
    allowed = {"ANDON_ROLLOUTS__WEBHOOKS": json.dumps([outside.base])}
    async with floor(tmp_path, {"production": place}, allowed) as made:
        secret = ("secrets", "set", "webhook.board", "--value-stdin", "--reason", "a test")
        await made.said(*secret, stdin="s3cret of the board\n")
        await made.ship("1.0.0")
        yield Scene(made, outside, tmp_path)
    await outside.stop()


async def test_a_rollout_passes_its_gates_and_tasks_though_andon_is_killed_between(scene: Scene) -> None:
    plant = scene.plant
    scene.outside.play.says("/gate", {"answer": "wait", "reason": "CAB meets at three"})
    rollout = await plant.begin("1.0.0", "production")
    await plant.until(f"/rollouts/{rollout}/gates", lambda seen: "CAB meets" in seen[0]["reason"])
    said = " ".join((await plant.said("gate", "parts")).out.split())
    assert "CAB meets at three" in said
    assert await plant.instances("production") == []
    await plant.plant.kill()
    scene.outside.play.says("/gate", {"answer": "yes", "reason": "CAB-12"})
    await plant.plant.restart()
    await plant.until(f"/rollouts/{rollout}/gates", lambda seen: seen[0]["state"] == "open")
    assert await scene.gate(rollout, "quiet") == "open: is open: nothing of parts is in production here yet"
    assert (await scene.gate(rollout, "desk")).startswith("waiting: waits until an outside system answers")
    await scene.answered(rollout, "yes")
    mark = await scene.runs(rollout)
    assert await scene.gate(rollout, "board") == "passed: "
    sent = scene.outside.play.posted[-1]
    assert webhooks.verifies("s3cret of the board", sent.body, sent.headers["andon-signature"])
    assert json.loads(sent.body)["candidate"] == "1.0.0"
    await plant.plant.kill()
    assert processes.marked(MARK, mark)
    await plant.plant.restart()
    assert (await plant.rollout(rollout))["stage"] == "checking"
    scene.go.touch()
    assert (await plant.over(rollout))["phase"] == "promoted"
    assert scene.count.read_text() == "1.0.0\n"
    log = (await plant.said("tasks", rollout, "settings", "--log")).out
    assert log.endswith("ended with 0\n")
    told = [each["kind"] for each in await plant.timeline(environment="production")]
    assert [each for each in told if each.startswith(("task.", "gate."))] == [
        "gate.answered", "gate.answered", "task.started", "task.passed", "task.started", "task.passed",
    ]  # fmt: skip
