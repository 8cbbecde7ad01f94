"""The plant's calendar: when an environment may be changed. Pure: a calendar and a moment give the answer.

Written as people write it, in the plant's own time: windows such as `Mon-Fri 22:00-05:00`, days and spans on
which everything stands such as `2026-12-24..2027-01-02 stock-taking`, and shifts, which are named windows.
The day of a window is the one on which it begins; what is closed takes out its own moments and no others.
Windows are made of moments: on the day on which clocks change, a time that occurs twice is the first one,
and one that is left out is the moment after the gap.

What is not here: where a calendar is kept (`store.py`), and what waits for it (`rollouts/`).
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from andon.kernel.errors import InvalidInput

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW = re.compile(r"(?P<days>\S+) (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)")
_SPAN = re.compile(
    r"(?P<first>\d{4}-\d\d-\d\d(?: \d\d:\d\d)?)"
    r"(?:\.\.(?P<last>\d{4}-\d\d-\d\d(?: \d\d:\d\d)?))?(?: (?P<name>\S.*))?"
)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_MOST = {"open": 100, "closed": 1000, "shifts": 50}
_LONGEST_TEXT = 200
# Longer than a year, so that a window that opens once a year is found.
HORIZON = timedelta(days=400)
_MERGED = timedelta(days=8)  # what is open for more than a week has no end that anybody waits for
_HINT = "docs/operations/gates.md has examples"


@dataclass(frozen=True, slots=True)
class Calendar:
    """A calendar as it was written and as it is signed. Read it by `parse`, which sees that it makes sense.

    zone: IANA name. open: weekly windows, or names of shifts; none is always. closed: days and spans, each
    with a name for people where there is one; they win over windows. shifts: name and windows of each.
    """

    zone: str
    open: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    shifts: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def shift_names(self) -> tuple[str, ...]:
        """Names of the shifts."""
        return tuple(name for name, _ in self.shifts)


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether it is open at a moment. until: when that ends, None where nobody needs to know: it
    opens not within `HORIZON`, or stays open for more than a week.

    reason: a sentence in the plant's own time.
    """

    is_open: bool
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class _Window:
    """Minutes of the day on which it begins; `end` may lie beyond that day."""

    days: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Closed:
    first: datetime  # local and naive; it is closed from here
    last: datetime  # until here
    name: str


@dataclass(frozen=True, slots=True)
class _Read:
    zone: ZoneInfo
    open: tuple[_Window, ...]
    closed: tuple[_Closed, ...]
    shifts: Mapping[str, tuple[_Window, ...]]


