"""What API and board both ask of the fleet: the stations that a caller sees, and what views are made of."""

from andon.access.model import Permission, Place
from andon.api import fleet_views as views
from andon.api.callers import Caller
from andon.api.places import of_station
from andon.api.services import Services
from andon.fleet.model import Station


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
