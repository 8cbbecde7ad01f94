"""`andon users`: people, what they may do, and how they get back in."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from andon.access.model import Permission
from andon.cli import grants, tables
from andon.cli.context import Json, Reason, asked, client_of, out, print_json
from andon.cli.needs import needs
from andon.kernel.errors import NotFound

_Login = Annotated[str, typer.Argument(help="User name")]
_Grants = Annotated[list[str], typer.Argument(help="Roles, or role@environment/unit/line")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="People, what they may do, and how they get back in.")
    for name, (function, text) in _COMMANDS.items():
        group.command(name, help=text)(function)
    app.add_typer(group, name="users")


@needs(Permission.USERS_VIEW)
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List people."""
    with client_of(context) as client:
        found = client.get("/users")
    print_json(found) if as_json else out.print(tables.users(found))


@needs(Permission.USERS_VIEW)
def show(context: typer.Context, login: _Login, as_json: Json = False) -> None:
    """Show one person."""
    with client_of(context) as client:
        found = client.get(f"/users/{login}")
    print_json(found) if as_json else out.print(tables.users([found]))


@needs(Permission.USERS_MANAGE)
def create(
    context: typer.Context,
    login: _Login,
    name: Annotated[str, typer.Option("--name", "-n", help="Name for people; it stands on signatures")],
    grant: grants.GrantOption = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Make an account."""
    body = {
        "login": login,
        "display_name": name,
        "grants": grants.parse_all(grant),
        "reason": asked(reason, "Why this account?"),
    }
    with client_of(context) as client:
        answer = client.post("/users", **body)
    _told_once(answer, login, as_json)


@needs(Permission.USERS_MANAGE)
def grant(
    context: typer.Context, login: _Login, roles: _Grants, reason: Reason = "", as_json: Json = False
) -> None:
    """Give roles."""
    wanted, why = grants.parse_all(roles), asked(reason, "Why these roles?")
    with client_of(context) as client:
        there = client.get(f"/users/{login}")["grants"]
        new = [each for each in wanted if not any(grants.is_same(each, other) for other in there)]
        answer = client.patch(f"/users/{login}", grants=[*there, *new], reason=why)
    _changed(answer, as_json)


@needs(Permission.USERS_MANAGE)
def revoke(
    context: typer.Context, login: _Login, roles: _Grants, reason: Reason = "", as_json: Json = False
) -> None:
    """Take roles away."""
    gone, why = grants.parse_all(roles), asked(reason, "Why take them away?")
    with client_of(context) as client:
        there = client.get(f"/users/{login}")["grants"]
        left = [each for each in there if not any(grants.is_same(each, other) for other in gone)]
        if len(left) == len(there):
            raise NotFound("no-such-grant", f"{login} does not have that", hint=f"andon users show {login}")
        answer = client.patch(f"/users/{login}", grants=left, reason=why)
    _changed(answer, as_json)


@needs(Permission.USERS_MANAGE)
def disable(context: typer.Context, login: _Login, reason: Reason = "", as_json: Json = False) -> None:
    """Close an account: its sessions and tokens end at once."""
    why = asked(reason, "Why disable?")
    with client_of(context) as client:
        answer = client.patch(f"/users/{login}", is_disabled=True, reason=why)
    _changed(answer, as_json)


@needs(Permission.USERS_MANAGE)
def enable(context: typer.Context, login: _Login, reason: Reason = "", as_json: Json = False) -> None:
    """Open a closed account again."""
    why = asked(reason, "Why enable?")
    with client_of(context) as client:
        answer = client.patch(f"/users/{login}", is_disabled=False, reason=why)
    _changed(answer, as_json)


@needs(Permission.USERS_MANAGE)
def reset_password(context: typer.Context, login: _Login, reason: Reason = "", as_json: Json = False) -> None:
    """Make a new one-time password."""
    why = asked(reason, "Why a new password?")
    with client_of(context) as client:
        answer = client.post(f"/users/{login}/password", reason=why)
    _told_once(answer, login, as_json)


@needs(Permission.USERS_MANAGE, Permission.APPROVE, is_any=True)
def confirm(context: typer.Context, login: _Login, reason: Reason = "", as_json: Json = False) -> None:
    """Say who uses an account that was reset."""
    why = asked(reason, "How do you know that it is the person?")
    with client_of(context) as client:
        answer = client.post(f"/users/{login}/confirm", reason=why)
    print_json(answer) if as_json else out.print(f"[green]✓[/] {escape(login)} may sign again")


@needs(Permission.USERS_MANAGE)
def unlock(context: typer.Context, login: _Login, reason: Reason = "", as_json: Json = False) -> None:
    """End a lockout."""
    why = asked(reason, "Why unlock?")
    with client_of(context) as client:
        answer = client.post(f"/users/{login}/unlock", reason=why)
    print_json(answer) if as_json else out.print(f"[green]✓[/] {escape(login)} may try again")


@needs(Permission.USERS_MANAGE)
def sessions(context: typer.Context, login: _Login, as_json: Json = False) -> None:
    """Show where somebody is signed in."""
    with client_of(context) as client:
        found = client.get(f"/users/{login}/sessions")
    print_json(found) if as_json else out.print(tables.sessions(found))


@needs(Permission.USERS_MANAGE)
def end_sessions(context: typer.Context, login: _Login, reason: Reason = "", as_json: Json = False) -> None:
    """Sign somebody out everywhere."""
    why = asked(reason, "Why end them?")
    with client_of(context) as client:
        answer = client.delete(f"/users/{login}/sessions", reason=why)
    print_json(answer) if as_json else out.print(f"[green]✓[/] {escape(login)} is signed out everywhere")


_COMMANDS: dict[str, tuple[Any, str]] = {
    "list": (list_, "List people.\n\nExample: andon users list"),
    "show": (show, "Show one person.\n\nExample: andon users show kim"),
    "create": (
        create,
        (
            "Make an account. It prints a one-time password once: the person chooses an own one at the first "
            "sign-in.\n\nExample: andon users create kim --name 'Kim Minji' --grant engineer --reason new"
        ),
    ),
    "grant": (
        grant,
        "Give roles.\n\nExample: andon users grant kim approver@production/mes --reason 'deputy of Park'",
    ),
    "revoke": (revoke, "Take roles away.\n\nExample: andon users revoke kim approver --reason 'moved on'"),
    "disable": (
        disable,
        (
            "Close an account: its sessions and tokens end at once; its name is never given to anyone else."
            "\n\nExample: andon users disable kim --reason 'left the company'"
        ),
    ),
    "enable": (enable, "Open a closed account again.\n\nExample: andon users enable kim --reason 'back'"),
    "reset-password": (
        reset_password,
        (
            "Make a new one-time password, printed once; the old one ends.\n\n"
            "Example: andon users reset-password kim --reason 'forgot it, asked in person'"
        ),
    ),
    "confirm": (
        confirm,
        (
            "Say that the person themself uses an account whose password was reset: until then it signs "
            "nothing. Neither they nor who reset it can.\n\n"
            "Example: andon users confirm kim --reason 'spoke to her at the line'"
        ),
    ),
    "unlock": (
        unlock,
        "End the waiting time after wrong passwords.\n\nExample: andon users unlock kim --reason 'caps lock'",
    ),
    "sessions": (sessions, "Show where somebody is signed in.\n\nExample: andon users sessions kim"),
    "end-sessions": (
        end_sessions,
        "Sign somebody out everywhere.\n\nExample: andon users end-sessions kim --reason 'lost laptop'",
    ),
}


def _changed(answer: Any, as_json: bool) -> None:
    print_json(answer) if as_json else out.print(tables.users([answer]))


def _told_once(answer: Any, login: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    out.print(f"[green]✓[/] {escape(login)} signs in once with this password, and then chooses an own one:")
    out.print(f"\n    [bold]{escape(answer['one_time_password'])}[/]\n", soft_wrap=True)
    out.print("  [dim]It is not shown again.[/]")
