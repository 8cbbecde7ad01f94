"""What API and board both ask of the fleet: the stations that a caller sees, and what views are made of."""

from collections.abc import Sequence

from andon.access.model import NOWHERE, ON_LINES, Permission, Place
from andon.api import fleet_views as views
from andon.api.callers import Caller
from andon.api.places import of_station
from andon.api.services import Services
from andon.fleet.model import Scope, Station, Window
from andon.kernel.ids import StationName


def visible(services: Services, caller: Caller) -> list[Station]:
    """The stations of all environments and lines in which the caller sees the fleet."""
    return [
        each
        for each in services.fleet.roster.stations.values()
        if caller.may(Permission.FLEET_VIEW, of_station(each))
    ]


async def look(services: Services, caller: Caller) -> views.Look:
    """What views of stations are made of, of the units that the caller sees."""

    def may(unit: str, environment: str, line: str | None = None) -> bool:
        return caller.may(Permission.FLEET_VIEW, Place(environment, unit, line))

    return views.Look(services.fleet, await services.fleet.commands.said(), services.clock.now(), may)


async def windows(services: Services, caller: Caller) -> Sequence[Window]:
    """The maintenance windows of which the caller sees the place; a ring goes over all of them."""
    found = (await services.fleet.commands.said()).windows
    return [each for each in found if caller.may(Permission.FLEET_VIEW, _place_of(services, each))]


def _place_of(services: Services, of: Window) -> Place:
    if of.scope is Scope.STATION:
        station = services.fleet.roster.stations.get(StationName(of.name))
        return NOWHERE if station is None else of_station(station)
    if of.scope is Scope.ENVIRONMENT:
        return Place(environment=of.name)
    return Place(line=of.name) if of.scope is Scope.LINE else ON_LINES