def parse(text: str) -> Calendar:
    """The calendar that a TOML file declares.

    Raises:
        InvalidInput: it is no calendar; the message names the line that cannot be read.
    """
    try:
        return from_values(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _bad(f"it is not TOML: {error or 'nested too deep'}") from error


def from_values(values: Mapping[str, Any]) -> Calendar:
    """The calendar of these plain values, as a file, a request or a row has them.

    Raises:
        InvalidInput: it is no calendar.
    """
    unknown = sorted(set(values) - {"zone", "open", "closed", "shifts"})
    if unknown:
        raise _bad(f"{unknown[0][:60]!r} is no key of it; known are zone, open, closed, shifts")
    shifts = values.get("shifts", {})
    if not isinstance(shifts, Mapping):
        raise _bad("shifts is no table of windows by name")
    calendar = Calendar(
        zone=values["zone"] if isinstance(values.get("zone"), str) else "",
        open=_texts("open", values.get("open", ())),
        closed=_texts("closed", values.get("closed", ())),
        shifts=tuple((str(name), _texts(f"shift {name}", shifts[name])) for name in shifts),
    )
    if len(calendar.shifts) > _MOST["shifts"]:
        raise _bad(f"it has {len(calendar.shifts)} shifts; {_MOST['shifts']} are the most")
    _read(calendar)
    return calendar


def to_values(calendar: Calendar) -> dict[str, Any]:
    """The calendar as plain values: what is stored, signed and shown."""
    return {
        "zone": calendar.zone,
        "open": list(calendar.open),
        "closed": list(calendar.closed),
        "shifts": {name: list(windows) for name, windows in calendar.shifts},
    }


def look(calendar: Calendar, now: datetime, shift: str = "") -> Opening:
    """Whether it is open at `now`, until when, and why. shift: only within this one.

    Raises:
        InvalidInput: the calendar has no such shift, or cannot be read.
    """
    read, windows = _chosen(calendar, shift)
    closure = _closure(read, now)
    if closure is None and _within(read, windows, now):
        until = _closes(read, windows, now)
        return Opening(True, until, f"the plant's calendar is open{_until(read, until)}")
    opens = next_opening(calendar, now, shift)
    why = f" ({closure.name})" if closure is not None and closure.name else ""
    which = f"shift {shift}" if shift else "the plant's calendar"
    if opens is None:
        return Opening(False, None, f"{which} is closed{why} and does not open within {HORIZON.days} days")
    return Opening(False, opens, f"{which} is closed{why}{_until(read, opens)}")


def is_open(calendar: Calendar, now: datetime, shift: str = "") -> bool:
    """Whether it is open at `now`. Raises as `look`."""
    read, windows = _chosen(calendar, shift)
    return _closure(read, now) is None and _within(read, windows, now)


def weekly(calendar: Calendar) -> Sequence[tuple[int, int, int]]:
    """Its open windows as weekday (0 Monday), first minute and minute of the end, which may be of the next
    day and then is smaller; none: always. Closed days are not in it. Raises as `look`.
    """
    day = 24 * 60
    windows = _read(calendar).open
    spans = {
        (weekday, each.start, each.end if each.end <= day else each.end - day)
        for each in windows
        for weekday in each.days
    }
    return sorted(spans)


def next_opening(calendar: Calendar, now: datetime, shift: str = "") -> datetime | None:
    """The first moment from `now` on at which it is open; None where there is none within `HORIZON`.

    Raises as `look`.
    """
    read, windows = _chosen(calendar, shift)
    moment, last = now.astimezone(UTC), now + HORIZON
    while moment <= last:
        starts = [max(moment, start) for start, end in _near(read, windows, moment) if end > moment]
        if not starts:
            moment = _midnight(read, moment, days=1)
            continue
        moment = min(starts)
        closure = _closure(read, moment)
        if closure is None:
            return moment if moment <= last else None
        moment = max(_moment(read, closure.last), moment + timedelta(seconds=1))
    return None


def _chosen(calendar: Calendar, shift: str) -> tuple[_Read, tuple[_Window, ...] | None]:
    """What was read of it, and the windows that count; None: all the time."""
    read = _read(calendar)
    if not shift:
        return read, read.open or None
    if shift not in read.shifts:
        known = ", ".join(sorted(read.shifts)) or "none"
        raise InvalidInput("no-such-shift", f"the calendar has no shift {shift!r}; known: {known}")
    return read, read.shifts[shift]


def _within(read: _Read, windows: tuple[_Window, ...] | None, now: datetime) -> bool:
    return windows is None or any(start <= now < end for start, end in _near(read, windows, now))


def _closure(read: _Read, now: datetime) -> _Closed | None:
    """The span in which `now` lies; of several the one that lasts longest."""
    found = [each for each in read.closed if _moment(read, each.first) <= now < _moment(read, each.last)]
    return max(found, key=lambda each: each.last, default=None)


def _closes(read: _Read, windows: tuple[_Window, ...] | None, now: datetime) -> datetime | None:
    """When it closes, seen from an open moment; windows that touch are one."""
    closures = [moment for each in read.closed if (moment := _moment(read, each.first)) > now]
    first = min(closures, default=None)
    if windows is None:
        return first if first is not None and first <= now + HORIZON else None
    moment, last = now, now + _MERGED
    while moment < last and (first is None or moment < first):
        ends = [end for start, end in _near(read, windows, moment) if start <= moment < end]
        if not ends:
            return moment
        moment = max(ends)
    return first if first is not None and first <= last else None


def _near(
    read: _Read, windows: tuple[_Window, ...] | None, now: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The windows that begin on the local day of `now` or within the two before; empty ones left out."""
    today = now.astimezone(read.zone).date()
    if windows is None:
        yield now, now + HORIZON
        return
    for back in (2, 1, 0):
        day = today - timedelta(days=back)
        for each in windows:
            if day.weekday() in each.days:
                midnight = datetime.combine(day, time())
                start = _moment(read, midnight + timedelta(minutes=each.start))
                end = _moment(read, midnight + timedelta(minutes=each.end))
                if start < end:
                    yield start, end


def _midnight(read: _Read, now: datetime, *, days: int) -> datetime:
    """When the local day begins that comes so many days after the one of `now`; always later than it."""
    day = now.astimezone(read.zone).date() + timedelta(days=days)
    return max(_moment(read, datetime.combine(day, time())), now + timedelta(seconds=1))


def _moment(read: _Read, local: datetime) -> datetime:
    """The moment of a local time: the first of two, or the one after the gap that it falls into."""
    aware = local.replace(tzinfo=read.zone, fold=0)
    moment = aware.astimezone(UTC)
    if moment.astimezone(read.zone).replace(tzinfo=None) == local:
        return moment
    # In a gap the offset before it gives a time after it, as late as the local one was early (PEP 495).
    after = local.replace(tzinfo=read.zone, fold=1).utcoffset()
    before = aware.utcoffset()
    assert after is not None
    assert before is not None
    low, high = moment - (after - before), moment
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(read.zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _until(read: _Read, moment: datetime | None) -> str:
    if moment is None:
        return ""
    return f" until {moment.astimezone(read.zone):%a %Y-%m-%d %H:%M} ({read.zone.key})"


@lru_cache(maxsize=256)
def _read(calendar: Calendar) -> _Read:
    shifts = {name: _windows(f"shift {name}", texts, {}) for name, texts in calendar.shifts}
    for name, windows in shifts.items():
        if not _NAME.fullmatch(name) or not windows:
            raise _bad(f"shift {name[:60]!r} has no name of lower-case letters and hyphens, or no window")
    return _Read(
        zone=_zone(calendar.zone),
        open=_windows("open", calendar.open, shifts),
        closed=tuple(_span(each) for each in calendar.closed),
        shifts=shifts,
    )


def _zone(name: str) -> ZoneInfo:
    try:
        # An empty name gives the error of an unknown one; a path never reaches the file system.
        return ZoneInfo(name if _ZONE.fullmatch(name) else "unknown")
    except (ValueError, OSError, KeyError) as error:
        raise InvalidInput(
            "bad-calendar",
            f"zone {name[:60]!r} is no time zone of this machine",
            hint="use an IANA name such as Asia/Seoul; where none is known, install tzdata",
        ) from error


def _windows(
    what: str, texts: tuple[str, ...], shifts: Mapping[str, tuple[_Window, ...]]
) -> tuple[_Window, ...]:
    found: list[_Window] = []
    for text in texts:
        found += shifts[text] if text in shifts else (_window(what, text),)
    return tuple(found)


def _window(what: str, text: str) -> _Window:
    match = _WINDOW.fullmatch(" ".join(text.split()))
    if match is None:
        raise _bad(f"{what}: {text[:60]!r} is no window such as 'Mon-Fri 22:00-05:00', nor a shift")
    start, end = _minutes(what, match["start"]), _minutes(what, match["end"])
    if start in {24 * 60, end}:
        raise _bad(f"{what}: {text[:60]!r} is empty; the whole day is 00:00-24:00")
    return _Window(_days(what, match["days"]), start, end if end > start else end + 24 * 60)


def _days(what: str, text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in _DAYS or (last not in _DAYS if dash else last):
            raise _bad(f"{what}: {text[:60]!r} are no days such as Mon, Mon-Fri or Sat,Sun")
        begin = _DAYS.index(first)
        span = (_DAYS.index(last) - begin) % 7 if dash else 0
        days |= {(begin + each) % 7 for each in range(span + 1)}
    return frozenset(days)


def _minutes(what: str, text: str) -> int:
    hours, minutes = (int(each) for each in text.split(":"))
    if minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise _bad(f"{what}: {text} is no time of the day")
    return hours * 60 + minutes


def _span(text: str) -> _Closed:
    match = _SPAN.fullmatch(" ".join(text.split()))
    if match is None:
        raise _bad(f"closed: {text[:60]!r} is no day or span such as '2026-12-24..2027-01-02 stock-taking'")
    first, last = match["first"], match["last"] or match["first"]
    try:
        begin, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
        end = end if ":" in last else datetime.combine(end.date() + timedelta(days=1), time())
    except (ValueError, OverflowError) as error:
        raise _bad(f"closed: {text[:60]!r}: {error}") from error
    if end <= begin or not date(1970, 1, 2) <= begin.date() <= end.date() <= date(9000, 1, 1):
        raise _bad(f"closed: {text[:60]!r} ends before it begins, or lies beyond what is counted")
    return _Closed(begin, end, match["name"] or "")


def _texts(what: str, value: object) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(each, str) for each in listed):
        raise _bad(f"{what} is no list of texts")
    most = _MOST["closed" if what == "closed" else "open"]
    if len(listed) > most:
        raise _bad(f"{what} has {len(listed)} entries; {most} are the most")
    if any(len(each) > _LONGEST_TEXT for each in listed):
        raise _bad(f"{what} has an entry of more than {_LONGEST_TEXT} characters")
    return tuple(listed)


def _bad(why: str) -> InvalidInput:
    return InvalidInput("bad-calendar", f"the calendar cannot be read: {why}", hint=_HINT)
