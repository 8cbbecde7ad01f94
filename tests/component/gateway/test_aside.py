"""What the release on trial gets beside its share: by header or cookie, by mirror, and as a preview."""

import asyncio
from collections import Counter

from andon.gateway.model import Beside, Count, Features
from andon.units.desired import Match, MatchKind, Routing
from tests.component.gateway.world import NEW, OLD, PATIENCE_SECONDS, Client, Load, until

GROUP = (Match(MatchKind.HEADER, "X-Group", "b"), Match(MatchKind.COOKIE, "group", "b.1+x"))


async def test_a_matching_request_gets_the_candidate_and_is_not_counted_as_drawn(plant):
    acknowledged = await plant.share(0, routing=Routing(matches=GROUP))
    assert acknowledged.weights == {OLD: 1000, NEW: 0}
    assert acknowledged.beside == {Beside.MATCHED}
    client = Client(plant.port)
    for header in ("x-group: b", "Cookie: a=1; group=b.1+x; z=2", "Cookie: group=b.1+x"):
        assert await client.ask("GET", "/", header) == (200, "new"), header
        assert await client.ask("POST", "/", header, "Content-Length: 0") == (200, "new"), header
    others = ("x-group: bb", "x-group: B", "Cookie: group=b91+x", "Cookie: agroup=b.1+x", "Accept: */*")
    for header in others:
        assert await client.ask("GET", "/", header) == (200, "old"), header
    counts = await plant.counts()
    assert (counts[NEW].requests, counts[NEW].aside) == (0, {Beside.MATCHED: Count(6, 0)})
    assert counts[NEW].latency_ms[-1][1] == 0
    assert counts[OLD].requests == len(others)


async def test_matches_stay_while_the_share_moves_and_go_with_a_return_in_one_rename(plant):
    routing = Routing(matches=GROUP, mirror=1.0, has_preview=True)
    everything = frozenset(Beside)
    client = Client(plant.port)
    for share in (0, 100, 500):
        assert (await plant.share(share, routing=routing)).beside == everything
        assert await client.ask("GET", "/", "x-group: b") == (200, "new")
    files = [each for each in plant.folder.rglob("*.json") if each.is_file()]
    before = {each: each.stat().st_ino for each in files}
    acknowledged = await plant.share(0)
    changed = [each.parent.name for each in files if each.stat().st_ino != before[each]]
    assert changed == ["rds"]
    assert (acknowledged.weights, acknowledged.beside) == ({OLD: 1000, NEW: 0}, frozenset())
    await asyncio.sleep(0.1)
    seen = plant.new.requests
    assert await client.ask("GET", "/", "x-group: b") == (200, "old")
    assert (await client.ask("GET", "/", "x-andon-preview: 1.1.0"))[0] == 404
    assert plant.new.requests == seen


async def test_a_match_is_saved_by_the_stable_release_and_counted_as_the_candidates_failure(plant):
    await plant.share(0, routing=Routing(matches=GROUP))
    client = Client(plant.port)
    assert await client.ask("GET", "/", "x-group: b") == (200, "new")
    plant.new.kill()
    answers = Counter([await client.ask("GET", "/", "x-group: b") for _ in range(20)])
    assert answers == {(200, "old"): 20}
    counts = await plant.counts()
    matched = counts[NEW].aside[Beside.MATCHED]
    assert matched.requests == 21
    assert 18 <= matched.errors <= 20
    assert (counts[NEW].requests, counts[NEW].errors, counts[OLD].requests, counts[OLD].errors) == (0,) * 4


async def test_a_sticky_session_that_matches_keeps_its_cookie(plant):
    await plant.share(0, sticky=True, routing=Routing(matches=GROUP))
    client = Client(plant.port)
    assert await client.ask("GET", "/", "x-group: b") == (200, "new")
    assert client.cookie.startswith("andon_session=")
    assert await client.ask("GET", "/", "x-group: b") == (200, "new")
    assert await client.ask() == (200, "old")


