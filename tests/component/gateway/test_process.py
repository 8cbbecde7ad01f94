"""One Envoy per folder, which outlives Andon and comes back."""

import asyncio
import contextlib
import os
import signal
import sys

import pytest

from andon.gateway import launch
from andon.gateway.model import Backend, Features, Limit, Route
from andon.gateway.program import find_program
from andon.kernel import processes
from andon.kernel.errors import Unavailable
from andon.kernel.ids import UnitName
from andon.testing.ports import free_port
from andon.units.desired import Match, MatchKind, Routing
from tests.component.gateway.world import (
    NEW,
    OLD,
    PATIENCE_SECONDS,
    PRODUCTION,
    SHOP,
    Client,
    Load,
    Upstream,
    envoy_in,
    until,
)


async def test_a_second_start_does_not_make_a_second_envoy(plant):
    running = await plant.envoy.ensure()
    another = envoy_in(plant.folder)
    assert await another.ensure() == running
    await another.close()
    log = str(plant.folder / "second.log")
    program = str((await find_program()).path)
    command = [sys.executable, "-m", launch.__name__, str(plant.folder), log, program, "--version"]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    assert await process.wait() == launch.ALREADY_RUNNING
    assert plant.envoy.find_running() == running


async def test_an_envoy_that_was_killed_comes_back_with_what_it_served(plant):
    await plant.share(1000)
    before = await plant.envoy.ensure()
    os.kill(before.pid, signal.SIGKILL)
    await until(lambda: not processes.is_alive(before))
    with pytest.raises(Unavailable):
        await plant.scraper.scrape()
    after = await until_started(plant)
    assert after != before
    assert await Client(plant.port).ask() == (200, "new")
    epoch = (await plant.scraper.scrape()).epoch
    assert epoch == after.epoch != before.epoch
    assert (await plant.share(0)).weights == {OLD: 1000, NEW: 0}


async def test_an_envoy_that_was_killed_has_the_very_same_configuration_afterwards(plant):
    features = Features(limit=Limit(1_000_000), compress_above=1000, allow_origins=("https://board.plant",))
    routing = Routing((Match(MatchKind.HEADER, "x-group", "b"),), 0.1, has_preview=True)
    await plant.share(250, sticky=True, features=features, routing=routing)
    files = {each: each.read_bytes() for each in plant.folder.rglob("*ds*/*.json")}
    files |= {each: each.read_bytes() for each in plant.folder.glob("?ds.json")}
    assert len(files) == 3
    before, versions = await plant.configuration(), await plant.envoy.admin.versions()
    running = await plant.envoy.ensure()
    os.kill(running.pid, signal.SIGKILL)
    await until(lambda: not processes.is_alive(running))
    await until_started(plant)
    assert {each: each.read_bytes() for each in files} == files
    assert await plant.configuration() == before
    assert await plant.envoy.admin.versions() == versions
    assert await Client(plant.port).ask("GET", "/", "x-group: b") == (200, "new")


async def until_started(plant):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await plant.envoy.ensure()
            except Unavailable as wait:
                await asyncio.sleep(wait.retry_after.total_seconds())


async def test_a_second_gateway_on_a_port_takes_no_connection_of_the_first(plant, tmp_path):
    await plant.share(0)
    other = envoy_in(tmp_path / "another")
    try:
        await other.ensure()
        applied = await other.apply([plant.route(1000)])
        assert [each.code for each in applied.problems] == ["gateway-port-in-use"]
        assert applied.acknowledged == ()
        answers = [await Client(plant.port).ask() for _ in range(40)]
        assert answers == [(200, "old")] * 40
    finally:
        await other.stop()


async def test_ten_services_share_a_gateway_and_each_moves_alone(plant):
    ports = [free_port() for _ in range(10)]

    def routes(shares: list[int]) -> list[Route]:
        return [
            plant.route(share, unit=UnitName(f"unit{at}"), port=port)
            for at, (share, port) in enumerate(zip(shares, ports, strict=True))
        ]

    async def served(shares: list[int]) -> list[int]:
        applied = (await plant.envoy.apply(routes(shares))).check()
        return [each.weights[NEW] for each in applied.acknowledged]

    async with asyncio.timeout(PATIENCE_SECONDS):
        while await served([0] * 10) != [0] * 10:
            pass
        shares = [1000 * (at % 2) for at in range(10)]
        while await served(shares) != shares:
            pass
    answers = [(await Client(port).ask())[1] for port in ports]
    assert answers == ["old", "new"] * 5
    await served([0, 0, *shares[2:]])
    assert [(await Client(port).ask())[1] for port in ports] == ["old", "old", *answers[2:]]
    counts = (await plant.scraper.scrape()).releases
    assert len({unit for unit, _, _ in counts}) == 10
    assert sum(each.requests for each in counts.values()) == 20


_CONTROL_PROCESS = """
import asyncio, sys
from pathlib import Path
from andon.gateway.envoy import Envoy, EnvoyOptions
from andon.gateway.model import Backend, Endpoint, Route
from andon.kernel.clock import SystemClock

async def main(folder, port, old, new):
    envoy = Envoy(EnvoyOptions(Path(folder), concurrency=1), SystemClock())
    await envoy.ensure()
    old, new = (Endpoint("127.0.0.1", int(each)) for each in (old, new))
    backends = (Backend("1.0.0", 500, (old,)), Backend("1.1.0", 500, (new,), True))
    route = Route("shop", "production", 7, "127.0.0.1", int(port), backends)
    while 500 not in (weights := (await envoy.apply([route])).check().acknowledged[0].weights).values():
        pass
    print(weights, flush=True)
    await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_envoy_outlives_the_control_process_and_is_adopted_by_the_next(tmp_path):
    old, new = await Upstream("old").start(), await Upstream("new").start()
    folder, port = tmp_path / "gateway", free_port()
    ports = [str(each) for each in (port, old.endpoint.port, new.endpoint.port)]
    envoy = envoy_in(folder)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CONTROL_PROCESS, str(folder), *ports, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while b"500" not in await process.stdout.readline():
                assert process.returncode is None
        running = envoy.find_running()
        async with Load(port) as load:
            await until(lambda: load.sent > 200)
            process.kill()
            await process.wait()
            sent = load.sent
            await until(lambda: load.sent > sent + 500)
            assert await envoy.ensure() == running
            cds = (folder / "cds.json").stat().st_ino
            backends = (
                Backend(OLD, 500, (old.endpoint,)),
                Backend(NEW, 500, (new.endpoint,), is_candidate=True),
            )
            route = Route(SHOP, PRODUCTION, 7, "127.0.0.1", port, backends)
            (acknowledged,) = (await envoy.apply([route])).check().acknowledged
            assert (acknowledged.revision, acknowledged.weights) == (7, {OLD: 500, NEW: 500})
            assert (folder / "cds.json").stat().st_ino == cds, "nothing is written again"
        assert load.failed == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await envoy.stop()
        old.kill()
        new.kill()
