"""Many events in one request: each for itself, each under its own key, and each with its own answer.

Never all or nothing: a queue that empties, or a scanner that collected, wants the good ones booked and the
bad ones named. Items of one serial keep their order; others run beside each other, a few at a time.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError

from andon_mes.api.access import Caller, needs
from andon_mes.api.bodies import (
    BatchBody,
    CompleteBody,
    LookupBody,
    NewLotBody,
    SerialChangeBody,
    SerialInBatchBody,
    StartBody,
)
from andon_mes.api.context import Mes, ThisMes
from andon_mes.api.documents import WRITES, BatchDone, Data
from andon_mes.api.lots import lot_creation, serial_change, shown_serial
from andon_mes.api.problems import problem_of_field
from andon_mes.api.scans import apply_completion, apply_start, count
from andon_mes.idempotency.store import Answer, Question, once, question
from andon_mes.kernel.errors import MesError, Problem, Words, as_document, invalid

T = TypeVar("T", bound=BaseModel)
Item = dict[str, Any]
_KEY = "idempotency_key"
_AT_ONCE = 8
"""Items of a request that are under way together: others' scans get their turn between them."""

router = APIRouter(prefix="/api/v1", tags=["batches"])


@router.post("/process/start-batch", response_model=Data[BatchDone], responses=WRITES)
async def start_batch(
    mes: ThisMes, caller: Annotated[Caller, needs("process", "create")], body: BatchBody
) -> Response:
    """Up to 100 starts; each is answered as if it were sent alone."""

    async def one(item: Item) -> Answer:
        sent = _question(mes, "start", item)
        answer = await apply_start(mes, caller, _read(StartBody, sent[1]), sent)
        count(mes, answer)
        return answer

    return await _all(body.items, one)


@router.post("/process/complete-batch", response_model=Data[BatchDone], responses=WRITES)
async def complete_batch(
    mes: ThisMes, caller: Annotated[Caller, needs("process", "create")], body: BatchBody
) -> Response:
    """Up to 100 completions; each is answered as if it were sent alone."""

    async def one(item: Item) -> Answer:
        sent = _question(mes, "complete", item)
        answer = await apply_completion(mes, caller, _read(CompleteBody, sent[1]), sent)
        count(mes, answer)
        return answer

    return await _all(body.items, one)


@router.post("/lots/create-batch", response_model=Data[BatchDone], responses=WRITES)
async def create_lots(
    mes: ThisMes, caller: Annotated[Caller, needs("lot", "create")], body: BatchBody
) -> Response:
    """Up to 100 lots; without a key of its own an item is made as often as it is asked."""

    async def one(item: Item) -> Answer:
        asked, content = _question(mes, "lots", item)
        work = lot_creation(mes, caller, _read(NewLotBody, content), asked)
        if _KEY not in item:
            return await mes.database.write(work, caller.actor)
        return await mes.database.write(lambda each: once(each, asked, lambda: work(each)), caller.actor)

    return await _all(body.items, one)


@router.post("/serials/change-batch", response_model=Data[BatchDone], responses=WRITES)
async def change_serials(
    mes: ThisMes, caller: Annotated[Caller, needs("serial", "update")], body: BatchBody
) -> Response:
    """Hold, release, scrap or ship up to 100 serials; each item names its serial and action."""

    async def one(item: Item) -> Answer:
        asked, content = _question(mes, "change serials", item)
        wanted = _read(SerialInBatchBody, content)
        action = SerialChangeBody.model_validate(wanted.model_dump(exclude={"serial_number"}))
        work = serial_change(caller, wanted.serial_number, action, asked)
        if _KEY not in item:
            return await mes.database.write(work, caller.actor)
        return await mes.database.write(lambda each: once(each, asked, lambda: work(each)), caller.actor)

    return await _all(body.items, one)


@router.post("/serials/lookup", response_model=Data[BatchDone], responses=WRITES)
async def look_up(
    mes: ThisMes, _caller: Annotated[Caller, needs("serial", "read")], body: LookupBody
) -> Response:
    """Up to 100 serials with their history, in the order in which they were asked for."""
    items = [{"serial_number": each} for each in body.serial_numbers]

    async def one(item: Item) -> Answer:
        return await mes.database.read(lambda each: shown_serial(each, item["serial_number"]))

    return await _all(items, one)


async def _all(items: Sequence[Item], one: Callable[[Item], Awaitable[Answer]]) -> Response:
    """Do each of `items`; those of one serial after each other, the others a few at a time."""
    turn = asyncio.Semaphore(_AT_ONCE)
    results: list[dict[str, Any]] = [{}] * len(items)

    async def in_order(places: Sequence[int]) -> None:
        async with turn:
            for place in places:
                results[place] = _result(place, await _settled(items[place], one))

    await asyncio.gather(*(in_order(places) for places in _by_serial(items)))
    failed = sum(each["status"] >= 400 for each in results)
    document = {"succeeded": len(items) - failed, "failed": failed, "results": results}
    text = json.dumps({"data": document}, ensure_ascii=False)
    return Response(text.encode(errors="replace"), media_type="application/json")


def _by_serial(items: Sequence[Item]) -> list[list[int]]:
    """Places of the items that must keep their order; what names no serial stands for itself."""
    groups: dict[object, list[int]] = {}
    for place, item in enumerate(items):
        number = item.get("serial_number")
        groups.setdefault(number if isinstance(number, str) else place, []).append(place)
    return list(groups.values())


async def _settled(item: Item, one: Callable[[Item], Awaitable[Answer]]) -> Answer:
    """The answer to one item; what it raises is its own answer, and none of the others'."""
    try:
        return await one(item)
    except MesError as error:
        return _failed(error.problem, error.status)
    except ValidationError as error:
        first = error.errors()[0]
        return _failed(problem_of_field(first, first["loc"]), 422)


def _failed(problem: Problem, status: int) -> Answer:
    return Answer(status, json.dumps(as_document(problem, status), ensure_ascii=False, default=str))


def _result(index: int, answer: Answer) -> dict[str, Any]:
    document = json.loads(answer.body)
    return {
        "index": index,
        "status": answer.status_code,
        "code": document.get("code") if answer.status_code >= 400 else None,
        "is_replayed": answer.is_replayed,
        "body": document if answer.status_code >= 400 else document["data"],
    }


def _question(mes: Mes, operation: str, item: Item) -> tuple[Question, Item]:
    """The item as a question, and its content as it would have arrived alone: without the key."""
    key = item.get(_KEY)
    if key is not None and not (isinstance(key, str) and key.isprintable()):
        raise invalid(
            _KEY,
            key,
            Words("A key is printable text", "키는 출력 가능한 문자열이어야 합니다"),
            Words("Send 1 to 200 characters, a UUID is best", "1~200자의 키(UUID 권장)를 보내세요"),
        )
    content = {name: value for name, value in item.items() if name != _KEY}
    return question(operation, content, key, mes.clock.now()), content


def _read(body: type[T], content: Item) -> T:
    return body.model_validate(content)
