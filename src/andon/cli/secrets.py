"""`andon secrets`: passwords of other systems, kept under a key apart from the database."""

from typing import Annotated

import typer
from rich.markup import escape

from andon.access.model import Permission
from andon.cli import asking, tables
from andon.cli.context import Json, Reason, asked, client_of, out, print_json
from andon.cli.needs import needs

_Name = Annotated[str, typer.Argument(help="Name that settings use, such as directory")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(
        no_args_is_help=True, help="Passwords of other systems, kept under a key apart from the database."
    )
    group.command(
        "set",
        help="Keep a secret; it can be used, and never be shown again.\n\nExamples:\n\n"
        "  andon secrets set directory --reason 'account for searching'\n\n"
        "  andon secrets set directory --value-stdin --reason 'new password' < value.txt",
    )(set_)
    group.command("list", help="List names and ages; never values.\n\nExample: andon secrets list")(list_)
    group.command(
        help="Remove a secret.\n\nExample: andon secrets delete directory --reason 'no directory any more'"
    )(delete)
    group.command(
        help="Encrypt everything anew under a new key, while Andon goes on.\n\n"
        "Example: andon secrets rotate --reason 'yearly'"
    )(rotate)
    app.add_typer(group, name="secrets")


@needs(Permission.SECRETS_MANAGE)
def set_(
    context: typer.Context,
    name: _Name,
    value_stdin: Annotated[
        bool, typer.Option("--value-stdin", help="The value is a line on standard input")
    ] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Keep a secret."""
    if value_stdin:
        value = asking.line_of_stdin("value")
    else:
        value = asking.password(f"Value of {name}", "--value-stdin")
    why = asked(reason, "Why?")
    with client_of(context) as client:
        client.put(f"/secrets/{name}", value=value, reason=why)
    print_json({"kept": name}) if as_json else out.print(f"[green]✓[/] {escape(name)} is kept")


@needs(Permission.SECRETS_MANAGE)
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List names."""
    with client_of(context) as client:
        found = client.get("/secrets")
    if as_json:
        print_json(found)
        return
    shown = tables.table("secret", "changed", "by")
    for each in found:
        shown.add_row(
            escape(each["name"]), tables.at(each["updated_at"]),
            escape(each["actor"]),
        )  # fmt: skip
    out.print(shown)


@needs(Permission.SECRETS_MANAGE)
def delete(context: typer.Context, name: _Name, reason: Reason = "", as_json: Json = False) -> None:
    """Remove a secret."""
    why = asked(reason, "Why remove it?")
    with client_of(context) as client:
        client.delete(f"/secrets/{name}", reason=why)
    print_json({"removed": name}) if as_json else out.print(f"[green]✓[/] {escape(name)} is gone")


@needs(Permission.SECRETS_MANAGE)
def rotate(context: typer.Context, reason: Reason = "", as_json: Json = False) -> None:
    """Use a new key."""
    why = asked(reason, "Why rotate?")
    with client_of(context) as client:
        answer = client.post("/secrets/rotate", reason=why)
    print_json(answer) if as_json else out.print("[green]✓[/] everything is encrypted under a new key")
