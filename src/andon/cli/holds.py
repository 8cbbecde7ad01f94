"""`andon hold`, `andon holds`: what keeps automation away from a unit in an environment."""

from typing import Annotated

import typer
from rich.markup import escape

from andon.access.model import Permission
from andon.cli import tables
from andon.cli.context import EnvironmentOption, Json, Reason, asked, client_of, out, print_json
from andon.cli.needs import needs


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(
        help="Keep automation away from a unit in an environment, whatever the release, until a person "
        "releases it. Who takes something back by hand makes a hold, too. To release one it needs "
        f"{Permission.DEPLOY} there.\n\n"
        "Examples:\n\n  andon hold mes --reason 'audit this week'\n\n"
        "  andon hold mes --release --reason 'cause found and mended in 1.2.1'"
    )(hold)
    app.command(help="Show what nothing deploys to by itself, and why.\n\nExample: andon holds")(holds)


@needs(Permission.CONTROL)
def hold(
    context: typer.Context,
    unit: Annotated[str, typer.Argument(help="Unit, such as mes")],
    environment: EnvironmentOption = "production",
    release: Annotated[bool, typer.Option("--release", help="Release it")] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Hold or release."""
    why = asked(reason, "Why release it?" if release else "Why hold it?")
    path = f"/units/{unit}/environments/{environment}/hold"
    with client_of(context) as client:
        seen = client.delete(path, reason=why) if release else client.post(path, reason=why)
    if as_json:
        print_json(seen)
    elif release:
        out.print(f"[green]●[/] {unit} in {environment} is released; it was held by {escape(seen['actor'])}")
    else:
        out.print(f"[yellow]■[/] {unit} in {environment} is held: nothing deploys there by itself")


@needs(Permission.FLOOR_VIEW)
def holds(context: typer.Context, as_json: Json = False) -> None:
    """Show holds."""
    with client_of(context) as client:
        found = client.get("/holds")
    print_json(found) if as_json else out.print(tables.holds(found))
