"""The cord: pull it, see who pulled it, let go with a reason."""

from typing import Annotated

from fastapi import APIRouter, Depends

from andon.api import inputs, model, views
from andon.api.problems import documented
from andon.api.services import Services

Actor = Annotated[str, Depends(inputs.actor)]


def router(services: Services) -> APIRouter:
    """Endpoints of the cord."""
    api = APIRouter(tags=["cord"])

    async def pulled() -> list[model.CordView]:
        return [views.cord(each) for each in await services.commands.cords()]

    @api.get("/cord", summary="The cords that are pulled")
    async def cords() -> list[model.CordView]:
        return await pulled()

    @api.post(
        "/cord",
        summary="Pull: rollouts there stop; everywhere, pipelines too",
        responses=documented(409, 422),
    )
    async def pull(body: inputs.Pull, actor: Actor) -> list[model.CordView]:
        environment = inputs.maybe_environment(body.environment)
        await services.commands.pull_cord(environment, returns=body.returns, actor=actor, reason=body.reason)
        return await pulled()

    @api.delete("/cord", summary="Release, with a reason", responses=documented(404, 409, 422))
    async def release(body: inputs.Release, actor: Actor) -> list[model.CordView]:
        environment = inputs.maybe_environment(body.environment)
        await services.commands.release_cord(environment, actor, body.reason)
        return await pulled()

    return api
