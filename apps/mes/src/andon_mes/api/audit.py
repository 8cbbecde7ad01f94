"""The audit over HTTP: who changed what, when and from where."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field

from andon_mes.api.access import Caller, needs
from andon_mes.api.audit_documents import AuditPage
from andon_mes.api.context import ThisMes, reply
from andon_mes.api.documents import READS, Data
from andon_mes.api.fields import Instant, Name
from andon_mes.api.quality_bodies import Page
from andon_mes.api.views import row_view
from andon_mes.audit import store
from andon_mes.idempotency.store import Answer, success
from andon_mes.store.engine import Connection

_UNSHOWN = frozenset({"transaction"})

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])


class AuditQuery(Page):
    """GET audit. `since` is inclusive, `until` is not; `user` is who changed it."""

    table: Annotated[str, Field(pattern="^[a-z_]{1,50}$")] | None = None
    record: Name | None = None
    user: Name | None = None
    since: Instant | None = None
    until: Instant | None = None


@router.get("", response_model=Data[AuditPage], responses=READS)
async def list_audit(
    mes: ThisMes,
    _caller: Annotated[Caller, needs("audit", "read")],
    asked: Annotated[AuditQuery, Query()],
) -> Response:
    """One page of audit records, newest first: each change with its row before and after."""
    chosen = store.AuditFilter(asked.table, asked.record, asked.user, asked.since, asked.until)

    def work(connection: Connection) -> Answer:
        rows, total = store.list_page(connection, chosen, page=asked.page, page_size=asked.page_size)
        page = {"page": asked.page, "page_size": asked.page_size, "total": total}
        return success(200, {"records": [row_view(row, without=_UNSHOWN) for row in rows], **page})

    return reply(await mes.database.read(work))
