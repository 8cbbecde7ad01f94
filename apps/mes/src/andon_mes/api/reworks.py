"""Reworks over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import ThisMes, question_of, reply
from andon_mes.api.documents import READS, WRITES, Data
from andon_mes.api.once import require_reason, write_once
from andon_mes.api.quality_bodies import NewReworkBody, ReworkChangeBody, ReworkQuery
from andon_mes.api.quality_documents import ReworkPage, ReworkShown
from andon_mes.api.quality_views import rework_view
from andon_mes.api.signing import may_grant
from andon_mes.defects.controller import Finding
from andon_mes.idempotency.store import Answer, success
from andon_mes.kernel.errors import Words, invalid
from andon_mes.reworks import controller, store
from andon_mes.reworks.controller import Wanted
from andon_mes.reworks.model import ReworkAction, ReworkResult
from andon_mes.reworks.store import ReworkFilter
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change

ReworkId = Annotated[int, Path(gt=0, lt=2**31)]

router = APIRouter(prefix="/api/v1/reworks", tags=["quality"])


@router.get("", response_model=Data[ReworkPage], responses=READS)
async def list_reworks(
    mes: ThisMes, _caller: Annotated[Caller, needs("rework", "read")], asked: Annotated[ReworkQuery, Query()]
) -> Response:
    """One page of reworks, newest first."""
    chosen = ReworkFilter(
        asked.status, asked.process, asked.serial_number, asked.lot, asked.since, asked.until
    )

    def work(connection: Connection) -> Answer:
        found, total = store.list_page(connection, chosen, page=asked.page, page_size=asked.page_size)
        page = {"page": asked.page, "page_size": asked.page_size, "total": total}
        return success(200, {"reworks": [rework_view(each) for each in found], **page})

    return reply(await mes.database.read(work))


@router.get("/{rework_id}", response_model=Data[ReworkShown], responses=READS)
async def get_rework(
    mes: ThisMes, _caller: Annotated[Caller, needs("rework", "read")], rework_id: ReworkId
) -> Response:
    """A rework."""

    def work(connection: Connection) -> Answer:
        return success(200, rework_view(store.get(connection, rework_id)))

    return reply(await mes.database.read(work))


@router.post("", status_code=201, response_model=Data[ReworkShown], responses=WRITES)
async def open_rework(
    mes: ThisMes,
    caller: Annotated[Caller, needs("rework", "create")],
    body: NewReworkBody,
    request: Request,
) -> Response:
    """Let a serial be reworked: the disposition of its defect, which is opened where there is none.

    Past three attempts at a process or five reworks only quality may: the rework is then a grant.
    """
    asked, _ = await question_of(request, mes, "reworks")
    change = Change(body.operator_id or caller.actor.name, asked.asked_at, body.reason)
    finding = Finding(body.serial_number, body.process_code, body.defect_code, body.reason, holds=True)
    wanted = Wanted(finding, may_grant=may_grant(caller))

    def work(connection: Connection) -> Answer:
        return success(201, rework_view(controller.open_wanted(connection, wanted, change)))

    return await write_once(mes, caller, request, asked, work)


@router.patch("/{rework_id}", response_model=Data[ReworkShown], responses=WRITES)
async def change_rework(
    mes: ThisMes,
    caller: Annotated[Caller, needs("rework", "update")],
    rework_id: ReworkId,
    *,
    body: ReworkChangeBody,
    request: Request,
) -> Response:
    """Complete a rework with its final result, or cancel it with a reason."""
    require_reason(body.action is ReworkAction.CANCEL, body.reason)
    _require_result(body)
    asked, _ = await question_of(request, mes, f"change reworks/{rework_id}")
    change = Change(body.operator_id or caller.actor.name, asked.asked_at, body.reason or body.notes)

    def work(connection: Connection) -> Answer:
        rework = store.get(connection, rework_id)
        if body.final_result is None:
            changed = controller.cancel(connection, rework, change)
        else:
            result = ReworkResult(body.final_result)
            changed = controller.complete(connection, rework, result, change, notes=body.notes)
        return success(200, rework_view(changed))

    return await write_once(mes, caller, request, asked, work)


def _require_result(body: ReworkChangeBody) -> None:
    if (body.action is ReworkAction.COMPLETE) == (body.final_result is not None):
        return
    raise invalid(
        "final_result",
        body.final_result,
        Words(
            "A rework is completed with its result, and cancelled without one",
            "재작업 완료에는 결과가 필요하고 취소에는 결과가 없습니다",
        ),
        Words(
            "Send PASS or FAIL with the action complete", "action이 complete일 때 PASS 또는 FAIL을 보내세요"
        ),
    )
