"""A run as server-sent events: what changed, what it wrote, and its end; each told once."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from andon.access.model import Grant, Scope
from andon.api.http import create
from andon.api.routes.pipelines import follow
from andon.api.streams import Streams
from andon.kernel.clock import ManualClock
from andon.kernel.errors import InvalidInput
from andon.pipelines.model import RunState, StageName
from andon.testing import scenes
from andon.testing.access import caller_as, client_as
from andon.testing.services import FakePlant


def _parsed(message: str) -> tuple[str, dict]:
    head, data = message.strip().split("\n")
    return head.removeprefix("event: "), json.loads(data.removeprefix("data: "))


class Narrated(ManualClock):
    """A clock whose sleeps are the moments at which the run moves on."""

    def __init__(self, *moves) -> None:
        super().__init__()
        self._moves = list(moves)

    async def sleep(self, duration: timedelta) -> None:
        await super().sleep(duration)
        self._moves.pop(0)()


async def test_a_run_is_followed_to_its_end():
    plant = scenes.a_busy_morning(FakePlant())

    def writes() -> None:
        plant.logs[scenes.SHIPPING, StageName.TEST] += "one more\n"

    def ends() -> None:
        run = plant.runs[scenes.SHIPPING]
        plant.runs[scenes.SHIPPING] = replace(run, state=RunState.FAILED, reason="tests failed")

    services = replace(plant.services(), clock=Narrated(writes, lambda: None, ends))
    followed = follow(services, scenes.SHIPPING, caller_as(plant, "viewer"), Streams())
    told = [_parsed(each) async for each in followed]
    stages = [data["name"] for kind, data in told if kind == "stage"]
    assert stages == [each.value for each in plant.runs[scenes.SHIPPING].names]
    written = "".join(data["text"] for kind, data in told if kind == "log" and data["stage"] == "test")
    assert written == plant.logs[scenes.SHIPPING, StageName.TEST]
    assert told[-1][0] == "end"
    assert told[-1][1]["reason"] == "tests failed"


async def test_a_run_that_is_over_is_told_at_once():
    plant = scenes.a_busy_morning(FakePlant())
    services = replace(plant.services(), clock=Narrated())
    followed = follow(services, scenes.SHIPPED, caller_as(plant, "viewer"), Streams())
    kinds = [_parsed(each)[0] async for each in followed]
    assert kinds == ["stage"] * len(StageName) + ["end"]


class Tree:
    """What may be shipped from: one tree of the unit roastery, and nothing else on this machine."""

    async def unit_of(self, path: Path) -> str:
        if path != Path("/srv/roastery"):
            raise InvalidInput("no-manifest", f"{path} cannot be read: No such file or directory")
        return "roastery"


async def test_who_may_not_ship_a_tree_is_not_told_whether_it_is_there():
    plant = scenes.a_busy_morning(FakePlant())
    plant.access.add("mes-only", Grant("engineer", Scope(unit="mes")))
    app = create(replace(plant.services(), ship=Tree()))
    async with client_as(plant, "mes-only", app=app) as client:
        told = [
            (await client.post("/api/v1/runs", json={"path": path})).text.replace(path, "")
            for path in ("/srv/roastery", "/srv/nothing!")
        ]
    assert told[0] == told[1]
    assert '"not-permitted"' in told[0]
    async with client_as(plant, "engineer", app=app) as client:
        missing = await client.post("/api/v1/runs", json={"path": "/srv/nothing!"})
    assert (missing.status_code, missing.json()["code"]) == (422, "no-manifest")
