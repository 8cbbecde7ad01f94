"""States and calibrations of equipment over HTTP. The equipment itself is configuration."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import ThisMes, question_of
from andon_mes.api.documents import READS, WRITES, Data
from andon_mes.api.fields import LINE, Body, Document, Instant, Name, Notes, Text
from andon_mes.api.once import write_once
from andon_mes.configuration.plan import plain
from andon_mes.equipment import controller, store
from andon_mes.equipment.model import (
    E10,
    Calibration,
    CalibrationResult,
    Equipment,
    ResourceState,
    StateReport,
    StateSpan,
)
from andon_mes.idempotency.store import Answer, success
from andon_mes.store.engine import Connection

_Certificate = Annotated[str, Field(min_length=1, max_length=200, pattern=LINE)]
_MOST_STATES = 1000

router = APIRouter(prefix="/api/v1/equipment/{code}", tags=["equipment"])


class StateBody(Body):
    """POST equipment/{code}/states. null is unknown; without `at` it is now."""

    state: ResourceState | None
    at: Instant | None = None
    reason: Text | None = None
    reported_by: Name | None = None


class StatesQuery(Body):
    """GET equipment/{code}/states: of which time; the last day where nothing is said."""

    since: Instant | None = None
    until: Instant | None = None


class CalibrationBody(Body):
    """POST equipment/{code}/calibrations. After a FAIL the next is due at once."""

    calibrated_at: Instant
    due_at: Instant
    result: CalibrationResult = CalibrationResult.PASS
    performed_by: Name
    certificate: _Certificate | None = None
    notes: Notes | None = None


class EquipmentShown(Document):
    """A machine or gauge now; `e10` is what SEMI E10 counts its state as."""

    code: str
    name: str
    process: str | None
    station: str | None
    state: ResourceState | None
    e10: E10 | None
    is_up: bool | None
    state_since: datetime | None
    calibration_due_at: datetime | None
    is_active: bool


class SpanShown(Document):
    """A time in one state; `ended_at` is null while it lasts."""

    state: ResourceState | None
    e10: E10 | None
    started_at: datetime
    ended_at: datetime | None
    reason: str | None
    reported_by: str | None


class CalibrationShown(Document):
    """A calibration that was made."""

    calibrated_at: datetime
    due_at: datetime
    result: CalibrationResult
    performed_by: str
    certificate: str | None
    notes: str | None


@router.post("/states", status_code=201, response_model=Data[EquipmentShown], responses=WRITES)
async def report_state(
    mes: ThisMes,
    caller: Annotated[Caller, needs("equipment", "update")],
    code: str,
    body: StateBody,
    request: Request,
) -> Response:
    """Say which state a machine is in. One that arrives late lands at its own time."""
    asked, _ = await question_of(request, mes, f"equipment/{code}/states")
    report = StateReport(
        body.state, body.at or asked.asked_at, body.reason, caller.signs(body.reported_by, "reported_by")
    )

    def work(connection: Connection) -> Answer:
        return success(201, _shown(controller.report_state(connection, code, report, asked.asked_at)))

    return await write_once(mes, caller, request, asked, work)


@router.get("/states", response_model=Data[list[SpanShown]], responses=READS)
async def list_states(
    mes: ThisMes,
    _caller: Annotated[Caller, needs("equipment", "read")],
    code: str,
    asked: Annotated[StatesQuery, Query()],
) -> Response:
    """The states that a machine was in, oldest first, at most a thousand."""
    until = asked.until or mes.clock.now()
    since = asked.since or until - timedelta(days=1)

    def work(connection: Connection) -> list[StateSpan]:
        known = store.get(connection, code)
        return store.list_states(connection, known.id, since, until, most=_MOST_STATES)

    return JSONResponse({"data": [_span(each) for each in await mes.database.read(work)]})


@router.post("/calibrations", status_code=201, response_model=Data[EquipmentShown], responses=WRITES)
async def calibrate(
    mes: ThisMes,
    caller: Annotated[Caller, needs("equipment", "update")],
    code: str,
    body: CalibrationBody,
    request: Request,
) -> Response:
    """Record a calibration; it moves when the next is due."""
    asked, _ = await question_of(request, mes, f"equipment/{code}/calibrations")
    made = Calibration(
        body.calibrated_at, body.due_at, body.result, body.performed_by, body.certificate, body.notes
    )

    def work(connection: Connection) -> Answer:
        return success(201, _shown(controller.calibrate(connection, code, made, asked.asked_at)))

    return await write_once(mes, caller, request, asked, work)


@router.get("/calibrations", response_model=Data[list[CalibrationShown]], responses=READS)
async def list_calibrations(
    mes: ThisMes, _caller: Annotated[Caller, needs("equipment", "read")], code: str
) -> Response:
    """The calibrations of a machine, newest first."""
    found = await mes.database.read(lambda each: store.list_calibrations(each, store.get(each, code).id))
    return JSONResponse({"data": [plain(asdict(each)) for each in found]})


def _shown(known: Equipment) -> dict[str, Any]:
    shown: dict[str, Any] = plain({name: value for name, value in asdict(known).items() if name != "id"})
    state = known.state
    return shown | {"e10": state and state.e10, "is_up": None if state is None else state.is_up}


def _span(span: StateSpan) -> dict[str, Any]:
    return {
        "state": span.state,
        "e10": span.state and span.state.e10,
        "started_at": span.started_at.isoformat(),
        "ended_at": span.ended_at and span.ended_at.isoformat(),
        "reason": span.reason,
        "reported_by": span.by,
    }
