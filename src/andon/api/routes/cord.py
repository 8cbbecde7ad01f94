"""The cord: pull it, see who pulled it, let go with a reason."""

from fastapi import APIRouter

from andon.access.model import EVERYWHERE, Permission, Place
from andon.access.signatures.model import Action
from andon.api import inputs, model, places, signing, views
from andon.api.callers import Caller, Current
from andon.api.declared import needs
from andon.api.gather import Gather
from andon.api.inputs import V1
from andon.api.problems import documented


def router(gather: Gather) -> APIRouter:
    """Endpoints of the cord."""
    api = APIRouter(prefix=V1, tags=["cord"])
    services = gather.services

    async def pulled(caller: Caller) -> list[model.CordView]:
        return [views.cord(each) for each in await gather.cords(caller)]

    @api.get("/cord", summary="The cords that are pulled", dependencies=[needs(Permission.FLOOR_VIEW)])
    async def cords(caller: Current) -> list[model.CordView]:
        return await pulled(caller)

    @api.post(
        "/cord",
        summary="Pull: rollouts there stop; everywhere, pipelines too. `return` needs rollouts.abort, too",
        responses=documented(409, 422),
        dependencies=[needs(Permission.CORD_PULL, places.cord)],
    )
    async def pull(body: inputs.Pull, caller: Current) -> list[model.CordView]:
        environment = inputs.maybe_environment(body.environment)
        signature = None
        if body.returns:
            # It aborts what others have begun there: pulling must never need a right, aborting does.
            caller.require(Permission.ABORT, Place(environment=environment or EVERYWHERE, unit=EVERYWHERE))
            signature = await signing.sign(
                services,
                caller,
                signing.Wanted(Action.ABORT, environment, body.reason, body.signature),
                lambda: services.commands.document_of_pull(environment),
            )
        await services.commands.pull_cord(
            environment, returns=body.returns, actor=caller.name, reason=body.reason, signature=signature
        )
        return await pulled(caller)

    @api.delete(
        "/cord",
        summary="Release, with a reason and, where the policy wants it, a signature",
        responses=documented(404, 409, 422),
        dependencies=[needs(Permission.CORD_RELEASE, places.whole_cord)],
    )
    async def release(body: inputs.Release, caller: Current) -> list[model.CordView]:
        environment = inputs.maybe_environment(body.environment)
        commands = services.commands
        signature = await signing.sign(
            services,
            caller,
            signing.Wanted(Action.RELEASE_CORD, environment, body.reason, body.signature),
            lambda: commands.document_of_cord(environment),
        )
        await commands.release_cord(environment, caller.name, body.reason, signature=signature)
        return await pulled(caller)

    return api
