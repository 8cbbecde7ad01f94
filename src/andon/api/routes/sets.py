"""Sets: units that are promoted and come back together."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path

from andon.access import rights
from andon.access.model import EVERYWHERE, Permission, Place
from andon.access.signatures.model import Action
from andon.api import inputs, places, set_approval, signing, viewing, views
from andon.api.callers import Current
from andon.api.declared import needs
from andon.api.gather import Gather
from andon.api.problems import documented
from andon.kernel import ids
from andon.rollouts.sets.model import Member

_P = Permission
_HERE = "/sets/{name}/environments/{environment}"
_Name = Annotated[str, Path(max_length=40, examples=["line"])]


def router(gather: Gather) -> APIRouter:
    """Endpoints of sets. What moves one moves several units: it takes the right for the whole environment."""
    api = APIRouter(prefix=inputs.V1, tags=["sets"])
    services = gather.services

    @api.get("/sets", summary="Published sets, newest first", dependencies=[needs(_P.FLOOR_VIEW)])
    async def sets(caller: Current) -> list[viewing.SetView]:
        return [
            views.set_release(each)
            for each in await services.sets.list()
            if all(caller.may(_P.FLOOR_VIEW, Place(unit=member.unit)) for member in each.release.members)
        ]

    @api.post(
        "/sets",
        status_code=201,
        summary="Sign releases that belong together, in their order",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.PROPOSE, places.query)],
    )
    async def publish(body: inputs.PublishSet, caller: Current) -> viewing.SetView:
        members = [Member(inputs.unit(each.unit), inputs.version(each.version)) for each in body.members]
        made = await services.sets.publish(body.name, inputs.version(body.version), members, caller.name)
        stored = next(each for each in await services.sets.list() if each.release == made)
        return views.set_release(stored)

    @api.get(
        "/set-rollouts", summary="Sets on their way, and those that were", dependencies=[needs(_P.FLOOR_VIEW)]
    )
    async def rollouts(caller: Current) -> list[viewing.SetRolloutView]:
        return [views.set_rollout(each) for each in await gather.set_rollouts(caller)]

    @api.post(
        f"{_HERE}/deploy",
        status_code=201,
        summary="Move a set into an environment",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.PROPOSE, places.whole_environment)],
    )
    async def deploy(
        name: _Name, environment: inputs.EnvironmentPath, body: inputs.DeploySet, caller: Current
    ) -> viewing.SetRolloutView:
        place = Place(environment=environment, unit=EVERYWHERE)
        begun = await services.sets.deploy(
            ids.name(name, what="set"),
            inputs.environment(environment),
            version=inputs.version(body.version) if body.version else None,
            actor=caller.name,
            reason=body.reason,
            proposer_id=caller.principal.user_id,
            needs_approval=not caller.may(_P.DEPLOY, place),
        )
        return views.set_rollout(begun)

    @api.post(
        f"{_HERE}/rollback",
        status_code=202,
        summary="Take the newest rollout of a set back, whole, also where it was promoted",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.ROLLBACK, places.whole_environment)],
    )
    async def rollback(
        name: _Name, environment: inputs.EnvironmentPath, body: inputs.Signed, caller: Current
    ) -> viewing.SetRolloutView:
        own, there = ids.name(name, what="set"), inputs.environment(environment)
        wanted = signing.Wanted(Action.ROLLBACK, there, body.reason, body.signature)
        signature = await signing.sign(
            services, caller, wanted, lambda: services.sets.document_of_rollback(own, there)
        )
        after = await services.sets.rollback(
            own, there, actor=caller.name, reason=body.reason, signature=signature
        )
        return views.set_rollout(after)

    @api.post(
        "/environments/{environment}/rollback",
        summary="Go back with everything that changed there lately, or show what that is (dry_run)",
        responses=documented(409, 422),
        dependencies=[needs(_P.ROLLBACK, places.whole_environment)],
    )
    async def rollback_all(
        environment: inputs.EnvironmentPath, body: inputs.RollBackAll, caller: Current
    ) -> list[viewing.TurnView]:
        there, since = inputs.environment(environment), timedelta(seconds=body.since_s)
        if body.dry_run:
            return [views.turn(each) for each in await services.commands.affected(there, since)]
        wanted = signing.Wanted(Action.ROLLBACK, there, body.reason, body.signature)
        signature = await signing.sign(
            services, caller, wanted, lambda: services.commands.document_of_rollback_all(there, since)
        )
        done = await services.commands.rollback_all(
            there, since, actor=caller.name, reason=body.reason, signature=signature
        )
        return [views.turn(each) for each in done]

    _approval(api, gather)
    return api


def _approval(api: APIRouter, gather: Gather) -> None:
    services = gather.services

    @api.get(
        f"{_HERE}/approval",
        summary="A set as people sign it: each member's plan and bytes, and who has signed",
        responses=documented(404),
        dependencies=[needs(_P.FLOOR_VIEW, places.whole_environment)],
    )
    async def approval(
        name: _Name, environment: inputs.EnvironmentPath, caller: Current
    ) -> set_approval.SetApprovalView:
        own, there = ids.name(name, what="set"), inputs.environment(environment)
        return await set_approval.look(gather, caller, own, there)

    @api.post(
        f"{_HERE}/approve",
        status_code=202,
        summary="Say yes to all members of a set, with one signature",
        responses=documented(404, 409, 422),
        dependencies=[needs(_P.APPROVE, places.whole_environment)],
    )
    async def approve(
        name: _Name, environment: inputs.EnvironmentPath, body: inputs.Signed, caller: Current
    ) -> set_approval.SetApprovalView:
        own, there = ids.name(name, what="set"), inputs.environment(environment)
        roles = rights.roles_at(caller.principal, set_approval.everywhere(there))
        # Before anything is sealed: a signature in a role that the person lacks must not exist.
        if caller.principal.may_sign:
            await services.approving.check_role(own, there, caller.name, roles)
        wanted = signing.Wanted(Action.APPROVE, there, body.reason, body.signature)
        document = await services.approving.document(own, there)
        signature = await signing.must_sign(services, caller, wanted, document)
        await services.approving.approve(own, there, signature, roles)
        return await set_approval.look(gather, caller, own, there)
