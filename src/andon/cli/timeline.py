"""`andon timeline`: what happened, by whom and why; and what one change changed."""

import difflib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from andon.access.model import Permission
from andon.api.model import RecordView
from andon.cli import render, tables
from andon.cli.context import Json, client_of, out, print_json
from andon.cli.needs import needs
from andon.timeline.records import Severity

_Moment = typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"])


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(
        invoke_without_command=True,
        callback=timeline,
        help="Show what happened, by whom and why, oldest of the newest first.\n\nExamples:\n\n"
        "  andon timeline --unit mes\n\n  andon timeline --kind signature.made --since 2026-03-01\n\n"
        "  andon timeline show 4711",
    )
    group.command(help="Show one record, with what it changed.\n\nExample: andon timeline show 4711")(show)
    app.add_typer(group, name="timeline")


@needs(Permission.TIMELINE_VIEW)
def timeline(
    context: typer.Context,
    unit: Annotated[str | None, typer.Option(help="Only of this unit")] = None,
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="Only there")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind, such as rollout.requested")] = None,
    actor: Annotated[str | None, typer.Option(help="Only by this person or part of Andon")] = None,
    subject: Annotated[str | None, typer.Option(help="Only of this thing, such as rollout/ro-...")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only of this severity")] = None,
    since: Annotated[datetime | None, _Moment] = None,
    until: Annotated[datetime | None, _Moment] = None,
    text: Annotated[str | None, typer.Option(help="Only with these words in the reason")] = None,
    limit: Annotated[
        int, typer.Option("--limit", "--lines", "-n", min=1, max=500, help="Newest records")
    ] = 50,
    as_json: Json = False,
) -> None:
    """Show the timeline."""
    if context.invoked_subcommand is not None:
        return
    wanted = {
        "unit": unit, "environment": environment, "kind": kind, "actor": actor, "subject": subject,
        "severity": severity.value if severity else None, "since": moment(since), "until": moment(until),
        "text": text, "limit": limit,
    }  # fmt: skip
    with client_of(context) as client:
        found = client.get("/timeline", **wanted)
    if as_json:
        print_json(found)
    else:
        out.print(render.timeline([RecordView.model_validate(each) for each in reversed(found)]))


@needs(Permission.TIMELINE_VIEW)
def show(
    context: typer.Context,
    number: Annotated[int, typer.Argument(min=1, help="Number of the record")],
    as_json: Json = False,
) -> None:
    """Show one record."""
    with client_of(context) as client:
        found = client.get(f"/timeline/{number}")
    print_json(found) if as_json else out.print(_record(found))


def moment(said: datetime | None) -> str | None:
    """A moment of this machine's zone as the API takes it."""
    return said.astimezone().isoformat() if said else None


def _record(answer: Mapping[str, Any]) -> RenderableType:
    view: Mapping[str, Any] = answer["record"]
    said = {
        "when": tables.at(view["at"]), "what": view["kind"], "of": view["subject"],
        "who": f"{view['actor']} {view.get('role') or ''}".strip(), "from": view.get("source") or "-",
        "why": view["reason"], "request": view.get("correlation") or "-", "hash": view.get("hash") or "-",
    }  # fmt: skip
    parts: list[RenderableType] = [Text(f"record {view['number']}", style="bold"), tables.values(said)]
    parts += [Text.from_markup(line) for line in difference(view["before"], view["after"])]
    return Group(*parts)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What changed, line by line, marked up."""
    one, other = (
        json.dumps(each, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
        for each in (before, after)
    )
    colours = {"-": "red", "+": "green", " ": "dim"}
    for line in difflib.ndiff(one, other):
        if line[0] in colours:
            yield f"[{colours[line[0]]}]{escape(line)}[/]"
