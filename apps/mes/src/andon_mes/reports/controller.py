"""Read and reckon: what the API and the dashboard both ask for, as values. Nothing here knows HTTP.

Each function works inside the caller's transaction:
`await mes.database.read(lambda each: summary(each, mes.calendar_in(each), mes.clock.now()))`.
"""

from datetime import datetime, timedelta

from andon_mes.numbers.calendar import Calendar
from andon_mes.reports import store
from andon_mes.reports.model import per_hour
from andon_mes.reports.period import production_day
from andon_mes.reports.today import Floor, FloorProcess, Moment, Summary, summarise
from andon_mes.store.engine import Connection

MOST_RUNNING = 500
"""Attempts that the floor shows; the rest are counted."""
_MOST_CALLS = 200


def summary(connection: Connection, calendar: Calendar, now: datetime) -> Summary:
    """Today at one look: the production day that runs at `now`."""
    at = moment(calendar, now)
    return summarise(store.rows_of_day(connection, at.production_date, at.day), at)


def floor(connection: Connection, calendar: Calendar, now: datetime) -> Floor:
    """The floor as it is at `now`."""
    today = summary(connection, calendar, now)
    running, total = store.list_running(connection, MOST_RUNNING)
    known = store.list_equipment(connection)
    codes = {each.process.code for each in today.processes}
    last = today.processes[-1].tally.passed if today.processes else 0
    hourly = per_hour(last, today.day.upto(now).length.total_seconds())
    return Floor(
        seen_at=now,
        production_date=today.production_date,
        shift=today.shift,
        takt=today.takt,
        pace=3600 / hourly if hourly else None,
        processes=tuple(
            FloorProcess(
                process=each.process,
                waiting=each.waiting,
                running=tuple(one for one in running if one.process == each.process.code),
                equipment=tuple(one for one in known if one.process == each.process.code),
            )
            for each in today.processes
        ),
        other_equipment=tuple(one for one in known if one.process not in codes),
        calls=store.list_open_calls(connection, _MOST_CALLS),
        left_off=total - len(running),
    )


def moment(calendar: Calendar, now: datetime) -> Moment:
    """The production date and shift that run at `now`, by the plant's calendar."""
    on, shift = calendar.shift_at(now)
    day = production_day(calendar, on)
    planned = sum((each.planned_time for each in calendar.shifts_of(on)), timedelta())
    return Moment(now, on, shift, day, planned)
