"""When a window is open, in the plant's own time. Pure but for the system's table of time zones."""

from datetime import datetime
from zoneinfo import ZoneInfo

from andon_wire.errors import Malformed
from andon_wire.protocol import Windows

MINUTES_OF_DAY = 24 * 60


def is_open(windows: Windows, at: datetime) -> bool:
    """Whether `at`, an aware time, lies in one of the spans; always, where there is none.

    A span that ends before it begins passes midnight; one that ends when it begins is the whole day.

    Raises:
        Malformed: there is no such time zone.
    """
    if not windows.spans:
        return True
    local = at.astimezone(_zone(windows.zone))
    minute = local.hour * 60 + local.minute
    return any(_holds(span, local.weekday(), minute) for span in windows.spans)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise Malformed("no-such-zone", f"no time zone is called {name!r}") from error


def _holds(span: tuple[int, int, int], weekday: int, minute: int) -> bool:
    day, begin, end = span
    if end > begin:
        return weekday == day and begin <= minute < end
    return (weekday == day and minute >= begin) or (weekday == (day + 1) % 7 and minute < end)
