"""`andon tokens`: credentials for programs. A token never signs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from andon.access.model import Permission
from andon.cli import grants, tables
from andon.cli.context import Json, Reason, asked, client_of, out, print_json
from andon.cli.handing import hand_over
from andon.cli.needs import Need, needs

_Machine = Annotated[
    bool, typer.Option("--machine", help=f"Of machines instead of your own; needs {Permission.USERS_MANAGE}")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Credentials for programs. A token never signs.")
    group.command(
        "list", help="List your tokens, or those of machines.\n\nExample: andon tokens list --machine"
    )(list_)
    group.command(
        help="Make a token; its text is shown once. It may do what --grant says and you may."
        "\n\nExamples:\n\n  andon tokens create dashboard --grant viewer --days 90 --reason 'wall screen'\n\n"
        "  andon tokens create ci --machine --grant engineer@staging --output ci.token --reason 'nightly'"
    )(create)
    group.command(
        help="End a token at once.\n\nExample: andon tokens revoke tk-0kz3v1q8x --reason 'screen is gone'"
    )(revoke)
    app.add_typer(group, name="tokens")


@needs(Need.SIGN_IN)
def list_(context: typer.Context, machine: _Machine = False, as_json: Json = False) -> None:
    """List tokens."""
    with client_of(context) as client:
        found = client.get(_path(machine))
    print_json(found) if as_json else out.print(tables.tokens(found))


@needs(Need.SIGN_IN)
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is for, in a word")],
    grant: Annotated[
        list[str],
        typer.Option("--grant", "-g", help="A role of yours, or role@environment/unit/line. May be repeated"),
    ],
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="Days until it expires")] = 90,
    machine: _Machine = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the token to this file, 0600, instead")
    ] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Make a token."""
    body = {
        "name": name,
        "grants": grants.parse_all(grant),
        "expires_in_days": days,
        "reason": asked(reason, "Why this token?"),
    }
    with client_of(context) as client:
        answer = client.post(_path(machine), **body)
    head = f"token [bold]{escape(name)}[/] {answer['token']['id']}"
    use = f"; use it: [bold]andon --token-file {escape(str(output))} status[/]"
    hand_over(answer, output, as_json=as_json, head=head, stored=use)


@needs(Need.SIGN_IN)
def revoke(
    context: typer.Context,
    token: Annotated[str, typer.Argument(help="Id of the token, as andon tokens list shows it")],
    machine: _Machine = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """End a token."""
    why = asked(reason, "Why end it?")
    with client_of(context) as client:
        client.delete(f"{_path(machine)}/{token}", reason=why)
    print_json({"revoked": token}) if as_json else out.print(f"[green]✓[/] {escape(token)} is revoked")


def _path(machine: bool) -> str:
    return "/tokens" if machine else "/me/tokens"
