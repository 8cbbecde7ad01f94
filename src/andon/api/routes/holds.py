"""Holds: what keeps automation away from a unit in an environment."""

from fastapi import APIRouter

from andon.access.model import Permission
from andon.api import inputs, model, places, views
from andon.api.callers import Current
from andon.api.declared import needs
from andon.api.gather import Gather
from andon.api.problems import documented

_P = Permission
_HERE = "/units/{unit}/environments/{environment}/hold"


def router(gather: Gather) -> APIRouter:
    """Endpoints of holds."""
    api = APIRouter(prefix=inputs.V1, tags=["holds"])
    services = gather.services

    @api.get("/holds", summary="What nothing deploys to by itself", dependencies=[needs(_P.FLOOR_VIEW)])
    async def holds(caller: Current) -> list[model.HoldView]:
        return [views.hold(each) for each in await gather.holds(caller)]

    @api.post(
        _HERE,
        status_code=201,
        summary="Keep automation away until a person releases it",
        responses=documented(422),
        dependencies=[needs(_P.CONTROL, places.path)],
    )
    async def hold(
        unit: inputs.UnitPath, environment: inputs.EnvironmentPath, body: inputs.Because, caller: Current
    ) -> model.HoldView:
        place = inputs.unit(unit), inputs.environment(environment)
        return views.hold(await services.commands.hold(*place, caller.name, body.reason))

    @api.delete(
        _HERE,
        summary="Release it: automation goes on; gives the hold that is over",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.DEPLOY, places.path)],
    )
    async def release(
        unit: inputs.UnitPath, environment: inputs.EnvironmentPath, body: inputs.Because, caller: Current
    ) -> model.HoldView:
        place = inputs.unit(unit), inputs.environment(environment)
        return views.hold(await services.commands.release_hold(*place, caller.name, body.reason))

    return api
