"""Loops of an instance: they outlive what goes wrong in them, and end with it."""

import asyncio
from datetime import timedelta

import pytest
from andon_mes.kernel.supervise import Loop, _pause, supervised

AT_ONCE = timedelta(0)


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


async def test_a_tick_that_raises_does_not_end_its_loop():
    ticks = []

    async def tick():
        ticks.append(len(ticks))
        if len(ticks) < 3:
            raise LookupError("not yet")

    async with supervised([Loop("l", tick, AT_ONCE)]):
        await until(lambda: len(ticks) > 5)


async def test_loops_have_ended_when_the_block_is_left_and_may_write_down_what_they_hold():
    held, written = [1], []

    async def flush():
        written.extend(held)
        held.clear()

    async def endless():
        await asyncio.Event().wait()

    loops = [
        Loop("flush", flush, timedelta(hours=1), ends_with_a_tick=True),
        Loop("endless", endless, AT_ONCE),
    ]
    async with supervised(loops):
        await until(lambda: written == [1])
        held.append(2)
    assert written == [1, 2]
    assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"flush", "endless"})


@pytest.mark.parametrize(("failures", "seconds"), [(0, 1), (1, 2), (3, 8), (20, 30)])
def test_back_off_doubles_up_to_half_a_minute(failures, seconds):
    assert _pause(timedelta(seconds=1), failures) == timedelta(seconds=seconds)


def test_a_rare_loop_is_not_made_frequent_by_failing():
    assert _pause(timedelta(hours=1), 4) == timedelta(hours=1)
