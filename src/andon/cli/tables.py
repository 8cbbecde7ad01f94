"""What access shows at the terminal: people, rights, tokens, signatures as Rich tables."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from andon.cli.render import moment, seconds

View = Mapping[str, Any]
_STANDING = {"valid": "green", "unsigned": "yellow", "forged": "red"}


def table(*titles: str) -> Table:
    """An empty table in the house's style."""
    return Table(*titles, box=None, header_style="bold")


def at(value: str | None) -> str:
    """A time of the API in this machine's zone, or a dash."""
    return moment(datetime.fromisoformat(value)) if value else "-"


def grant(view: View) -> str:
    """A grant as it is written on the command line."""
    parts = [view.get(each) or "*" for each in ("environment", "unit", "line")]
    while parts and parts[-1] == "*":
        parts.pop()
    return f"{view['role']}@{'/'.join(parts)}" if parts else str(view["role"])


def grants(views: Iterable[View]) -> str:
    """Several, in one cell."""
    return escape(", ".join(grant(each) for each in views)) or "[dim]none[/]"


def me(view: View) -> RenderableType:
    """Who is signed in, with what each permission holds for."""
    head = (
        f"[bold]{escape(view['login'])}[/] {escape(view['display_name'])}  [dim]{view['kind']}, "
        f"until {at(view.get('expires_at'))}[/]\nroles: {grants(view['grants'])}\n"
    )
    rights = table("permission", "where")
    for name, places in sorted(view["permissions"].items()):
        rights.add_row(name, escape("; ".join(_place(each) for each in places)))
    return Group(Text.from_markup(head), rights)


def _place(view: View) -> str:
    named = [
        f"{kind} {view[kind]}"
        for kind in ("environment", "unit", "line")
        if view.get(kind) not in {None, "*"}
    ]
    where = ", ".join(named) or "everywhere"
    return f"{where} outside production" if view.get("outside_production") else where


def users(found: Sequence[View]) -> RenderableType:
    """People, one a line."""
    shown = table("user", "name", "roles", "password kept by", "last sign-in", "")
    for each in found:
        shown.add_row(
            f"[bold]{escape(each['login'])}[/]", escape(each["display_name"]), grants(each["grants"]),
            str(each["source"]), at(each.get("last_login_at")), _user_state(each),
        )  # fmt: skip
    return shown


def _user_state(view: View) -> str:
    states = {
        "is_disabled": "[red]disabled[/]",
        "is_break_glass": "[yellow]break-glass[/]",
        "must_change_password": "[yellow]must change the password[/]",
        "signing_suspended": "[yellow]signs nothing until confirmed[/]",
    }
    return ", ".join(text for key, text in states.items() if view.get(key))


def sessions(found: Sequence[View]) -> RenderableType:
    """Where somebody is signed in."""
    shown = table("session", "kind", "from", "program", "since", "last seen")
    for each in found:
        shown.add_row(
            each["id"], each["kind"], str(each.get("source") or "-"), escape(str(each.get("agent") or "-")),
            at(each["created_at"]), at(each["seen_at"]),
        )  # fmt: skip
    return shown


def matrix(roles: Sequence[View], permissions: Sequence[str]) -> RenderableType:
    """Permission by role: yes, outside production only, or not."""
    signs = {"anywhere": "[green]●[/]", "outside-production": "[yellow]◐[/]"}
    shown = table("permission", *(escape(each["name"]) for each in roles))
    shown.columns[0].no_wrap, shown.columns[0].min_width = True, max(map(len, permissions), default=0)
    for name in permissions:
        shown.add_row(name, *(signs.get(each["permissions"].get(name, ""), "[dim]·[/]") for each in roles))
    return Group(shown, Text.from_markup("[dim]● everywhere  ◐ outside production  · not[/]"))


def role(view: View) -> RenderableType:
    """One role."""
    kind = "built-in" if view.get("is_builtin") else "own"
    shown = table("permission", "where")
    for name, where in sorted(view["permissions"].items()):
        shown.add_row(name, where)
    head = f"[bold]{escape(view['name'])}[/] [dim]{kind}[/]  {escape(view.get('description') or '')}"
    return Group(Text.from_markup(head), shown)


def tokens(found: Sequence[View]) -> RenderableType:
    """Tokens, never their text."""
    shown = table("token", "name", "roles", "expires", "last used", "")
    for each in found:
        over = "[red]revoked[/]" if each["revoked_at"] else ""
        shown.add_row(
            each["id"], escape(each["name"]), grants(each["grants"]), at(each.get("expires_at")),
            at(each.get("last_used_at")), over,
        )  # fmt: skip
    return shown


def signatures(found: Sequence[View]) -> RenderableType:
    """Signatures with signer, time, meaning, as 21 CFR 11.50 wants them shown."""
    shown = table("signature", "signed by", "at", "meaning", "of", "reason", "")
    for each in found:
        shown.add_row(
            each["id"], f"{escape(each['display_name'])} [dim]({escape(each['signer'])})[/]", at(each["at"]),
            each["meaning"], escape(f"{each['action']} {each['subject']}"), escape(each["reason"]),
            standing(each["standing"]),
        )  # fmt: skip
    return shown


