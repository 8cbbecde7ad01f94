"""What runs and what happened: status, units, instances, timeline, and the stream of changes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from andon.api import inputs, model, views
from andon.api.feed import Feed
from andon.api.gather import Gather
from andon.api.problems import documented
from andon.kernel.ids import InstanceId
from andon.targets.model import Instance
from andon.timeline.records import Severity
from andon.timeline.store import Filter

Actor = Annotated[str, Depends(inputs.actor)]


def router(gather: Gather, feed: Feed) -> APIRouter:
    """Endpoints of the floor."""
    api = APIRouter(tags=["floor"])
    services = gather.services

    @api.get("/status", summary="Every unit in every environment, and the pulled cords")
    async def status() -> model.Status:
        return await gather.status()

    @api.get("/units", summary="The units that Andon knows")
    async def units() -> list[model.UnitView]:
        return await gather.units()

    @api.get("/instances", summary="Instances, as the target sees them", responses=documented(422))
    async def instances(
        unit: inputs.NameQuery = None, environment: inputs.NameQuery = None
    ) -> list[model.InstanceView]:
        wanted_unit, wanted_place = inputs.maybe_unit(unit), inputs.maybe_environment(environment)
        found: list[Instance] = []
        for desired in await services.desired.list():
            if wanted_unit in {None, desired.unit} and wanted_place in {None, desired.environment}:
                found += await gather.instances(desired.unit, desired.environment)
        return [views.instance(each) for each in found]

    @api.get("/instances/{instance}/log", summary="Last lines of an output", responses=documented(404, 422))
    async def log(
        instance: inputs.InstancePath, lines: Annotated[int, Query(ge=1, le=5000)] = 200
    ) -> model.Lines:
        return model.Lines(instance=instance, lines=list(await services.logs(InstanceId(instance), lines)))

    @api.post(
        "/units/{unit}/environments/{environment}/retry",
        status_code=202,
        summary="Try again the instances that were given up; gives those",
        responses=documented(404, 409, 422),
    )
    async def retry(
        unit: inputs.UnitPath, environment: inputs.EnvironmentPath, body: inputs.TryAgain, actor: Actor
    ) -> list[model.InstanceView]:
        tried = await services.retry(
            inputs.unit(unit),
            inputs.environment(environment),
            inputs.version(body.version) if body.version else None,
            actor=actor,
            reason=body.reason,
        )
        return [views.instance(each) for each in tried]

    @api.get("/timeline", summary="What happened, newest first", responses=documented(422))
    async def timeline(  # noqa: PLR0913, PLR0917  each is a query parameter
        after: inputs.NumberQuery = 0,
        before: inputs.BeforeQuery = None,
        unit: inputs.NameQuery = None,
        environment: inputs.NameQuery = None,
        subject: Annotated[inputs.Plain, Query(max_length=200)] = "",
        kind: Annotated[inputs.Plain, Query(max_length=60)] = "",
        severity: Severity | None = None,
        limit: inputs.LimitQuery = 100,
    ) -> list[model.RecordView]:
        wanted = Filter(
            subject=subject,
            unit=inputs.maybe_unit(unit) or "",
            environment=inputs.maybe_environment(environment) or "",
            kind=kind,
            severity=severity,
            after=after,
            before=before,
        )
        return await gather.timeline(wanted, limit)

    @api.get(
        "/events",
        summary="Server-sent events that name what changed",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}, **documented(503)},
    )
    async def events() -> StreamingResponse:
        return StreamingResponse(feed.stream(), media_type="text/event-stream")

    return api
