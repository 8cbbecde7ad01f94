"""What stands before the steps of a rollout: its gates and tasks, and an outside system's answer."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from andon.access.model import Permission
from andon.api import before, inputs, places
from andon.api.before_model import GateLine, TaskLine, TaskLog
from andon.api.callers import Current
from andon.api.declared import needs
from andon.api.gather import Gather
from andon.api.inputs import V1
from andon.api.problems import documented
from andon.kernel.errors import NotFound
from andon.kernel.ids import RolloutId

_P = Permission
_Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,59}$", examples=["change-board"])]
_Number = Annotated[int | None, Query(ge=1, le=1000, description="Which try; unset: the last")]


def router(gather: Gather) -> APIRouter:
    """Endpoints of gates and tasks."""
    api = APIRouter(prefix=V1, tags=["rollouts"])
    services = gather.services

    async def lines(rollout: str) -> list[GateLine]:
        found = await services.rollouts.get(RolloutId(rollout))
        answered = await services.commands.gate(found.id) if found.is_gated else None
        return before.gate_lines(found, await services.before.seen(found), answered)

    @api.get(
        "/rollouts/{rollout}/gates",
        summary="The gates of its plan, and what each waits for",
        responses=documented(404, 422, 503),
        dependencies=[needs(_P.FLOOR_VIEW, places.rollout)],
    )
    async def gates(rollout: inputs.IdPath) -> list[GateLine]:
        return await lines(rollout)

    @api.post(
        "/rollouts/{rollout}/gates/{gate}",
        status_code=202,
        summary="Say yes or no for an outside system at its gate; final, and the same once more is no error",
        responses=documented(404, 409, 422, 503),
        dependencies=[needs(_P.GATE_ANSWER, places.rollout)],
    )
    async def answer(
        rollout: inputs.IdPath, gate: _Name, body: inputs.GateAnswer, caller: Current
    ) -> list[GateLine]:
        await services.before.answer(
            RolloutId(rollout), gate, is_yes=body.answer == "yes", actor=caller.name, reason=body.reason
        )
        return await lines(rollout)

    @api.get(
        "/rollouts/{rollout}/tasks",
        summary="The smoke tests and commands of its plan, with their tries",
        responses=documented(404, 422),
        dependencies=[needs(_P.FLOOR_VIEW, places.rollout)],
    )
    async def tasks(rollout: inputs.IdPath) -> list[TaskLine]:
        found = await services.rollouts.get(RolloutId(rollout))
        return before.task_lines(found, await services.before.tries(found.id))

    @api.get(
        "/rollouts/{rollout}/tasks/{task}/log",
        summary="What a try of a task printed",
        responses=documented(404, 422),
        dependencies=[needs(_P.LOGS_VIEW, places.rollout)],
    )
    async def log(rollout: inputs.IdPath, task: _Name, number: _Number = None) -> TaskLog:
        tries = [each for each in await services.before.tries(RolloutId(rollout)) if each.name == task]
        found = [each for each in tries if number in {None, each.number}]
        if not found:
            raise NotFound("no-such-task", f"rollout {rollout} has no such try of {task}", hint="andon tasks")
        return TaskLog(name=task, number=found[-1].number, text=await services.before.log(found[-1]))

    return api
