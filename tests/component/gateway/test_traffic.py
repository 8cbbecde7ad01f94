"""Which release gets a request, and what is counted of it, on a real Envoy."""

import asyncio
import base64
import contextlib
import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from andon.gateway.model import Backend, Route
from tests.component.gateway.world import (
    NEW,
    OLD,
    PATIENCE_SECONDS,
    PRODUCTION,
    QUICK_HEALTH,
    SHOP,
    Client,
    Load,
    Upstream,
    until,
)


async def test_requests_are_split_by_weight_and_counted_exactly(plant):
    acknowledged = await plant.share(100)
    assert acknowledged.weights == {OLD: 900, NEW: 100}
    assert acknowledged.revision == plant.revision
    client = Client(plant.port)
    answers = Counter([(await client.ask())[1] for _ in range(1000)])
    assert 55 <= answers["new"] <= 145
    counts = await plant.counts()
    assert counts[NEW].requests == answers["new"] == plant.new.requests
    assert counts[OLD].requests == answers["old"] == plant.old.requests
    assert counts[NEW].latency_ms[-1] == (float("inf"), answers["new"])
    assert counts[OLD].errors == counts[NEW].errors == 0
    assert plant.new.probes > 0


async def test_a_session_stays_on_its_release_while_the_share_rises_and_falls(plant):
    await plant.share(100, sticky=True)
    clients = [Client(plant.port) for _ in range(120)]
    first = [(await each.ask())[1] for each in clients]
    seen: dict[int, list[str]] = {}
    for share in (100, 250, 500, 1000, 500, 100):
        await plant.share(share, sticky=True)
        answers = [(await each.ask())[1] for each in clients]
        # Rising and falling through the same share must give the same users.
        assert seen.setdefault(share, answers) == answers
    assert first == seen[100], "the first answer comes from the release that the session stays on"
    for lower, higher in ((100, 250), (250, 500), (500, 1000)):
        for before, after in zip(seen[lower], seen[higher], strict=True):
            assert not (before == "new" and after == "old")
    assert seen[1000] == ["new"] * len(clients)
    assert 0 < seen[250].count("new") < seen[500].count("new") < len(clients)
    for each in clients:
        each.close()


async def test_no_request_fails_over_many_switches_under_load(plant):
    await plant.share(0)
    async with Load(plant.port) as load:
        for share in (100, 500, 1000, 0) * 12:
            await plant.share(share)
        await until(lambda: load.sent > 3000)
    assert load.failed == []
    counts = await plant.counts()
    assert counts[OLD].requests + counts[NEW].requests == load.sent


async def test_an_instance_that_moves_to_another_port_costs_no_request(plant):
    await plant.share(500)
    async with Load(plant.port) as load:
        for _ in range(5):
            before, plant.new = plant.new, await Upstream("new").start()
            await plant.share(500)
            await until(lambda: plant.new.requests > 20)
            before.kill()
    assert load.failed == []


@pytest.mark.parametrize("sticky", [False, True])
async def test_an_instance_that_died_costs_no_request_while_the_gateway_still_has_it(plant, sticky):
    """Andon may be away, and Envoy's own checks take seconds; here they never notice."""
    second = await Upstream("second").start()
    unaware = replace(QUICK_HEALTH, interval=timedelta(minutes=10))
    stable = Backend(OLD, 1000, (plant.old.endpoint, second.endpoint), health=unaware)
    await plant.share(0, backends=(stable,), sticky=sticky)
    async with Load(plant.port, clients=64) as load:
        await until(lambda: second.requests > 100)
        second.kill()
        died = load.sent
        await until(lambda: load.sent > died + 2000)
    assert load.failed == []