def signature(view: View) -> RenderableType:
    """One signature, whole."""
    shown = Table(box=None, show_header=False)
    rows = {
        "signed by": f"{view['display_name']} ({view['signer']}, by {view['method']})", "at": at(view["at"]),
        "meaning": view["meaning"], "reason": view["reason"], "of": f"{view['action']} {view['subject']}",
        "document": view["document_hash"],
    }  # fmt: skip
    for name, value in rows.items():
        shown.add_row(f"[dim]{name}[/]", escape(str(value)))
    return Group(Text.from_markup(f"[bold]{view['id']}[/] {standing(view['standing'])}"), shown)


def standing(value: str) -> str:
    """What a signature is worth today."""
    return f"[{_STANDING.get(value, 'white')}]{value}[/]"


_SAID = {
    "open": "green", "passed": "green", "refused": "red", "failed": "red", "waiting": "yellow",
    "lost": "yellow", "running": "cyan",
}  # fmt: skip


def gates(found: Sequence[View]) -> RenderableType:
    """Gates of a rollout, with what each waits for and until when."""
    shown = table("gate", "kind", "before step", "state", "until", "says")
    for each in found:
        asks = f"{each['kind']} {each['asks']}".strip()
        shown.add_row(
            f"[bold]{escape(each['name'])}[/]", escape(asks), str(each["step"] + 1), _said(each["state"]),
            at(each["expires_at"]) if each["expires_at"] else "", escape(each["reason"]),
        )  # fmt: skip
    return shown


def tasks(found: Sequence[View]) -> RenderableType:
    """Tasks of a rollout, with how far each is."""
    shown = table("task", "kind", "before step", "state", "tries", "does", "says")
    for each in found:
        shown.add_row(
            f"[bold]{escape(each['name'])}[/]", each["kind"], str(each["step"] + 1), _said(each["state"]),
            str(len(each["tries"])), escape(each["says"]), escape(each["reason"]),
        )  # fmt: skip
    return shown


def _said(state: str) -> str:
    return f"[{_SAID.get(state, 'dim')}]{state}[/]"


def policies(found: Sequence[View]) -> RenderableType:
    """What environments demand, one a line."""
    shown = table("environment", "version", "kind", "approvals", "signatures for", "begins")
    for each in found:
        approvals = f"{each['approvals']} of {each['approver_role']}" if each["approvals"] else "none"
        shown.add_row(
            f"[bold]{escape(each['environment'])}[/]", str(each["version"]),
            "production" if each["is_production"] else "", escape(approvals),
            ", ".join(sorted(each["signed"])) or "nothing", escape(_begins(each.get("calendar"))),
        )  # fmt: skip
    lines = [
        Text.from_markup(f"[bold]{escape(each['environment'])}[/] asks of rollouts: {escape(said)}")
        for each in found
        if (said := bounds(each.get("bounds") or {})) != "nothing"
    ]
    return Group(shown, *lines)


def _begins(calendar: Mapping[str, Any] | None) -> str:
    """When rollouts may begin there."""
    if calendar is None:
        return "always"
    closed = f", closed on {len(calendar['closed'])} spans" if calendar["closed"] else ""
    return f"{'; '.join(calendar['open']) or 'always'} ({calendar['zone']}){closed}"


def bounds(given: View) -> str:
    """What a policy asks of rollouts, in a line."""
    said = []
    if source := given.get("promotes_from"):
        age = f" after {seconds(given['min_age_s'])}" if given.get("min_age_s") else ""
        said.append(f"from {source}{age}{', by itself' if given.get('is_auto') else ''}")
    if given.get("strategies"):
        said.append(" or ".join(given["strategies"]))
    said += [
        f"{word} at most {given[name]:g}"
        for name, word in (("alpha_at_most", "alpha"), ("margin_at_most", "margin"))
        if given.get(name)
    ]
    if given.get("requires_evidence"):
        said.append("evidence")
    if given.get("judge"):
        said.append(f"judge {given['judge']}")
    return "; ".join(said) or "nothing"


def policy_history(found: Sequence[View]) -> RenderableType:
    """Versions of a policy with who signed each, newest first."""
    shown = table("version", "since", "signed by", "approvals", "signatures for", "of rollouts", "signature")
    for each in found:
        policy = each["policy"]
        shown.add_row(
            str(policy["version"]), at(each["at"]), escape(each["actor"]),
            escape(f"{policy['approvals']} of {policy['approver_role']}"),
            ", ".join(sorted(policy["signed"])) or "nothing", escape(bounds(policy.get("bounds") or {})),
            each["signature"],
        )  # fmt: skip
    return shown


def changed(older: View, newer: View) -> dict[str, dict[str, Any]]:
    """What differs between two versions of a policy: by name, before and after."""
    one, other = _flat(older), _flat(newer)
    return {
        name: {"before": one.get(name), "after": other.get(name)}
        for name in sorted({*one, *other} - {"version", "environment"})
        if one.get(name) != other.get(name)
    }


