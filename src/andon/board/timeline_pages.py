"""Pages of the record: the timeline with its filters, one record, the signatures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from andon.access.model import Permission
from andon.api import model, views
from andon.api.callers import Caller
from andon.api.declared import needs
from andon.api.gather import Gather
from andon.board import diff, signed
from andon.board.frame import Build, Frame, Page, Seen
from andon.board.words import WORDS
from andon.timeline.records import Severity
from andon.timeline.store import Filter

_PAGE = 50
_FIELDS = ("since", "until", "actor", "kind", "environment", "unit", "severity", "subject", "text")
_KINDS = sorted(key.removeprefix("kind.") for key in WORDS if key.startswith("kind."))


@dataclass(frozen=True, slots=True)
class Asked:
    """The filter as a person typed it; a time without a zone is UTC. before: the number to page from."""

    since: str = ""
    until: str = ""
    actor: str = ""
    kind: str = ""
    environment: str = ""
    unit: str = ""
    severity: str = ""
    subject: str = ""
    text: str = ""
    before: int | None = None

    @property
    def wanted(self) -> Filter:
        """As the timeline takes it; what cannot be read is left out, so that an old link still works."""
        return Filter(
            subject=self.subject,
            unit=self.unit,
            environment=self.environment,
            kind=self.kind,
            severity=Severity(self.severity) if self.severity in set(Severity) else None,
            before=self.before,
            actor=self.actor,
            text=self.text,
            since=_time(self.since),
            until=_time(self.until),
        )

    @property
    def query(self) -> str:
        """As the query of a link, without the paging."""
        given = {name: getattr(self, name) for name in _FIELDS}
        return urlencode({name: value for name, value in given.items() if value})

    @property
    def exported(self) -> str:
        """As the query of an export: times with their zone."""
        given = {name: getattr(self, name) for name in _FIELDS if getattr(self, name)}
        for name in ("since", "until"):
            at = _time(given.pop(name, ""))
            given |= {name: at.isoformat()} if at else {}
        return urlencode(given)


def asked(query: Mapping[str, str]) -> Asked:
    """The filter in a page's address."""
    before = query.get("before", "")
    given = {name: query.get(name, "").strip()[:200] for name in _FIELDS}
    return Asked(**given, before=int(before) if before.isdecimal() and len(before) < 16 else None)


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def router(gather: Gather, frame: Frame) -> APIRouter:
    """The pages; they change nothing themselves."""
    own = APIRouter(
        include_in_schema=False,
        default_response_class=HTMLResponse,
        dependencies=[needs(Permission.TIMELINE_VIEW)],
    )

    @own.get("/timeline")
    async def timeline(request: Request, fragment: bool = False) -> Response:
        wanted = asked(request.query_params)
        page = Page("timeline.html", "" if wanted.before else "timeline")
        return await frame.show(request, page, _timeline(gather, wanted), only_live=fragment)

    @own.get("/timeline/{number}")
    async def record(request: Request, number: Annotated[int, Path(ge=1, le=2**53)]) -> Response:
        return await frame.show(request, Page("record.html"), _record(gather, number))

    @own.get("/signatures")
    async def signatures(
        request: Request, subject: Annotated[str, Query(max_length=200)] = "", fragment: bool = False
    ) -> Response:
        page = Page("signatures.html", "timeline")
        return await frame.show(request, page, _signatures(gather, subject.strip()), only_live=fragment)

    return own


def _timeline(gather: Gather, wanted: Asked) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        caller = seen.viewer.known
        found = await gather.timeline(caller, wanted.wanted, _PAGE + 1)
        records = found[:_PAGE]
        signatures = await _signatures_of(gather, caller, records)
        return {
            "asked": wanted,
            "query": wanted.query,
            "exported": wanted.exported,
            "kinds": _KINDS,
            "records": records,
            "older": records[-1].number if len(found) > _PAGE else None,
            "diffs": {each.number: diff.lines(each.before, each.after) for each in records},
            "signatures": signatures,
            # One signature may stand in several records: its own, and that of what it allowed.
            "manifest": list({each.id: each for each in signatures.values()}.values()),
        }

    return build


async def _signatures_of(
    gather: Gather, caller: Caller, records: Sequence[model.RecordView]
) -> dict[int, signed.Shown]:
    named = {each.number: signed.named_by(each.after, each.kind) for each in records}
    found = await signed.by_id(gather, caller, named.values())
    return {number: found[each] for number, each in named.items() if each in found}


def _record(gather: Gather, number: int) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        caller = seen.viewer.known
        found = await gather.record(caller, number)
        view = views.record(found)
        previous, following = await gather.neighbours(caller, found)
        return {
            "record": view,
            "lines": diff.lines(view.before, view.after),
            "previous": previous.number if previous else None,
            "next": following.number if following else None,
            "signature": (await _signatures_of(gather, caller, [view])).get(number),
        }

    return build


def _signatures(gather: Gather, subject: str) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        found = await signed.of_subject(gather, seen.viewer.known, subject or None)
        return {"subject": subject, "signatures": found}

    return build
