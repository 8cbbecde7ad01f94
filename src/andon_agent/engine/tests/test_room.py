"""When room is looked for, and that what runs is not ended again and again for a copy that has none."""

from dataclasses import replace

import pytest

from andon_agent.engine.model import State, Step, Target, Work, WorkState
from andon_agent.engine.room import Room
from andon_agent.engine.tests.situations import AT, CONTRACT, ONE
from andon_wire.application import Application
from andon_wire.protocol import Phase

pytestmark = pytest.mark.unit
TARGET = Target("2.0", "b")
READY = State("screen", since=AT, phase=Phase.READY, active=ONE, confirmed=ONE, target=TARGET, starts=3)
COPYING = replace(READY, phase=Phase.SWITCHING, step=Step.BACK_UP)
DOING, FAILED = Work(WorkState.DOING), Work(WorkState.FAILED, "full")


class Data:
    """Data of a size on a disk with so much room."""

    def __init__(self, size: int, free: int) -> None:
        self.size, self.free, self.looks = size, free, 0

    def short(self, _contract: Application, further: int) -> int:
        """See `Copies`."""
        self.looks += 1
        return max(0, self.size + further - self.free)


class Flushing(Data):
    """It writes 50 when it is ended, and takes that away when it is started."""

    def end(self) -> None:
        """It writes."""
        self.size, self.free = self.size + 50, self.free - 50

    def start(self) -> None:
        """It takes away."""
        self.size, self.free = self.size - 50, self.free + 50


def test_what_needs_more_when_it_is_ended_is_not_ended_for_nothing_again_and_again() -> None:
    data = Flushing(100, 150)
    room, ends, state = Room(data), 0, READY
    for minute in range(60):
        if room.short(state, CONTRACT, Work(), 60.0 * minute):
            continue
        ends += 1
        data.end()
        copying = replace(state, phase=Phase.SWITCHING, step=Step.BACK_UP)
        assert room.short(copying, CONTRACT, DOING, 60.0 * minute) == 0
        missing = room.short(copying, CONTRACT, FAILED, 60.0 * minute)
        assert missing == 50
        assert room.short(copying, CONTRACT, FAILED, 60.0 * minute) == missing, (
            "asked twice, it is one failure"
        )
        data.start()
        state = replace(state, starts=state.starts + 1)
        room.short(replace(state, phase=Phase.IDLE, target=None), CONTRACT, Work(), 60.0 * minute)
    assert ends == 2, "not every minute"
    data.free += 50
    assert room.short(state, CONTRACT, Work(), 3660.0) == 0, "with as much as was missing it goes on"


def test_what_was_missing_is_forgotten_once_the_release_runs() -> None:
    data = Data(100, 90)
    room = Room(data)
    assert room.short(COPYING, CONTRACT, FAILED, 0.0) == 10
    data.free = 105
    assert room.short(READY, CONTRACT, Work(), 10.0) == 5
    room.short(replace(READY, phase=Phase.WATCHING), CONTRACT, Work(), 20.0)
    assert room.short(READY, CONTRACT, Work(), 30.0) == 0


def test_while_it_is_copied_nobody_walks_through_the_data_and_while_it_waits_only_now_and_then() -> None:
    data = Data(100, 90)
    room = Room(data)
    for second in range(100):
        assert room.short(COPYING, CONTRACT, DOING, float(second)) == 0
    assert data.looks == 0
    for second in range(60):
        assert room.short(READY, CONTRACT, Work(), float(second)) == 10
    assert data.looks == 2


@pytest.mark.parametrize("error", [OSError(5, "x")])
def test_what_cannot_be_looked_at_holds_up_nobody(error: Exception) -> None:
    class Broken:
        def short(self, _contract: Application, _further: int) -> int:
            raise error

    assert Room(Broken()).short(READY, CONTRACT, Work(), 0.0) == 0
