"""Recall: which units contain a component, and holding them; the recalls that there were."""

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from andon_mes.dashboard.actions import Action, reason
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.viewer import Viewer
from andon_mes.recalls import store
from andon_mes.recalls.model import END_RECALL, Outcome, Target, Unit, require_open
from andon_mes.store.engine import Connection

_PAGE = 25
_MOST_SHOWN = 500


def overview(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """What contains the component that is asked for, and the newest recalls."""
    number = asked.text("number")
    kind = "component_serial" if asked.text("kind") == "component_serial" else "component_lot"
    units: list[Unit] = []
    if number:
        target = Target(**{kind: number})
        units = store.list_affected(connection, target)
    recalls, total = store.list_page(connection, page=1, page_size=_PAGE)
    return {
        "number": number,
        "kind": kind,
        "kinds": [(each, viewer.say(f"recall.{each}")) for each in ("component_lot", "component_serial")],
        **_found(units, without=Outcome.HELD),
        "csv": f"/api/v1/recalls/units.csv?{urlencode({kind: number})}",
        "hold": _hold(viewer, kind, number, units),
        "recalls": recalls,
        "total": total,
    }


def one(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """A recall with the units that it found. Raises: NotFound when there is none with this number."""
    recall = store.get(connection, asked.path["number"])
    end = Action(
        "end",
        viewer.say("recall.end"),
        f"/api/v1/recalls/{recall.number}/end",
        say=viewer.say("recall.end.say"),
        fields=(reason(viewer),),
        why=viewer.why_not(*END_RECALL, lambda: require_open(recall)),
        done=viewer.say("done"),
    )
    return {
        "recall": recall,
        "end": end,
        **_found(store.list_units(connection, recall), without=Outcome.WOULD_BE_HELD),
    }


def _found(units: list[Unit], *, without: Outcome) -> dict[str, Any]:
    counted = Counter(each.outcome for each in units)
    return {
        "units": units[:_MOST_SHOWN],
        "affected": len(units),
        "outcomes": [(each.value, counted[each]) for each in Outcome if each is not without],
    }


def _hold(viewer: Viewer, kind: str, number: str, units: list[Unit]) -> Action:
    to_hold = sum(each.outcome == Outcome.WOULD_BE_HELD for each in units)
    return Action(
        "hold",
        viewer.say("recall.hold", n=to_hold),
        "/api/v1/recalls",
        say=viewer.say("recall.hold.say", number=number),
        fields=(reason(viewer),),
        body={kind: number, "hold": True},
        why=viewer.why_not("serial", "update") or ("" if to_hold else viewer.say("recall.hold.none")),
        tone="danger",
        more={"goto": "/recall/{number}"},
    )