async def test_a_mirror_gets_a_part_of_the_stable_releases_reads_and_nobody_sees_its_answers(plant):
    assert (await plant.share(0, routing=Routing(mirror=0.5))).beside == {Beside.MIRRORED}
    plant.new.status = 500
    client = Client(plant.port)
    for _ in range(400):
        assert await client.ask() == (200, "old")
    for method in ("POST", "PUT", "DELETE"):
        assert await client.ask(method, "/", "Content-Length: 0") == (200, "old")
    counts = await plant.counted(
        lambda seen: plant.new.requests > 140 and _mirrored(seen).requests == plant.new.requests
    )
    assert 140 < plant.new.requests < 260
    assert all(head.startswith("get ") and "x-andon-mirrored: true" in head for head in plant.new.heads)
    assert all("host: shop\r\n" in head for head in plant.new.heads), "not shop-shadow"
    assert _mirrored(counts) == Count(plant.new.requests, plant.new.requests)
    assert (counts[NEW].requests, counts[NEW].errors) == (0, 0)
    assert (counts[OLD].requests, counts[OLD].errors) == (403, 0)


async def test_no_request_to_the_candidate_is_mirrored_to_it_again(plant):
    await plant.share(500, routing=Routing(mirror=1.0))
    client = Client(plant.port)
    spoof = "x-andon-mirror: shop~production~1_1_0~mirrored"
    answers = Counter([(await client.ask("GET", "/", spoof))[1] for _ in range(200)])
    await until(lambda: plant.new.requests >= 200)
    await asyncio.sleep(0.1)
    assert plant.new.requests == 200
    await plant.counted(lambda seen: _mirrored(seen).requests == answers["old"])


def _mirrored(seen):
    return seen[NEW].aside[Beside.MIRRORED]


async def test_a_mirror_that_is_slow_or_dead_costs_the_users_nothing(plant):
    await plant.share(0, routing=Routing(mirror=1.0))
    async with Load(plant.port) as load:
        await until(lambda: load.sent > 200)
        plant.new.kill()
        await until(lambda: load.sent > 2000)
    assert load.failed == []
    assert (await plant.counts())[OLD].errors == 0


async def test_writes_are_mirrored_where_the_manifest_says_that_releases_share_no_data(plant):
    await plant.share(0, routing=Routing(mirror=1.0), features=Features(mirrors_writes=True))
    assert await Client(plant.port).ask("POST", "/", "Content-Length: 0") == (200, "old")
    await until(lambda: plant.new.requests == 1)


async def test_a_websocket_is_not_mirrored(plant):
    await plant.share(0, routing=Routing(mirror=1.0))
    client = Client(plant.port)
    reader, writer = await client.open(
        "GET /echo HTTP/1.1\r\nHost: shop\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    )
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    assert plant.new.requests == 0
    client.close()


async def test_a_preview_is_reached_by_its_version_and_never_answered_by_another_release(plant):
    assert (await plant.share(0, routing=Routing(has_preview=True))).beside == {Beside.PREVIEWED}
    client = Client(plant.port)
    answer = await client.answer("GET", "/", "x-andon-preview: 1.1.0")
    assert (answer.status, answer.body, answer.headers["x-andon-release"]) == (200, b"new", "1.1.0")
    assert await client.ask() == (200, "old")
    assert (await client.ask("GET", "/", "x-andon-preview: 1.0.0"))[0] == 404
    plant.new.kill()
    assert (await client.ask("GET", "/", "x-andon-preview: 1.1.0"))[0] == 503
    counts = await plant.counts()
    assert counts[NEW].aside[Beside.PREVIEWED].requests == 2
    assert counts[NEW].requests == 0


async def test_a_preview_is_not_open_to_the_world(plant):
    elsewhere = Features(preview_from=("10.20.0.0/16",))
    for features in (elsewhere, Features(preview_from=())):
        await plant.share(0, routing=Routing(has_preview=True), features=features)
        asked = ("x-andon-preview: 1.1.0", "X-Forwarded-For: 10.20.0.1")
        assert (await Client(plant.port).ask("GET", "/", *asked))[0] == 403
    assert plant.new.requests == 0


async def test_an_unhealthy_candidate_gets_neither_matches_nor_mirror_nor_preview(plant):
    plant.new.healthy = False
    await plant.share(0)
    route = plant.route(0, routing=Routing(GROUP, 1.0, has_preview=True))
    applied = await plant.envoy.apply([route])
    assert applied.acknowledged[0].beside == frozenset()
    assert "not healthy" in applied.waiting[0]
    client = Client(plant.port)
    assert await client.ask("GET", "/", "x-group: b") == (200, "old")
    assert (await client.ask("GET", "/", "x-andon-preview: 1.1.0"))[0] == 404
    assert plant.new.requests == 0
    plant.new.healthy = True
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await plant.envoy.apply([route])).acknowledged[0].beside:
            await asyncio.sleep(0.05)
    assert await client.ask("GET", "/", "x-group: b") == (200, "new")
