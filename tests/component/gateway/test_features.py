"""What a manifest may ask of the gateway, on a real Envoy: each feature on, and off for who did not ask."""

import asyncio
import gzip
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from andon.gateway.model import Backend, Features, Limit, Outliers
from tests.component.gateway.world import (
    NEW,
    OLD,
    PATIENCE_SECONDS,
    QUICK_HEALTH,
    Client,
    Load,
    Upstream,
    until,
)

TEXT = ("Content-Type: text/html",)


async def test_an_address_that_asks_too_often_is_told_so_and_it_is_no_evidence(plant):
    # The next one is due after three minutes: however slow the machine, the bucket is empty after 20.
    await plant.share(500, features=Features(limit=Limit(requests=20, per=timedelta(hours=1))))
    clients = [Client(plant.port) for _ in range(4)]
    answers = [await each.answer() for each in clients * 10]
    assert Counter(each.status for each in answers) == {200: 20, 429: 20}
    assert answers[-1].headers["retry-after"] == "180"
    counts = await plant.counts()
    assert sum(each.requests for each in counts.values()) == plant.old.requests + plant.new.requests
    assert counts[OLD].errors + counts[NEW].errors == 0
    neighbour = Client(plant.port, source="127.0.0.2")
    assert (await neighbour.ask())[0] == 200, "another address has a bucket of its own"
    spoofed = [(await clients[0].ask("GET", "/", f"X-Forwarded-For: 10.0.0.{each}"))[0] for each in range(5)]
    assert spoofed == [429] * 5


async def test_the_usual_limit_is_100_a_minute(plant):
    await plant.share(0, features=Features(limit=Limit()))
    client, answered, began = Client(plant.port), 0, time.monotonic()
    while (await client.ask())[0] == 200:
        answered += 1
    assert 100 <= answered <= 101 + (time.monotonic() - began) * 100 / 60


@pytest.mark.parametrize(
    ("accepts", "encoding"),
    [("gzip", "gzip"), ("gzip, br", "br"), ("br;q=0.5, gzip;q=1", "gzip"), ("", None)],
)
async def test_text_is_compressed_for_who_takes_it(plant, accepts, encoding):
    await plant.share(0, features=Features(compress_above=1000))
    plant.old.headers = TEXT
    client = Client(plant.port)
    big = await client.answer("GET", "/big", *([f"Accept-Encoding: {accepts}"] if accepts else []))
    assert big.headers.get("content-encoding") == encoding
    assert len(big.body) < 200 or encoding is None
    if encoding == "gzip":
        assert gzip.decompress(big.body) == b"old" * 1000
    small = await client.answer("GET", "/", f"Accept-Encoding: {accepts}")
    assert (small.body, "content-encoding" in small.headers) == (b"old", False)


async def test_nothing_is_compressed_that_nobody_asked_for_or_that_is_no_text(plant):
    await plant.share(0)
    plant.old.headers = TEXT
    client = Client(plant.port)
    assert "content-encoding" not in (await client.answer("GET", "/big", "Accept-Encoding: gzip")).headers
    await plant.share(0, features=Features(compress_above=1000))
    plant.old.headers = ("Content-Type: image/png",)
    assert "content-encoding" not in (await client.answer("GET", "/big", "Accept-Encoding: gzip")).headers


async def test_security_headers_are_added_where_the_unit_says_nothing_else(plant):
    await plant.share(0)
    client = Client(plant.port)
    headers = (await client.answer()).headers
    assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
    assert "strict-transport-security" not in headers, "not without TLS"
    plant.old.headers = ("X-Frame-Options: SAMEORIGIN",)
    assert (await client.answer()).headers["x-frame-options"] == "SAMEORIGIN"
    await plant.share(0, features=Features(has_security_headers=False))
    assert "x-content-type-options" not in (await client.answer()).headers


async def test_only_listed_sites_may_call(plant):
    await plant.share(0, features=Features(allow_origins=("https://board.plant",)))
    client = Client(plant.port)
    asked = ("Access-Control-Request-Method: PUT", "Content-Length: 0")
    preflight = await client.answer("OPTIONS", "/", "Origin: https://board.plant", *asked)
    assert preflight.headers["access-control-allow-origin"] == "https://board.plant"
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert plant.old.requests == 0
    allowed = await client.answer("GET", "/", "Origin: https://board.plant")
    assert allowed.headers["access-control-allow-origin"] == "https://board.plant"
    for other in ("https://evil.example", "http://board.plant", "https://board.plant.evil.example", "null"):
        refused = await client.answer("GET", "/", f"Origin: {other}")
        assert "access-control-allow-origin" not in refused.headers, other


async def test_a_path_has_its_own_timeout_and_an_event_stream_none(plant):
    features = Features(
        timeouts=(("/reports/", timedelta(seconds=60)), ("/reports/quick/", timedelta(seconds=0.1)))
    )
    await plant.share(0, timeout=timedelta(seconds=0.2), features=features)
    client = Client(plant.port)
    for path, status in (("/slow", 504), ("/reports/slow", 200), ("/reports/quick/slow", 504)):
        assert (await client.ask("GET", path))[0] == status, path
    assert (await client.ask("GET", "/slow", "Accept: text/event-stream"))[0] == 200
    assert (await plant.counts())[OLD].errors == 2


async def test_browsers_keep_static_files_but_never_a_missing_one(plant):
    await plant.share(0, features=Features(cached=("/static/",)))
    client = Client(plant.port)
    kept = {
        path: (await client.answer("GET", path)).headers.get("cache-control")
        for path in ("/static/app.js", "/static/missing", "/index.html")
    }
    assert kept == {"/static/app.js": "public, max-age=2592000", "/static/missing": None, "/index.html": None}
    plant.old.headers = ("Cache-Control: no-store",)
    assert (await client.answer("GET", "/static/app.js")).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("retries", [0, 1, 4])
