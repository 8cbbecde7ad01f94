"""What happened: records to read, one with what it changed, and proof and copies for an audit."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from andon.access.model import Permission
from andon.api import inputs, model
from andon.api.callers import Current
from andon.api.declared import needs
from andon.api.gather import Gather
from andon.api.problems import documented
from andon.timeline.records import Severity
from andon.timeline.store import Filter

_P = Permission


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
    api = APIRouter(tags=["timeline"])

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

    return api
