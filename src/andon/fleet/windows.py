"""Which maintenance window counts for a station, and what its agent is told of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from andon.access.policies import calendar
from andon.access.policies.calendar import Calendar
from andon.fleet.model import Scope, Station, Window
from andon_wire.protocol import Windows

ALWAYS = Windows()


@dataclass(frozen=True, slots=True)
class Allowed:
    """When a station may switch. closed: why it may not on this day, as an agent knows no single days."""

    windows: Windows = ALWAYS
    closed: str = ""


def by_place(windows: Iterable[Window]) -> Mapping[tuple[Scope, str], Window]:
    """Windows by what they are for."""
    return {(each.scope, each.name): each for each in windows}


def find(station: Station, windows: Mapping[tuple[Scope, str], Window]) -> Window | None:
    """The one that counts: the station's own, else its line's, its ring's, its environment's."""
    places = (
        (Scope.STATION, station.name),
        (Scope.LINE, station.line),
        (Scope.RING, station.ring),
        (Scope.ENVIRONMENT, station.environment),
    )
    return next((windows[each] for each in places if each in windows), None)


def allowed(window: Window | None, now: datetime) -> Allowed:
    """What a station with this window is told at `now`."""
    if window is None:
        return Allowed()
    return Allowed(wire(window.calendar), _closed(window.calendar, now))


def wire(of: Calendar) -> Windows:
    """Its weekly windows as an agent reads them, in the plant's own time."""
    return Windows(zone=of.zone, spans=list(calendar.weekly(of)))


def _closed(of: Calendar, now: datetime) -> str:
    days = calendar.look(replace(of, open=()), now)
    return "" if days.is_open else days.reason
