"""Defects, reworks and contested reports: what waits for quality, and how it is decided."""

from typing import Any
from urllib.parse import urlencode

from andon_mes.contested import store as contested
from andon_mes.contested.store import ContestedFilter
from andon_mes.dashboard import charts, store
from andon_mes.dashboard.actions import Action, Field, choice, reason, signature, text
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.viewer import Viewer
from andon_mes.defects import decide
from andon_mes.defects import store as defects
from andon_mes.defects.model import Defect, DefectAction, DefectStatus, Disposition
from andon_mes.defects.signature import standing
from andon_mes.defects.store import DefectFilter
from andon_mes.reworks import store as reworks
from andon_mes.reworks.model import Rework, ReworkStatus
from andon_mes.reworks.store import ReworkFilter
from andon_mes.store.engine import Connection

_PAGE = 25
_MOST = 50


def overview(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """The defects of a status (unless one is chosen, those that wait), reworks, contested reports."""
    status, page = asked.text("status"), asked.page()
    statuses = (DefectStatus(status),) if status in set(DefectStatus) else ()
    chosen = DefectFilter(statuses=statuses, is_waiting=not statuses and status != "all")
    found, total = defects.list_page(connection, chosen, page=page, page_size=_PAGE)
    open_reworks, _ = reworks.list_page(
        connection, ReworkFilter(status=ReworkStatus.OPEN), page=1, page_size=_MOST
    )
    waiting, _ = contested.list_page(connection, ContestedFilter(resolved=False), page=1, page_size=_MOST)
    return {
        "defects": found,
        "page": page,
        "page_size": _PAGE,
        "total": total,
        "query": urlencode({"status": status}) if status else "",
        "status": status,
        "tabs": _tabs(viewer, store.count_defects(connection), defects.count_waiting(connection)),
        "pareto": charts.pareto(store.defects_by_code(connection)),
        "codes": store.names_of_defects(connection),
        "reworks": [(each, _rework_verbs(viewer, each)) for each in open_reworks],
        "contested": [(each, _resolve(viewer, each)) for each in waiting],
    }


def one(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """A defect. Raises: NotFound when there is none with this id."""
    defect = defects.get(connection, asked.number("defect"))
    signed = standing(defect)
    return {
        "defect": defect,
        "codes": store.names_of_defects(connection),
        "history": defects.list_history(connection, defect.id),
        "standing": signed.value if signed else None,
        "verbs": _verbs(connection, viewer, defect),
    }


def _tabs(viewer: Viewer, counts: dict[str, int], waiting: int) -> list[tuple[str, str, int]]:
    return [
        ("", viewer.say("defect.waiting"), waiting),
        *(
            (each.value, viewer.say(f"defect.{each.value}"), counts.get(each.value, 0))
            for each in DefectStatus
        ),
        ("all", viewer.say("defect.all"), sum(counts.values())),
    ]


def _verbs(connection: Connection, viewer: Viewer, defect: Defect) -> list[Action]:
    seen = defects.standing(connection, defect)

    def act(
        name: str, action: DefectAction, body: dict[str, Any], *more: Field, tone: str = "quiet"
    ) -> Action:
        def rule() -> object:
            decide.decide_status(defect.status, action)
            chosen = body.get("disposition")
            return decide.decide_effect(Disposition(chosen), seen) if chosen else None

        return Action(
            name,
            viewer.say(f"defect.{name}"),
            f"/api/v1/defects/{defect.id}",
            "PATCH",
            viewer.say(f"defect.{name}.say"),
            (reason(viewer), *more),
            {"action": action.value, **body},
            viewer.why_not("defect", "update", rule),
            tone,
            viewer.say("done"),
        )

    decided = DefectAction.DISPOSITION
    return [
        act("contain", DefectAction.CONTAIN, {}),
        act("rework", decided, {"disposition": "REWORK"}, tone="main"),
        act("use_as_is", decided, {"disposition": "USE_AS_IS"}, *signature(viewer)),
        act("scrap", decided, {"disposition": "SCRAP"}, tone="danger"),
        act("verify", DefectAction.VERIFY, {}),
        act("close", DefectAction.CLOSE, {}),
    ]


def _rework_verbs(viewer: Viewer, rework: Rework) -> list[Action]:
    address, why = f"/api/v1/reworks/{rework.id}", viewer.why_not("rework", "update")
    results = [(each, viewer.say(f"attempt.{each}")) for each in ("PASS", "FAIL")]
    complete = Action(
        f"rework-complete-{rework.id}",
        viewer.say("rework.complete"),
        address,
        "PATCH",
        viewer.say("rework.complete.say"),
        (
            choice(viewer, "final_result", "result", results, "PASS"),
            text(viewer, "notes", "notes", type="textarea", most=1000),
        ),
        {"action": "complete"},
        why,
        "quiet small",
        viewer.say("done"),
    )
    cancel = Action(
        f"rework-cancel-{rework.id}",
        viewer.say("rework.cancel"),
        address,
        "PATCH",
        viewer.say("rework.cancel.say"),
        (reason(viewer),),
        {"action": "cancel"},
        why,
        "danger small",
        viewer.say("done"),
    )
    return [complete, cancel]


def _resolve(viewer: Viewer, event: dict[str, Any]) -> Action:
    return Action(
        f"contested-{event['id']}",
        viewer.say("contested.resolve"),
        f"/api/v1/contested-events/{event['id']}",
        "PATCH",
        viewer.say("contested.resolve.say"),
        (reason(viewer),),
        why=viewer.why_not("defect", "update"),
        tone="quiet small",
        done=viewer.say("done"),
    )
