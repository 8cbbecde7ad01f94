"""The p chart of a process: first attempts that failed, shift by shift, in the plant's calendar.

It is counted from the rows at each look; of a shift that ended, its signals are raised once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from andon_mes.configuration.store import get_calendar
from andon_mes.kernel.clock import Clock
from andon_mes.numbers.calendar import Calendar, Shift
from andon_mes.signals.controller import raise_signal
from andon_mes.signals.model import NewSignal
from andon_mes.spc import store
from andon_mes.spc.charts import p_limits
from andon_mes.spc.decide import judge_shifts
from andon_mes.spc.model import DEFAULT_RULES, FEWEST_BASELINE, Limits, Rule, ShiftCount, Unknown, Violation
from andon_mes.store.engine import Connection, Database, Work

SHIFTS = 25
"""How many shifts a p chart shows unless more are asked for."""

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ShiftStudy:
    """The p chart of a process. `limits` and the places in `violations` are of `shifts`, in their order."""

    shifts: tuple[ShiftCount, ...]
    limits: tuple[Limits | None, ...]
    violations: tuple[Violation, ...]
    why: Unknown | None


def ended_shifts(calendar: Calendar, now: datetime, count: int) -> list[Shift]:
    """The last `count` shifts that have ended, oldest first."""
    found = []
    running = calendar.running_at(now)
    for _ in range(count):
        running = calendar.running_at(running.starts_at - _MOMENT)
        found.append(running)
    return found[::-1]


def study_shifts(counts: list[ShiftCount], rules: tuple[Rule, ...] = DEFAULT_RULES) -> ShiftStudy:
    """Judge the shifts of a process. Shifts in which nothing was tried count for nothing."""
    limits = p_limits(counts)
    known = sum(each is not None for each in limits)
    why = None if known >= FEWEST_BASELINE else Unknown.TOO_FEW if known else Unknown.NO_VARIATION
    broken = () if why else tuple(judge_shifts(counts, limits, rules))
    return ShiftStudy(tuple(counts), tuple(limits), broken, why)


def count_shifts(connection: Connection, process_id: int, shifts: list[Shift]) -> list[ShiftCount]:
    """The first attempts at the process in each of `shifts`."""
    return [
        ShiftCount(f"{each.production_date.isoformat()} {each.code}", each.starts_at, *counted)
        for each in shifts
        for counted in [store.count_first(connection, process_id, each.starts_at, each.ends_at)]
    ]


class ShiftWatch:
    """The loop of one instance: when a shift has ended, it is judged."""

    def __init__(self, database: Database, clock: Clock, default_calendar: Calendar) -> None:
        self._database = database
        self._clock = clock
        self._default = default_calendar
        self._judged: datetime | None = None

    async def tick(self) -> None:
        """Raise the signals of the shift that ended last; nothing when this instance has done so."""
        now = self._clock.now()
        ended_at, found = await self._database.read(lambda each: self._find(each, now))
        for new in found:
            await self._database.write(_raising(new, now))
        self._judged = ended_at

    def _find(self, connection: Connection, now: datetime) -> tuple[datetime, list[NewSignal]]:
        calendar = get_calendar(connection, self._default)
        shifts = ended_shifts(calendar, now, SHIFTS)
        if shifts[-1].ends_at == self._judged:
            return shifts[-1].ends_at, []
        found = []
        for process_id in store.list_active(connection).values():
            judged = study_shifts(count_shifts(connection, process_id, shifts))
            found += [
                _signal(process_id, judged, each)
                for each in judged.violations
                if each.numbers[-1] == len(shifts) - 1
            ]
        return shifts[-1].ends_at, found


def _raising(new: NewSignal, now: datetime) -> Work[bool]:
    return lambda connection: raise_signal(connection, new, None, about="", at=now)


def _signal(process_id: int, judged: ShiftStudy, broken: Violation) -> NewSignal:
    last = judged.shifts[broken.numbers[-1]]
    own = judged.limits[broken.numbers[-1]]
    of = [judged.shifts[each] for each in broken.numbers]
    points = {
        "shifts": [each.label for each in of],
        "values": [each.failed / each.tried for each in of],
        "at": last.starts_at.isoformat(),
        "centre": own.centre if own else None,
        "lower": own.lower if own else None,
        "upper": own.upper if own else None,
    }
    key = f"p/{process_id}/{broken.rule}/{last.label}"
    return NewSignal(key, process_id, broken.rule, "p", points)
