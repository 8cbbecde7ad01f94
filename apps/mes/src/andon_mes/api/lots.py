"""Lots and serials over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from andon_mes.api.access import Caller, needs
from andon_mes.api.bodies import (
    AskedStatus,
    GenerateBody,
    LotChangeBody,
    LotQuery,
    NewLotBody,
    SerialChangeBody,
)
from andon_mes.api.context import Mes, ThisMes, question_of, reply
from andon_mes.api.documents import (
    READS,
    WRITES,
    Data,
    LotPage,
    LotShown,
    LotWithSerials,
    SerialsMade,
    SerialWithHistory,
)
from andon_mes.api.once import require_reason, write_once
from andon_mes.api.views import lot_view, row_view, serial_view
from andon_mes.idempotency.store import Answer, Question, success
from andon_mes.lots import controller as lot_life
from andon_mes.lots import decide as lot_rules
from andon_mes.lots import store as lots
from andon_mes.lots.model import LotStatus, NewLot
from andon_mes.lots.store import LotFilter
from andon_mes.numbers.calendar import Calendar
from andon_mes.processes import store as attempts
from andon_mes.recalls.model import END_RECALL
from andon_mes.serials import controller as serial_life
from andon_mes.serials import decide as serial_rules
from andon_mes.serials import store as serials
from andon_mes.store.engine import Connection, Work
from andon_mes.store.history import Change

_INTERNAL = frozenset(
    {"serial_id", "process_id", "completion_digest", "completion_seq", "entity_type", "entity_id"}
)


LotId = Annotated[int, Path(gt=0, lt=2**63)]

router = APIRouter(prefix="/api/v1", tags=["lots"])


@router.post("/lots", status_code=201, response_model=Data[LotShown], responses=WRITES)
async def create_lot(
    mes: ThisMes, caller: Annotated[Caller, needs("lot", "create")], body: NewLotBody, request: Request
) -> Response:
    """Make a lot in DRAFT."""
    asked, _ = await question_of(request, mes, "lots")
    return await write_once(mes, caller, request, asked, lot_creation(mes, caller, body, asked))


@router.get("/lots", response_model=Data[LotPage], responses=READS)
async def list_lots(
    mes: ThisMes, _caller: Annotated[Caller, needs("lot", "read")], asked: Annotated[LotQuery, Query()]
) -> Response:
    """One page of lots, newest first."""
    chosen = LotFilter(_meant(asked.status), asked.priority, asked.plant, asked.on)

    def work(connection: Connection) -> Answer:
        found, total = lots.list_page(connection, chosen, page=asked.page, page_size=asked.page_size)
        shown = [lot_view(lot, lots.quantities(connection, lot.id)) for lot in found]
        return success(200, {"lots": shown, "page": asked.page, "page_size": asked.page_size, "total": total})

    return reply(await mes.database.read(work))


@router.get("/lots/{lot_number}", response_model=Data[LotWithSerials], responses=READS)
async def get_lot(
    mes: ThisMes, _caller: Annotated[Caller, needs("lot", "read")], lot_number: str
) -> Response:
    """A lot with its serials."""

    def work(connection: Connection) -> Answer:
        lot = lots.get(connection, lot_number)
        shown = lot_view(lot, lots.quantities(connection, lot.id))
        shown["serials"] = [serial_view(each) for each in serials.list_of_lot(connection, lot.id)]
        return success(200, shown)

    return reply(await mes.database.read(work))


@router.patch("/lots/{lot_number}", response_model=Data[LotShown], responses=WRITES)
async def change_lot(
    mes: ThisMes,
    caller: Annotated[Caller, needs("lot", "update")],
    lot_number: str,
    body: LotChangeBody,
    request: Request,
) -> Response:
    """Release, hold, close, cancel or ship a lot; change its priority or notes."""
    require_reason(body.action in lot_rules.NEEDS_REASON, body.reason)
    asked, _ = await question_of(request, mes, f"change lots/{lot_number}")
    change = Change(caller.signs(body.changed_by, "changed_by"), asked.asked_at, body.reason)

    def work(connection: Connection) -> Answer:
        lot = lots.get(connection, lot_number)
        if body.action is not None:
            lot_life.change_status(connection, lot, body.action, change)
        lots.amend(connection, lot, priority=body.priority, notes=body.notes)
        changed = lots.get_by_id(connection, lot.id)
        return success(200, lot_view(changed, lots.quantities(connection, lot.id)))

    return await write_once(mes, caller, request, asked, work)


@router.post(
    "/lots/{lot_id}/serials/generate",
    status_code=201,
    response_model=Data[SerialsMade],
    responses=WRITES,
)
async def generate(
    mes: ThisMes,
    caller: Annotated[Caller, needs("serial", "create")],
    lot_id: LotId,
    body: GenerateBody,
    request: Request,
) -> Response:
    """Make serials for a lot, within its target."""
    by = caller.signs(body.created_by, "created_by")
    asked, _ = await question_of(request, mes, f"lots/{lot_id}/serials")

    def work(connection: Connection) -> Answer:
        lot = lots.get_by_id(connection, lot_id)
        generated = lots.quantities(connection, lot.id).generated
        serial_rules.check_room(lot.status, lot.target_quantity, generated, body.quantity)
        made = serials.generate(connection, lot, body.quantity, Change(by, asked.asked_at))
        return success(201, {"lot_number": lot.lot_number, "serials": [serial_view(each) for each in made]})

    return await write_once(mes, caller, request, asked, work)


@router.get("/serials/{serial_number}", response_model=Data[SerialWithHistory], responses=READS)
async def get_serial(
    mes: ThisMes, _caller: Annotated[Caller, needs("serial", "read")], serial_number: str
) -> Response:
    """A serial: its state, its attempts, the history of its states."""
    return reply(await mes.database.read(lambda each: shown_serial(each, serial_number)))


@router.patch("/serials/{serial_number}", response_model=Data[SerialWithHistory], responses=WRITES)
async def change_serial(
    mes: ThisMes,
    caller: Annotated[Caller, needs("serial", "update")],
    serial_number: str,
    body: SerialChangeBody,
    request: Request,
) -> Response:
    """Hold a serial, release it to where it was, scrap it, or ship it."""
    asked, _ = await question_of(request, mes, f"change serials/{serial_number}")
    return await write_once(mes, caller, request, asked, serial_change(caller, serial_number, body, asked))


def lot_creation(mes: Mes, caller: Caller, body: NewLotBody, asked: Question) -> Work[Answer]:
    """The unit of work that makes a lot.

    Raises: Forbidden when the caller signs for somebody else.
    """
    created_by = caller.signs(body.created_by, "created_by")

    def work(connection: Connection) -> Answer:
        new = _new_lot(mes, mes.calendar_in(connection), body, created_by)
        lot = lots.create(connection, new, asked.asked_at)
        return success(201, lot_view(lot, lots.quantities(connection, lot.id)))

    return work


def serial_change(
    caller: Caller, serial_number: str, body: SerialChangeBody, asked: Question
) -> Work[Answer]:
    """The unit of work that does a person's action with a serial.

    Raises: InvalidInput when its reason is missing; Forbidden when the caller signs for somebody else.
    """
    require_reason(body.action in serial_rules.NEEDS_REASON, body.reason)
    change = Change(caller.signs(body.changed_by, "changed_by"), asked.asked_at, body.reason)

    def work(connection: Connection) -> Answer:
        may_end = caller.may(*END_RECALL)
        serial_life.change_status(connection, serial_number, body.action, change, may_end_recall=may_end)
        return shown_serial(connection, serial_number)

    return work


def _meant(status: AskedStatus | None) -> tuple[LotStatus, ...]:
    if status == "CREATED":
        return LotStatus.DRAFT, LotStatus.RELEASED
    return (LotStatus(status),) if status else ()


def _new_lot(mes: Mes, calendar: Calendar, body: NewLotBody, created_by: str) -> NewLot:
    on, shift = calendar.shift_at(mes.clock.now(), body.shift)
    return NewLot(
        plant_code=mes.plant_code,
        product_model=body.product_model,
        production_date=body.production_date or on,
        shift=shift,
        target_quantity=body.target_quantity,
        priority=body.priority,
        created_by=created_by,
        notes=body.notes,
    )


def shown_serial(connection: Connection, number: str) -> Answer:
    """A serial with its history, as it is answered."""
    serial = serials.get(connection, number)
    shown = serial_view(serial)
    shown["lot_number"] = lots.get_by_id(connection, serial.lot_id).lot_number
    shown["attempts"] = [
        row_view(row, without=_INTERNAL) for row in serials.list_attempts(connection, serial.id)
    ]
    shown["history"] = [
        row_view(row, without=_INTERNAL) for row in serials.list_history(connection, serial.id)
    ]
    shown["contested"] = [
        row_view(row, without=_INTERNAL) for row in attempts.list_contested(connection, number)
    ]
    return success(200, shown)
