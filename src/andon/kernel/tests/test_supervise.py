"""A loop goes on whatever its tick does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from andon.kernel.clock import ManualClock
from andon.kernel.errors import Unavailable
from andon.kernel.supervise import Loop

SHORT = timedelta(milliseconds=1)
LONG = timedelta(hours=1)


@asynccontextmanager
async def running(loop: Loop) -> AsyncIterator[None]:
    task = asyncio.create_task(loop.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not claim():
            await asyncio.sleep(0.001)


def a_loop(tick: Callable[[], Awaitable[None]], interval: timedelta = SHORT) -> Loop:
    return Loop("test", tick, interval=interval, clock=ManualClock())


@pytest.mark.asvs("16.3.4")
async def test_a_tick_that_raises_is_told_and_tried_again() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks < 3:
            raise ValueError("broken")

    loop = a_loop(tick)
    async with running(loop):
        await until(lambda: loop.health.failures_in_a_row == 1)
        assert (loop.health.last_error, loop.health.last_error_code) == ("broken", "ValueError")
        await until(lambda: ticks >= 3 and loop.health.failures_in_a_row == 0)
    assert loop.health.last_error == ""


async def test_a_world_that_does_not_answer_is_asked_again_after_its_time() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        ticks += 1
        raise Unavailable("down", "not there", retry_after=SHORT)

    loop = a_loop(tick)
    async with running(loop):
        await until(lambda: ticks >= 3)
        assert loop.health.last_error_code == "down"


async def test_a_wake_ends_the_pause() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        ticks += 1

    loop = a_loop(tick, LONG)
    async with running(loop):
        await until(lambda: ticks == 1)
        loop.wake()
        await until(lambda: ticks == 2)


async def test_a_wake_during_a_tick_is_not_lost() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 1:
            loop.wake()

    loop = a_loop(tick, LONG)
    async with running(loop):
        await until(lambda: ticks == 2)
