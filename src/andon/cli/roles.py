"""`andon roles`: what each role may do, and roles of one's own."""

from typing import Annotated

import typer
from rich.markup import escape

from andon.access.model import Permission, Where
from andon.cli import tables
from andon.cli.context import Json, Reason, asked, client_of, out, print_json
from andon.cli.needs import Need, needs
from andon.kernel.errors import InvalidInput, NotFound

_Name = Annotated[str, typer.Argument(help="Role")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="What each role may do, and roles of one's own.")
    group.command("list", help="Show the matrix of roles and permissions.\n\nExample: andon roles list")(
        list_
    )
    group.command(help="Show one role.\n\nExample: andon roles show engineer")(show)
    group.command(
        "set",
        help="Make a role, or give it other permissions; built-in roles stay as they are.\n\n"
        "Example: andon roles set night-shift -p floor.view -p rollouts.abort@outside-production "
        "--reason 'may stop at night'",
    )(set_)
    group.command(
        help="Remove a role of one's own; who had it keeps nothing of it."
        "\n\nExample: andon roles delete night-shift --reason 'no night shift any more'"
    )(delete)
    app.add_typer(group, name="roles")


@needs(Need.SIGN_IN)
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Show the matrix."""
    with client_of(context) as client:
        found = client.get("/roles")
    names = [each.value for each in Permission]
    print_json(found) if as_json else out.print(tables.matrix(found, names))


@needs(Need.SIGN_IN)
def show(context: typer.Context, name: _Name, as_json: Json = False) -> None:
    """Show one role."""
    with client_of(context) as client:
        found = next((each for each in client.get("/roles") if each["name"] == name), None)
    if found is None:
        raise NotFound("unknown-role", f"there is no role {name}", hint="andon roles list")
    print_json(found) if as_json else out.print(tables.role(found))


@needs(Permission.USERS_MANAGE)
def set_(
    context: typer.Context,
    name: _Name,
    permission: Annotated[
        list[str], typer.Option("--permission", "-p", help="A permission, or permission@outside-production")
    ],
    description: Annotated[str, typer.Option("--description", help="For people, in a few words")] = "",
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Make or change a role."""
    given = dict(_permission(each) for each in permission)
    why = asked(reason, "Why this role?")
    with client_of(context) as client:
        answer = client.put(f"/roles/{name}", permissions=given, description=description, reason=why)
    print_json(answer) if as_json else out.print(tables.role(answer))


@needs(Permission.USERS_MANAGE)
def delete(context: typer.Context, name: _Name, reason: Reason = "", as_json: Json = False) -> None:
    """Remove a role."""
    why = asked(reason, "Why remove it?")
    with client_of(context) as client:
        client.delete(f"/roles/{name}", reason=why)
    print_json({"removed": name}) if as_json else out.print(f"[green]✓[/] role {escape(name)} is gone")


def _permission(text: str) -> tuple[str, str]:
    name, at, where = text.partition("@")
    try:
        return Permission(name).value, Where(where if at else Where.ANYWHERE).value
    except ValueError as error:
        raise InvalidInput("bad-permission", f"{text} is no permission", hint="andon roles list") from error
