"""What is written once: the audit, with each change as what was and what is."""

from typing import Any
from urllib.parse import urlencode

from andon_mes.audit import store
from andon_mes.audit.store import AuditFilter
from andon_mes.dashboard.viewer import Viewer
from andon_mes.store.engine import Connection
from andon_mes.store.guarded import AUDITED

_TABLES = sorted(each.name for each in AUDITED)
_PAGE = 50
_LONGEST = 120


def audit(connection: Connection, viewer: Viewer, query: dict[str, str]) -> dict[str, Any]:
    """One page of the audit, newest first, of a table, a record or a person where one is named."""
    chosen = {name: query.get(name, "").strip()[:100] for name in ("table", "record", "user")}
    page = int(query.get("page", "1")) if query.get("page", "1").isdecimal() else 1
    named = AuditFilter(chosen["table"] or None, chosen["record"] or None, chosen["user"] or None)
    rows, total = store.list_page(connection, named, page=max(page, 1), page_size=_PAGE)
    return {
        "records": [{**row, "changes": _changes(row["old_data"], row["new_data"])} for row in rows],
        "chosen": chosen,
        "tables": [("", viewer.say("any")), *((each, each) for each in _TABLES)],
        "page": max(page, 1),
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
