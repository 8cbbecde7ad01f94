"""Where a request acts: locators that read its path, its body, or what its id names."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from fastapi import Request

from andon.access.model import EVERYWHERE, PRODUCTION, Permission, Place
from andon.access.signatures.model import Document
from andon.api import callers, inputs
from andon.api.services import Services
from andon.fleet.model import Scope, Station
from andon.fleet.stations.store import no_station
from andon.fleet.tokens.model import EnrolmentToken
from andon.kernel.errors import Damaged, NotFound
from andon.kernel.ids import InstanceId, RolloutId, RunId, StationName
from andon.timeline.records import Record

_ALL = Place(environment=EVERYWHERE, unit=EVERYWHERE)


async def path(request: Request, _services: Services) -> Place:
    """The unit and the environment in the path, as far as they stand there."""
    unit, environment = request.path_params.get("unit"), request.path_params.get("environment")
    return Place(
        environment=inputs.environment(environment) if environment else None,
        unit=inputs.unit(unit) if unit else None,
    )


async def whole_environment(request: Request, _services: Services) -> Place:
    """All units of the environment in the path."""
    environment = inputs.environment(request.path_params["environment"])
    return Place(environment=environment, unit=EVERYWHERE)


async def query(request: Request, _services: Services) -> Place:
    """All that the query's unit and environment leave: everything, where neither is named."""
    wanted = request.query_params
    return Place(
        environment=inputs.maybe_environment(wanted.get("environment")) or EVERYWHERE,
        unit=inputs.maybe_unit(wanted.get("unit")) or EVERYWHERE,
    )


async def body(request: Request, _services: Services) -> Place:
    """The unit and the environment in the body; one that does not fit the body is refused right after."""
    sent = await _sent(request)
    unit, environment = sent.get("unit"), sent.get("environment")
    return Place(
        environment=inputs.environment(environment) if isinstance(environment, str) else None,
        unit=inputs.unit(unit) if isinstance(unit, str) else None,
    )


async def cord(request: Request, _services: Services) -> Place:
    """The environment in the body, or all of them. Whoever may stop one unit there may stop them all."""
    environment = (await _sent(request)).get("environment")
    return Place(environment=environment if isinstance(environment, str) and environment else EVERYWHERE)


async def whole_cord(request: Request, services: Services) -> Place:
    """As `cord`, and every unit there: letting go moves what others have in hand."""
    return replace(await cord(request, services), unit=EVERYWHERE)


async def rollout(request: Request, services: Services) -> Place:
    """Where a rollout goes."""
    own = str(request.path_params["rollout"])

    missing = NotFound("no-such-rollout", f"there is no rollout {own}", hint="andon status")
    return await _visible(request, lambda: of_rollout(services, own), missing)


async def of_rollout(services: Services, own: str) -> Place:
    """Where it goes, also where the rest of its record is damaged; raises NotFound."""
    try:
        whole = await services.rollouts.get(RolloutId(own))
    except Damaged:
        there = await services.rollouts.find_damaged(RolloutId(own))
        return Place(environment=there[1], unit=there[0]) if there else _ALL
    return Place(environment=whole.environment, unit=whole.unit)


async def station(request: Request, services: Services) -> Place:
    """The environment and the line of a station. Whoever changes it changes all of its units, unless one is
    named; to look, it is enough to see some of them.
    """
    own = str(request.path_params["station"])
    found = services.fleet.roster.stations.get(StationName(own))
    missing = no_station(own)
    if found is None:
        raise missing
    unit = request.path_params.get("unit")
    seen = replace(of_station(found), unit=inputs.unit(unit) if unit else None)
    if not callers.current(request).may(Permission.FLEET_VIEW, seen):
        raise missing
    is_change = request.method not in {"GET", "HEAD"}
    return replace(seen, unit=EVERYWHERE) if is_change and not unit else seen


def of_station(found: Station) -> Place:
    """Where a station stands."""
    return Place(environment=found.environment, line=found.line)


async def window(request: Request, services: Services) -> Place:
    """Where the maintenance window in the path acts."""
    return of_window(services, str(request.path_params["scope"]), str(request.path_params["name"]))


def of_window(services: Services, scope: str, name: str) -> Place:
    """The environment that a maintenance window is for; one of a ring or a line may touch all of them.

    It holds for all units.
    """
    if scope == Scope.ENVIRONMENT:
        return Place(environment=inputs.environment(name), unit=EVERYWHERE)
    if scope == Scope.STATION:
        found = services.fleet.roster.stations.get(StationName(name))
        if found is not None:
            return replace(of_station(found), unit=EVERYWHERE)
    return replace(_ALL, line=name) if scope == Scope.LINE else _ALL


async def enrolment(request: Request, services: Services) -> Place:
    """The environment and the line that an enrolment token lets in to, for all units."""
    own = str(request.path_params["enrolment"])
    for each in await services.fleet.enrolling.list():
        if each.id == own:
            return of_token(each)
    raise NotFound("no-such-token", f"no token {own} waits to be used", hint="andon fleet tokens")


def of_token(token: EnrolmentToken) -> Place:
    """Where the machine will stand that it lets in."""
    return Place(environment=token.environment, unit=EVERYWHERE, line=token.line)


async def new_station(request: Request, _services: Services) -> Place:
    """Where a machine will stand: the environment and the line in the body, for all units."""
    sent = await _sent(request)
    environment, line = sent.get("environment"), sent.get("line")
    return Place(
        environment=inputs.environment(environment) if isinstance(environment, str) else PRODUCTION,
        unit=EVERYWHERE,
        line=line if isinstance(line, str) else "",
    )


async def run(request: Request, services: Services) -> Place:
    """The unit that a run ships."""
    own = str(request.path_params["run"])

    async def found() -> Place:
        return Place(unit=(await services.runs.get(RunId(own))).unit)

    return await _visible(request, found, NotFound("no-such-run", f"there is no run {own}"))


async def instance(request: Request, services: Services) -> Place:
    """Where an instance runs. Of one that runs no longer only output is left, for those who may see all."""
    own = str(request.path_params["instance"])

    async def found() -> Place:
        for desired in await services.desired.list():
            for each in await services.instances(desired.unit, desired.environment):
                if each.id == own:
                    return Place(environment=each.environment, unit=each.unit)
        await services.logs(InstanceId(own), 1)
        return _ALL

    return await _visible(request, found, NotFound("no-such-instance", f"there is no instance {own}"))


def of_record(record: Record) -> Place:
    """Where a record belongs; what names no unit concerns all of them."""
    event = record.event
    return Place(
        environment=event.environment or (None if event.unit else EVERYWHERE), unit=event.unit or EVERYWHERE
    )


def of_document(document: Document) -> Place:
    """Where a signed document belongs; what names no unit concerns all of them."""
    unit, environment = document.values.get("unit"), document.values.get("environment")
    return Place(environment=environment or EVERYWHERE, unit=unit or EVERYWHERE)


async def _visible(request: Request, found: Callable[[], Awaitable[Place]], missing: NotFound) -> Place:
    """The place, where the caller may see what is there; otherwise it is as if there were nothing."""
    try:
        place = await found()
    except NotFound:
        raise missing from None
    if not callers.current(request).may(Permission.FLOOR_VIEW, place):
        raise missing
    return place


async def _sent(request: Request) -> dict[str, Any]:
    """The body's object; what is no JSON names no place, and the endpoint refuses it for what it is."""
    try:
        whole = await request.json() if await request.body() else {}
    except ValueError:
        return {}
    return whole if isinstance(whole, dict) else {}
