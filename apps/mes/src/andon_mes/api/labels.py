"""Labels over HTTP: print, print again with a reason, a lot at once, and look before printing."""

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import Mes, ThisMes, question_of
from andon_mes.api.documents import READS, WRITES, Data
from andon_mes.api.fields import LINE, Body, Document, Name, Text
from andon_mes.api.once import answer_once
from andon_mes.api.views import row_view
from andon_mes.idempotency.store import Answer, success
from andon_mes.kernel.errors import Conflict, Problem, Words
from andon_mes.labels import controller, store
from andon_mes.labels.controller import Printing
from andon_mes.labels.model import SAMPLE, Subject, Template
from andon_mes.serials import store as serials
from andon_mes.store.engine import Connection

_INTERNAL = frozenset({"serial_id"})
_Code = Annotated[str, Field(min_length=1, max_length=50, pattern=LINE)]

router = APIRouter(prefix="/api/v1", tags=["labels"])


class PrintBody(Body):
    """POST serials/{n}/labels and lots/{n}/labels. A label that was printed before needs a reason."""

    template: _Code
    printed_by: Name | None = None
    reason: Text | None = None


class PreviewQuery(Body):
    """GET label-templates/{code}/preview: `text` is the ZPL itself; without a serial, of a sample."""

    format: Literal["pdf", "svg", "text"] = "pdf"
    serial_number: Name | None = None


class LabelPrint(Document):
    """A label that was printed: which copy, by whom, why again, and the digest of what was sent."""

    id: int
    template_code: str
    copy_number: int
    printed_by: str
    printed_at: str
    reason: str | None
    digest: str


Read = Callable[[Connection], list[Subject]]


@router.post("/serials/{serial_number}/labels", status_code=201, response_class=Response, responses=WRITES)
async def print_label(
    mes: ThisMes,
    caller: Annotated[Caller, needs("label", "create")],
    serial_number: str,
    body: PrintBody,
    request: Request,
) -> Response:
    """Print the label of a serial: ZPL text or PDF; which copy it is stands in `X-Label-Copy`."""

    def read(connection: Connection) -> list[Subject]:
        return [store.get_subject(connection, serial_number, body.template)]

    def read_locked(connection: Connection) -> list[Subject]:
        store.lock(connection, serial_number)
        return read(connection)

    return await _print(mes, caller, request, body, (f"labels of {serial_number}", read, read_locked))


@router.post("/lots/{lot_number}/labels", status_code=201, response_class=Response, responses=WRITES)
async def print_lot(
    mes: ThisMes,
    caller: Annotated[Caller, needs("label", "create")],
    lot_number: str,
    body: PrintBody,
    request: Request,
) -> Response:
    """Print the labels of a lot's serials in their order, in one document; what is scrapped gets none."""

    def read(connection: Connection) -> list[Subject]:
        found = store.list_subjects(connection, lot_number, body.template)
        if not found:
            raise _empty(lot_number)
        return found

    return await _print(mes, caller, request, body, (f"labels of lot {lot_number}", read, read))


@router.get("/serials/{serial_number}/labels", response_model=Data[list[LabelPrint]], responses=READS)
async def list_prints(
    mes: ThisMes, _caller: Annotated[Caller, needs("label", "read")], serial_number: str
) -> Response:
    """The labels that were printed for a serial, in their order."""

    def work(connection: Connection) -> list[dict[str, Any]]:
        serials.get(connection, serial_number)
        return [row_view(each, without=_INTERNAL) for each in store.list_prints(connection, serial_number)]

    return JSONResponse({"data": await mes.database.read(work)})


@router.get("/label-templates/{code}/preview", response_class=Response, responses=READS)
async def preview(
    mes: ThisMes,
    _caller: Annotated[Caller, needs("label", "read")],
    code: str,
    asked: Annotated[PreviewQuery, Query()],
) -> Response:
    """What a label looks like, as PDF or SVG, or as the text that its printer gets. Nothing is printed."""
    at = mes.clock.now()

    def work(connection: Connection) -> tuple[Template, Subject, Any]:
        subject = store.get_subject(connection, asked.serial_number, code) if asked.serial_number else SAMPLE
        return store.get_template(connection, code), subject, mes.calendar_in(connection).zone

    template, subject, zone = await mes.database.read(work)
    if asked.format == "svg":
        svg = await asyncio.to_thread(controller.preview_svg, template, subject, at, zone)
        return Response(svg, media_type="image/svg+xml")
    sheet = await asyncio.to_thread(controller.render, template, [subject], at, zone)
    return Response(sheet.content, media_type=sheet.media_type)


async def _print(
    mes: Mes, caller: Caller, request: Request, body: PrintBody, what: tuple[str, Read, Read]
) -> Response:
    """Render outside the writer, then write the prints; the answer under a key is the same bytes again."""
    operation, read, read_locked = what
    asked, _ = await question_of(request, mes, operation)
    printing = Printing(body.printed_by or caller.actor.name, asked.asked_at, body.reason)

    def look(connection: Connection) -> tuple[Template, Sequence[Subject], Any]:
        template = store.get_template(connection, body.template)
        return template, read(connection), mes.calendar_in(connection).zone

    template, subjects, zone = await mes.database.read(look)
    sheet = await asyncio.to_thread(controller.render, template, subjects, asked.asked_at, zone)

    def work(connection: Connection) -> Answer:
        copy = controller.book(connection, template, read_locked(connection), printing, sheet)
        content = base64.b64encode(sheet.content).decode()
        printed = {"media_type": sheet.media_type, "content": content, "copy": copy, "digest": sheet.digest}
        return success(201, printed)

    answer = await answer_once(mes, caller, request, asked, work)
    printed = json.loads(answer.body)["data"]
    headers = {"X-Label-Copy": str(printed["copy"]), "X-Label-Digest": printed["digest"]}
    if answer.is_replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(
        base64.b64decode(printed["content"]), answer.status_code, headers, media_type=printed["media_type"]
    )


def _empty(lot_number: str) -> Conflict:
    return Conflict(
        Problem(
            "LOT_EMPTY",
            Words("The lot has no serials to label", "라벨을 인쇄할 시리얼이 없습니다"),
            Words(
                f"{lot_number} has no serials that are not scrapped",
                f"{lot_number}에 유효한 시리얼이 없습니다",
            ),
            Words("Generate its serials first", "먼저 시리얼을 생성하세요"),
        )
    )
