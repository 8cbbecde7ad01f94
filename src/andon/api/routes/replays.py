"""Former rollouts, judged again: is the verdict the same, and what would another policy have said?"""

import asyncio

from fastapi import APIRouter

from andon.access.model import Permission
from andon.api import inputs, model, views
from andon.api.callers import Caller, Current
from andon.api.declared import needs
from andon.api.gather import Gather, sees
from andon.api.problems import documented
from andon.kernel.errors import NotFound
from andon.kernel.ids import RolloutId
from andon.rollouts.model import Rollout
from andon.rollouts.replays import Replayed, replayed


def router(gather: Gather) -> APIRouter:
    """The endpoint of replays. It changes nothing; a proposal needs a body, so it is a POST."""
    api = APIRouter(prefix=inputs.V1, tags=["rollouts"])

    @api.post(
        "/judge/replay",
        summary="Judge former rollouts again, by their own policy and by a proposed one",
        responses=documented(404, 422),
        dependencies=[needs(Permission.FLOOR_VIEW)],
    )
    async def replay(body: inputs.Replay, caller: Current) -> model.ReplayView:
        found: list[Replayed] = []
        for each in await _wanted(gather, body, caller):
            looks = await gather.services.rollouts.looks(each.id)
            if looks and each.plan.policy.metrics:
                found.append(
                    await asyncio.to_thread(replayed, each, looks, gather.services.judges, body.proposal)
                )
        return views.replays(found)

    return api


async def _wanted(gather: Gather, body: inputs.Replay, caller: Caller) -> list[Rollout]:
    if body.rollout:
        own = await gather.services.rollouts.get(RolloutId(body.rollout))
        if not sees(caller, own):
            raise NotFound("no-such-rollout", f"there is no rollout {body.rollout}", hint="andon status")
        return [own]
    return await gather.rollouts(
        caller, inputs.maybe_unit(body.unit), inputs.maybe_environment(body.environment), body.limit
    )
