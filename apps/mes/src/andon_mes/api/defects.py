"""Defects over HTTP: what was found, and what quality decides of it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import Mes, ThisMes, question_of, reply
from andon_mes.api.documents import READS, WRITES, Data
from andon_mes.api.once import write_once
from andon_mes.api.quality_bodies import DefectChangeBody, DefectQuery, NewDefectBody
from andon_mes.api.quality_documents import DefectPage, DefectRecord, DefectWithHistory
from andon_mes.api.quality_views import defect_view
from andon_mes.api.signing import may_grant, question_without_password, signer_of
from andon_mes.api.views import row_view
from andon_mes.defects import controller, store
from andon_mes.defects.controller import Choice, Finding
from andon_mes.defects.model import LIVE, Defect, DefectAction, DefectStatus
from andon_mes.defects.signature import Signer
from andon_mes.defects.store import DefectFilter
from andon_mes.idempotency.store import Answer, success
from andon_mes.kernel.errors import Words, invalid
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change

_INTERNAL = frozenset({"id", "entity_type", "entity_id"})
DefectId = Annotated[int, Path(gt=0, lt=2**31)]

router = APIRouter(prefix="/api/v1/defects", tags=["quality"])


@router.get("", response_model=Data[DefectPage], responses=READS)
async def list_defects(
    mes: ThisMes, _caller: Annotated[Caller, needs("defect", "read")], asked: Annotated[DefectQuery, Query()]
) -> Response:
    """One page of defects, newest first."""

    def work(connection: Connection) -> Answer:
        chosen = _filter(connection, mes, asked)
        found, total = store.list_page(connection, chosen, page=asked.page, page_size=asked.page_size)
        page = {"page": asked.page, "page_size": asked.page_size, "total": total}
        return success(200, {"defects": [defect_view(each) for each in found], **page})

    return reply(await mes.database.read(work))


@router.get("/{defect_id}", response_model=Data[DefectWithHistory], responses=READS)
async def get_defect(
    mes: ThisMes, _caller: Annotated[Caller, needs("defect", "read")], defect_id: DefectId
) -> Response:
    """A defect with its history, and whether its signature still stands."""

    def work(connection: Connection) -> Answer:
        shown = defect_view(store.get(connection, defect_id))
        rows = store.list_history(connection, defect_id)
        return success(200, shown | {"history": [row_view(row, without=_INTERNAL) for row in rows]})

    return reply(await mes.database.read(work))


@router.post("", status_code=201, response_model=Data[DefectRecord], responses=WRITES)
async def open_defect(
    mes: ThisMes,
    caller: Annotated[Caller, needs("defect", "create")],
    body: NewDefectBody,
    request: Request,
) -> Response:
    """Open a defect that no attempt found, such as at incoming inspection; it holds its serial."""
    asked, _ = await question_of(request, mes, "defects")
    change = Change(body.operator_id or caller.actor.name, asked.asked_at, body.description)
    finding = Finding(
        body.serial_number, body.process_code, body.defect_code, body.description, holds=body.hold
    )

    def work(connection: Connection) -> Answer:
        return success(201, defect_view(controller.find(connection, finding, change)))

    return await write_once(mes, caller, request, asked, work)


@router.patch("/{defect_id}", response_model=Data[DefectRecord], responses=WRITES)
async def change_defect(
    mes: ThisMes,
    caller: Annotated[Caller, needs("defect", "update")],
    defect_id: DefectId,
    *,
    body: DefectChangeBody,
    request: Request,
) -> Response:
    """Contain, disposition, verify or close a defect. A USE_AS_IS is signed with the password."""
    _require_disposition(body)
    asked = await question_without_password(request, mes, f"change defects/{defect_id}")
    signer = await signer_of(mes, caller, body.signature, body.reason)
    change = Change(caller.actor.name, asked.asked_at, body.reason)

    def work(connection: Connection) -> Answer:
        changed = _do(connection, store.get(connection, defect_id), body, signer, change=change, by=caller)
        return success(200, defect_view(changed))

    return await write_once(mes, caller, request, asked, work)


def _do(
    connection: Connection,
    defect: Defect,
    body: DefectChangeBody,
    signer: Signer | None,
    *,
    change: Change,
    by: Caller,
) -> Defect:
    match body.action:
        case DefectAction.CONTAIN:
            return controller.contain(connection, defect, change)
        case DefectAction.DISPOSITION:
            assert body.disposition is not None
            choice = Choice(body.disposition, signer, may_grant=may_grant(by))
            return controller.dispose(connection, defect, choice, change)
        case DefectAction.VERIFY:
            return controller.verify(connection, defect, change)
        case DefectAction.CLOSE:
            return controller.close(connection, defect, change)


def _filter(connection: Connection, mes: Mes, asked: DefectQuery) -> DefectFilter:
    since, until = asked.since, asked.until
    if asked.on is not None:
        first, second = mes.calendar_in(connection).shifts_of(asked.on)
        since, until = first.starts_at, second.ends_at
    live = tuple(each for each in DefectStatus if asked.is_live in {None, each in LIVE})
    return DefectFilter(
        statuses=(asked.status,) if asked.status else live if asked.is_live is not None else (),
        process=asked.process,
        code=asked.code,
        lot_number=asked.lot,
        serial_number=asked.serial_number,
        disposition=asked.disposition,
        since=since,
        until=until,
    )


def _require_disposition(body: DefectChangeBody) -> None:
    is_disposition = body.action is DefectAction.DISPOSITION
    if is_disposition == (body.disposition is not None):
        return
    raise invalid(
        "disposition",
        body.disposition,
        Words(
            "A disposition, and nothing else, says what is done with the serial",
            "disposition 작업에만 판정 값을 지정합니다",
        ),
        Words(
            "Send REWORK, USE_AS_IS or SCRAP with the action disposition",
            "action이 disposition일 때 REWORK, USE_AS_IS, SCRAP 중 하나를 보내세요",
        ),
    )
