"""Reports: which one and of which dates, a preview of its rows, and the files to take away."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from andon_mes.api.report_bodies import PeriodQuery
from andon_mes.api.reports import dates_of
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.viewer import Viewer
from andon_mes.exports import controller as exports
from andon_mes.exports.model import Form, Language, Row, Table
from andon_mes.exports.tables import GROUPS
from andon_mes.numbers.calendar import Calendar
from andon_mes.store.engine import Connection

_PREVIEW = 100
_USUAL = ("day", "process")
_GROUPS = {
    "shift": ("shift",),
    "priority": ("priority",),
    "status": ("lot", "defect"),
    "result": ("attempt",),
}
"""The words' group for each column that holds codes; a file of the report keeps the codes."""
REPORTS: dict[str, Callable[[Connection, Calendar, exports.Asked], tuple[Table, Iterator[Row]]]] = {
    "production": exports.production,
    "quality": exports.quality,
    "defects": exports.defects,
    "cycle-times": exports.cycle_times,
    "attempts": exports.attempts,
    "oee": exports.oee_of_equipment,
}


def overview(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """The first rows of the report that is wanted, grouped as wanted where it knows groups."""
    calendar, now = asked.mes.calendar_in(connection), asked.mes.clock.now()
    period = asked.read(PeriodQuery, without=frozenset({"report", "by"}))
    first, last = dates_of(period, calendar, now)
    name = asked.text("report") if asked.text("report") in REPORTS else "production"
    by = tuple(each for each in GROUPS if each in asked.by) or _USUAL
    language = Language(viewer.language)
    of = exports.Asked(first=first, last=last, now=now, language=language, by=by)
    table, rows = REPORTS[name](connection, calendar, of)
    shown = list(islice(rows, _PREVIEW + 1))
    query = [("from", first.isoformat()), ("to", last.isoformat()), ("lang", viewer.language)]
    query += [("by", each) for each in by] if name == "quality" else []
    return {
        "report": name,
        "reports": [(each, viewer.say(f"report.{each}")) for each in REPORTS],
        "groups": [(each, viewer.say(f"group.{each}"), each in by) for each in GROUPS],
        "first": first,
        "last": last,
        "table": table,
        "headings": [each.name(language) for each in table.columns],
        "rows": [_in_words(viewer, table, each) for each in shown[:_PREVIEW]],
        "is_cut": len(shown) > _PREVIEW,
        "files": [
            (each.value.upper(), f"/api/v1/reports/{name}?{urlencode([*query, ('format', each.value)])}")
            for each in Form
        ],
    }


def _in_words(viewer: Viewer, table: Table, row: Row) -> Row:
    """The row as people read it: states, priorities and shifts in words, what is unknown as it is."""

    def word(key: str, value: Any) -> Any:
        for group in _GROUPS.get(key, ()) if isinstance(value, str) else ():
            value = viewer.say_or(f"{group}.{value}", value)
        return value

    return tuple(word(column.key, value) for column, value in zip(table.columns, row, strict=True))
