"""One poller tells all viewers what moved; nobody is told of what did not."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from andon.api.feed import Feed
from andon.api.rates import Window
from andon.api.streams import Streams
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Unavailable
from andon.testing import scenes
from andon.testing.access import caller_as
from andon.testing.services import FakePlant
from andon.timeline.records import Event


@pytest.fixture
def plant() -> FakePlant:
    return scenes.a_busy_morning(FakePlant(clock=ManualClock()))


async def _open(feed: Feed, plant: FakePlant, who: str = "viewer"):
    stream = feed.stream(caller_as(plant, who))
    assert "event: hello" in await anext(stream)
    await feed.tick()
    await anext(stream)  # the first look tells what is there
    return stream


def _topics(message: str) -> set[str]:
    return set(json.loads(message.split("data: ")[1])["topics"])


async def test_a_record_wakes_every_viewer_with_its_subject(plant):
    feed = Feed(plant.services(), Window())
    viewer = caller_as(plant, "viewer")
    first, second = feed.stream(viewer), feed.stream(viewer)
    for stream in (first, second):
        await anext(stream)
    await feed.tick()
    for stream in (first, second):
        await anext(stream)
    plant.tell(Event("cord.pulled", "cord", "jiwoo", "smoke", unit="mes"))
    await feed.tick()
    for stream in (first, second):
        assert {"timeline", "cord", "unit/mes"} <= _topics(await anext(stream))


async def test_a_new_look_names_its_rollout(plant):
    feed = Feed(plant.services(), Window())
    stream = await _open(feed, plant)
    scenes.look_again(plant)
    await feed.tick()
    assert _topics(await anext(stream)) == {f"rollout/{scenes.UNDER_WAY}"}


async def test_what_people_say_of_stations_wakes_the_page_of_the_fleet(plant):
    feed = Feed(plant.services(), Window())
    stream = await _open(feed, plant)
    plant.tell(Event("fleet.recalled", "recall/production/mes@1.0.0", "jiwoo", "it loses serials", "mes"))
    await feed.tick()
    assert {"fleet", "timeline"} <= _topics(await anext(stream))


async def test_a_stage_that_moved_names_its_run(plant):
    feed = Feed(plant.services(), Window())
    stream = await _open(feed, plant)
    plant.runs[scenes.SHIPPING] = replace(plant.runs[scenes.SHIPPING], revision=5)
    await feed.tick()
    assert _topics(await anext(stream)) == {f"run/{scenes.SHIPPING}", "runs"}


async def test_traffic_is_told_at_most_every_two_seconds(plant):
    feed = Feed(plant.services(), Window())
    stream = await _open(feed, plant)
    before = feed.revision
    scenes.move_traffic(plant)
    plant.clock.advance(timedelta(seconds=1))
    await feed.tick()
    assert feed.revision == before
    plant.clock.advance(timedelta(seconds=1))
    await feed.tick()
    assert _topics(await anext(stream)) == {"traffic"}


async def test_silence_is_a_heartbeat(plant):
    feed = Feed(plant.services(), Window(), heartbeat=timedelta(milliseconds=10))
    stream = await _open(feed, plant)
    assert "event: heartbeat" in await anext(stream)


async def test_a_viewer_that_leaves_is_forgotten_and_the_store_is_left_alone(plant):
    asked = []

    class Counting:
        def __init__(self, inner):
            self._inner = inner

        async def list(self, *args, **kwargs):
            asked.append(1)
            return await self._inner.list(*args, **kwargs)

    services = plant.services()
    feed = Feed(replace(services, timeline=Counting(services.timeline)), Window())
    stream = await _open(feed, plant)
    await stream.aclose()
    assert feed.viewers == 0
    asked.clear()
    await feed.tick()
    assert asked == []


async def test_a_slow_viewer_gets_everything_in_one_message(plant):
    feed = Feed(plant.services(), Window())
    stream = await _open(feed, plant)
    for name in ("one", "two", "three"):
        plant.tell(Event("instance.died", f"unit/{name}", "andon", "x"))
        await feed.tick()
    assert {"unit/one", "unit/two", "unit/three"} <= _topics(await anext(stream))


async def test_a_viewer_too_many_is_told_to_come_back(plant):
    feed = Feed(plant.services(), Window(), streams=Streams(most=1))
    stream = await _open(feed, plant)
    with pytest.raises(Unavailable, match="1 viewers are open"):
        feed.stream(caller_as(plant, "viewer"))
    await stream.aclose()
    assert feed.stream(caller_as(plant, "viewer")) is not None


async def test_a_viewer_hears_only_of_what_they_may_see(plant):
    feed = Feed(plant.services(), Window(), heartbeat=timedelta(milliseconds=50))
    stream = await _open(feed, plant, "scoped")  # mes in staging
    plant.tell(Event("instance.died", "unit/roastery", "andon", "x", "roastery", "production"))
    plant.tell(Event("user.changed", "user/kim", "admin", "x"))
    scenes.look_again(plant)
    await feed.tick()
    assert "event: heartbeat" in await anext(stream)
    plant.tell(Event("instance.died", "unit/mes", "andon", "x", "mes", "staging"))
    plant.tell(Event("cord.pulled", "cord", "admin", "smoke"))
    await feed.tick()
    assert _topics(await anext(stream)) == {"timeline", "unit/mes", "cord"}


async def test_a_stream_ends_when_its_session_does(plant):
    feed = Feed(plant.services(), Window(), heartbeat=timedelta(milliseconds=10))
    stream = await _open(feed, plant)
    plant.access.sessions.clear()
    plant.clock.advance(timedelta(seconds=1))
    assert [each async for each in stream] in ([], [_heartbeat_of(feed)])
    assert feed.viewers == 0


def _heartbeat_of(feed: Feed) -> str:
    return feed._event("heartbeat")
