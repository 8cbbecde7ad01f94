"""OEE of the equipment: its time by SEMI E10 state, the factors, and how much of the time is known."""

from datetime import date
from typing import Any

from andon_mes.api.report_bodies import OeeQuery
from andon_mes.api.reports import dates_of
from andon_mes.dashboard import charts
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.viewer import Viewer
from andon_mes.equipment.model import E10
from andon_mes.oee import controller
from andon_mes.store.engine import Connection

STATES: tuple[str, ...] = (*(each.value for each in E10), "unknown")


def overview(connection: Connection, _viewer: Viewer, said: Asked) -> dict[str, Any]:
    """Each piece of equipment over the production dates that are asked for."""
    asked, calendar, now = said.read(OeeQuery), said.mes.calendar_in(connection), said.mes.clock.now()
    first, last = dates_of(asked, calendar, now)
    found = controller.of_equipment(connection, calendar, controller.Asked(first, last, now, asked.equipment))
    return {
        "first": first,
        "last": last,
        "today": _today(calendar.shift_at(now)[0], first, last),
        "rows": [{"it": each, "parts": charts.stack(_seconds(each.figures.seconds))} for each in found],
        "states": STATES,
    }


def _seconds(seconds: Any) -> list[tuple[str, float]]:
    return [
        *((each.value, seconds.get(each, 0.0)) for each in E10),
        ("unknown", seconds.get(None, 0.0)),
    ]


def _today(today: date, first: date, last: date) -> bool:
    return first == last == today
