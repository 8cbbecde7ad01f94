"""What was put into a serial, over HTTP: scan, remove, list."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from andon_mes.api.access import Caller, needs
from andon_mes.api.component_bodies import Scanned
from andon_mes.api.component_documents import ComponentShown, ComponentsOfSerial
from andon_mes.api.context import ThisMes, question_of, reply
from andon_mes.api.documents import READS, WRITES, Data
from andon_mes.api.fields import Body, Code, Instant, Name, Text
from andon_mes.api.once import require_reason, write_once
from andon_mes.api.views import row_view
from andon_mes.components import controller, store
from andon_mes.components.model import Kind, Missing, missing
from andon_mes.components.refusals import Refuse, problem_of_component
from andon_mes.idempotency.store import Answer, conflict, success
from andon_mes.store.engine import Connection

_INTERNAL = frozenset({"serial_id", "process_data_id"})
UseId = Annotated[int, Path(gt=0, lt=2**31)]

router = APIRouter(prefix="/api/v1/serials/{serial_number}/components", tags=["components"])


class ScanBody(Body):
    """POST serials/{serial_number}/components: what was put in at a process, all of it or nothing."""

    process_code: Code
    operator_id: Name
    timestamp: Instant | None = None
    components: Scanned


class RemoveBody(Body):
    """POST serials/{serial_number}/components/{id}/remove."""

    operator_id: Name
    reason: Text
    timestamp: Instant | None = None


@router.post("", status_code=201, response_model=Data[ComponentsOfSerial], responses=WRITES)
async def scan(
    mes: ThisMes,
    caller: Annotated[Caller, needs("component", "create")],
    serial_number: str,
    body: ScanBody,
    request: Request,
) -> Response:
    """Book what was put in; 409 with a code when one of it may not be, and then none of it is."""
    asked, _ = await question_of(request, mes, f"components of {serial_number}")
    scans = [each.scan() for each in body.components]
    at = body.timestamp or asked.asked_at

    def work(connection: Connection) -> Answer:
        done = controller.scan(
            connection, serial_number, body.process_code, scans, by=body.operator_id, at=at
        )
        if isinstance(done, Refuse):
            return conflict(problem_of_component(done))
        return success(201, _shown(connection, serial_number))

    return await write_once(mes, caller, request, asked, work)


@router.post("/{use_id}/remove", response_model=Data[ComponentShown], responses=WRITES)
async def remove(
    mes: ThisMes,
    caller: Annotated[Caller, needs("component", "update")],
    serial_number: str,
    use_id: UseId,
    *,
    body: RemoveBody,
    request: Request,
) -> Response:
    """Take a component out with a reason. Its row stays; the part may go into another serial."""
    require_reason(is_required=True, reason=body.reason)
    asked, _ = await question_of(request, mes, f"remove component {use_id} of {serial_number}")
    at = body.timestamp or asked.asked_at

    def work(connection: Connection) -> Answer:
        done = controller.remove(
            connection, serial_number, use_id, by=body.operator_id, at=at, reason=body.reason
        )
        if isinstance(done, Refuse):
            return conflict(problem_of_component(done))
        removed = next(each for each in store.list_shown(connection, done.serial_id) if each["id"] == use_id)
        return success(200, row_view(removed, without=_INTERNAL))

    return await write_once(mes, caller, request, asked, work)


@router.get("", response_model=Data[ComponentsOfSerial], responses=READS)
async def list_components(
    mes: ThisMes, _caller: Annotated[Caller, needs("component", "read")], serial_number: str
) -> Response:
    """What is and was in a serial, and what its bill of materials still misses."""
    return reply(await mes.database.read(lambda each: success(200, _shown(each, serial_number))))


def _shown(connection: Connection, serial_number: str) -> dict[str, Any]:
    taker = store.get_taker(connection, serial_number, locked=False)
    processes = dict.fromkeys(each.process for each in taker.bom)
    return {
        "serial_number": serial_number,
        "components": [
            row_view(each, without=_INTERNAL) for each in store.list_shown(connection, taker.serial_id)
        ],
        "missing": [
            _missing_view(each) for process in processes for each in missing(taker.bom, taker.uses, process)
        ],
    }


def _missing_view(each: Missing) -> dict[str, Any]:
    return {
        "component": each.item.component,
        "process": each.item.process,
        "kind": Kind(each.item.kind),
        "quantity": each.item.quantity,
        "found": each.found,
    }