def _flat(policy: View) -> dict[str, Any]:
    return {**{k: v for k, v in policy.items() if k != "bounds"}, **(policy.get("bounds") or {})}


def policy_diff(found: Mapping[str, View], older: int, newer: int) -> RenderableType:
    """What changed, one value a line."""
    if not found:
        return Text(f"versions {older} and {newer} say the same", style="dim")
    shown = table("value", f"version {older}", f"version {newer}")
    for name, each in found.items():
        values = ("-" if each[when] is None else escape(str(each[when])) for when in ("before", "after"))
        shown.add_row(name, *values)
    return shown


def holds(found: Sequence[View]) -> RenderableType:
    """Holds, one a line."""
    if not found:
        return Text("nothing is held", style="dim")
    shown = table("unit", "environment", "taken back", "held by", "since", "reason")
    for each in found:
        shown.add_row(
            f"[bold]{escape(each['unit'])}[/]", escape(each["environment"]), each["version"] or "-",
            escape(each["actor"]), at(each["at"]), escape(each["reason"]),
        )  # fmt: skip
    return shown


def turns(found: Sequence[View]) -> RenderableType:
    """What going back with an environment does to each unit."""
    if not found:
        return Text("nothing changed there in that time", style="dim")
    shown = table("unit", "leaves", "to", "how", "")
    for each in found:
        how = "abort" if each["is_abort"] else "roll back"
        problem = f"[red]{escape(each['problem'])}[/]" if each["problem"] else (each["rollout"] or "")
        shown.add_row(f"[bold]{escape(each['unit'])}[/]", each["leaving"], each["to"] or "-", how, problem)
    return shown


def history(found: Sequence[View]) -> RenderableType:
    """What ran where, newest first."""
    if not found:
        return Text("nothing was ever deployed there", style="dim")
    shown = table("release", "began", "took", "by", "ended", "stable", "why")
    for each in found:
        rollout = each["rollout"]
        took = "-" if each["duration_s"] is None else seconds(each["duration_s"])
        ended = rollout["phase"] + (f" ({rollout['trigger']})" if rollout["trigger"] else "")
        back = " [yellow]withdrawn[/]" if each["is_withdrawn"] else ""
        stood = f"{at(each['ran_from'])} to {at(each['ran_until'])}" if each["ran_from"] else "never"
        can = " [green]↶[/]" if each["can_return"] else ""
        shown.add_row(
            f"[bold]{rollout['candidate']}[/]{can}{back}", at(rollout["created_at"]), took,
            escape(rollout["actor"]), ended, stood, escape(rollout["because"] or rollout["reason"]),
        )  # fmt: skip
    return Group(shown, Text.from_markup("[dim]↶ andon rollback --to brings it back without a gate[/]"))


def set_approval(seen: View) -> RenderableType:
    """A set as people sign it: a row for each member, and why it cannot be signed where it cannot."""
    shown = table("unit", "from", "to", "steps", "plan", "artifacts", "approvals")
    for each in seen["members"]:
        steps = (each["plan"] or {}).get("steps", ())
        shares = ", ".join(f"{step['share']:.0%}" for step in steps)
        signed = "done" if each["is_behind"] else f"{each['approvals']} of {seen['approvals_needed']}"
        shown.add_row(
            f"[bold]{escape(each['unit'])}[/]",
            escape(each["stable"] or "-"),
            escape(each["candidate"]),
            shares,
            ((each["plan"] or {}).get("hash") or "-")[:12],
            "\n".join(f"{escape(name)} {sha256[:12]}" for name, sha256 in each["artifacts"].items()) or "-",
            signed,
        )
    said = f"set {escape(seen['name'])}@{escape(seen['version'])} in {escape(seen['environment'])}"
    lines: list[RenderableType] = [Text.from_markup(f"[bold]{said}[/]  {escape(seen['reason'])}"), shown]
    if seen["why_not"]:
        lines.append(Text.from_markup(f"[yellow]![/] you cannot sign it: {escape(seen['why_not'])}"))
    return Group(*lines)


def sets(found: Sequence[View], moving: Sequence[View]) -> RenderableType:
    """Published sets, and those on their way."""
    if not found:
        return Text("no sets yet; sign one: andon sets publish andon-set.toml", style="dim")
    shown = table("set", "members, in their order", "signed by", "at")
    for each in found:
        members = ", ".join(f"{one['unit']} {one['version']}" for one in each["members"])
        name = f"[bold]{escape(each['name'])}[/]@{escape(each['version'])}"
        shown.add_row(name, escape(members), escape(each["actor"]), at(each["at"]))
    lines = [
        Text.from_markup(
            f"[dim]{each['id']}[/] {escape(each['name'])}@{each['version']} in {escape(each['environment'])} "
            f"[bold]{each['phase']}[/]  {escape(each['reason'])}"
        )
        for each in moving[:10]
    ]
    return Group(shown, *lines)


def values(found: Mapping[str, Any]) -> RenderableType:
    """Names and values, one a line."""
    shown = Table(box=None, show_header=False)
    for name, value in found.items():
        shown.add_row(f"[dim]{escape(name)}[/]", escape(str(value)))
    return shown
