"""Reports: which one and of which dates, a preview of its rows, and the files to take away."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from andon_mes.api.context import Mes
from andon_mes.api.report_bodies import PeriodQuery
from andon_mes.api.reports import dates_of
from andon_mes.dashboard.viewer import Viewer
from andon_mes.exports import controller
from andon_mes.exports.controller import Asked
from andon_mes.exports.model import Form, Language, Row, Table
from andon_mes.exports.tables import GROUPS
from andon_mes.numbers.calendar import Calendar
from andon_mes.store.engine import Connection

_PREVIEW = 100
_USUAL = ("day", "process")
REPORTS: dict[str, Callable[[Connection, Calendar, Asked], tuple[Table, Iterator[Row]]]] = {
    "production": controller.production,
    "quality": controller.quality,
    "defects": controller.defects,
    "cycle-times": controller.cycle_times,
    "attempts": controller.attempts,
    "oee": controller.oee_of_equipment,
}


def overview(
    connection: Connection, viewer: Viewer, mes: Mes, asked: PeriodQuery, wanted: tuple[str, list[str]]
) -> dict[str, Any]:
    """The first rows of the report that is wanted, grouped as wanted where it knows groups."""
    calendar, now = mes.calendar_in(connection), mes.clock.now()
    first, last = dates_of(asked, calendar, now)
    name = wanted[0] if wanted[0] in REPORTS else "production"
    by = tuple(each for each in GROUPS if each in wanted[1]) or _USUAL
    language = Language(viewer.language)
    of = Asked(first=first, last=last, now=now, language=language, by=by)
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
        "rows": shown[:_PREVIEW],
        "is_cut": len(shown) > _PREVIEW,
        "files": [
            (each.value.upper(), f"/api/v1/reports/{name}?{urlencode([*query, ('format', each.value)])}")
            for each in Form
        ],
    }
