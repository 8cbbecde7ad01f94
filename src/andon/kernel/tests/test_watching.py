"""The end of a process that is not our child is heard at once, and only of the one that is watched."""

import asyncio
import subprocess

import pytest

from andon.kernel import processes
from andon.kernel.watching import Watch


class Heard:
    """Counts ends."""

    def __init__(self) -> None:
        self.times = 0
        self.news = asyncio.Event()

    def __call__(self) -> None:
        self.times += 1
        self.news.set()


@pytest.fixture
def sleepers():
    made = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
    yield made
    for each in made:
        each.kill()
        each.wait()


async def test_an_end_is_heard_at_once_and_once(sleepers):
    heard, (one, other) = Heard(), sleepers
    watch = Watch(heard)
    watch.over(processes.find(other.pid))
    watch.over(processes.find(one.pid))
    other.kill()
    await asyncio.sleep(0.05)
    assert heard.times == 0, "it is not watched any more"
    one.kill()
    async with asyncio.timeout(60):
        await heard.news.wait()
    await asyncio.sleep(0.05)
    assert heard.times == 1


async def test_an_end_that_was_before_is_heard_too(sleepers):
    heard, (one, _) = Heard(), sleepers
    process = processes.find(one.pid)
    one.kill()
    one.wait()
    Watch(heard).over(process)
    async with asyncio.timeout(60):
        await heard.news.wait()
    assert heard.times == 1


async def test_nothing_is_heard_after_the_end_of_the_watch(sleepers):
    heard, (one, _) = Heard(), sleepers
    watch = Watch(heard)
    watch.over(processes.find(one.pid))
    watch.end()
    one.kill()
    await asyncio.sleep(0.05)
    assert heard.times == 0
