"""`andon signatures`: who signed what, in what meaning, and what it is worth today."""

from typing import Annotated

import typer

from andon.access.model import Permission
from andon.cli import tables
from andon.cli.context import Json, client_of, out, print_json
from andon.cli.needs import needs


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(
        no_args_is_help=True, help="Who signed what, in what meaning, and what it is worth today."
    )
    group.command("list", help="List signatures, newest first.\n\nExample: andon signatures list")(list_)
    group.command(help="Show one signature.\n\nExample: andon signatures show sig-0kz3v1q8x")(show)
    app.add_typer(group, name="signatures")


@needs(Permission.TIMELINE_VIEW)
def list_(
    context: typer.Context,
    subject: Annotated[
        str | None, typer.Option(help="Only of this thing, such as rollout/ro-0kz3v1q8x")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="Newest signatures")] = 50,
    as_json: Json = False,
) -> None:
    """List signatures."""
    with client_of(context) as client:
        found = client.get("/signatures", subject=subject, limit=limit)
    print_json(found) if as_json else out.print(tables.signatures(found))


@needs(Permission.TIMELINE_VIEW)
def show(
    context: typer.Context,
    signature: Annotated[str, typer.Argument(help="Id of the signature")],
    as_json: Json = False,
) -> None:
    """Show one signature."""
    with client_of(context) as client:
        found = client.get(f"/signatures/{signature}")
    print_json(found) if as_json else out.print(tables.signature(found))
