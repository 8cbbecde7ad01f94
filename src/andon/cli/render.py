"""API values as Rich renderables: trees, tables, one line. Pure; nothing is asked or printed here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from andon.api.model import (
    HeadsView,
    InstanceView,
    PlanView,
    RecordView,
    ReleaseDetail,
    ReleaseStatus,
    ReleaseView,
    RolloutSummary,
    RolloutView,
    RunView,
    StageView,
    Status,
    StepView,
    UnitStatus,
)
from andon.api.viewing import ForeseenView
from andon.cli import evidence

_LIGHT = {"red": "[red]■[/]", "amber": "[yellow]▲[/]", "green": "[green]●[/]", "grey": "[dim]○[/]"}
_STEP = {"done": "[green]✓[/]", "current": "[cyan]▶[/]", "waiting": "[dim]·[/]", "skipped": "[dim]-[/]"}
_STAGE = {
    "waiting": "[dim]·[/]",
    "running": "[cyan]▶[/]",
    "done": "[green]✓[/]",
    "cached": "[green]≡[/]",
    "failed": "[red]✗[/]",
    "skipped": "[dim]-[/]",
}
_OUTCOME = {"pass": "green", "fail": "red", "invalid": "magenta", "inconclusive": "yellow"}
_INSTANCE = {
    "ready": "green",
    "starting": "cyan",
    "installing": "cyan",
    "draining": "yellow",
    "stopped": "dim",
}
_SEVERITY = {"info": "dim", "warning": "yellow", "alert": "red"}
_PHASE = {"promoted": "green", "returned": "red", "returning": "red", "held": "magenta"}


def status(floor: Status) -> RenderableType:
    """The floor as a tree: environment, unit, releases."""
    root = Tree(f"[bold]Andon {floor.version}[/]  [dim]{clock(floor.at)}[/]", guide_style="dim")
    for cord in floor.cords:
        where = cord.environment or "everywhere"
        root.add(f"[red bold]■ cord pulled[/] {where} by {escape(cord.actor)}: {escape(cord.reason)}")
    for each in floor.sets:
        root.add(set_line(each.model_dump()))
    branches: dict[str, Tree] = {}
    for unit in floor.units:
        branch = branches.get(unit.environment)
        if branch is None:
            branch = branches[unit.environment] = root.add(f"[bold]{unit.environment}[/]")
        _add_unit(branch, unit)
    if not floor.units:
        root.add("[dim]nothing is deployed yet; ship a unit: andon ship PATH[/]")
    return root


def set_line(view: Mapping[str, Any]) -> str:
    """A set on its way, in one line."""
    return (
        f"[dim]{view['id']}[/] set [bold]{view['name']}@{view['version']}[/] in {view['environment']}"
        f" [{_PHASE.get(view['phase'], 'cyan')}]{view['phase']}[/]  {escape(view['reason'])}"
    )


def _add_unit(branch: Tree, unit: UnitStatus) -> None:
    head = f"{_LIGHT[unit.light.colour]} [bold]{unit.unit}[/] {unit.light.word}"
    if unit.address:
        head += f"  [dim]{escape(unit.address)}[/]"
    node = branch.add(f"{head}\n  [dim]{escape(unit.light.reason)}[/]")
    if unit.hold is not None:
        node.add(f"[yellow]■ held[/] by {escape(unit.hold.actor)}: {escape(unit.hold.reason)}")
    for recall in unit.recalls:
        node.add(f"[red]■ recalled[/] {escape(recall)}")
    for release in unit.releases:
        node.add(_release(release))
    if unit.rollout is not None:
        node.add(rollout_line(unit.rollout))


def _release(release: ReleaseStatus) -> str:
    colour = {"stable": "green", "candidate": "cyan"}.get(release.role, "dim")
    text = (
        f"[{colour}]{release.version}[/] {release.role}  {bar(release.share)} {percent(release.share)}"
        f"  {release.ready}/{release.total} ready"
    )
    rates = release.rates
    if rates.requests_per_s is not None:
        text += f"  {rates.requests_per_s:.0f}/s"
    if rates.error_rate is not None:
        text += f"  errors {percent(rates.error_rate, 2)}"
    if rates.p95_ms is not None:
        text += f"  p95 {rates.p95_ms:.0f} ms"
    for metric in release.metrics:
        if metric.good_rate is not None:
            text += f"  {escape(metric.title or metric.name)} {percent(1 - metric.good_rate, 2)}"
    return text


def rollout_line(rollout: RolloutSummary) -> str:
    """A rollout in one line."""
    colour = _PHASE.get(rollout.phase, "cyan")
    paused = " [yellow]paused[/]" if rollout.is_paused else ""
    return (
        f"[dim]{rollout.id}[/] {rollout.unit} [bold]{rollout.candidate}[/] in {rollout.environment}"
        f" [{colour}]{rollout.phase}[/]{paused}  {escape(_why(rollout))}"
    )


def _why(rollout: RolloutSummary) -> str:
    ended = rollout.because if rollout.is_over else ""
    return ended or rollout.waiting_for or rollout.reason


def rollout(view: RolloutView, now: datetime | None = None) -> RenderableType:
    """A rollout as a tree: what comes next (as it is `now`), plan, evidence, instances."""
    colour = _PHASE.get(view.phase, "cyan")
    paused = " [yellow]paused[/]" if view.is_paused else ""
    root = Tree(
        f"[bold]{view.unit} {view.stable or '(nothing)'} → {view.candidate}[/] in {view.environment}"
        f"  [{colour}]{view.phase}[/]{paused}\n[dim]{view.id}[/]  {escape(view.reason)}",
        guide_style="dim",
    )
    if view.waiting_for:
        root.add(f"[bold]now[/] {escape(view.waiting_for)}")
    if now is not None and (comes := evidence.following(view, now)):
        root.add(f"[bold]next[/] {escape(comes)}")
    _plan_of(root, view)
    if view.verdict is not None:
        tone = _OUTCOME.get(view.verdict.outcome, "white")
        node = root.add(f"[bold]judge[/] [{tone}]{view.verdict.outcome}[/] {escape(view.verdict.reason)}")
        policies = {each.name: each for each in view.plan.metrics}
        turning = {each.metric: each for each in view.outlook}
        for found in view.verdict.findings:
            node.add(evidence.finding(found, policies.get(found.metric), turning.get(found.metric)))
    if view.instances:
        node = root.add("[bold]instances[/]")
        for instance in view.instances:
            node.add(_instance(instance))
    return root


def _plan_of(root: Tree, view: RolloutView) -> None:
    """Its steps; of a fleet with how the stations of the present wave stand, and all that were asked."""
    plan, stations = (
        root.add(f"[bold]plan[/] {view.plan.strategy}  [dim]{view.plan.hash[:12]}[/]"),
        view.fleet,
    )
    for each in view.plan.steps:
        node = plan.add(_step(each, is_fleet=view.plan.strategy == "waves"))
        if stations is not None and each.state == "current":
            node.add(f"{_heads(stations.wave)}; {stations.needed} needed")
    if stations is not None:
        root.add(f"[bold]stations[/] {_heads(stations.everybody)}; {stations.pinned} pinned")
        if stations.detail:
            root.add(f"[red]✗[/] {escape(stations.detail)}")


def plan(view: PlanView, title: str) -> RenderableType:
    """A plan that has not begun."""
    root = Tree(f"[bold]{escape(title)}[/] {view.strategy} [dim]{view.hash[:12]}[/]", guide_style="dim")
    for each in view.steps:
        root.add(_step(each, is_fleet=view.strategy == "waves"))
    for metric in view.metrics:
        root.add(
            f"[bold]{metric.name}[/] worse from {metric.margin:g} times on; a harmless release is taken back "
            f"with a chance below {percent(metric.alpha, 2)}"
        )
    for note in view.notes:
        root.add(f"[yellow]![/] {escape(note)}")
    if view.foreseen is not None:
        _foreseen(root, view.foreseen)
    return root


def _foreseen(root: Tree, now: ForeseenView) -> None:
    times = ", ".join(seconds(each) for each in now.starts_s)
    root.add(
        f"[bold]earliest[/] steps after {times}; promoted after {seconds(now.promoted_s)}, and what starting "
        "and gates take"
    )
    for gate in now.gates:
        who = (
            f" by {', '.join(gate.people) or 'nobody: nobody has the role ' + gate.role}" if gate.role else ""
        )
        root.add(f"[bold]gate[/] {escape(gate.name)} before step {gate.before_step + 1}{escape(who)}")
    for task in now.tasks:
        root.add(f"[bold]task[/] {escape(task)}")
    for each in now.evidence:
        sign = {True: "[green]●[/]", False: "[red]■[/]", None: "[dim]○[/]"}[each.answers]
        root.add(f"{sign} evidence {each.metric} from {each.source or '?'}: {escape(each.detail)}")
    if now.obstacle:
        root.add(f"[red]■ in the way now[/] {escape(now.obstacle)}")


def _heads(counted: HeadsView) -> str:
    """Stations of a wave in one line; what is none is left out."""
    parts = (
        (counted.under_way, "cyan", "under way"),
        (counted.failed, "red", "failed"),
        (counted.lost, "red", "lost while they switched"),
        (counted.silent, "dim", "switched off"),
    )
    said = "".join(f", [{colour}]{number} {what}[/]" for number, colour, what in parts if number)
    return f"{counted.confirmed} of {counted.asked} confirmed{said}"


def _step(step: StepView, *, is_fleet: bool) -> str:
    judged = f", judged, at most {seconds(step.max_wait_s)}" if step.is_judged else ""
    if is_fleet:
        count = step.candidate_instances
        stations = f"{count} {'station' if count == 1 else 'stations'}"
        ring = f", up to ring {step.ring}" if step.ring else ""
        return (
            f"{_STEP[step.state]} {bar(step.share)} {percent(step.share, 1)}  "
            f"{stations}{ring}  soak {seconds(step.soak_s)}{judged}"
        )
    return (
        f"{_STEP[step.state]} {bar(step.share)} {percent(step.share)}  soak {seconds(step.soak_s)}{judged}"
        f"  [dim]{step.candidate_instances} + {step.stable_instances} instances[/]"
    )


def _instance(instance: InstanceView) -> str:
    tone = _INSTANCE.get(instance.state, "red")
    restarts = f"  {instance.restarts} restarts" if instance.restarts else ""
    detail = f"  {escape(instance.detail)}" if instance.detail else ""
    address = f"{instance.host}:{instance.port} [dim]{instance.id}[/]"
    return f"[{tone}]{instance.state}[/] {instance.version} {address}{restarts}{detail}"


def run(view: RunView) -> RenderableType:
    """A pipeline run as a tree of stages."""
    tone = {"done": "green", "failed": "red", "cancelled": "yellow"}.get(view.state, "cyan")
    head = f"[bold]{view.unit} {view.version or ''}[/] [{tone}]{view.state}[/]  [dim]{view.id}[/]"
    root = Tree(head + (f"\n{escape(view.reason)}" if view.reason else ""), guide_style="dim")
    for stage in view.stages:
        root.add(_stage(stage))
    return root


def _stage(stage: StageView) -> str:
    took = "" if stage.duration_s is None else f"  [dim]{stage.duration_s:.1f} s[/]"
    again = f"  attempt {stage.attempt}" if stage.attempt > 1 else ""
    return f"{_STAGE[stage.state]} {stage.name}{took}{again}  {escape(stage.summary)}"


def releases(found: list[ReleaseView]) -> RenderableType:
    """Releases as a table, in the order given."""
    table = Table("release", "published", "source", "artifacts", "size", box=None, header_style="bold")
    for each in found:
        table.add_row(
            f"{escape(each.id)}  [red]revoked[/]" if each.is_revoked else escape(each.id),
            moment(each.created_at),
            each.source[:12],
            ", ".join(artifact.role for artifact in each.artifacts),
            size(sum(artifact.size_bytes for artifact in each.artifacts)),
        )
    return table if found else Text("no releases yet; ship one: andon ship PATH", style="dim")


def release(shown: ReleaseDetail) -> RenderableType:
    """One release: what it is made of, and its notes as they were written."""
    table = Table(box=None, show_header=False)
    for label, value in (
        ("published", moment(shown.created_at)),
        ("source", shown.source),
        ("run", shown.run),
    ):
        table.add_row(Text(label, style="dim"), Text(value))
    for each in shown.artifacts:
        table.add_row(
            Text(each.role, style="dim"),
            Text(f"{each.name}, {size(each.size_bytes)}, sha256 {each.sha256[:12]}"),
        )
    title = Text.from_markup(f"[bold]{escape(shown.id)}[/]{'  [red]revoked[/]' if shown.is_revoked else ''}")
    if shown.notes_fault:
        return Group(title, table, Text(f"the notes cannot be shown: {shown.notes_fault}", style="red"))
    notes = Text(shown.notes) if shown.notes else Text("no notes", style="dim")
    return Group(title, table, Text(), notes)


def timeline(records: list[RecordView]) -> RenderableType:
    """Records as lines, in the order given."""
    lines = [
        Text.from_markup(
            f"[dim]{each.number:>6} {moment(each.at)}[/] [{_SEVERITY[each.severity]}]{each.kind:<20}[/]"
            f" {escape(each.subject)}  {escape(each.reason)} [dim]({escape(each.actor)})[/]"
        )
        for each in records
    ]
    return Group(*lines) if lines else Text("nothing happened yet", style="dim")


def bar(share: float, width: int = 10) -> str:
    """A share as a bar of `width` cells."""
    full = round(share * width)
    return f"[cyan]{'█' * full}[/][dim]{'░' * (width - full)}[/]"


def percent(share: float, digits: int = 0) -> str:
    """0.125 as `12 %`, or with `digits` after the point."""
    return f"{share * 100:.{digits}f} %"


def seconds(value: float) -> str:
    """90 as `1m 30s`."""
    whole = round(value)
    if whole < 60:
        return f"{round(value, 1):g}s" if value < 10 else f"{whole}s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{rest}s" if rest else ""]
    return " ".join(part for part in parts if part)


def size(value: float) -> str:
    """Bytes with a unit."""
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def clock(at: datetime) -> str:
    """Time of day of this machine's zone."""
    return at.astimezone().strftime("%H:%M:%S")


def moment(at: datetime) -> str:
    """Day and time of this machine's zone."""
    return at.astimezone(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
