"""Reports that contradict what is closed, over HTTP: they wait here for a person."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import ThisMes, question_of, reply
from andon_mes.api.documents import READS, WRITES, Data
from andon_mes.api.once import write_once
from andon_mes.api.quality_bodies import ContestedQuery, ResolveBody
from andon_mes.api.quality_documents import ContestedPage, ContestedShown
from andon_mes.api.views import row_view
from andon_mes.contested import store
from andon_mes.contested.store import ContestedFilter
from andon_mes.idempotency.store import Answer, success
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change

_ALL: frozenset[str] = frozenset()
EventId = Annotated[int, Path(gt=0, lt=2**31)]

router = APIRouter(prefix="/api/v1/contested-events", tags=["quality"])


@router.get("", response_model=Data[ContestedPage], responses=READS)
async def list_contested(
    mes: ThisMes,
    _caller: Annotated[Caller, needs("defect", "read")],
    asked: Annotated[ContestedQuery, Query()],
) -> Response:
    """One page of contested reports, oldest first; those that wait for a person unless asked otherwise."""
    chosen = ContestedFilter(asked.resolved, asked.serial_number, asked.process)

    def work(connection: Connection) -> Answer:
        rows, total = store.list_page(connection, chosen, page=asked.page, page_size=asked.page_size)
        page = {"page": asked.page, "page_size": asked.page_size, "total": total}
        return success(200, {"contested_events": [row_view(row, without=_ALL) for row in rows], **page})

    return reply(await mes.database.read(work))


@router.patch("/{event_id}", response_model=Data[ContestedShown], responses=WRITES)
async def resolve(
    mes: ThisMes,
    caller: Annotated[Caller, needs("defect", "update")],
    event_id: EventId,
    *,
    body: ResolveBody,
    request: Request,
) -> Response:
    """Say why nothing more needs to be done about a contested report. It is kept, and changes no attempt."""
    asked, _ = await question_of(request, mes, f"resolve contested-events/{event_id}")
    change = Change(caller.actor.name, asked.asked_at, body.reason)

    def work(connection: Connection) -> Answer:
        return success(200, row_view(store.resolve(connection, event_id, change), without=_ALL))

    return await write_once(mes, caller, request, asked, work)
