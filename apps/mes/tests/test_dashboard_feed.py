"""The live stream: changes are told, whoever made them; it ends with the instance; one look serves all."""

import asyncio
import json
from datetime import timedelta

import pytest
from andon_mes.dashboard import store
from andon_mes.dashboard.feed import Feed
from andon_mes.kernel.clock import SystemClock
from andon_mes.store.engine import open_database


@pytest.fixture
def database(database_path):
    opened = open_database(database_path, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    yield opened
    opened.close()


def a_feed(database, looks):
    def counted(connection):
        looks.append(1)
        return store.marks(connection)

    return Feed(database, SystemClock(), counted, interval=timedelta(milliseconds=5))


async def known():
    return True


async def heard(stream):
    lines = (await anext(stream)).strip().split("\n")
    said = dict(line.split(": ", 1) for line in lines)
    return said["event"], json.loads(said["data"])


async def test_a_page_hears_what_another_instance_changed(database, plant):
    looks = []
    feed = a_feed(database, looks)
    stream = feed.stream("1.0.0", known)
    name, said = await heard(stream)
    assert (name, said["release"]) == ("hello", "1.0.0")
    async with asyncio.timeout(60):
        name, said = await heard(stream)  # the first look: anything may have changed before
        assert "production" in said["topics"]
        before = feed.revision
        await plant.lot(2)
        name, said = await heard(stream)
    assert (name, said["topics"]) == ("changed", ["production"])
    assert feed.revision == before + 1
    await stream.aclose()


async def test_many_pages_cost_one_look_and_none_costs_nothing(database):
    looks = []
    feed = a_feed(database, looks)
    streams = [feed.stream("1.0.0", known) for _ in range(200)]
    async with asyncio.timeout(60):
        for each in streams:
            await heard(each)
        start = len(looks)
        while len(looks) < start + 3:
            await asyncio.sleep(0.005)
        for each in streams:
            await each.aclose()
        tasks = {each for each in asyncio.all_tasks() if "_look_while_watched" in str(each.get_coro())}
        assert len(tasks) == 1
        await asyncio.wait(tasks)
    assert feed.is_full is False


async def test_a_stream_ends_with_the_sign_in_that_it_was_opened_with(database, plant):
    signed_in = [True]

    async def is_known():
        return signed_in[0]

    feed = a_feed(database, [])
    stream = feed.stream("1.0.0", is_known)
    await heard(stream)
    signed_in[0] = False
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_streams_end_with_the_instance(database):
    feed = a_feed(database, [])
    stream = feed.stream("1.0.0", known)
    await heard(stream)
    await heard(stream)
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    feed.end()
    async with asyncio.timeout(60):
        await waiting
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
