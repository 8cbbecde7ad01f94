"""Which stretch of time a figure is about: a production day, or several. Pure.

Shifts and planned time are the plant's calendar's (numbers/calendar.py).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from andon_mes.kernel.errors import Words, invalid
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


def check_dates(first: date, last: date, most_days: int) -> None:
    """Let the production dates `first` to `last` be asked for.

    Raises: InvalidInput when they are in the wrong order (PERIOD_REVERSED) or too many (PERIOD_TOO_LONG).
    """
    if last < first:
        raise invalid(
            "to",
            last.isoformat(),
            Words(f"It is before {first}, where the period begins", f"시작일 {first}보다 앞선 날짜입니다"),
            Words("Give a day that is not before from", "from 이후의 날짜를 입력하세요"),
            code="PERIOD_REVERSED",
        )
    days = (last - first).days + 1
    if days > most_days:
        raise invalid(
            "to",
            last.isoformat(),
            Words(f"The period has {days} days", f"조회 기간이 {days}일입니다"),
            Words(f"Ask for at most {most_days} days at once", f"한 번에 최대 {most_days}일까지 조회하세요"),
            code="PERIOD_TOO_LONG",
        )
