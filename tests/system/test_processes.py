"""What dies is brought back: an instance, the gateway. And what the command line says of a running plant."""

import os
import signal
import sys
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from andon.testing.ports import free_port
from tests.system import small_unit
from tests.system.floor import Floor, floor
from tests.system.small_unit import Place

pytestmark = [pytest.mark.timeout(1500), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Floor]:
    places = {"production": Place(port=free_port())}
    async with floor(tmp_path_factory.mktemp("floor"), places) as made:
        await made.ship("1.0.0", "1.1.0")
        await made.with_stable("production")
        yield made


async def test_a_killed_instance_comes_back_and_no_request_fails(plant: Floor) -> None:
    await plant.with_stable("production")
    load = plant.load("production")
    victim = (await plant.instances("production"))[0]
    async with load.running(4):
        await load.until(lambda: load.sent > 50)
        os.kill(victim["pid"], signal.SIGKILL)
        await plant.until(
            "/instances",
            lambda seen: any(
                each["id"] == victim["id"] and each["state"] == "ready" and each["pid"] != victim["pid"]
                for each in seen
            ),
        )
        before = load.sent
        await load.until(lambda: load.sent > before + 100)
    assert load.failed() == {}
    died = [each for each in await plant.timeline(unit="parts") if each["kind"] == "instance.died"]
    assert died[-1]["after"]["instance"] == victim["id"]


async def test_a_killed_gateway_comes_back_with_the_same_routes(plant: Floor) -> None:
    await plant.with_stable("production")
    load = plant.load("production")
    rollout = await plant.begin("1.1.0", "production")
    await plant.serving(rollout)
    await plant.said("pause", "parts", "--reason", "the share stays")  # or the evidence may promote it
    await plant.until(f"/rollouts/{rollout}", lambda seen: seen["is_paused"])
    async with load.running(4):
        await load.until(lambda: load.sent > 50)
        os.kill(plant.gateway_pid(), signal.SIGKILL)
        begun, served = time.monotonic(), load.answers["200"]
        await load.until(lambda: load.failed() != {} or load.answers["200"] > served + 100)
        down = load.answers["200"]
        await load.until(lambda: load.answers["200"] > down + 4)
        sys.stdout.write(f"without service after the gateway was killed: {time.monotonic() - begun:.2f} s\n")
        load.bodies.clear()
        await load.until(lambda: load.bodies.total() > 200)
    # What was on a connection is lost, and so is what came before the new one listened; nothing else.
    kinds = {"ConnectionRefusedError", "ConnectionResetError", "IncompleteReadError", "BrokenPipeError"}
    assert set(load.failed()) <= kinds
    assert set(load.bodies) == {"1.0.0", "1.1.0"}
    assert load.bodies["1.0.0"] > load.bodies["1.1.0"]
    kinds_told = {each["kind"] for each in await plant.timeline()}
    assert "gateway.restarted" in kinds_told
    await plant.said("abort", rollout, "--reason", "seen enough", "--watch", expected=1)


async def test_the_command_line_tells_what_runs(plant: Floor) -> None:
    await plant.with_stable("production")
    doctor = (await plant.said("doctor", "--json")).json
    assert {"database", "registry", "gateway"} <= {each["name"] for each in doctor}
    assert all(each["is_good"] for each in doctor)
    (unit,) = (await plant.said("status", "--json")).json["units"]
    assert (unit["unit"], unit["stable"], unit["ready"], unit["light"]["colour"]) == (
        "parts",
        "1.0.0",
        2,
        "green",
    )
    releases = (await plant.said("releases", "parts", "--json")).json
    assert [each["version"] for each in releases] == ["1.1.0", "1.0.0"]
    assert "parts 1.0.0 begins" in (await plant.said("logs", "parts")).out
    timeline = (await plant.said("timeline", "--unit", "parts", "--json")).json
    assert {"release.published", "rollout.finished"} <= {each["kind"] for each in timeline}
    longest = (("timeline", "--lines", "500"), ("logs", "parts", "--lines", "5000"))
    for words in (("status",), ("releases",), ("doctor",), *longest):
        assert (await plant.said(*words)).out.strip()


async def test_an_unknown_release_is_refused_with_a_hint(plant: Floor) -> None:
    said = await plant.said("deploy", "parts", "--version", "9.9.9", expected=1)
    assert "9.9.9" in said.err
    assert "try:" in said.err


async def test_a_bad_manifest_is_refused_with_line_key_value_and_fix(plant: Floor) -> None:
    source = small_unit.write(plant.sources / "bad", "2.0.0", list(plant.places.values()))
    manifest = source / "andon.toml"
    text = manifest.read_text().replace('timeout = "5s"', 'timeout = "5 parsecs"')
    manifest.write_text(text)
    line = text[: text.index("5 parsecs")].count("\n") + 1
    said = await plant.said("ship", str(source), expected=2)
    assert f"line {line}" in said.err
    assert "timeout" in said.err
    assert "5 parsecs" in said.err
    assert "try:" in said.err


async def test_a_second_andon_over_the_same_home_is_refused(plant: Floor) -> None:
    said = await plant.said("up", expected=1)
    assert "another Andon runs over" in said.err
    assert await plant.plant.get("/status")


async def test_up_over_a_folder_that_is_no_home_says_what_to_do(
    plant: Floor, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    said = await plant.said("--home", str(empty), "up", expected=2)
    assert "is not a home of Andon" in said.err
    assert f"andon --home {empty} init" in said.err
    assert list(empty.iterdir()) == []
