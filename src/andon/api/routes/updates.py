"""For simple clients: is there something newer? (SEEDS H4)"""

from fastapi import APIRouter, Request

from andon.access.model import Permission, Place
from andon.api import callers, fleet_inputs, fleet_views, inputs, places
from andon.api import fleet_model as model
from andon.api.callers import Current
from andon.api.declared import needs
from andon.api.gather import Gather
from andon.api.problems import documented
from andon.fleet.updates import Question
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import UnitName


def router(gather: Gather) -> APIRouter:
    """The endpoint of simple clients."""
    api = APIRouter(prefix="/api", tags=["agents"])
    services = gather.services

    async def unit_of(named: str, environment: str) -> UnitName:
        if named:
            return inputs.unit(named)
        known = services.fleet.controller.places()
        found = sorted({unit for unit, there in known if there == environment})
        if len(found) != 1:
            said = ", ".join(found) or "none"
            raise InvalidInput(
                "which-unit", f"say `unit`: stations of {environment[:40]} run {said}", hint="unit"
            )
        return found[0]

    @api.post(
        "/check-update",
        summary="Whether there is something newer for a client without an agent",
        responses=documented(404, 409, 422),
        dependencies=[needs(Permission.FLEET_CHECK, places.body)],
    )
    async def check(body: fleet_inputs.CheckUpdate, request: Request, caller: Current) -> model.CheckedUpdate:
        environment = inputs.environment(body.environment)
        caller.require(Permission.FLEET_CHECK, Place(environment=environment))
        asked = Question(
            client=body.client_id,
            unit=await unit_of(body.unit, environment),
            environment=environment,
            current=inputs.version(body.current_version),
            platform=f"{body.platform.lower()}-{body.arch.lower()}",
        )
        source = callers.identity(request).origin.source
        answer = await services.fleet.updates.check(asked, caller.name, source=source)
        return fleet_views.checked(answer, str(request.base_url))

    return api
