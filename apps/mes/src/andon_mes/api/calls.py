"""Andon calls over HTTP."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from andon_mes.api.access import Caller, needs
from andon_mes.api.call_documents import (
    CallChangeBody,
    CallPage,
    CallQuery,
    CallShown,
    NewCallBody,
    ResponseQuery,
    ResponsesShown,
)
from andon_mes.api.context import ThisMes, question_of, reply
from andon_mes.api.documents import READS, WRITES, Data
from andon_mes.api.once import write_once
from andon_mes.api.views import row_view
from andon_mes.calls import store
from andon_mes.calls.model import ESCALATES_AFTER, Call, CallAction, NewCall, responses, waits
from andon_mes.calls.store import CallFilter
from andon_mes.idempotency.store import Answer, success
from andon_mes.kernel.errors import Words, invalid
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change

_LOOKED_BACK = timedelta(days=30)
RAISED: dict[int | str, dict[str, Any]] = {
    200: {"model": Data[CallShown], "description": "It is on its way"},
    **WRITES,
}
CallId = Annotated[int, Path(gt=0, lt=2**31)]

router = APIRouter(prefix="/api/v1/calls", tags=["calls"])


@router.post("", status_code=201, response_model=Data[CallShown], responses=RAISED)
async def raise_call(
    mes: ThisMes, caller: Annotated[Caller, needs("call", "create")], body: NewCallBody, request: Request
) -> Response:
    """Call for help. While the same help is on its way already, that call is answered, with 200."""
    asked, _ = await question_of(request, mes, "calls")
    change = Change(body.operator_id or caller.actor.name, body.timestamp or asked.asked_at, body.message)

    def work(connection: Connection) -> Answer:
        new = _new(connection, body, body.process_code or caller.process)
        call_id, is_new = store.raise_call(connection, new, change)
        shown = call_view(store.get(connection, call_id), asked.asked_at)
        return success(201 if is_new else 200, shown)

    return await write_once(mes, caller, request, asked, work)


@router.get("", response_model=Data[CallPage], responses=READS)
async def list_calls(
    mes: ThisMes, _caller: Annotated[Caller, needs("call", "read")], asked: Annotated[CallQuery, Query()]
) -> Response:
    """One page of calls, open ones first."""
    chosen = CallFilter(asked.status, asked.open, asked.kind, asked.process, asked.since, asked.until)
    now = mes.clock.now()

    def work(connection: Connection) -> Answer:
        found, total = store.list_page(connection, chosen, page=asked.page, page_size=asked.page_size)
        page = {"page": asked.page, "page_size": asked.page_size, "total": total}
        return success(200, {"calls": [call_view(each, now) for each in found], **page})

    return reply(await mes.database.read(work))


@router.get("/statistics", response_model=Data[ResponsesShown], responses=READS)
async def get_responses(
    mes: ThisMes, _caller: Annotated[Caller, needs("call", "read")], asked: Annotated[ResponseQuery, Query()]
) -> Response:
    """How fast calls were answered, by process."""
    now = mes.clock.now()
    until = asked.until or now
    since = asked.since or until - _LOOKED_BACK
    chosen = CallFilter(since=since, until=until)
    found = responses(await mes.database.read(lambda each: store.list_raised(each, chosen)), now)
    shown = {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "processes": [asdict(each) for each in found],
        "escalates_after": [each.total_seconds() for each in ESCALATES_AFTER],
    }
    return JSONResponse({"data": shown})


@router.get("/{call_id}", response_model=Data[CallShown], responses=READS)
async def get_call(
    mes: ThisMes, _caller: Annotated[Caller, needs("call", "read")], call_id: CallId
) -> Response:
    """A call."""
    found = await mes.database.read(lambda each: store.get(each, call_id))
    return JSONResponse({"data": call_view(found, mes.clock.now())})


@router.patch("/{call_id}", response_model=Data[CallShown], responses=WRITES)
async def change_call(
    mes: ThisMes,
    caller: Annotated[Caller, needs("call", "update")],
    call_id: CallId,
    *,
    body: CallChangeBody,
    request: Request,
) -> Response:
    """Acknowledge a call, or resolve it with what was done."""
    if body.action is CallAction.RESOLVE and not body.resolution:
        raise _unresolved(body.resolution)
    asked, _ = await question_of(request, mes, f"change calls/{call_id}")
    change = Change(body.operator_id or caller.actor.name, asked.asked_at, body.resolution)

    def work(connection: Connection) -> Answer:
        changed = store.change_status(connection, store.get(connection, call_id), body.action, change)
        return success(200, call_view(changed, asked.asked_at))

    return await write_once(mes, caller, request, asked, work)


def call_view(call: Call, now: datetime) -> dict[str, Any]:
    """A call and how long it waits, as of `now`."""
    return row_view(asdict(call) | asdict(waits(call, now)))


def _new(connection: Connection, body: NewCallBody, process: str | None) -> NewCall:
    process_id = None
    if process is not None:
        process_id = store.find_process_id(connection, process)
        if process_id is None:
            raise invalid(
                "process_code",
                process,
                Words(f"There is no process {process!r}", f"공정 {process!r}이(가) 없습니다"),
                Words("Use a code of GET processes", "GET processes의 공정 코드를 사용하세요"),
                code="PROCESS_UNKNOWN",
            )
    return NewCall(body.kind, process_id, body.equipment_id, body.serial_number, body.message)


def _unresolved(said: str | None) -> Exception:
    return invalid(
        "resolution",
        said,
        Words("It is not said what was done", "조치 내용이 없습니다"),
        Words("Say in one sentence what ended the need", "무엇을 조치했는지 한 문장으로 적으세요"),
    )
