"""Pages of the fleet: the heat map, and a station whole. Nothing here changes anything."""

from collections.abc import Container, Sequence
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from andon.access.model import Permission, Place
from andon.api import fleet_gather, places, views
from andon.api import fleet_views as stations_as
from andon.api.declared import needs
from andon.api.declared import stations as in_reach
from andon.api.fleet_inputs import StationPath
from andon.api.fleet_model import TallyView
from andon.api.gather import Gather
from andon.board import gauges, heat
from andon.board.frame import Build, Frame, Page, Seen
from andon.fleet.model import Standing
from andon.kernel.ids import UnitName, Version
from andon.timeline.store import Filter

_P = Permission
_RECORDS = 30
_GIVEN_UP = {"failed", "held"}
_MEASURED = timedelta(hours=24)


def router(gather: Gather, frame: Frame) -> APIRouter:
    """The pages."""
    own = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @own.get("/fleet", dependencies=[needs(_P.FLEET_VIEW, in_reach)])
    async def fleet(
        request: Request,
        unit: Annotated[str, Query(max_length=60)] = "",
        fragment: bool = False,
    ) -> Response:
        page = Page("fleet.html", "fleet cord")
        return await frame.show(request, page, _fleet(gather, unit), only_live=fragment)

    @own.get("/stations/{station}", dependencies=[needs(_P.FLEET_VIEW, places.station)])
    async def one(request: Request, station: StationPath, fragment: bool = False) -> Response:
        page = Page("station.html", f"station/{station} cord")
        return await frame.show(request, page, _station(gather, station), only_live=fragment)

    return own


def _fleet(gather: Gather, asked: str) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        services, caller = gather.services, seen.viewer.known
        look = await fleet_gather.look(services, caller)
        there = fleet_gather.visible(services, caller)
        shown = [stations_as.station(each, look) for each in there]
        units = heat.units(shown)
        unit = asked if asked in units else next(iter(units), "")
        rings = [each.name for each in await services.fleet.commands.rings()]
        living = [each for each in there if each.standing is not Standing.RETIRED]
        revoked = await services.releases.revoked()
        tallies = stations_as.versions(look, await services.fleet.reports.tallies(), living, revoked)
        halls = heat.halls(shown, unit, rings)
        return {
            "units": units,
            "unit": unit,
            "halls": halls,
            "marks": heat.MARKS,
            "versions": [each for each in tallies if each.unit == unit],
            "waiting": [each for each in shown if each.standing == "waiting"],
            "wants": [each for each in _cells(halls) if each.heat in {heat.Heat.FAILED, heat.Heat.DRIFTED}],
            "stuck": _stuck(halls),
            "pins": [
                stations_as.pin(each)
                for each in look.said.pins
                if each.unit == unit and each.holds(seen.now) and each.station in {one.name for one in there}
            ],
            "recallable": _recallable(tallies, unit),
            "releases": await _releases(gather, unit, revoked),
            "waves": await _waves(gather, seen, set(units)),
            "recalls": [each for each in look.said.recalls if look.may(each.unit, each.environment)],
        }

    return build


def _stuck(halls: list[heat.Hall]) -> list[tuple[str, list[str]]]:
    """Environments with the stations on which the unit has failed: those that try again together."""
    found = [
        (
            hall.environment,
            [each.station.name for each in _cells([hall]) if each.unit and each.unit.phase in _GIVEN_UP],
        )
        for hall in halls
    ]
    return [(environment, names) for environment, names in found if names]


def _recallable(tallies: Sequence[TallyView], unit: str) -> dict[str, list[TallyView]]:
    """By environment: what stations run of the unit."""
    found: dict[str, list[TallyView]] = {}
    for each in tallies:
        if each.unit == unit and each.stations:
            found.setdefault(each.environment, []).append(each)
    return found


async def _releases(gather: Gather, unit: str, revoked: Container[tuple[UnitName, Version]]) -> list[str]:
    """Versions of the unit that can be installed, the newest first."""
    made = await gather.services.releases.list(UnitName(unit)) if unit else ()
    newest = sorted(made, key=lambda each: each.created_at, reverse=True)
    return [each.version for each in newest if (each.unit, each.version) not in revoked]


def _cells(halls: list[heat.Hall]) -> list[heat.Cell]:
    return [each for hall in halls for row in hall.rows for ring in row.rings for each in ring]


async def _waves(gather: Gather, seen: Seen, units: set[str]) -> list[Any]:
    """Rollouts that move stations now: those of units that stations have."""
    found = [await gather.services.rollouts.get(each) for each in await gather.services.rollouts.active()]
    may = seen.viewer.known.may
    return [
        views.summary(each)
        for each in found
        if each.unit in units and may(_P.FLOOR_VIEW, Place(each.environment, each.unit))
    ]


def _station(gather: Gather, name: str) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        services, caller = gather.services, seen.viewer.known
        found = services.fleet.commands.get(name)
        look = await fleet_gather.look(services, caller)
        since = services.clock.now() - _MEASURED
        measured = [
            stations_as.sample(each) for each in await services.fleet.reports.samples(found.name, since)
        ]
        station = stations_as.detail(found, look)
        revoked = await services.releases.revoked()
        return {
            "station": station,
            "cells": [heat.cell(station, each.unit) for each in station.units],
            "rings": [each.name for each in await services.fleet.commands.rings()],
            "releases": {each.unit: await _releases(gather, each.unit, revoked) for each in station.units},
            "gauges": gauges.gauges(measured),
            "last": measured[-1] if measured else None,
            "records": await gather.timeline(caller, Filter(subject=f"station/{found.name}"), _RECORDS),
        }

    return build
