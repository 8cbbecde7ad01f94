"""The plant's calendar: which shift an instant belongs to, which date that carries, how long it is to work.

A shift is named by its letter, D or N, and the plant's date on which it begins (docs/design/mes.md, rule 1).
Reading and checking the calendar's document is in `calendar_document.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
EVERY_DAY = frozenset(range(7))
Span = tuple[datetime, datetime]
"""From, inclusive, to, exclusive; aware UTC."""


@dataclass(frozen=True, slots=True)
class Break:
    """A pause in a shift, in plant time."""

    starts: time
    length: timedelta


@dataclass(frozen=True, slots=True)
class ShiftTimes:
    """One of the two shifts, D or N. It works until `ends`, or until the other begins, or not at all."""

    code: str
    starts: time
    ends: time | None = None
    breaks: tuple[Break, ...] = ()
    is_worked: bool = True


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift of a day. `starts_at` to `ends_at` is where events belong to it; `planned` is when it works."""

    production_date: date
    code: str
    starts_at: datetime
    ends_at: datetime
    planned: tuple[Span, ...]

    @property
    def planned_time(self) -> timedelta:
        """How long it is planned to work: without its breaks, and nothing where nobody works."""
        return sum((end - start for start, end in self.planned), timedelta())


@dataclass(frozen=True, slots=True)
class Calendar:
    """The plant's days, in the plant's own time. Weekdays count from Monday, 0."""

    zone: ZoneInfo
    day: ShiftTimes
    night: ShiftTimes
    working_weekdays: frozenset[int] = EVERY_DAY
    holidays: frozenset[date] = frozenset()
    extra_working_days: frozenset[date] = frozenset()

    def shift_at(self, instant: datetime, wanted: str | None = None) -> tuple[date, str]:
        """Production date and shift of an aware `instant`; those of the shift `wanted`, if one is named.

        A night shift that passes midnight keeps the date it began on. Who asks for the other shift before
        dawn means the day that comes.
        """
        running = self.running_at(instant)
        if wanted in {None, running.code}:
            return running.production_date, running.code
        return instant.astimezone(self.zone).date(), wanted or running.code

    def running_at(self, instant: datetime) -> Shift:
        """The shift that `instant` belongs to.

        It is found among the beginnings in UTC, not by the clock on the wall, which shows an hour twice when
        summer time ends.
        """
        local = instant.astimezone(self.zone).date()
        near = (local + DAY * days for days in (-1, 0, 1))
        begun = [
            (at, on, code)
            for on in near
            for at, code in ((self._at(on, self.day.starts), "D"), (self._at(on, self.night.starts), "N"))
            if at <= instant
        ]
        _, on, code = max(begun)
        return self.shift(on, code)

    def shift(self, on: date, code: str) -> Shift:
        """The shift `code` (D or N) that carries the production date `on`."""
        own, other = (self.day, self.night) if code == "D" else (self.night, self.day)
        starts_at, ends_at = self._at(on, own.starts), self._following(on, own.starts, other.starts)
        planned: tuple[Span, ...] = ()
        if own.is_worked and self.is_working_day(on):
            stops_at = ends_at if own.ends is None else self._following(on, own.starts, own.ends)
            planned = tuple(self._without_breaks(on, own, (starts_at, min(stops_at, ends_at))))
        return Shift(on, code, starts_at, ends_at, planned)

    def shifts_of(self, on: date) -> tuple[Shift, Shift]:
        """Both shifts that carry the production date `on`, in the order in which they begin."""
        first, second = ("D", "N") if self.day.starts < self.night.starts else ("N", "D")
        return self.shift(on, first), self.shift(on, second)

    def is_working_day(self, on: date) -> bool:
        """Whether the plant works on `on`: a weekday of work that is no holiday, or an extra day."""
        if on in self.extra_working_days:
            return True
        return on.weekday() in self.working_weekdays and on not in self.holidays

    def planned_within(self, start: datetime, end: datetime) -> timedelta:
        """How much of `start` to `end` (aware) is planned to be worked."""
        return sum((to - at for at, to in self.planned_spans(start, end)), timedelta())

    def planned_spans(self, start: datetime, end: datetime) -> list[Span]:
        """When within `start` to `end` (aware) the plant is planned to work, in order, cut at both ends."""
        on = start.astimezone(self.zone).date() - DAY
        last = end.astimezone(self.zone).date()
        found = []
        while on <= last:
            spans = (span for shift in self.shifts_of(on) for span in shift.planned)
            found += [(max(at, start), min(to, end)) for at, to in spans if at < end and to > start]
            on += DAY
        return found

    def _at(self, on: date, clock: time) -> datetime:
        return datetime.combine(on, clock, self.zone).astimezone(UTC)

    def _following(self, on: date, begins: time, clock: time) -> datetime:
        """When the clock shows `clock` for the first time after `begins` on `on`."""
        return self._at(on if clock > begins else on + DAY, clock)

    def _without_breaks(self, on: date, own: ShiftTimes, worked: Span) -> Iterator[Span]:
        at, end = worked
        pauses = sorted((self._pause(on, own, each), each.length) for each in own.breaks)
        for pause, length in pauses:
            if at < min(pause, end):
                yield at, min(pause, end)
            at = max(at, pause + length)
        if at < end:
            yield at, end

    def _pause(self, on: date, own: ShiftTimes, pause: Break) -> datetime:
        return self._at(on if pause.starts >= own.starts else on + DAY, pause.starts)


def plain_calendar(zone: ZoneInfo, day_starts: time, night_starts: time) -> Calendar:
    """Two shifts without breaks, every day: what holds until a plant has configured its own."""
    return Calendar(zone, ShiftTimes("D", day_starts), ShiftTimes("N", night_starts))
