"""The floor: what is where on the line now, who calls for help, which lots run, what the equipment does."""

from typing import Any

from andon_mes.dashboard import store
from andon_mes.dashboard.actions import Action, text
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.viewer import Viewer
from andon_mes.reports import controller
from andon_mes.reports.today import Call
from andon_mes.serials.model import SerialStatus
from andon_mes.store.engine import Connection

_COLOURS = {"PRD": "green", "SBY": "amber", "SDT": "amber", "ENG": "amber", "USD": "red"}


def colour_of(state: str | None) -> str:
    """The lamp of a CFX resource state, by its SEMI E10 group; what is unknown or not scheduled is grey."""
    return _COLOURS.get((state or "")[:3], "grey")


def floor(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """Everything of the floor, of one moment."""
    calendar, now = asked.mes.calendar_in(connection), asked.mes.clock.now()
    today = controller.summary(connection, calendar, now)
    seen = controller.floor(connection, calendar, now)
    lots, it = store.open_lots(connection), today.attention
    is_open = bool(lots or seen.calls or it.held_lots or it.held_serials or it.open_defects)
    return {
        "today": today,
        "is_idle": not is_open and not today.quantities.actual,
        "rows": [
            {
                "today": row,
                "running": at.running,
                "late": sum(each.seconds(now) > row.process.standard_cycle_time for each in at.running),
                **{each.name.lower(): row.waiting.of(each) for each in SerialStatus},
            }
            for row, at in zip(today.processes, seen.processes, strict=True)
        ],
        "pace": seen.pace,
        "lots": lots,
        "calls": [(each, _verbs(viewer, each)) for each in seen.calls],
        "equipment": [*(each for at in seen.processes for each in at.equipment), *seen.other_equipment],
        "colour_of": colour_of,
    }


def _verbs(viewer: Viewer, call: Call) -> list[Action]:
    address, why = f"/api/v1/calls/{call.id}", viewer.why_not("call", "update")
    acknowledge = Action(
        f"acknowledge-{call.id}",
        viewer.say("call.acknowledge"),
        address,
        "PATCH",
        viewer.say("call.acknowledge.say"),
        body={"action": "acknowledge"},
        why=why,
        tone="main small",
    )
    resolve = Action(
        f"resolve-{call.id}",
        viewer.say("call.resolve"),
        address,
        "PATCH",
        viewer.say("call.resolve.say"),
        (text(viewer, "resolution", "call.resolution", type="textarea", required=True),),
        {"action": "resolve"},
        why,
        "quiet small",
    )
    return [resolve] if call.acknowledged_at else [acknowledge, resolve]
