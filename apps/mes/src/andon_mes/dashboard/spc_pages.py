"""Control charts: what is charted, what signals, one chart with its limits, rules and capability."""

from typing import Any

from andon_mes.api.spc_documents import ChartQuery
from andon_mes.api.spc_views import chart_view, shift_chart_view
from andon_mes.dashboard import charts
from andon_mes.dashboard.actions import Action, Field, reason
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.viewer import Viewer
from andon_mes.signals import store as signals
from andon_mes.signals.model import HoldAction, Signal, require_change, require_unacknowledged
from andon_mes.signals.store import Held, SignalFilter
from andon_mes.spc import controller
from andon_mes.spc.model import RULE_SETS
from andon_mes.spc.reading import Asked as Part
from andon_mes.spc.shifts import count_shifts, ended_shifts, study_shifts
from andon_mes.store.engine import Connection

_SIGNALS = 50
_SHIFTS = 25


def overview(connection: Connection, viewer: Viewer, _asked: Asked) -> dict[str, Any]:
    """Every chart with its open signals, the newest signals, and which processes are held."""
    found, total = signals.list_page(connection, SignalFilter(is_open=True), page=1, page_size=_SIGNALS)
    return {
        "charts_of": controller.list_charts(connection),
        "signals": [(each, _acknowledge(viewer, each)) for each in found],
        "total": total,
        "holds": [(each, _hold(viewer, each)) for each in signals.list_held(connection)],
    }


def one(connection: Connection, viewer: Viewer, said: Asked) -> dict[str, Any]:
    """The chart of a characteristic. Raises: NotFound when there is none."""
    asked, process, name = said.read(ChartQuery), said.path["process"], said.path["name"]
    part = Part(last=asked.last, rules=RULE_SETS[asked.rules] if asked.rules else None)
    charted = controller.get_charted(connection, process, name)
    known, models = controller.get_stream(connection, charted, asked.product_model)
    shown = None if known is None else controller.show(known, part)
    model = models.get(known.model_id) if known else asked.product_model
    it = chart_view(charted, list(models.values()), model, shown)
    found, _ = signals.list_page(connection, SignalFilter(None, process, name), page=1, page_size=_SIGNALS)
    return {
        "it": it,
        "broken": _broken(it["violations"]),
        "location": _chart(it, "location"),
        "dispersion": _chart(it, "dispersion"),
        "asked": asked,
        "rule_sets": [(each, viewer.say_or(f"rules.{each}", each)) for each in RULE_SETS],
        "signals": [(each, _acknowledge(viewer, each)) for each in found],
        "baseline": _baseline(viewer, it),
    }


def of_process(connection: Connection, _viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """The p chart of a process: first attempts that failed, by shift. Raises: NotFound."""
    process, mes = asked.path["process"], asked.mes
    held = controller.get_held(connection, process)
    shifts = ended_shifts(mes.calendar_in(connection), mes.clock.now(), _SHIFTS)
    judged = study_shifts(count_shifts(connection, held.id, shifts), RULE_SETS["default"])
    it = shift_chart_view(process, judged)
    points = [each for each in it["points"] if each["share"] is not None]
    plotted = [(each["shift"], each["share"], tuple(str(rule) for rule in each["rules"])) for each in points]
    limits = [(each["lower"], each["upper"]) for each in points]
    centre = next((each["centre"] for each in reversed(points) if each["centre"] is not None), None)
    return {"it": it, "chart": charts.control(plotted, [("centre", centre)], limits)}


def _broken(violations: list[dict[str, Any]]) -> list[tuple[str, str, list[int]]]:
    """The rules that are broken on each chart, with the subgroups that complete them."""
    found: dict[tuple[str, str], list[int]] = {}
    for each in violations:
        found.setdefault((str(each["rule"]), str(each["chart"])), []).append(each["subgroups"][-1])
    return [(rule, where, numbers) for (rule, where), numbers in found.items()]


def _chart(it: dict[str, Any], where: str) -> charts.Control | None:
    """One of the two charts; the product's own limits stand in the first where single values are plotted."""
    broken: dict[int, list[str]] = {}
    for each in it["violations"]:
        if each["chart"] == where:
            broken.setdefault(each["subgroups"][-1], []).append(str(each["rule"]))
    plotted = [
        (f"{each['number']}", each[where], tuple(broken.get(each["number"], ()))) for each in it["points"]
    ]
    limits = it[where] or {}
    lines = [("centre", limits.get("centre")), ("limit", limits.get("lower")), ("limit", limits.get("upper"))]
    if where == "location" and it["subgroup_size"] == 1:
        lines += [("spec", it["tolerance"]["lower"]), ("spec", it["tolerance"]["upper"])]
    return charts.control(plotted, lines)


def _acknowledge(viewer: Viewer, signal: Signal) -> Action:
    return Action(
        f"signal-{signal.id}",
        viewer.say("signal.acknowledge"),
        f"/api/v1/spc/signals/{signal.id}",
        "PATCH",
        viewer.say("signal.acknowledge.say"),
        (_cause(viewer),),
        why=viewer.why_not("spc", "update", lambda: require_unacknowledged(signal)),
        tone="quiet small",
        done=viewer.say("done"),
    )


def _hold(viewer: Viewer, held: Held) -> Action:
    action = HoldAction.HOLD if held.reason is None else HoldAction.RELEASE
    return Action(
        f"hold-{held.process}",
        viewer.say(f"process.{action.value}"),
        f"/api/v1/spc/holds/{held.process}",
        "PATCH",
        viewer.say(f"process.{action.value}.say", process=held.process),
        (reason(viewer),),
        {"action": action.value},
        viewer.why_not("spc", "update", lambda: require_change(action, held.reason)),
        "danger small" if action is HoldAction.HOLD else "main small",
        viewer.say("done"),
    )


def _baseline(viewer: Viewer, it: dict[str, Any]) -> Action:
    numbers = [each["number"] for each in it["points"]]
    places: list[Field] = [
        {
            "name": name,
            "label": viewer.say(f"spc.{name}"),
            "type": "number",
            "required": True,
            "min": 1,
            "step": 1,
            "value": value,
        }
        for name, value in (
            ("first_subgroup", numbers[0] if numbers else 1),
            ("last_subgroup", numbers[-1] if numbers else 1),
        )
    ]
    leave_out: Field = {
        "name": "exclude_signalled",
        "label": viewer.say("spc.exclude_signalled"),
        "type": "checkbox",
        "value": False,
    }
    return Action(
        "baseline",
        viewer.say("spc.baseline"),
        f"/api/v1/spc/{it['process']}/{it['characteristic']}/baseline",
        say=viewer.say("spc.baseline.say"),
        fields=(*places, leave_out, reason(viewer)),
        body={"product_model": it["product_model"]},
        why=viewer.why_not("spc", "update"),
        done=viewer.say("done"),
    )


def _cause(viewer: Viewer) -> Field:
    return {**reason(viewer, "cause"), "label": viewer.say("signal.cause")}