async def test_a_failed_request_is_tried_again_as_often_as_the_manifest_says(plant, retries):
    plant.old.status = 503
    await plant.share(0, features=Features(retries=retries))
    assert (await Client(plant.port).ask())[0] == 503
    assert plant.old.requests == 1 + retries


async def test_an_instance_of_the_stable_release_that_cannot_serve_gets_a_rest(plant):
    sick = await _at_rest(plant, timedelta(minutes=10))
    client, good = Client(plant.port), 0
    async with asyncio.timeout(PATIENCE_SECONDS):  # Envoy's threads learn of it one after another
        while good < 20:
            good = good + 1 if (await client.ask("POST", "/", "Content-Length: 0"))[0] == 200 else 0
    before, probes = sick.requests, sick.probes
    async with asyncio.timeout(PATIENCE_SECONDS):
        while sick.probes < probes + 15:  # that its health page is good ends no rest
            assert await client.ask("POST", "/", "Content-Length: 0") == (200, "old")
            await asyncio.sleep(0.01)
    assert sick.requests == before
    sick.kill()


async def test_an_instance_that_had_its_rest_serves_again(plant):
    sick = await _at_rest(plant, timedelta(seconds=1))
    sick.status = 200
    client, before = Client(plant.port), sick.requests
    async with asyncio.timeout(PATIENCE_SECONDS):
        while sick.requests < before + 10:
            await client.ask()
            await asyncio.sleep(0.02)
    sick.kill()


async def _at_rest(plant, rest: timedelta) -> Upstream:
    """The second of two instances, which Envoy has sent to rest: never before its third failure in a row."""
    sick = await Upstream("old").start()
    sick.status = 503
    stable = Backend(OLD, 1000, (plant.old.endpoint, sick.endpoint), health=QUICK_HEALTH)
    features = Features(retries=0, outliers=Outliers(failures=3, rest=rest, most=0.5))
    await plant.share(0, backends=(stable,), features=features)
    client = Client(plant.port)
    for _ in range(300):
        assert (await client.ask("POST", "/", "Content-Length: 0"))[0] in {200, 503}
        # Since when it was counted: one that rests no longer has rested all the same.
        if any((await plant.envoy.admin.numbers(r"ejections_enforced_total$", used_only=True)).values()):
            assert sick.requests >= 3
            return sick
    raise AssertionError(f"no rest after {sick.requests} failures")


async def test_a_sick_instance_of_the_candidate_is_never_hidden_from_the_judge(plant):
    sick = await Upstream("new").start()
    sick.status = 503
    stable = Backend(OLD, 0, (plant.old.endpoint,), health=QUICK_HEALTH)
    trial = Backend(NEW, 1000, (plant.new.endpoint, sick.endpoint), is_candidate=True, health=QUICK_HEALTH)
    await plant.share(0, backends=(stable, trial), features=Features(outliers=Outliers(failures=1)))
    client = Client(plant.port)
    answers = Counter([(await client.ask("POST", "/", "Content-Length: 0"))[0] for _ in range(100)])
    assert answers[503] > 20
    sick.kill()


async def test_an_instance_that_fails_its_own_health_check_gets_nothing(plant):
    check = replace(QUICK_HEALTH, path="/healthz", interval=timedelta(milliseconds=100), unhealthy_after=1)
    plant.old.health_path = "/healthz"
    second = await Upstream("second").start()
    second.health_path = "/healthz"
    stable = Backend(OLD, 1000, (plant.old.endpoint, second.endpoint), health=check)
    await plant.share(0, backends=(stable,))
    client = Client(plant.port)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while second.requests == 0:
            await client.ask()
    second.healthy = False
    probes = second.probes
    await until(lambda: second.probes > probes + 2)
    await client.ask()  # after it this connection's thread knows what Envoy knows
    before = second.requests
    assert {(await client.ask()) for _ in range(40)} == {(200, "old")}
    assert second.requests == before
    second.kill()


async def test_features_change_by_one_rename_and_close_no_connection(plant):
    """So a promotion that asks for others, and the return from it, are as quick as any switch."""
    everything = Features(
        timeouts=(("/reports/", timedelta(seconds=5)),),
        limit=Limit(1_000_000),
        compress_above=1000,
        allow_origins=("https://board.plant",),
        cached=("/static/",),
    )
    await plant.share(0)
    files = [each for each in plant.folder.rglob("*.json") if each.is_file()]
    before = {each: each.stat().st_mtime_ns for each in files}
    async with Load(plant.port) as load:
        for each in range(10):
            await plant.share(0, features=everything if each % 2 else Features())
    assert load.failed == []
    assert {each.parent.name for each in files if each.stat().st_mtime_ns != before[each]} == {"rds"}


async def test_with_every_feature_on_nothing_fails_over_switches(plant):
    everything = Features(
        timeouts=(("/reports/", timedelta(seconds=5)),),
        retries=3,
        limit=Limit(1_000_000),
        outliers=Outliers(),
        compress_above=1000,
        allow_origins=("https://board.plant",),
        cached=("/static/",),
    )
    await plant.share(0, features=everything, sticky=True)
    async with Load(plant.port) as load:
        for share in (100, 500, 1000, 0) * 5:
            await plant.share(share, features=everything, sticky=True)
        await until(lambda: load.sent > 1500)
    assert load.failed == []
