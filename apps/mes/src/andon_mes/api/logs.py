"""The access and error logs over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from andon_mes.access.logs import store
from andon_mes.access.logs.model import FaultFilter, RequestFilter, Severity
from andon_mes.api.access import Caller, needs
from andon_mes.api.context import ThisMes, question_of
from andon_mes.api.documents import READS, WRITES, Data
from andon_mes.api.fields import Body, Instant, Name, Notes, YesOrNo
from andon_mes.api.log_documents import FaultPage, FaultShown, FaultWithTrace, RequestPage
from andon_mes.api.once import write_once
from andon_mes.api.views import row_view
from andon_mes.idempotency.store import Answer, success
from andon_mes.store.engine import Connection

_ALL: frozenset[str] = frozenset()
_FaultId = Annotated[int, Path(gt=0, lt=2**31)]
_Before = Annotated[int, Field(gt=0, lt=2**63)]
_Limit = Annotated[int, Field(ge=1, le=500)]

router = APIRouter(prefix="/api/v1", tags=["logs"])


class RequestQuery(Body):
    """GET access-logs: `before` is the `next` of the page before. `until` is not inclusive."""

    user: Name | None = None
    status_code: Annotated[int, Field(ge=100, le=599)] | None = None
    since: Instant | None = None
    until: Instant | None = None
    before: _Before | None = None
    limit: _Limit = 100


class FaultQuery(Body):
    """GET error-logs: `before` is the `next` of the page before."""

    resolved: bool | None = None
    severity: Severity | None = None
    error_code: Annotated[str, Field(max_length=50, pattern="^[A-Z_]+$")] | None = None
    before: Annotated[int, Field(gt=0, lt=2**31)] | None = None
    limit: _Limit = 100


class ResolveBody(Body):
    """PATCH error-logs/{id}: it is dealt with, and how."""

    resolved: YesOrNo = True
    notes: Annotated[Notes, Field(min_length=1)]


@router.get("/access-logs", response_model=Data[RequestPage], responses=READS)
async def list_requests(
    mes: ThisMes, _caller: Annotated[Caller, needs("audit", "read")], asked: Annotated[RequestQuery, Query()]
) -> Response:
    """Who asked for what, from where, and how it ended: newest first."""
    chosen = RequestFilter(asked.user, asked.status_code, asked.since, asked.until, asked.before, asked.limit)
    found = await mes.database.read(lambda each: store.list_requests(each, chosen))
    more = found[-1]["id"] if len(found) == asked.limit else None
    return JSONResponse(
        {"data": {"requests": [row_view(each, without=_ALL) for each in found], "next": more}}
    )


@router.get("/error-logs", response_model=Data[FaultPage], responses=READS)
async def list_faults(
    mes: ThisMes, _caller: Annotated[Caller, needs("error", "read")], asked: Annotated[FaultQuery, Query()]
) -> Response:
    """What failed, and refusals that somebody should know of: newest first."""
    chosen = FaultFilter(asked.resolved, asked.severity, asked.error_code, asked.before, asked.limit)
    found = await mes.database.read(lambda each: store.list_faults(each, chosen))
    more = found[-1]["id"] if len(found) == asked.limit else None
    return JSONResponse({"data": {"errors": [row_view(each, without=_ALL) for each in found], "next": more}})


@router.get("/error-logs/{fault}", response_model=Data[FaultWithTrace], responses=READS)
async def get_fault(
    mes: ThisMes, _caller: Annotated[Caller, needs("error", "read")], fault: _FaultId
) -> Response:
    """One of them, with where in the program it came from."""
    found = await mes.database.read(lambda each: store.get_fault(each, fault))
    return JSONResponse({"data": row_view(found, without=_ALL)})


@router.patch("/error-logs/{fault}", response_model=Data[FaultShown], responses=WRITES)
async def resolve_fault(
    mes: ThisMes,
    caller: Annotated[Caller, needs("error", "update")],
    fault: _FaultId,
    body: ResolveBody,
    request: Request,
) -> Response:
    """Say that it is dealt with, and how."""
    asked, _ = await question_of(request, mes, f"error-logs/{fault}")

    def work(connection: Connection) -> Answer:
        found = store.resolve(connection, fault, caller.actor.name, asked.asked_at, body.notes)
        return success(200, row_view(found, without=frozenset({"stack_trace"})))

    return await write_once(mes, caller, request, asked, work)
