"""What a plant configures, over HTTP: list, read, make and change rows of each kind; the plant's settings.

The endpoints of all kinds are alike, so they are made of the kinds' shapes. Nothing is deleted: a row is
deactivated by its field `is_active`, a qualification by its end.
"""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import StringConstraints

from andon_mes.api import configuration_documents as documents
from andon_mes.api.access import Caller, needs
from andon_mes.api.context import ThisMes, question_of, reply
from andon_mes.api.fields import Body as QueryBody
from andon_mes.api.once import answer_once
from andon_mes.configuration import controller, store
from andon_mes.configuration.model import Key, Kind, Row, Shape
from andon_mes.configuration.plan import etag, plain
from andon_mes.configuration.shapes import SHAPES
from andon_mes.configuration.store import By
from andon_mes.idempotency.store import Answer, success
from andon_mes.kernel.errors import Words, invalid
from andon_mes.store.engine import Connection

RESOURCES = {Kind.PROCESSES: "process", Kind.DEFECT_CODES: "defect", Kind.EQUIPMENT: "equipment"}
"""What of the permission table a kind belongs to; the others to "configuration"."""

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
IfMatch = Annotated[str | None, Header(description="The ETag of what is changed; * for whatever it is")]
Raw = Annotated[dict[str, Any], Body()]

router = APIRouter(prefix="/api/v1", tags=["configuration"])


class RowQuery(QueryBody):
    """Which rows are listed; nothing means any."""

    is_active: bool | None = None
    process: Annotated[str, StringConstraints(max_length=20)] | None = None
    product_model: Annotated[str, StringConstraints(max_length=50)] | None = None
    operator: Annotated[str, StringConstraints(max_length=100)] | None = None
    q: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None


def path_of(kind: Kind) -> str:
    """Where the rows of `kind` are."""
    return f"/{kind.replace('_', '-')}"


def shown_row(row: Row) -> dict[str, Any]:
    """A row as it is sent."""
    shown: dict[str, Any] = plain(row)
    return shown


def tagged(answer: Answer) -> Response:
    """A row that was written, with its ETag."""
    sent = reply(answer)
    data = json.loads(answer.body).get("data")
    if answer.status_code < 400:
        sent.headers["ETag"] = f'"{etag(data)}"'
    return sent


def _add(shape: Shape) -> None:
    """The four endpoints of a kind."""
    kind, path = shape.kind, path_of(shape.kind)
    one = path + "".join(f"/{{{name}}}" for name in shape.key)
    reads = RESOURCES.get(kind, "configuration")

    @router.get(path, responses=documents.rows_of(shape), summary=f"List {kind}", description=shape.about)
    async def list_rows(
        mes: ThisMes, _caller: Annotated[Caller, needs(reads, "read")], asked: Annotated[RowQuery, Query()]
    ) -> Response:
        chosen = _chosen(shape, asked)

        def work(connection: Connection) -> list[Row]:
            rows = (
                store.list_processes(connection)
                if kind is Kind.PROCESSES
                else store.list_rows(connection, kind)
            )
            return [shown_row(row) for row in rows if _is_chosen(shape, row, chosen, asked.q)]

        return JSONResponse({"data": await mes.database.read(work)})

    @router.get(
        one,
        responses=documents.row_of(shape, 200),
        openapi_extra=documents.key_parameters(shape),
        summary=f"One of {kind}",
        description="Its ETag goes into If-Match of a change.",
    )
    async def get_row(
        mes: ThisMes, _caller: Annotated[Caller, needs(reads, "read")], request: Request
    ) -> Response:
        key = _key(shape, request)
        row = shown_row(await mes.database.read(lambda each: controller.get(each, kind, key)))
        return JSONResponse({"data": row}, headers={"ETag": f'"{etag(row)}"'})

    @router.post(
        path,
        status_code=201,
        responses=documents.row_of(shape, 201),
        openapi_extra=documents.new_row(shape),
        summary=f"Make one of {kind}",
        description="What is not given has its default.",
    )
    async def create_row(
        mes: ThisMes, caller: Annotated[Caller, needs("configuration", "create")], raw: Raw, request: Request
    ) -> Response:
        asked, _ = await question_of(request, mes, f"create {kind}")
        by = By(caller.actor.name, asked.asked_at)

        def work(connection: Connection) -> Answer:
            return success(201, shown_row(controller.create(connection, kind, raw, by)))

        return tagged(await answer_once(mes, caller, request, asked, work))

    @router.patch(
        one,
        responses=documents.row_of(shape, 200),
        openapi_extra=documents.changed_row(shape),
        summary=f"Change one of {kind}",
        description="What is not given stays as it is.",
    )
    async def change_row(
        mes: ThisMes,
        caller: Annotated[Caller, needs("configuration", "update")],
        raw: Raw,
        request: Request,
        if_match: IfMatch = None,
    ) -> Response:
        key = _key(shape, request)
        asked, _ = await question_of(request, mes, f"change {kind} {key} {if_match}")
        by = By(caller.actor.name, asked.asked_at)

        def work(connection: Connection) -> Answer:
            return success(
                200, shown_row(controller.amend(connection, kind, key, raw, by, expected=if_match))
            )

        return tagged(await answer_once(mes, caller, request, asked, work))


