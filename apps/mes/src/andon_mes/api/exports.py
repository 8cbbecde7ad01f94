"""Reports over HTTP, in the form that is asked for. Figures at one look are in reports.py."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import Mes, ThisMes
from andon_mes.api.documents import READS, Data
from andon_mes.api.report_bodies import ReportQuery
from andon_mes.api.report_documents import ReportShown
from andon_mes.api.reports import dates_of
from andon_mes.exports import controller, files
from andon_mes.exports.controller import Asked
from andon_mes.exports.model import Head, Row, Table
from andon_mes.exports.store import Chosen
from andon_mes.kernel.errors import NotFound, Problem, Words, invalid
from andon_mes.numbers.calendar import Calendar
from andon_mes.store.engine import Connection

router = APIRouter(prefix="/api/v1/reports", tags=["reports"])

_FILTERS = ("first", "last", "model", "process", "lot", "release", "equipment", "serial", "by")
_NAMES = {"first": "from", "last": "to"}


@dataclass(frozen=True, slots=True)
class _Report:
    """What gives the rows, the filters that it knows, and the one that it cannot do without."""

    rows: Callable[[Connection, Calendar, Asked], tuple[Table, Iterator[Row]]]
    filters: tuple[str, ...]
    must: str | None = None


_PERIOD = ("first", "last")
_OF_ATTEMPTS = (*_PERIOD, "model", "process", "lot", "release")
_REPORTS = {
    "production": _Report(controller.production, (*_PERIOD, "model", "lot")),
    "quality": _Report(controller.quality, (*_OF_ATTEMPTS, "by")),
    "defects": _Report(controller.defects, _OF_ATTEMPTS),
    "cycle-times": _Report(controller.cycle_times, _OF_ATTEMPTS),
    "attempts": _Report(controller.attempts, _OF_ATTEMPTS),
    "oee": _Report(controller.oee_of_equipment, (*_PERIOD, "equipment")),
    "genealogy": _Report(controller.genealogy, ("serial",), must="serial"),
}


@router.get(
    "/{report}",
    response_model=Data[ReportShown],
    responses=READS | {200: {"content": {each: {} for each in files.MEDIA_TYPES.values()}}},
)
async def get_report(
    mes: ThisMes,
    _caller: Annotated[Caller, needs("report", "read")],
    report: str,
    asked: Annotated[ReportQuery, Query()],
) -> Response:
    """production, quality, defects, cycle-times, attempts, oee, genealogy; as JSON, CSV, XLSX or PDF."""
    wanted = _wanted(report, asked)
    async with mes.report_turn:
        written, name = await mes.database.read(lambda each: _write(mes, each, wanted, asked))
    headers = {
        "Content-Length": str(written.size_bytes),
        "Content-Disposition": f'{"inline" if asked.form == "json" else "attachment"}; filename="{name}"',
    }
    return StreamingResponse(written.chunks(), headers=headers, media_type=files.MEDIA_TYPES[asked.form])


def _write(
    mes: Mes, connection: Connection, wanted: _Report, asked: ReportQuery
) -> tuple[files.Written, str]:
    now, calendar = mes.clock.now(), mes.calendar_in(connection)
    first, last = dates_of(asked, calendar, now)
    of = Asked(
        first=first,
        last=last,
        now=now,
        language=asked.language,
        chosen=Chosen(asked.model, asked.process, asked.lot, asked.release),
        by=tuple(asked.by) or ("day", "process"),
        equipment=asked.equipment,
        serial=asked.serial,
    )
    table, rows = wanted.rows(connection, calendar, of)
    filters = {
        name: str(value)
        for name in _FILTERS
        if name not in {*_PERIOD, "by"} and (value := getattr(asked, name))
    }
    is_of_dates = "first" in wanted.filters
    head = Head(
        table=table,
        language=asked.language,
        zone=calendar.zone,
        plant=mes.plant_code,
        first=first if is_of_dates else None,
        last=last if is_of_dates else None,
        filters=filters,
        made_at=now,
    )
    written = files.write(head, rows, asked.form)
    of_what = f"{first}_{last}" if is_of_dates else "serial"
    return written, f"{table.name}_{of_what}.{asked.form}"


def _wanted(name: str, asked: ReportQuery) -> _Report:
    """The report of that name. Raises: NotFound; InvalidInput when it does not know a filter that is set."""
    found = _REPORTS.get(name)
    if found is None:
        raise _no_report(name)
    for each in _FILTERS:
        if each not in found.filters and getattr(asked, each):
            known = ", ".join(_NAMES.get(one, one) for one in found.filters)
            raise invalid(
                _NAMES.get(each, each),
                str(getattr(asked, each)),
                Words(f"The report {name} has no such filter", f"{name} 보고서에 없는 조건입니다"),
                Words(f"It knows {known}; leave this one out", f"{known} 조건만 사용하세요"),
                code="FILTER_UNKNOWN",
            )
    if found.must is not None and not getattr(asked, found.must):
        raise invalid(
            found.must,
            None,
            Words(
                f"The report {name} is of one {found.must}", f"{name} 보고서에는 {found.must} 값이 필요합니다"
            ),
            Words(f"Add ?{found.must}=...", f"?{found.must}=... 를 추가하세요"),
        )
    return found


def _no_report(name: str) -> NotFound:
    known = ", ".join(_REPORTS)
    return NotFound(
        Problem(
            "REPORT_UNKNOWN",
            Words("There is no such report", "해당 보고서가 없습니다"),
            Words(f"No report is called {name!r}", f"보고서 {name!r}을(를) 찾을 수 없습니다"),
            Words(f"Ask for one of: {known}", f"다음 중 하나를 요청하세요: {known}"),
            field="report",
            value=name,
        )
    )
