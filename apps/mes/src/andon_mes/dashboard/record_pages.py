"""What is written once: the audit, with each change as what was and what is; what was asked, what failed."""

from typing import Any
from urllib.parse import urlencode

from andon_mes.access.logs import store as logs
from andon_mes.access.logs.model import FaultFilter, RequestFilter
from andon_mes.audit import store
from andon_mes.audit.store import AuditFilter
from andon_mes.dashboard.actions import Action, reason
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.viewer import Viewer
from andon_mes.store.engine import Connection
from andon_mes.store.guarded import AUDITED

_TABLES = sorted(each.name for each in AUDITED)
_PAGE = 50
_LONGEST = 120


def audit(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """One page of the audit, newest first, of a table, a record or a person where one is named."""
    chosen = {name: asked.text(name) for name in ("table", "record", "user")}
    page = asked.page()
    named = AuditFilter(chosen["table"] or None, chosen["record"] or None, chosen["user"] or None)
    rows, total = store.list_page(connection, named, page=page, page_size=_PAGE)
    return {
        "records": [{**row, "changes": _changes(row["old_data"], row["new_data"])} for row in rows],
        "chosen": chosen,
        "tables": [("", viewer.say("any")), *((each, each) for each in _TABLES)],
        "page": page,
        "page_size": _PAGE,
        "total": total,
        "query": urlencode({name: value for name, value in chosen.items() if value}),
    }


def _changes(
    before: dict[str, Any] | None, after: dict[str, Any] | None
) -> list[tuple[str, str | None, str | None]]:
    """The fields that are not as they were; of a new row those that say something."""
    old, new = before or {}, after or {}
    names = [*new, *(name for name in old if name not in new)]
    return [
        (name, _shown(old.get(name)), _shown(new.get(name)))
        for name in names
        if old.get(name) != new.get(name)
    ]


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def errors(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """What failed and what was refused that somebody should know of; what is not dealt with unless asked."""
    is_all = asked.text("all") == "1"
    before = _before(asked)
    found = logs.list_faults(connection, FaultFilter(None if is_all else False, before=before, limit=_PAGE))
    return {
        "faults": [(each, _resolve(viewer, each)) for each in found],
        "is_all": is_all,
        "next": found[-1]["id"] if len(found) == _PAGE else None,
    }


def requests(connection: Connection, _viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """Who asked for what, from where, and how it ended: newest first, of one person where one is named."""
    user = asked.text("user")
    before = _before(asked)
    found = logs.list_requests(connection, RequestFilter(user or None, before=before, limit=_PAGE))
    return {"requests": found, "user": user, "next": found[-1]["id"] if len(found) == _PAGE else None}


def _before(asked: Asked) -> int | None:
    said = asked.text("before")
    return int(said) if said.isdecimal() and len(said) < 10 else None


def _resolve(viewer: Viewer, fault: dict[str, Any]) -> Action:
    return Action(
        f"resolve-{fault['id']}",
        viewer.say("errors.resolve"),
        f"/api/v1/error-logs/{fault['id']}",
        "PATCH",
        viewer.say("errors.resolve.say"),
        ({**reason(viewer, "notes"), "label": viewer.say("errors.notes")},),
        {"resolved": True},
        viewer.why_not("error", "update"),
        "quiet small",
        viewer.say("done"),
    )
