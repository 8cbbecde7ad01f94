"""The page on which a fleet is set up: who is let in, rings, windows. Its buttons speak to the API."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from andon.access.model import EVERYWHERE, ON_LINES, PRODUCTION, Permission, Place
from andon.access.policies import calendar
from andon.api import fleet_gather, places
from andon.api import fleet_model as model
from andon.api import fleet_views as stations_as
from andon.api.callers import Caller
from andon.api.declared import needs
from andon.api.declared import stations as in_reach
from andon.api.gather import Gather
from andon.api.services import Services
from andon.board.frame import Build, Frame, Page, Seen
from andon.fleet.model import LAST_RING, Scope, Standing, Station, Window

_P = Permission
_USUAL_ZONE = "Asia/Seoul"


@dataclass(frozen=True, slots=True)
class Kept:
    """A maintenance window. is_open: now; until: when that ends, in its zone; empty: nobody asks."""

    window: model.WindowView
    is_open: bool
    until: str
    may_change: bool


def router(gather: Gather, frame: Frame) -> APIRouter:
    """The page."""
    own = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @own.get("/fleet/settings", dependencies=[needs(_P.FLEET_VIEW, in_reach)])
    async def settings(request: Request, fragment: bool = False) -> Response:
        page = Page("fleet_settings.html", "timeline cord")
        return await frame.show(request, page, _settings(gather), only_live=fragment)

    return own


def _settings(gather: Gather) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        services, caller = gather.services, seen.viewer.known
        there = [
            each for each in fleet_gather.visible(services, caller) if each.standing is not Standing.RETIRED
        ]
        everybody = services.fleet.roster.stations.values()
        rings = [stations_as.ring(each, everybody) for each in await services.fleet.commands.rings()]
        found = await fleet_gather.windows(services, caller)
        known = {each.environment for each in there} | set(await gather.environments(caller)) or {PRODUCTION}
        named = [each.name for each in rings]
        return {
            "rings": rings,
            "last_ring": LAST_RING if LAST_RING in named else next(iter(named[-1:]), ""),
            "lines": sorted({each.line for each in there if each.line}),
            "tokens": await _tokens(services, caller),
            "enrols_into": _enrols_into(caller, known),
            "windows": [kept(services, caller, each, seen.now) for each in found],
            "places": _settable(caller, rings, there, known),
            "zone": await zone(gather, caller, found),
        }

    return build


async def _tokens(services: Services, caller: Caller) -> Sequence[model.EnrolmentTokenView] | None:
    """As the API lists them; None where the caller lets nobody in anywhere."""
    if not caller.may(_P.FLEET_ENROL, ON_LINES):
        return None
    return [
        stations_as.token(each)
        for each in await services.fleet.enrolling.list()
        if caller.may(_P.FLEET_ENROL, places.of_token(each))
    ]


def _enrols_into(caller: Caller, environments: set[str]) -> Sequence[str]:
    """The environments into which the caller lets machines, on some line at least."""
    wanted = {each: Place(each, EVERYWHERE, ON_LINES.line) for each in environments}
    return sorted(each for each, place in wanted.items() if caller.may(_P.FLEET_ENROL, place))


def kept(services: Services, caller: Caller, of: Window, now: datetime) -> Kept:
    """The window as it is at `now`, and whether the caller may change it."""
    opening = calendar.look(of.calendar, now)
    place = places.of_window(services, of.scope, of.name)
    until = opening.until and opening.until.astimezone(ZoneInfo(of.calendar.zone))
    return Kept(
        stations_as.window(of),
        opening.is_open,
        f"{until:%Y-%m-%d %H:%M}" if until else "",
        caller.may(_P.FLEET_MANAGE, place),
    )


def _settable(
    caller: Caller, rings: Sequence[model.RingView], there: Sequence[Station], environments: set[str]
) -> Sequence[tuple[Scope, str]]:
    """For what the caller may set a window; a station's own is on its page."""
    lines = sorted({each.line for each in there if each.line})
    wanted = [
        *((Scope.LINE, name, Place(EVERYWHERE, EVERYWHERE, name)) for name in lines),
        *((Scope.RING, each.name, Place(EVERYWHERE, EVERYWHERE)) for each in rings),
        *((Scope.ENVIRONMENT, name, Place(name, EVERYWHERE)) for name in sorted(environments)),
    ]
    return [(scope, name) for scope, name, place in wanted if caller.may(_P.FLEET_MANAGE, place)]


async def zone(gather: Gather, caller: Caller, windows: Sequence[Window]) -> str:
    """The plant's own time, as the windows say it, else the calendar of a policy."""
    named = [each.calendar.zone for each in windows]
    if not named:
        named = [each.calendar.zone for each in await gather.policies(caller) if each.calendar]
    return next(iter(named), _USUAL_ZONE)