async def test_a_killed_candidate_costs_no_request_and_is_counted_as_failing(plant):
    await plant.share(500)
    async with Load(plant.port) as load:
        await until(lambda: load.sent > 500)
        plant.new.kill()
        taken = load.answers["new"]
        await until(lambda: load.sent > 4000)
    assert load.failed == []
    counts = await plant.counts()
    assert counts[OLD].requests + counts[NEW].requests == load.sent
    # What the stable release saved is an error of the candidate, and not a success of the stable one.
    assert counts[NEW].requests > load.answers["new"]
    lost = counts[NEW].requests - load.answers["new"]
    assert lost - 8 <= counts[NEW].errors <= lost + 8, f"{taken=}"
    assert counts[OLD].errors == 0


async def test_at_share_0_no_new_request_reaches_the_candidate_after_the_acknowledgement(plant):
    for _ in range(5):
        await plant.share(500)
        async with Load(plant.port) as load:
            await until(lambda: load.answers["new"] > 50)
            acknowledged = await plant.share(0)
            assert acknowledged.weights == {OLD: 1000, NEW: 0}
            # Requests that Envoy had already taken when it acknowledged are still on their way.
            await load.settle()
            await plant.counted(lambda seen: seen[NEW].active == 0)
            before, enough = plant.new.requests, load.sent + 300
            await until(lambda: load.sent > enough)  # noqa: B023  awaited here
            assert plant.new.requests == before
        assert load.failed == []


async def test_an_answer_in_progress_survives_the_switch_and_the_removal_of_its_release(plant):
    await plant.share(1000)
    streaming, socket_ = Client(plant.port), Client(plant.port)
    stream, _ = await streaming.open("GET /stream HTTP/1.1\r\nHost: shop\r\n\r\n")
    key = base64.b64encode(os.urandom(16)).decode()
    echo, writer = await socket_.open(
        "GET /echo HTTP/1.1\r\nHost: shop\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    assert b"101" in await echo.readuntil(b"\r\n\r\n")
    await stream.readuntil(b"\r\n\r\n")
    await plant.share(0)
    assert (await plant.counts())[NEW].active == 2
    only_old = Route(
        SHOP,
        PRODUCTION,
        99,
        "127.0.0.1",
        plant.port,
        (Backend(OLD, 1000, (plant.old.endpoint,), health=QUICK_HEALTH),),
    )
    await plant.envoy.apply([only_old])
    writer.write(b"still there")
    assert await echo.readexactly(11) == b"still there"
    plant.new.may_end.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert b"hi" in await stream.readuntil(b"\r\n0\r\n\r\n")
    streaming.close()
    socket_.close()
    async with asyncio.timeout(PATIENCE_SECONDS):  # and the release goes when nothing is in flight any more
        while NEW in await plant.counts():
            await plant.envoy.apply([only_old])
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("method", "headers", "is_repeated"),
    [
        ("GET", (), True),
        ("POST", ("Content-Length: 0",), False),
        ("POST", ("Content-Length: 0", "Idempotency-Key: 7"), True),
    ],
)
async def test_only_a_request_that_may_be_repeated_is(plant, method, headers, is_repeated):
    await plant.share(1000)
    client = Client(plant.port)
    plant.new.status = 503
    status, body = await client.ask(method, "/", *headers)
    assert (status, body) == ((200, "old") if is_repeated else (503, "new"))
    plant.new.resets = True
    status, _ = await client.ask(method, "/", *headers)
    assert status == (200 if is_repeated else 503)
    plant.new.resets, plant.new.status = False, 500
    assert await client.ask(method, "/", *headers) == (500, "new"), "an honest error stays visible"
    counts = await plant.counts()
    assert (counts[NEW].requests, counts[NEW].errors) == (3, 3)
    assert OLD not in counts or counts[OLD].requests == 0


async def test_an_answer_that_is_cut_off_counts_as_an_error(plant):
    await plant.share(1000)
    client = Client(plant.port)
    with contextlib.suppress(asyncio.IncompleteReadError):
        await client.ask("GET", "/cut")
    counts = await plant.counted(lambda seen: seen[NEW].errors > 0)
    assert (counts[NEW].requests, counts[NEW].errors) == (1, 1)
