"""Figures and reports over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import ThisMes
from andon_mes.api.documents import READS, WATCHED, Data
from andon_mes.api.figures import floor_view, oee_view, summary_view
from andon_mes.api.report_bodies import OeeQuery, PeriodQuery
from andon_mes.api.report_documents import FloorShown, OeePage, SummaryShown
from andon_mes.numbers.calendar import Calendar
from andon_mes.oee import controller as oee
from andon_mes.reports import controller
from andon_mes.reports.period import check_dates
from andon_mes.store.engine import Connection

router = APIRouter(prefix="/api/v1", tags=["reports"])

MOST_DAYS = 366
"""Production dates that one question may span."""

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


@router.get("/oee", response_model=Data[OeePage], responses=READS)
async def get_oee(mes: ThisMes, _caller: MayRead, asked: Annotated[OeeQuery, Query()]) -> Response:
    """OEE of the equipment over production dates, as far as they are over."""
    now = mes.clock.now()

    def work(connection: Connection) -> dict[str, Any]:
        calendar = mes.calendar_in(connection)
        first, last = dates_of(asked, calendar, now)
        found = oee.of_equipment(connection, calendar, oee.Asked(first, last, now, asked.equipment))
        shown = [oee_view(each) for each in found]
        return {"first": first.isoformat(), "last": last.isoformat(), "equipment": shown}

    return JSONResponse({"data": await mes.database.read(work)})


def dates_of(asked: PeriodQuery, calendar: Calendar, now: datetime) -> tuple[date, date]:
    """The production dates asked for; without one, today's stands for it.

    Raises: InvalidInput when they are in the wrong order or too many.
    """
    today, _ = calendar.shift_at(now)
    last = asked.last or max(today, asked.first or today)
    first = asked.first or min(today, last)
    check_dates(first, last, MOST_DAYS)
    return first, last
