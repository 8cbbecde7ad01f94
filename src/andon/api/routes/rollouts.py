"""Rollouts: begin one, watch it, act on it; and go back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from andon.api import inputs, model, views
from andon.api.gather import Gather
from andon.api.problems import documented
from andon.kernel.ids import RolloutId
from andon.rollouts.model import RequestKind

Actor = Annotated[str, Depends(inputs.actor)]


def router(gather: Gather) -> APIRouter:
    """Endpoints that read rollouts, and those that begin them."""
    api = APIRouter(tags=["rollouts"])
    services = gather.services

    @api.post(
        "/rollouts",
        status_code=201,
        summary="Move a release into an environment, or show the plan (dry_run)",
        responses={
            200: {"model": model.PlanView, "description": "The plan (dry_run)"},
            **documented(404, 409, 422, 503),
        },
    )
    async def deploy(
        body: inputs.Deploy, actor: Actor, response: Response
    ) -> model.RolloutView | model.PlanView:
        unit, environment = inputs.unit(body.unit), inputs.environment(body.environment)
        version = inputs.version(body.version)
        if body.dry_run:
            response.status_code = 200
            shown = await services.commands.preview(unit, environment, version, strategy=body.strategy)
            return views.plan(shown, await gather.manifest(unit, version))
        begun = await services.commands.deploy(
            unit,
            environment,
            version,
            strategy=body.strategy,
            actor=actor,
            reason=body.reason.strip() or f"{actor} deploys {version}",
        )
        return await gather.rollout(begun.id)

    @api.get("/rollouts", summary="Rollouts, newest first", responses=documented(422))
    async def rollouts(
        unit: inputs.NameQuery = None, environment: inputs.NameQuery = None, limit: inputs.LimitQuery = 50
    ) -> list[model.RolloutSummary]:
        found = await services.rollouts.list(
            inputs.maybe_unit(unit), inputs.maybe_environment(environment), limit
        )
        return [views.summary(each) for each in found]

    @api.get("/rollouts/{rollout}", summary="Plan, findings, instances", responses=documented(404, 422))
    async def one(rollout: inputs.IdPath) -> model.RolloutView:
        return await gather.rollout(RolloutId(rollout))

    @api.get("/rollouts/{rollout}/looks", summary="The judge's looks", responses=documented(404, 422))
    async def looks(rollout: inputs.IdPath, after: inputs.NumberQuery = 0) -> list[model.LookView]:
        await services.rollouts.get(RolloutId(rollout))
        return [views.look(each) for each in await services.rollouts.looks(RolloutId(rollout), after)]

    @api.post(
        "/rollouts/{rollout}/{verb}",
        status_code=202,
        summary="Promote, pause, resume or abort; the next tick takes it up",
        response_model=model.RolloutView,
        responses={
            204: {"description": "Its record is damaged: the abort closed it and changed nothing else"},
            **documented(404, 409, 422),
        },
    )
    async def act(
        rollout: inputs.IdPath, verb: RequestKind, body: inputs.Because, actor: Actor
    ) -> model.RolloutView | Response:
        # One that cannot be read can neither be asked nor shown, but it must not block its place.
        is_abort = verb is RequestKind.ABORT
        if is_abort and await services.commands.close_damaged(RolloutId(rollout), actor, body.reason):
            return Response(status_code=204)
        await services.commands.request(RolloutId(rollout), verb, actor, body.reason)
        return await gather.rollout(RolloutId(rollout))

    @api.post(
        "/units/{unit}/environments/{environment}/rollback",
        status_code=201,
        summary="Go back to the last stable release, or to the one named",
        responses=documented(404, 409, 422, 503),
    )
    async def rollback(
        unit: inputs.UnitPath, environment: inputs.EnvironmentPath, body: inputs.RollBack, actor: Actor
    ) -> model.RolloutView:
        begun = await services.commands.rollback(
            inputs.unit(unit),
            inputs.environment(environment),
            to=inputs.version(body.to) if body.to else None,
            actor=actor,
            reason=body.reason,
        )
        return await gather.rollout(begun.id)

    return api
