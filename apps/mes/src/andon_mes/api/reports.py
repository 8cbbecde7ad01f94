"""Figures and reports over HTTP."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import ThisMes
from andon_mes.api.documents import WATCHED, Data
from andon_mes.api.figures import floor_view, summary_view
from andon_mes.api.report_documents import FloorShown, SummaryShown
from andon_mes.reports import controller

router = APIRouter(prefix="/api/v1", tags=["reports"])

MayRead = Annotated[Caller, needs("report", "read")]


@router.get("/dashboard/summary", response_model=Data[SummaryShown], responses=WATCHED)
async def get_summary(mes: ThisMes, _caller: MayRead) -> Response:
    """Today at one look, by the plant's production day."""
    now = mes.clock.now()
    seen = await mes.database.read(lambda each: controller.summary(each, mes.calendar_in(each), now))
    return JSONResponse({"data": summary_view(seen)})


@router.get("/floor", response_model=Data[FloorShown], responses=WATCHED)
async def get_floor(mes: ThisMes, _caller: MayRead) -> Response:
    """The floor as it is now: work in process, attempts under way, equipment, open calls."""
    now = mes.clock.now()
    seen = await mes.database.read(lambda each: controller.floor(each, mes.calendar_in(each), now))
    return JSONResponse({"data": floor_view(seen)})
