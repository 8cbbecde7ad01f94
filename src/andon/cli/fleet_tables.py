"""What the fleet shows at the terminal: stations, versions, windows as Rich tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from andon.cli.tables import View, at, table

_PHASE = {
    "idle": "[green]idle[/]",
    "watching": "[cyan]watching[/]",
    "failed": "[red]failed[/]",
    "held": "[red]held[/]",
    "returning": "[yellow]returning[/]",
}
_STANDING = {"active": "", "waiting": "[yellow]waits to be let in[/]", "retired": "[dim]retired[/]"}
_STUCK = {"failed", "held"}
_MIB = 1 << 20
_SHOWN = 20  # stations that are named in one line


def stations(found: Sequence[View]) -> RenderableType:
    """Stations, one a line; of each what it runs."""
    shown = table("", "station", "line", "ring", "environment", "runs", "last seen")
    for each in found:
        light = "[green]●[/]" if each["is_reachable"] else "[dim]○[/]"
        units = "\n".join(_unit_line(one) for one in each["units"]) or "[dim]-[/]"
        standing = _STANDING[each["standing"]]
        shown.add_row(
            light, f"[bold]{escape(each['name'])}[/] {standing}", escape(each["line"]), escape(each["ring"]),
            escape(each["environment"]), units, at(each["last_seen_at"]),
        )  # fmt: skip
    return shown


def _unit_line(view: View) -> str:
    running = view["running"] or "nothing"
    wanted = f" → {view['wanted'] or 'nothing'}" if view["differs"] else ""
    pinned = " [magenta]pinned[/]" if view["pinned"] else ""
    drifted = " [red]drifted[/]" if view["is_drifted"] else ""
    progress = f" {view['progress']:.0%}" if view["progress"] is not None else ""
    phase = "" if view["phase"] == "idle" and not view["differs"] else f" {_phase(view['phase'])}{progress}"
    return f"{escape(view['unit'])} {escape(running)}{escape(wanted)}{phase}{pinned}{drifted}"


def _phase(phase: str) -> str:
    return _PHASE.get(phase, f"[cyan]{escape(phase)}[/]")


def station(view: View) -> RenderableType:
    """A station whole."""
    machine = view["machine"]
    labels = ", ".join(f"{key}={value}" for key, value in view["labels"].items()) or "-"
    head = (
        f"[bold]{escape(view['name'])}[/] {_STANDING[view['standing']]}\n"
        f"line {escape(view['line']) or '-'}, ring {escape(view['ring'])}, in {escape(view['environment'])}, "
        f"labels {escape(labels)}\n"
        f"last seen {at(view['last_seen_at'])} at {escape(view['address']) or '-'}, "
        f"agent {escape(view['agent']) or '-'}, window {escape(view['window']) or 'always'}\n"
        f"acts on revision {view['acts_on']} of {view['revision']}\n"
        f"[dim]{escape(machine['hostname'])}, {escape(view['platform'])}, {escape(machine['cpu'])}, "
        f"{machine['cpus']} cores, {machine['memory'] // _MIB} MiB memory[/]\n"
    )
    units = table("unit", "runs", "wanted", "phase", "restarts", "crashes", "why")
    for each in view["units"]:
        why = "\n".join(filter(None, (_pinned(each), each["reason"] or each["wanted_reason"])))
        units.add_row(
            f"[bold]{escape(each['unit'])}[/]", escape(each["running"] or "-"), escape(each["wanted"] or "-"),
            _phase(each["phase"]), str(each["restarts"]), str(each["crashes"]), escape(why),
        )  # fmt: skip
    return Group(Text.from_markup(head), units)


def _pinned(unit: View) -> str:
    if unit["pinned"] is None:
        return ""
    until = at(unit["pinned_until"]) if unit["pinned_until"] else "it is taken off"
    return f"pinned: {unit['pinned']}, by {unit['pinned_by']}, until {until}"


def strangers(
    named: Mapping[str, str | None], every: Sequence[View], rings: Sequence[View]
) -> Iterator[RenderableType]:
    """What was asked for and is nowhere. named: by `environment`, `line`, `ring`; every: all stations."""
    known = {key: sorted({each[key] for each in every} - {""}) for key in ("environment", "line")}
    known["ring"] = [each["name"] for each in rings]
    for key, names in known.items():
        asked = named.get(key)
        if asked is not None and asked not in names:
            there = ", ".join(names) or "none"
            yield Text(f"no station is in {key} {asked}; {key}s are: {there}", style="yellow")


def versions(found: Sequence[View]) -> RenderableType:
    """What runs where, and what happened to each release."""
    shown = table(
        "unit", "environment", "version", "stations", "installed", "failed", "back", "crashes", "hours"
    )
    for each in found:
        mark = "  [red]revoked[/]" if each["is_revoked"] else ""
        shown.add_row(
            f"[bold]{escape(each['unit'])}[/]", escape(each["environment"]), escape(each["version"]) + mark,
            str(each["stations"]), str(each["installs_ok"]), _bad(each["installs_failed"]),
            _bad(each["returns"]), _bad(each["crashes"]), f"{each['run_s'] / 3600:.1f}",
        )  # fmt: skip
    return Group(shown, *(_to_move(each) for each in found if each["to_move"]))


def _to_move(each: View) -> RenderableType:
    """Stations that run what was revoked, and the command that moves them."""
    stations = ", ".join(each["to_move"][:_SHOWN]) + (" and others" if len(each["to_move"]) > _SHOWN else "")
    unit, old, there = escape(each["unit"]), escape(each["version"]), escape(each["environment"])
    return Text.from_markup(
        f"[red]{unit}@{old} was revoked, and still runs on[/] {escape(stations)}\n"
        f"  [dim]andon fleet recall {unit} {old} --environment {there} --to VERSION --reason WHY[/]"
    )


def _bad(count: int) -> str:
    return f"[red]{count}[/]" if count else "0"


def is_stuck(found: Iterable[View]) -> bool:
    """Whether one of them does not come to what is wanted by itself."""
    units = (one for each in found for one in each["units"])
    return any(one["is_drifted"] or (one["differs"] and one["phase"] in _STUCK) for one in units)


def drift(found: Sequence[View]) -> RenderableType:
    """Stations that run something else than is wanted, and why as far as it is known."""
    shown = table("station", "unit", "runs", "wanted", "phase", "why")
    for each in found:
        for one in each["units"]:
            if one["differs"] or one["is_drifted"]:
                why = "its files are not what was installed" if one["is_drifted"] else one["reason"]
                shown.add_row(
                    f"[bold]{escape(each['name'])}[/]", escape(one["unit"]), escape(one["running"] or "-"),
                    escape(one["wanted"] or "-"), _phase(one["phase"]), escape(why or one["wanted_reason"]),
                )  # fmt: skip
    return shown


def tokens(found: Sequence[View]) -> RenderableType:
    """Enrolment tokens."""
    shown = table("token", "for", "line", "ring", "made by", "good until", "")
    shown.columns[0].no_wrap = True  # whole, as it is what `revoke-token` is given
    for each in found:
        state = f"used by {each['used_by']}" if each["used_at"] else ("revoked" if each["revoked_at"] else "")
        named = each["station"] or "a new station"
        shown.add_row(
            escape(each["id"]), escape(f"{named} in {each['environment']}"), escape(each["line"]),
            escape(each["ring"]), escape(each["created_by"]), at(each["expires_at"]), escape(state),
        )  # fmt: skip
    return shown


def rings(found: Sequence[View]) -> RenderableType:
    """Rings in their order."""
    shown = table("ring", "stations")
    for each in found:
        shown.add_row(f"[bold]{escape(each['name'])}[/]", str(each["stations"]))
    return shown


def windows(found: Sequence[View]) -> RenderableType:
    """Maintenance windows."""
    shown = table("for", "open", "closed", "zone")
    for each in found:
        calendar = each["calendar"]
        shown.add_row(
            f"{each['scope']} [bold]{escape(each['name'])}[/]",
            escape("\n".join(calendar["open"]) or "always"),
            escape("\n".join(calendar["closed"]) or "-"),
            escape(calendar["zone"]),
        )
    return shown


def recalls(found: Sequence[View]) -> RenderableType:
    """Releases that must not run."""
    shown = table("unit", "environment", "recalled", "go to", "by", "at", "why")
    for each in found:
        shown.add_row(
            f"[bold]{escape(each['unit'])}[/]", escape(each["environment"]),
            f"[red]{escape(each['version'])}[/]",
            escape(each["to"]), escape(each["actor"]), at(each["at"]), escape(each["reason"]),
        )  # fmt: skip
    return shown


def changes(looks: Iterable[Sequence[View]]) -> Iterator[View]:
    """Each station when it is seen first, and when something of it but the time of its last word changed."""
    before: dict[str, View] = {}
    for found in looks:
        now: dict[str, View] = {each["name"]: {**each, "last_seen_at": None} for each in found}
        yield from (each for each in found if before.get(each["name"]) != now[each["name"]])
        before = now


def summary(found: Sequence[View]) -> str:
    """One line of numbers."""
    units = [one for each in found for one in each["units"]]
    return (
        f"{len(found)} stations, {sum(each['is_reachable'] for each in found)} reachable, "
        f"{sum(one['phase'] not in {'idle', *_STUCK} for one in units)} under way, "
        f"{sum(one['phase'] in _STUCK for one in units)} failed, "
        f"{sum(one['differs'] for one in units)} not yet at what is wanted"
    )
