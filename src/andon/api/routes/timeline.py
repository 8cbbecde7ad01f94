"""What happened: records to read, one with what it changed, and proof and copies for an audit."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse
from starlette.background import BackgroundTask

from andon.access.model import Permission
from andon.api import accounts, inputs, model, places, views
from andon.api.account_model import VerificationView
from andon.api.callers import Current
from andon.api.declared import everywhere, needs
from andon.api.gather import Gather
from andon.api.inputs import V1
from andon.api.problems import documented
from andon.timeline.records import Severity
from andon.timeline.store import Filter

_P = Permission


class Form(StrEnum):
    """Forms of a copy."""

    JSONL = "jsonl"
    CSV = "csv"
    PDF = "pdf"
    ZIP = "zip"


_KINDS = {
    Form.JSONL: "application/jsonl",
    Form.CSV: "text/csv; charset=utf-8",
    Form.PDF: "application/pdf",
    Form.ZIP: "application/zip",
}


def _wanted(  # noqa: PLR0913, PLR0917  each is a query parameter
    after: inputs.NumberQuery = 0,
    before: inputs.BeforeQuery = None,
    unit: inputs.NameQuery = None,
    environment: inputs.NameQuery = None,
    subject: Annotated[inputs.Plain, Query(max_length=200)] = "",
    kind: Annotated[
        inputs.Plain, Query(max_length=60, description="Exact, or a prefix ending in a dot")
    ] = "",
    severity: Severity | None = None,
    actor: Annotated[inputs.Plain, Query(max_length=120)] = "",
    role: Annotated[inputs.Plain, Query(max_length=120)] = "",
    text: Annotated[inputs.Plain, Query(max_length=200, description="In subject or reason")] = "",
    since: Annotated[datetime | None, Query(description="With its offset from UTC")] = None,
    until: Annotated[datetime | None, Query(description="Before this time")] = None,
) -> Filter:
    return Filter(
        subject=subject,
        unit=inputs.maybe_unit(unit) or "",
        environment=inputs.maybe_environment(environment) or "",
        kind=kind,
        severity=severity,
        after=after,
        before=before,
        actor=actor,
        role=role,
        text=text,
        since=inputs.aware(since, "since"),
        until=inputs.aware(until, "until"),
    )


Wanted = Annotated[Filter, Depends(_wanted)]


def router(gather: Gather) -> APIRouter:
    """Endpoints of the timeline."""
    api = APIRouter(prefix=V1, tags=["timeline"])

    @api.get(
        "/timeline",
        summary="What happened, newest first",
        responses=documented(422),
        dependencies=[needs(_P.TIMELINE_VIEW)],
    )
    async def timeline(
        caller: Current, wanted: Wanted, limit: inputs.LimitQuery = 100
    ) -> list[model.RecordView]:
        return await gather.timeline(caller, wanted, limit)

    _prove(api, gather)
    _export(api, gather)

    @api.get(
        "/timeline/{number}",
        summary="One record, with the ones before and after it of the same subject",
        responses=documented(404, 422),
        dependencies=[needs(_P.TIMELINE_VIEW)],
    )
    async def one(
        number: Annotated[int, Path(ge=1, le=inputs.LARGEST)], caller: Current
    ) -> model.RecordWithNeighbours:
        found = await gather.record(caller, number)
        previous, following = await gather.neighbours(caller, found)
        return model.RecordWithNeighbours(
            record=views.record(found),
            previous=previous,
            next=following,
            changes=views.changes(found.event.before, found.event.after),
        )

    return api


def _prove(api: APIRouter, gather: Gather) -> None:
    services = gather.services
    whole = [needs(_P.TIMELINE_EXPORT, everywhere)]

    @api.get(
        "/timeline/verify",
        summary="Check every record, checkpoint and signature now",
        responses=documented(500, 503),
        dependencies=whole,
    )
    async def verify() -> VerificationView:
        return accounts.verification(await services.audit.verify())

    @api.get(
        "/timeline/checkpoint",
        summary="The newest signed checkpoint, to keep elsewhere",
        response_class=PlainTextResponse,
        responses=documented(404),
        dependencies=whole,
    )
    async def checkpoint() -> PlainTextResponse:
        return PlainTextResponse(await services.audit.checkpoint())


def _export(api: APIRouter, gather: Gather) -> None:
    services = gather.services

    @api.get(
        "/timeline/export",
        summary="A copy of the records that match, as a download",
        description="JSON lines and ZIP verify offline; CSV and PDF are for reading. Who may not see "
        "everything names the unit and the environment.",
        response_class=StreamingResponse,
        responses={
            200: {"content": {kind: {} for kind in _KINDS.values()}, "description": "The copy"},
            **documented(409, 422, 500, 503),
        },
        dependencies=[needs(_P.TIMELINE_EXPORT, places.query)],
    )
    async def export(wanted: Wanted, form: Annotated[Form, Query(alias="format")] = Form.JSONL) -> Response:
        at = services.clock.now().strftime("%Y%m%dT%H%M%SZ")
        headers = {"Content-Disposition": f'attachment; filename="andon-timeline-{at}.{form.value}"'}
        if form in {Form.JSONL, Form.CSV}:
            pieces = services.audit.stream(form.value, wanted)
            first = await anext(pieces, b"")  # what fails, fails before the answer has begun
            return StreamingResponse(_chained(first, pieces), media_type=_KINDS[form], headers=headers)
        folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="andon-export-")
        path = FilePath(folder) / f"timeline.{form.value}"
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            await services.audit.build(form.value, wanted, path)
            stack.pop_all()  # from here on the answer removes it
        remove = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        return FileResponse(path, media_type=_KINDS[form], headers=headers, background=remove)


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for each in rest:
        yield each
