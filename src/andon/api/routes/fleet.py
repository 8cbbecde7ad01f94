"""Stations, for people: who they are, what they run and should run, and what may be changed of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from andon.access.model import EVERYWHERE, Permission, Place
from andon.access.policies import calendar
from andon.access.signatures.model import Action, Document
from andon.api import fleet_inputs as given
from andon.api import fleet_model as model
from andon.api import fleet_views as views
from andon.api import inputs, places, signing
from andon.api.callers import Caller, Current
from andon.api.declared import everywhere, needs
from andon.api.declared import stations as in_reach
from andon.api.fleet_gather import look as look_of
from andon.api.fleet_gather import visible
from andon.api.fleet_gather import windows as windows_of
from andon.api.gather import Gather
from andon.api.inputs import V1
from andon.api.problems import documented
from andon.fleet.model import Standing, Station
from andon.fleet.tokens.enrolling import Asked

_P = Permission
_STATION = "/fleet/stations/{station}"


def router(gather: Gather) -> APIRouter:
    """Endpoints of stations."""
    api = APIRouter(prefix=V1, tags=["fleet"])
    services = gather.services

    @api.get("/fleet/stations", summary="Stations", dependencies=[needs(_P.FLEET_VIEW, in_reach)])
    async def stations(
        caller: Current, wanted: Annotated[given.StationFilter, Query()]
    ) -> list[model.StationView]:
        look = await look_of(services, caller)
        found = sorted(filter(wanted.takes, visible(services, caller)), key=lambda each: each.name)
        shown = [views.station(each, look) for each in found]
        return [each for each in shown if wanted.shows(each)]

    @api.get(
        _STATION,
        summary="A station whole",
        responses=documented(404),
        dependencies=[needs(_P.FLEET_VIEW, places.station)],
    )
    async def one(station: given.StationPath, caller: Current) -> model.StationDetail:
        return views.detail(services.fleet.commands.get(station), await look_of(services, caller))

    @api.get(
        f"{_STATION}/samples",
        summary="What it measured, oldest first; seven days are kept",
        responses=documented(404, 422),
        dependencies=[needs(_P.FLEET_VIEW, places.station)],
    )
    async def samples(
        station: given.StationPath, hours: Annotated[float, Query(gt=0, le=168)] = 1
    ) -> list[model.SampleView]:
        since = services.clock.now() - timedelta(hours=hours)
        name = services.fleet.commands.get(station).name
        return [views.sample(each) for each in await services.fleet.reports.samples(name, since)]

    @api.get(
        "/fleet/versions",
        summary="What runs where, and what happened",
        dependencies=[needs(_P.FLEET_VIEW, in_reach)],
    )
    async def versions(caller: Current) -> list[model.TallyView]:
        there = [each for each in visible(services, caller) if each.standing is not Standing.RETIRED]
        tallies, revoked = await services.fleet.reports.tallies(), await services.releases.revoked()
        return views.versions(await look_of(services, caller), tallies, there, revoked)

    return api


def changes(gather: Gather) -> APIRouter:
    """Endpoints that change a station."""
    api = APIRouter(prefix=V1, tags=["fleet"])
    services = gather.services

    async def shown(station: Station, caller: Caller) -> model.StationDetail:
        return views.detail(station, await look_of(services, caller))

    @api.patch(
        _STATION,
        summary="Let it stand in another ring or line, or under other labels",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.FLEET_MANAGE, places.station)],
    )
    async def move(station: given.StationPath, body: given.Move, caller: Current) -> model.StationDetail:
        if body.line is not None:
            there = places.of_station(services.fleet.commands.get(station))
            caller.require(_P.FLEET_MANAGE, replace(there, unit=EVERYWHERE, line=body.line))
        moved = await services.fleet.commands.move(
            station, caller.name, body.reason, ring=body.ring, line=body.line, labels=body.labels
        )
        return await shown(moved, caller)

    @api.post(
        f"{_STATION}/approve",
        summary="Let in a station that waits",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.FLEET_ENROL, places.station)],
    )
    async def approve(
        station: given.StationPath, body: inputs.Because, caller: Current
    ) -> model.StationDetail:
        return await shown(await services.fleet.commands.approve(station, caller.name, body.reason), caller)

    @api.post(
        f"{_STATION}/retire",
        summary="Its key is worth nothing from now on",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.FLEET_MANAGE, places.station)],
    )
    async def retire(
        station: given.StationPath, body: inputs.Because, caller: Current
    ) -> model.StationDetail:
        return await shown(await services.fleet.commands.retire(station, caller.name, body.reason), caller)

    @api.put(
        f"{_STATION}/pins/{{unit}}",
        summary="Keep a unit on a station where it is, or at a version",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.FLEET_MANAGE, places.station)],
    )
    async def pin(
        station: given.StationPath, unit: inputs.UnitPath, body: given.PinIt, caller: Current
    ) -> model.PinView:
        until = None if body.days is None else services.clock.now() + timedelta(days=body.days)
        made = await services.fleet.commands.pin(
            station,
            inputs.unit(unit),
            caller.name,
            body.reason,
            version=inputs.version(body.version) if body.version else None,
            until=until,
        )
        return views.pin(made)

    @api.delete(
        f"{_STATION}/pins/{{unit}}",
        summary="Let it move again",
        responses=documented(404, 422),
        dependencies=[needs(_P.FLEET_MANAGE, places.station)],
    )
    async def unpin(
        station: given.StationPath, unit: inputs.UnitPath, body: inputs.Because, caller: Current
    ) -> model.StationDetail:
        await services.fleet.commands.unpin(station, inputs.unit(unit), caller.name, body.reason)
        return await shown(services.fleet.commands.get(station), caller)

    return api


def whole(gather: Gather) -> APIRouter:
    """Endpoints of the fleet as a whole: rings, windows, retries, recalls, enrolment."""
    api = APIRouter(prefix=V1, tags=["fleet"])
    services = gather.services

    @api.get("/fleet/rings", summary="Rings, in their order", dependencies=[needs(_P.FLEET_VIEW, in_reach)])
    async def rings() -> list[model.RingView]:
        stations = services.fleet.roster.stations.values()
        return [views.ring(each, stations) for each in await services.fleet.commands.rings()]

    @api.put(
        "/fleet/rings",
        summary="Set the rings and their order",
        responses=documented(409, 422),
        dependencies=[needs(_P.FLEET_MANAGE, everywhere)],
    )
    async def set_rings(body: given.SetRings, caller: Current) -> list[model.RingView]:
        made = await services.fleet.commands.set_rings(body.names, caller.name, body.reason)
        return [views.ring(each, services.fleet.roster.stations.values()) for each in made]

    @api.get("/fleet/pins", summary="What stays where it is", dependencies=[needs(_P.FLEET_VIEW, in_reach)])
    async def pins(caller: Current) -> list[model.PinView]:
        stations = services.fleet.roster.stations
        return [
            views.pin(each)
            for each in (await services.fleet.commands.said()).pins
            if each.station in stations
            and caller.may(_P.FLEET_VIEW, replace(places.of_station(stations[each.station]), unit=each.unit))
        ]

    @api.get("/fleet/windows", summary="Maintenance windows", dependencies=[needs(_P.FLEET_VIEW, in_reach)])
    async def windows(caller: Current) -> list[model.WindowView]:
        return [views.window(each) for each in await windows_of(services, caller)]

    @api.put(
        "/fleet/windows/{scope}/{name}",
        summary="Say when stations there may switch",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.FLEET_MANAGE, places.window)],
    )
    async def set_window(
        scope: given.ScopePath, name: inputs.IdPath, body: given.SetWindow, caller: Current
    ) -> list[model.WindowView]:
        wanted = calendar.from_values(body.calendar.model_dump())
        await services.fleet.commands.set_window(scope, name, wanted, caller.name, body.reason)
        return await windows(caller)

    @api.delete(
        "/fleet/windows/{scope}/{name}",
        summary="Keep no window there",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.FLEET_MANAGE, places.window)],
    )
    async def drop_window(
        scope: given.ScopePath, name: inputs.IdPath, body: inputs.Because, caller: Current
    ) -> list[model.WindowView]:
        await services.fleet.commands.set_window(scope, name, None, caller.name, body.reason)
        return await windows(caller)

    @api.post(
        "/units/{unit}/environments/{environment}/stations/retry",
        summary="Let stations try again what failed",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.FLEET_MANAGE, places.path)],
    )
    async def retry(
        unit: inputs.UnitPath, environment: inputs.EnvironmentPath, body: given.TryAgain, caller: Current
    ) -> model.RetriedView:
        place = inputs.unit(unit), inputs.environment(environment)
        names = await services.fleet.commands.retry(place, body.stations, caller.name, body.reason)
        return model.RetriedView(stations=list(names))

    return api


def recalls(gather: Gather) -> APIRouter:
    """Endpoints of releases that must not run any more."""
    api = APIRouter(prefix=V1, tags=["fleet"])
    services = gather.services
    here = "/units/{unit}/environments/{environment}/recalls/{version}"

    @api.get("/fleet/recalls", summary="Releases that must not run", dependencies=[needs(_P.FLEET_VIEW)])
    async def some(caller: Current) -> list[model.RecallView]:
        return [
            views.recall(each)
            for each in (await services.fleet.commands.said()).recalls
            if caller.may(_P.FLEET_VIEW, Place(environment=each.environment, unit=each.unit))
        ]

    @api.put(
        here,
        summary="Tell every station that has a release to go to another one",
        responses=documented(409, 422),
        dependencies=[needs(_P.ROLLBACK, places.path)],
    )
    async def recall(
        unit: inputs.UnitPath,
        environment: inputs.EnvironmentPath,
        version: inputs.VersionPath,
        body: given.RecallIt,
        caller: Current,
    ) -> model.RecallView:
        place = inputs.unit(unit), inputs.environment(environment)
        versions = inputs.version(version), inputs.version(body.to)
        await services.releases.get(place[0], versions[1])
        document = services.fleet.recalls.document(*place, versions, direct=body.direct)

        signature = await signing.sign(
            services,
            caller,
            signing.Wanted(Action.ROLLBACK, place[1], body.reason, body.signature),
            lambda: _as_is(document),
        )
        made = await services.fleet.recalls.recall(
            *place, versions, caller.name, body.reason, direct=body.direct, signature=signature
        )
        return views.recall(made)

    @api.delete(
        here,
        summary="It may run there again",
        responses=documented(404, 422),
        dependencies=[needs(_P.DEPLOY, places.path)],
    )
    async def lift(
        unit: inputs.UnitPath,
        environment: inputs.EnvironmentPath,
        version: inputs.VersionPath,
        body: inputs.Because,
        caller: Current,
    ) -> list[model.RecallView]:
        place = inputs.unit(unit), inputs.environment(environment)
        await services.fleet.recalls.lift(*place, inputs.version(version), caller.name, body.reason)
        return await some(caller)

    return api


def tokens(gather: Gather) -> APIRouter:
    """Endpoints of enrolment tokens."""
    api = APIRouter(prefix=V1, tags=["fleet"])
    services = gather.services

    @api.get("/fleet/tokens", summary="Enrolment tokens", dependencies=[needs(_P.FLEET_ENROL, in_reach)])
    async def some(caller: Current) -> list[model.EnrolmentTokenView]:
        return [
            views.token(each)
            for each in await services.fleet.enrolling.list()
            if caller.may(_P.FLEET_ENROL, places.of_token(each))
        ]

    @api.post(
        "/fleet/tokens",
        status_code=201,
        summary="Make a token that lets one machine in, once",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.FLEET_ENROL, places.new_station)],
    )
    async def make(body: given.NewToken, caller: Current) -> model.NewEnrolmentToken:
        environment = inputs.environment(body.environment)
        asked = Asked(
            environment=environment,
            ring=body.ring,
            line=body.line,
            station=body.station,
            labels=body.labels,
            life=body.life,
            needs_approval=body.needs_approval,
            replaces=body.replaces,
        )
        token, text = await services.fleet.enrolling.make(asked, caller.name, body.reason)
        return model.NewEnrolmentToken(token=views.token(token), text=text)

    @api.delete(
        "/fleet/tokens/{enrolment}",
        status_code=204,
        summary="End a token that was not used",
        responses=documented(404, 422),
        dependencies=[needs(_P.FLEET_ENROL, places.enrolment)],
    )
    async def revoke(enrolment: inputs.IdPath, body: inputs.Because, caller: Current) -> None:
        await services.fleet.enrolling.revoke(enrolment, caller.name, body.reason)

    return api


async def _as_is(document: Document) -> Document:
    return document