for _shape in SHAPES.values():
    _add(_shape)


@router.post(
    "/qualifications/{operator}/{process}/revoke",
    responses=documents.row_of(SHAPES[Kind.QUALIFICATIONS], 200),
)
async def revoke_qualification(
    mes: ThisMes,
    caller: Annotated[Caller, needs("configuration", "update")],
    operator: str,
    process: str,
) -> Response:
    """End a qualification now. Again changes nothing; a change of `valid_until` grants it anew."""
    by = By(caller.actor.name, mes.clock.now())

    def work(connection: Connection) -> Answer:
        return success(200, shown_row(controller.revoke(connection, (operator, process), by)))

    return tagged(await mes.database.write(work, caller.actor))


@router.get("/settings", responses=documents.SETTINGS)
async def list_settings(mes: ThisMes, _caller: Annotated[Caller, needs("configuration", "read")]) -> Response:
    """The plant's documents by their names; one that was never set has its default and is not here."""
    return JSONResponse({"data": dict((await mes.database.read(store.load)).settings)})


@router.get("/settings/{name}", responses=documents.SETTING)
async def get_setting(
    mes: ThisMes, _caller: Annotated[Caller, needs("configuration", "read")], name: _Name
) -> Response:
    """One of the plant's documents; null when it was never set."""
    document = await mes.database.read(lambda each: store.find_setting(each, name))
    return JSONResponse({"data": document}, headers={"ETag": f'"{etag(document)}"'})


@router.put("/settings/{name}", responses=documents.SETTING)
async def put_setting(
    *,
    mes: ThisMes,
    caller: Annotated[Caller, needs("configuration", "update")],
    name: _Name,
    raw: Raw,
    request: Request,
    if_match: IfMatch = None,
) -> Response:
    """Set one of the plant's documents. The first time it needs no If-Match."""
    asked, _ = await question_of(request, mes, f"settings/{name} {if_match}")
    by = By(caller.actor.name, asked.asked_at)

    def work(connection: Connection) -> Answer:
        return success(200, controller.put_setting(connection, name, raw, if_match, by))

    return tagged(await answer_once(mes, caller, request, asked, work))


def _key(shape: Shape, request: Request) -> Key:
    said = (request.path_params[name] for name in shape.key)
    return tuple(
        None if value == "*" and shape.field(name).is_nullable else value
        for name, value in zip(shape.key, said, strict=True)
    )


def _chosen(shape: Shape, asked: RowQuery) -> dict[str, Any]:
    """What of a row must be as asked. Raises: InvalidInput when rows of this kind do not have it."""
    chosen = asked.model_dump(exclude={"q"}, exclude_none=True)
    for name in chosen:
        if name not in {each.name for each in shape.fields}:
            raise invalid(
                name,
                chosen[name],
                Words(f"{shape.kind} has no {name}", f"{shape.kind}에는 {name} 항목이 없습니다"),
                Words("Leave it out", "빼고 조회하세요"),
                code="UNKNOWN_FIELD",
            )
    return chosen


def _is_chosen(shape: Shape, row: Row, chosen: dict[str, Any], text: str | None) -> bool:
    if any(row[name] != value for name, value in chosen.items()):
        return False
    names = {*shape.key, "name", "name_ko", "full_name"}
    said = (str(row[name]).casefold() for name in names if row.get(name) is not None)
    return text is None or any(text.casefold() in each for each in said)
