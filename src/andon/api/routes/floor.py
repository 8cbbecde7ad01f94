"""What runs: status, units, instances, and the stream of changes."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from andon.access.model import Permission
from andon.api import inputs, model, places, views
from andon.api.callers import Current
from andon.api.declared import needs
from andon.api.feed import Feed
from andon.api.gather import Gather, sees
from andon.api.inputs import V1
from andon.api.problems import documented
from andon.kernel.ids import InstanceId
from andon.targets.model import Instance

_VIEW = [needs(Permission.FLOOR_VIEW)]


def router(gather: Gather, feed: Feed) -> APIRouter:
    """Endpoints of the floor."""
    api = APIRouter(prefix=V1, tags=["floor"])
    services = gather.services

    @api.get("/status", summary="Every unit in every environment, and the pulled cords", dependencies=_VIEW)
    async def status(caller: Current) -> model.Status:
        return await gather.status(caller)

    @api.get("/units", summary="The units that Andon knows", dependencies=_VIEW)
    async def units(caller: Current) -> list[model.UnitView]:
        return await gather.units(caller)

    @api.get(
        "/instances",
        summary="Instances, as the target sees them",
        responses=documented(422),
        dependencies=_VIEW,
    )
    async def instances(
        caller: Current, unit: inputs.NameQuery = None, environment: inputs.NameQuery = None
    ) -> list[model.InstanceView]:
        wanted_unit, wanted_place = inputs.maybe_unit(unit), inputs.maybe_environment(environment)
        found: list[Instance] = []
        for desired in await services.desired.list():
            is_wanted = wanted_unit in {None, desired.unit} and wanted_place in {None, desired.environment}
            if is_wanted and sees(caller, desired):
                found += await gather.instances(desired.unit, desired.environment)
        return [views.instance(each) for each in found]

    @api.get(
        "/instances/{instance}/log",
        summary="Last lines of an output",
        responses=documented(404, 422),
        dependencies=[needs(Permission.LOGS_VIEW, places.instance)],
    )
    async def log(
        instance: inputs.InstancePath, lines: Annotated[int, Query(ge=1, le=5000)] = 200
    ) -> model.Lines:
        return model.Lines(instance=instance, lines=list(await services.logs(InstanceId(instance), lines)))

    @api.post(
        "/units/{unit}/environments/{environment}/retry",
        status_code=202,
        summary="Try again the instances that were given up; gives those",
        responses=documented(404, 409, 422),
        dependencies=[needs(Permission.RETRY, places.path)],
    )
    async def retry(
        unit: inputs.UnitPath, environment: inputs.EnvironmentPath, body: inputs.TryAgain, caller: Current
    ) -> list[model.InstanceView]:
        tried = await services.retry(
            inputs.unit(unit),
            inputs.environment(environment),
            inputs.version(body.version) if body.version else None,
            actor=caller.name,
            reason=body.reason,
        )
        return [views.instance(each) for each in tried]

    @api.get(
        "/events",
        summary="Server-sent events that name what changed",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}, **documented(503)},
        dependencies=_VIEW,
    )
    async def events(caller: Current) -> StreamingResponse:
        return StreamingResponse(feed.stream(caller), media_type="text/event-stream")

    return api
