"""A clock that was set is told; time that passes is not."""

from datetime import timedelta

import pytest

from andon.kernel.clock import ManualClock
from andon.store.engine import Database
from andon.timeline.clock_watch import BEHIND, STEPPED, ClockWatch
from andon.timeline.records import Event
from andon.timeline.store import Filter, TimelineStore


class SettableClock(ManualClock):
    """One whose wall can be set apart from the time that passes."""

    def set_by(self, duration: timedelta) -> None:
        self._now += duration


@pytest.mark.part11("11.10(e)")
async def test_only_a_step_is_told(database: Database) -> None:
    clock, timeline = SettableClock(), TimelineStore(database)
    watch = ClockWatch(timeline, clock)
    await watch.start()
    for _ in range(3):
        clock.advance(timedelta(seconds=10))
        clock.set_by(timedelta(seconds=0.9))
        await watch.tick()
    assert await timeline.list(Filter()) == []
    clock.set_by(timedelta(hours=-2))
    await watch.tick()
    await watch.tick()
    clock.set_by(timedelta(seconds=90))
    await watch.tick()
    forward, back = await timeline.list(Filter(kind=STEPPED))
    assert back.event.reason == "the system's clock was set back by 7200.0 s"
    assert back.event.after["seconds"] == -7200.0
    assert forward.event.after["seconds"] == 90.0


@pytest.mark.part11("11.10(e)")
async def test_a_clock_that_was_set_back_meanwhile_is_told_at_the_start(database: Database) -> None:
    clock, timeline = SettableClock(), TimelineStore(database)
    await timeline.record(Event("test", "unit/mes", "kim", "because"), clock.now() + timedelta(minutes=5))
    await ClockWatch(timeline, clock).start()
    (told,) = await timeline.list(Filter(kind=BEHIND))
    assert "300.0 s behind record 1" in told.event.reason
