"""Serials go through the route of the demonstrated plant, on machines that break by people who fail. Pure.

The world is drawn by one seeded generator, so that the same seed gives the same plant. Times are drawn within
what the calendar plans; whatever would happen after `now` does not.
"""

import heapq
import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from andon_mes.calls.model import CallAction, CallKind
from andon_mes.demo_data.model import (
    AnswerCall,
    Call,
    ChangeLot,
    Contradict,
    EndWork,
    Event,
    Find,
    Machine,
    MakeLot,
    PrintLabel,
    ScrapHeld,
    StartWork,
    Station,
    Step,
    Work,
)
from andon_mes.equipment.model import ResourceState
from andon_mes.lots.model import LotAction, Priority
from andon_mes.numbers.calendar import Span

_MOST_ATTEMPTS = 3
_PRINTS = "PRINT"
_IDLE = timedelta(minutes=4)
_BROKEN = 0.15  # of a machine's planned hours, one span in so many has a repair
_DESCRIPTIONS = {"D007": "떨림이 있음", "D008": "라벨 번짐"}


@dataclass
class Line:
    """One run of the line over `spans`, which is when the plant works, in order."""

    seed: str
    steps: Sequence[Step]
    stations: Sequence[Station]
    spans: Sequence[Span]
    now: datetime
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311  a demonstration, not a secret
        self._free = {each.code: self.spans[0][0] for each in self.stations}
        self._begins = [start for start, _ in self.spans]
        self._numbers = itertools.count(self._random.randrange(10_000_000))
        self._repairs = {each.code: list(self._draw_repairs()) for each in self.stations}

    def run(self, lots: int, quantity: tuple[int, int]) -> list[Event]:
        """What happens when `lots` lots of between `quantity` serials go through, in order."""
        waiting: list[tuple[datetime, int, int, int, int, int]] = []
        order = itertools.count()
        for lot, at in enumerate(self._releases(lots)):
            size = self._random.randint(*quantity)
            self._make(lot, size, at)
            for place in range(size):
                begins = at + timedelta(minutes=5, seconds=20 * place)
                heapq.heappush(waiting, (begins, next(order), lot, place, 0, 1))
        while waiting:
            ready, _, lot, place, step, attempt = heapq.heappop(waiting)
            for following in self._attempt(ready, lot, place, step, attempt):
                heapq.heappush(waiting, (following[0], next(order), lot, place, *following[1:]))
        self._beside(lots)
        self._calls()
        self.events += self._machine_hours()
        happened = [each for each in self.events if each.at <= self.now]
        return sorted(happened, key=lambda each: (each.at, not isinstance(each, Machine)))

    def _releases(self, lots: int) -> Iterator[datetime]:
        """Evenly over the planned time; the last three lately enough that the floor is not empty."""
        total = sum((end - start for start, end in self.spans), timedelta())
        for lot in range(lots):
            back = lots - lot
            late = {1: timedelta(minutes=20), 2: timedelta(minutes=70), 3: timedelta(minutes=130)}
            yield self._planned_at(total - late[back] if back in late else total * (lot + 0.2) / (lots + 1))

    def _planned_at(self, spent: timedelta) -> datetime:
        left = max(spent, timedelta())
        for start, end in self.spans:
            if left < end - start:
                return start + left
            left -= end - start
        return self.spans[-1][1]

    def _make(self, lot: int, size: int, at: datetime) -> None:
        weights = {Priority.URGENT: 1, Priority.HIGH: 2, Priority.NORMAL: 6, Priority.LOW: 1}
        priority = self._random.choices(list(weights), list(weights.values()))[0]
        self.events.append(MakeLot(at - timedelta(minutes=30), lot, size, priority))
        self.events.append(ChangeLot(at, lot, LotAction.RELEASE))

    def _attempt(
        self, ready: datetime, lot: int, place: int, step: int, attempt: int
    ) -> Iterator[tuple[datetime, int, int]]:
        """Work on the serial at the step; gives when, where and with which attempt it goes on, if it does."""
        todo = self.steps[step]
        station = min(
            (each for each in self.stations if each.process == todo.process),
            key=lambda each: (self._free[each.code], each.code),
        )
        start = self._working_time(station, max(ready, self._free[station.code]))
        if start is None:
            return
        end = start + timedelta(seconds=todo.seconds * self._random.lognormvariate(0, 0.1))
        self._free[station.code] = end + timedelta(seconds=self._random.uniform(5, 20))
        work = Work(lot, place, todo.process, self._operator(station, start), station.code)
        chance = todo.fails if attempt == 1 else 0.25
        defect = (
            self._random.choice(todo.defects) if todo.defects and self._random.random() < chance else None
        )
        self.events += [StartWork(start, work), self._completion(end, work, todo, defect, attempt)]
        if defect is None:
            if todo.process == _PRINTS:
                self.events.append(PrintLabel(end + timedelta(seconds=3), lot, place))
            if step + 1 < len(self.steps):
                yield end + timedelta(seconds=self._random.uniform(20, 90)), step + 1, 1
        elif attempt < _MOST_ATTEMPTS:
            yield end + timedelta(minutes=self._random.uniform(8, 40)), step, attempt + 1
        else:
            self.events.append(ScrapHeld(end + timedelta(hours=3), lot, place))

    def _completion(self, at: datetime, work: Work, todo: Step, defect: str | None, attempt: int) -> EndWork:
        data = dict(todo.fixed)
        for name, mean, deviation, lower, upper in todo.measured:
            age = (self.now - at) / timedelta(hours=1)
            drift = 1.5 * deviation * max(0.0, 1 - age / 8) if name == "torque" else 0.0  # a tool that wears
            value = self._random.gauss(mean + drift, deviation)
            data[name] = round(min(max(value, lower), upper), 3)
        scans = (
            ()
            if attempt > 1
            else tuple((name, kind, self._component(name, kind, work.lot)) for name, kind in todo.components)
        )
        return EndWork(at, work, data, defect, scans)

    def _component(self, name: str, kind: str, lot: int) -> str:
        if kind == "LOT":
            return "v2.4.1" if name == "FIRMWARE" else f"SPR-{251_100 + lot // 3:06d}"
        return f"{name[:3]}-{next(self._numbers) + 10_000_000:08d}"

    def _operator(self, station: Station, at: datetime) -> str:
        return station.operators[(at.toordinal() + (at.hour >= 11)) % len(station.operators)]

    def _working_time(self, station: Station, at: datetime) -> datetime | None:
        """The first instant from `at` when the plant works and the machine is whole; None when it is over."""
        for begins, ends in self._repairs[station.code]:
            if begins <= at < ends:
                at = ends
        index = max(bisect_right(self._begins, at) - 1, 0)
        for start, end in self.spans[index:]:
            if at < end:
                return max(at, start)
        return None

    def _draw_repairs(self) -> Iterator[Span]:
        for start, end in self.spans:
            if self._random.random() < _BROKEN:
                begins = start + (end - start) * self._random.random()
                yield begins, begins + timedelta(minutes=self._random.uniform(6, 45))

    def _machine_hours(self) -> Iterator[Machine]:
        """The states that machines reported: productive, starved, in repair, in a break, not worked."""
        worked: dict[str, list[Span]] = {each.code: [] for each in self.stations}
        starts = {(each.work, each.at): each.at for each in self.events if isinstance(each, StartWork)}
        began: dict[Work, datetime] = {}
        for each in sorted(self.events, key=lambda event: event.at):
            if isinstance(each, StartWork):
                began[each.work] = starts[each.work, each.at]
            elif isinstance(each, EndWork):
                worked[each.work.equipment].append((began[each.work], each.at))
        for station in self.stations:
            yield from self._states_of(station, worked[station.code])

    def _states_of(self, station: Station, worked: Sequence[Span]) -> Iterator[Machine]:
        code = station.code
        for (_start, end), (begins, _) in itertools.pairwise(self.spans):
            pause = ResourceState.SBY_NO_OPERATOR
            if begins - end > timedelta(hours=2):
                pause = ResourceState.NST_UNWORKED_SHIFTS
            yield Machine(end, code, pause)
            yield Machine(begins, code, ResourceState.SBY_NO_PRODUCT_STARVED)
        yield Machine(self.spans[0][0], code, ResourceState.SDT_SETUP, "shift begins")
        for begins, ends in self._repairs[code]:
            yield Machine(begins, code, ResourceState.USD_REPAIR, "sensor cable loose")
            yield Machine(ends, code, ResourceState.SBY_NO_PRODUCT_STARVED)
        free = self.spans[0][0]
        for begins, ends in worked:
            yield Machine(begins, code, ResourceState.PRD_REGULAR_WORK)
            if begins - free > _IDLE:
                yield Machine(free, code, ResourceState.SBY_NO_PRODUCT_STARVED)
            free = ends
        yield Machine(free, code, ResourceState.SBY_NO_PRODUCT_STARVED)

    def _calls(self) -> None:
        """The line calls for each repair and now and then for material; one call waits still."""
        numbers = itertools.count()
        for station in self.stations:
            for begins, ends in self._repairs[station.code]:
                call = Call(
                    begins + timedelta(minutes=self._random.uniform(0.5, 3)), next(numbers),
                    CallKind.EQUIPMENT, station.process, station.code, "센서 케이블 이상",
                )  # fmt: skip
                self._answer(call, max(ends, call.at + timedelta(minutes=1)), "cable fixed")
        for start, end in self.spans:
            if self._random.random() < 0.5:
                at = start + (end - start) * self._random.random()
                call = Call(at, next(numbers), CallKind.MATERIAL, "SPRING", None, "스프링 부족")
                self._answer(call, at + timedelta(minutes=self._random.uniform(8, 25)), "refilled")
        waits = self.now - timedelta(minutes=7)
        self.events.append(Call(waits, next(numbers), CallKind.QUALITY, "EOL", None, "TOF 값이 흔들립니다"))

    def _answer(self, call: Call, over: datetime, reason: str) -> None:
        comes = call.at + (over - call.at) * self._random.uniform(0.1, 0.7)
        self.events += [
            call,
            AnswerCall(comes, call.number, CallAction.ACKNOWLEDGE, "정하준"),
            AnswerCall(over, call.number, CallAction.RESOLVE, "정하준", reason),
        ]

    def _beside(self, lots: int) -> None:
        """What people do: ship, hold, cancel, find a defect, and a file that says otherwise."""
        ends = [each for each in self.events if isinstance(each, EndWork)]
        done = [each for each in ends if each.work.process == self.steps[-1].process and each.defect is None]
        for lot in range(max(lots - 4, 0)):
            last = max((each.at for each in ends if each.work.lot == lot), default=None)
            if last is not None:
                self.events.append(ChangeLot(last + timedelta(hours=4), lot, LotAction.SHIP))
        for each in done[-12:-10]:
            code = self.steps[-2].defects[0]
            said = _DESCRIPTIONS.get(code, "")
            found = each.at + timedelta(minutes=30)
            self.events.append(
                Find(found, each.work.lot, each.work.place, self.steps[-2].process, code, said)
            )
        for each in done[-20:-18]:
            again = each.at + timedelta(minutes=4)
            self.events.append(PrintLabel(again, each.work.lot, each.work.place, "라벨 손상"))
        for each in ends[len(ends) // 2 : len(ends) // 2 + 1]:
            self.events.append(Contradict(each.at + timedelta(minutes=9), each.work))
        beside = (
            (lots, "라벨 용지 재확인", LotAction.HOLD, timedelta(hours=2)),
            (lots + 1, "order withdrawn", LotAction.CANCEL, timedelta(hours=5)),
            (lots + 2, None, None, timedelta(hours=1)),
        )
        for lot, reason, action, before in beside:
            at = self.now - before
            self.events.append(MakeLot(at, lot, 10, Priority.NORMAL, reason))
            if action is not None:
                self.events.append(ChangeLot(at + timedelta(minutes=5), lot, LotAction.RELEASE))
                self.events.append(ChangeLot(at + timedelta(minutes=25), lot, action, reason))
