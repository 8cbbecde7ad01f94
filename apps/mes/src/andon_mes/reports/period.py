"""Which stretch of time a figure is about: a production day, or several. Pure.

Shifts and planned time are the plant's calendar's (numbers/calendar.py).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from andon_mes.numbers.calendar import Calendar


@dataclass(frozen=True, slots=True)
class Period:
    """From `begins_at` on, and before `ends_at`; both aware, UTC."""

    begins_at: datetime
    ends_at: datetime

    @property
    def length(self) -> timedelta:
        """How long it is; what a clock change adds or takes is in it."""
        return self.ends_at - self.begins_at

    def upto(self, instant: datetime) -> "Period":
        """What of it is over at `instant`; empty when it has not begun."""
        return Period(self.begins_at, max(self.begins_at, min(instant, self.ends_at)))


def production_day(calendar: Calendar, on: date) -> Period:
    """The plant's day `on`: both of its shifts, from its first to the next day's."""
    return production_days(calendar, on, on)


def production_days(calendar: Calendar, first: date, last: date) -> Period:
    """All of the production dates from `first` to `last`, both included."""
    return Period(calendar.shifts_of(first)[0].starts_at, calendar.shifts_of(last)[1].ends_at)
