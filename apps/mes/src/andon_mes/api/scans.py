"""POST process/start, complete and validate: the path of every scan."""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from andon_mes.api.access import Caller, needs
from andon_mes.api.bodies import CompleteBody, StartBody, UnitBody, ValidateBody
from andon_mes.api.context import Mes, ThisMes, question_of, reply
from andon_mes.api.documents import WRITES, Completed, Data, Started, Validated, problems
from andon_mes.api.named import require_named
from andon_mes.idempotency.store import KEY_REUSED, Answer, Question, once
from andon_mes.kernel.errors import InvalidInput, Words, invalid
from andon_mes.offline import controller as offline
from andon_mes.processes import controller, store, validation
from andon_mes.processes.model import CompletionEvent, StartEvent
from andon_mes.situations.store import Asked
from andon_mes.store.engine import Connection

_NOT_CONTENT = frozenset({"process_data_id", "checksum", "is_keyed"})


router = APIRouter(prefix="/api/v1/process", tags=["process"])


@router.post("/start", status_code=201, response_model=Data[Started], responses=WRITES)
async def start(
    mes: ThisMes, caller: Annotated[Caller, needs("process", "create")], body: StartBody, request: Request
) -> Response:
    """Begin work on a serial; 409 with a code when the interlock refuses."""
    answer = await apply_start(mes, caller, body, await question_of(request, mes, "start"))
    return _counted(mes, answer)


@router.post("/complete", response_model=Data[Completed], responses=WRITES)
async def complete(
    mes: ThisMes, caller: Annotated[Caller, needs("process", "create")], body: CompleteBody, request: Request
) -> Response:
    """Say how work on a serial ended; the answer says whether it passed its limits too."""
    answer = await apply_completion(mes, caller, body, await question_of(request, mes, "complete"))
    return _counted(mes, answer)


@router.post("/validate", response_model=Data[Validated], responses=problems(400, 401, 403, 413, 422, 503))
async def validate(
    mes: ThisMes, caller: Annotated[Caller, needs("process", "read")], body: ValidateBody
) -> Response:
    """Whether serials may start a process here, each part answering for itself. Writes nothing."""
    now = mes.clock.now()

    def work(connection: Connection) -> list[dict[str, Any]]:
        return [
            validation.of_unit(connection, each.checksum, _asked(body, caller, each, now))
            for each in body.units
        ]

    units = await mes.database.read(work)
    is_passed = all(each["result"] == validation.PASSED for each in units)
    result = validation.PASSED if is_passed else validation.FAILED
    return JSONResponse({"data": {"process_code": body.process_code, "result": result, "units": units}})


async def apply_start(
    mes: Mes, caller: Caller, body: StartBody, sent: tuple[Question, dict[str, Any]]
) -> Answer:
    """Answer a start once under its key. `sent` is what is asked, and the content as it arrived.

    Raises: InvalidInput when a typed number has no check characters.
    """
    asked, content = sent
    _require_checksum(body.is_keyed, body.checksum)
    event = _start(body, caller)
    serving = mes.serving()

    def work(connection: Connection) -> Answer:
        if event.is_offline:
            return once(connection, asked, lambda: offline.start(connection, event, content, serving))
        return once(connection, asked, lambda: controller.start(connection, event, serving))

    return await mes.database.write(work, caller.actor, alone=False)


