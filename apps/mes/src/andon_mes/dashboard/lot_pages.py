"""The pages of lots: which there are, and one with its serials, its progress and its history."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from andon_mes.api.bodies import LotQuery
from andon_mes.dashboard import store
from andon_mes.dashboard.actions import Action, choice, print_labels, quantity, reason, text
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.viewer import Viewer
from andon_mes.lots import decide
from andon_mes.lots import store as lots
from andon_mes.lots.model import Lot, LotAction, LotStatus, Priority, Quantities
from andon_mes.lots.store import LotFilter
from andon_mes.serials import decide as serial_rules
from andon_mes.serials import store as serials
from andon_mes.store.engine import Connection

_PAGE = 25


def list_page(connection: Connection, viewer: Viewer, said: Asked) -> dict[str, Any]:
    """One page of lots, newest first. Raises: InvalidInput for a filter that is none."""
    asked = said.read(LotQuery, page_size=_PAGE)
    statuses = (LotStatus(asked.status),) if asked.status and asked.status != "CREATED" else ()
    chosen = LotFilter(statuses, asked.priority, asked.plant, asked.on)
    found, total = lots.list_page(connection, chosen, page=asked.page, page_size=asked.page_size)
    filters = {"status": asked.status, "priority": asked.priority, "date": _iso(asked.on)}
    return {
        "lots": [(each, lots.quantities(connection, each.id)) for each in found],
        "page": asked.page,
        "page_size": asked.page_size,
        "total": total,
        "query": urlencode({name: value for name, value in filters.items() if value}),
        "chosen": {name: value or "" for name, value in filters.items()},
        "statuses": [(each.value, viewer.say(f"lot.{each.value}")) for each in LotStatus],
        "priorities": _priorities(viewer),
        "create": _create(connection, viewer),
    }


def one(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """A lot. Raises: NotFound when there is none with this number."""
    lot = lots.get(connection, asked.path["number"])
    counted = lots.quantities(connection, lot.id)
    return {
        "lot": lot,
        "counted": counted,
        "serials": serials.list_of_lot(connection, lot.id),
        "history": store.history_of(connection, "lot", lot.id),
        "verbs": [*_verbs(viewer, lot, counted), _labels(connection, viewer, lot)],
    }


def _create(connection: Connection, viewer: Viewer) -> Action:
    models = [(each["code"], each["code"]) for each in store.list_models(connection)]
    shifts = [("", viewer.say("shift.now")), ("D", viewer.say("shift.D")), ("N", viewer.say("shift.N"))]
    return Action(
        "create",
        viewer.say("lot.create"),
        "/api/v1/lots",
        say=viewer.say("lot.create.say"),
        fields=(
            choice(viewer, "product_model", "product_model", models, models[0][0] if models else ""),
            quantity(viewer, "target_quantity", "target", max=9999),
            choice(viewer, "priority", "priority", _priorities(viewer), Priority.NORMAL.value),
            text(viewer, "production_date", "production_date", type="date", hint=viewer.say("lot.date.hint")),
            {**choice(viewer, "shift", "shift", shifts), "required": False},
            text(viewer, "notes", "notes", type="textarea", most=1000),
        ),
        why=viewer.why_not("lot", "create"),
        tone="main",
        more={"goto": "/lots/{lot_number}"},
    )


def _labels(connection: Connection, viewer: Viewer, lot: Lot) -> Action:
    templates = store.list_templates(connection, lot.product_model)
    return print_labels(viewer, f"/api/v1/lots/{lot.lot_number}/labels", templates, lot.lot_number)


def _verbs(viewer: Viewer, lot: Lot, counted: Quantities) -> list[Action]:
    address = f"/api/v1/lots/{lot.lot_number}"

    def change(action: LotAction, tone: str = "quiet") -> Action:
        return Action(
            action.value,
            viewer.say_or(f"lot.{action.value}", action.value),
            address,
            "PATCH",
            viewer.say_or(f"lot.{action.value}.say", "").format(lot=lot.lot_number),
            (reason(viewer),) if action in decide.NEEDS_REASON else (),
            {"action": action.value},
            viewer.why_not("lot", "update", lambda: decide.decide_change(lot.status, lot.held_from, action)),
            tone,
            viewer.say("done"),
        )

    room = lot.target_quantity - counted.generated
    generate = Action(
        "generate",
        viewer.say("lot.generate"),
        f"/api/v1/lots/{lot.id}/serials/generate",
        say=viewer.say("lot.generate.say", room=room),
        fields=(quantity(viewer, "quantity", "quantity", max=room, value=max(room, 1)),),
        why=viewer.why_not(
            "serial",
            "create",
            lambda: serial_rules.check_room(lot.status, lot.target_quantity, counted.generated, 1),
        ),
        done=viewer.say("done"),
    )
    amend = Action(
        "amend",
        viewer.say("lot.amend"),
        address,
        "PATCH",
        fields=(
            choice(viewer, "priority", "priority", _priorities(viewer), lot.priority.value),
            text(viewer, "notes", "notes", type="textarea", most=1000, value=lot.notes or ""),
        ),
        why=viewer.why_not("lot", "update"),
        done=viewer.say("done"),
    )
    tones = {LotAction.RELEASE: "main", LotAction.CANCEL: "danger"}
    first, *others = [change(each, tones.get(each, "quiet")) for each in LotAction]
    return [first, generate, amend, *sorted(others, key=lambda each: each.tone == "danger")]


def _priorities(viewer: Viewer) -> list[tuple[str, str]]:
    return [(each.value, viewer.say(f"priority.{each.value}")) for each in Priority]


def _iso(on: date | None) -> str | None:
    return on.isoformat() if on else None
