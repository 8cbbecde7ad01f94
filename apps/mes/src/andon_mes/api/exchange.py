"""The configuration as one file, over HTTP: export and import."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import ThisMes
from andon_mes.api.documents import READS, WRITES, Data
from andon_mes.api.fields import Body, Document
from andon_mes.api.once import write_once
from andon_mes.configuration.exchange import MEDIA_TYPES, Form, give, parse, step_view, take
from andon_mes.configuration.plan import Action
from andon_mes.configuration.store import By
from andon_mes.idempotency.store import Answer, question, success
from andon_mes.store.engine import Connection

router = APIRouter(prefix="/api/v1/configuration", tags=["configuration"])

_FILE = {"schema": {"type": "string", "format": "binary"}}
_FILES: dict[str, Any] = dict.fromkeys(MEDIA_TYPES.values(), _FILE)
_EXPORTED: dict[int | str, dict[str, Any]] = {200: {"description": "The file", "content": _FILES}, **READS}


class ExportQuery(Body):
    """GET configuration/export."""

    format: Form = Form.TOML


class ImportQuery(Body):
    """POST configuration/import: with `dry_run` only the plan is answered."""

    dry_run: bool = False


class StepShown(Document):
    """What happens to a row; each changed field with before and after."""

    action: Action
    kind: str
    key: str
    changes: dict[str, list[Any]]


class PlanShown(Document):
    """What an import did, or would do."""

    is_applied: bool
    steps: list[StepShown]


@router.get("/export", response_class=Response, responses=_EXPORTED)
async def export(
    mes: ThisMes,
    _caller: Annotated[Caller, needs("configuration", "read")],
    asked: Annotated[ExportQuery, Query()],
) -> Response:
    """All of the configuration as a file that a person can edit; equal content is equal bytes."""
    content = await mes.database.read(lambda each: give(each, asked.format))
    headers = {"Content-Disposition": f'attachment; filename="plant.{asked.format}"'}
    return Response(content, 200, headers, MEDIA_TYPES[asked.format])


@router.post(
    "/import",
    response_model=Data[PlanShown],
    responses=WRITES,
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": _FILE}}},
)
async def import_file(
    mes: ThisMes,
    caller: Annotated[Caller, needs("configuration", "update")],
    asked: Annotated[ImportQuery, Query()],
    request: Request,
) -> Response:
    """Take a file of either form, all of it or nothing. `dry_run` shows what would change, row by row."""
    content = await request.body()
    said = {"sha256": hashlib.sha256(content).hexdigest(), "dry_run": asked.dry_run}
    asking = question("import", said, request.headers.get("Idempotency-Key"), mes.clock.now())
    by = By(caller.actor.name, asking.asked_at)
    parsed = await mes.database.read(lambda each: parse(each, content, mes.default_calendar))

    def work(connection: Connection) -> Answer:
        steps = take(connection, parsed, by, is_dry=asked.dry_run)
        return success(200, {"is_applied": not asked.dry_run, "steps": [step_view(each) for each in steps]})

    return await write_once(mes, caller, request, asking, work)