async def apply_completion(
    mes: Mes, caller: Caller, body: CompleteBody, sent: tuple[Question, dict[str, Any]]
) -> Answer:
    """Answer a completion once under its key; see `apply_start`.

    One that was made offline and cannot be applied is kept for a person, and refused.

    Raises: InvalidInput when it is not clear which attempt ended, or a value of it cannot be used.
    """
    asked, content = sent
    digest = _digest(content)
    serving = mes.serving()

    def work(connection: Connection) -> Answer:
        _require_checksum(body.is_keyed, body.checksum)
        event = _completion(connection, body, caller, digest)
        apply = offline.complete if event.is_offline else controller.complete
        return once(connection, asked, lambda: apply(connection, event, content, serving))

    def keep(connection: Connection, code: str) -> None:
        event = _completion(connection, body, caller, digest)
        store.keep_contested(connection, event, code, content, serving=serving)

    try:
        return await mes.database.write(work, caller.actor, alone=False)
    except InvalidInput as error:
        code = error.problem.code
        if not _is_lost(body, code):
            raise
        await mes.database.write(lambda each: keep(each, code), caller.actor, alone=False)
        raise


def _is_lost(body: CompleteBody, code: str) -> bool:
    """Whether nobody would know any more of what was done offline, if this refusal kept nothing of it.

    Whoever stands at a station on line corrects it there and then; what has the key of another is no event.
    """
    return body.is_offline and code != KEY_REUSED and None not in {body.serial_number, body.process_code}


def _asked(body: ValidateBody, caller: Caller, unit: UnitBody, now: datetime) -> Asked:
    return Asked(
        serial_number=unit.serial_number,
        process=body.process_code,
        at=now,
        operator_id=body.operator_id,
        equipment_id=body.equipment_id,
        station=body.station,
        application_version=body.application_version,
        configuration_hash=body.configuration_hash,
        bound_to=caller.process,
    )


def _start(body: StartBody, caller: Caller) -> StartEvent:
    return StartEvent(
        serial_number=body.serial_number,
        process=body.process_code,
        operator_id=body.operator_id,
        equipment_id=body.equipment_id,
        at=body.timestamp,
        checksum=body.checksum,
        station=body.station,
        application_version=body.application_version,
        configuration_hash=body.configuration_hash,
        bound_to=caller.process,
        is_offline=body.is_offline,
    )


def _completion(connection: Connection, body: CompleteBody, caller: Caller, digest: str) -> CompletionEvent:
    number, process = require_named(
        connection,
        (body.serial_number, body.process_code, body.process_data_id),
        Words("It is not clear which attempt ended", "어느 작업의 완료인지 알 수 없습니다"),
    )
    return CompletionEvent(
        serial_number=number,
        process=process,
        operator_id=body.operator_id,
        is_pass=body.is_pass,
        at=body.timestamp,
        digest=digest,
        process_data_id=body.process_data_id,
        attempt=body.attempt,
        cycle_time=body.cycle_time,
        data=body.process_specific_data,
        inspection_result=body.inspection_result,
        defect_code=body.defect_code,
        defect_description=body.defect_description,
        checksum=body.checksum,
        components=tuple(each.scan() for each in body.components),
        equipment_id=body.equipment_id,
        station=body.station,
        application_version=body.application_version,
        configuration_hash=body.configuration_hash,
        bound_to=caller.process,
        is_offline=body.is_offline,
    )


def _digest(content: dict[str, Any]) -> str:
    said = {key: value for key, value in content.items() if key not in _NOT_CONTENT}
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _require_checksum(is_keyed: bool, checksum: str | None) -> None:
    if is_keyed and checksum is None:
        raise invalid(
            "checksum",
            None,
            Words("A typed number needs its check characters", "직접 입력한 번호에는 검사 문자가 필요합니다"),
            Words(
                "Type the two characters behind the number on the label",
                "라벨의 번호 뒤 두 글자를 입력하세요",
            ),
            code="CHECKSUM_REQUIRED",
        )


def count(mes: Mes, answer: Answer) -> None:
    """Count what was answered to a station, and why it was refused; a repeated answer counts once."""
    mes.served.scans += not answer.is_replayed
    if answer.status_code == 409 and not answer.is_replayed:
        mes.served.refusals[json.loads(answer.body)["code"]] += 1


def _counted(mes: Mes, answer: Answer) -> Response:
    count(mes, answer)
    return reply(answer)
