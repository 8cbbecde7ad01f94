"""POST process/abort: an attempt that was begun by mistake, or that its machine cannot end."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from andon_mes.aborts import controller
from andon_mes.aborts.controller import Wanted
from andon_mes.api.access import Caller, needs
from andon_mes.api.context import ThisMes, question_of
from andon_mes.api.documents import WRITES, Aborted, Data
from andon_mes.api.fields import Body, Code, Instant, Name, Number, Text
from andon_mes.api.named import require_named
from andon_mes.api.once import require_reason, write_once
from andon_mes.idempotency.store import Answer, success
from andon_mes.kernel.errors import Words
from andon_mes.processes.model import AttemptStatus
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change

router = APIRouter(prefix="/api/v1/process", tags=["process"])


class AbortBody(Body):
    """POST process/abort: by serial and process, or by `process_data_id`; those that are given must agree.

    `timestamp`: when it ended, by the station's clock; without it now.
    """

    serial_number: Number | None = None
    process_code: Code | None = None
    process_data_id: int | None = Field(default=None, strict=True, gt=0, lt=2**63)
    reason: Text
    operator_id: Name | None = None
    timestamp: Instant | None = None


@router.post("/abort", response_model=Data[Aborted], responses=WRITES)
async def abort(
    mes: ThisMes, caller: Annotated[Caller, needs("process", "update")], body: AbortBody, request: Request
) -> Response:
    """End the open attempt without a result: it is in no yield, and the serial returns to where it was."""
    require_reason(is_required=True, reason=body.reason)
    by = caller.signs(body.operator_id, "operator_id")
    asked, _ = await question_of(request, mes, "abort")
    change = Change(by, asked.asked_at, body.reason)

    def work(connection: Connection) -> Answer:
        wanted = _wanted(connection, body, caller, change)
        subject, done = controller.abort(connection, wanted, change)
        return success(
            200,
            {
                "process_data_id": done.attempt.id,
                "serial_number": subject.serial_number,
                "lot_number": subject.lot_number,
                "process_code": wanted.process,
                "attempt": done.attempt.number,
                "status": AttemptStatus.ABORTED,
                "serial_status": done.serial,
                "held_from": done.held_from,
                "current_process": done.at_process,
            },
        )

    return await write_once(mes, caller, request, asked, work)


def _wanted(connection: Connection, body: AbortBody, caller: Caller, change: Change) -> Wanted:
    number, process = require_named(
        connection,
        (body.serial_number, body.process_code, body.process_data_id),
        Words("It is not clear which attempt is meant", "어느 작업인지 알 수 없습니다"),
    )
    return Wanted(number, process, body.timestamp or change.at, body.process_data_id, caller.process)
