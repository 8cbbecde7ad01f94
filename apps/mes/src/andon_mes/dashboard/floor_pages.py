"""The floor: what is where on the line now, who calls for help, which lots run, what the equipment does."""

from typing import Any

from andon_mes.configuration import store as configuration
from andon_mes.dashboard import store
from andon_mes.dashboard.viewer import Viewer
from andon_mes.store.engine import Connection

_COLOURS = {"PRD": "green", "SBY": "amber", "SDT": "amber", "ENG": "amber", "USD": "red", "UDT": "red"}


def colour_of(state: str | None) -> str:
    """The lamp of a CFX resource state, by its SEMI E10 group; what is unknown or not scheduled is grey."""
    return _COLOURS.get((state or "")[:3], "grey")


def floor(connection: Connection, _viewer: Viewer) -> dict[str, Any]:
    """Everything of the floor, of one moment."""
    at = store.in_hand(connection)
    rows = [
        {"process": each, **_counted(at.get(each["code"], {}))}
        for each in configuration.list_processes(connection)
        if each["is_active"] or each["code"] in at
    ]
    return {
        "rows": rows,
        "lots": store.open_lots(connection),
        "calls": store.open_calls(connection),
        "equipment": store.list_equipment(connection),
        "colour_of": colour_of,
        "held": sum(each.get("HOLD", 0) for each in at.values()),
    }


def _counted(at: dict[str, int]) -> dict[str, int]:
    return {
        "wip": sum(at.values()),
        "in_process": at.get("IN_PROCESS", 0),
        "waiting": at.get("WAITING", 0),
        "rework": at.get("REWORK", 0) + at.get("DEFECTIVE", 0),
        "held": at.get("HOLD", 0),
    }
