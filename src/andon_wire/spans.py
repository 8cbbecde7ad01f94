"""Whether it is time: the windows of a station, in the plant's own time, daylight saving included."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from andon_wire.errors import Malformed
from andon_wire.protocol import Windows

_DAY = 24 * 60


def is_open(windows: Windows, at: datetime) -> bool:
    """Whether `at` (aware) is in one of them; always where there are none.

    The clock on the wall counts: an hour that daylight saving repeats is in a window twice.

    Raises:
        Malformed: this machine does not know the zone; such windows are never open.
    """
    if not windows.spans:
        return True
    local = at.astimezone(_zone(windows.zone))
    minute = local.hour * 60 + local.minute
    return any(_holds(span, local.weekday(), minute) for span in windows.spans)


def opens_at(windows: Windows, at: datetime) -> datetime | None:
    """The first minute from `at` on that is in one of them; None where none is within eight days.

    Raises:
        Malformed: this machine does not know the zone.
    """
    if is_open(windows, at):
        return at
    minute = at.replace(second=0, microsecond=0)
    for _ in range(8 * _DAY):
        minute += timedelta(minutes=1)
        if is_open(windows, minute):
            return minute
    return None


def _holds(span: tuple[int, int, int], weekday: int, minute: int) -> bool:
    """One that ends at or before its beginning passes midnight; its weekday is that of its beginning."""
    day, begin, end = span
    if begin < end:
        return weekday == day and begin <= minute < end
    return (weekday == day and minute >= begin) or (weekday == (day + 1) % 7 and minute < end)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Malformed(
            "unknown-zone",
            f"this machine knows no time zone {name!r}",
            hint="on Windows the package tzdata has to be there; else correct the zone of the windows",
        ) from error
