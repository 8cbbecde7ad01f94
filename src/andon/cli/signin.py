"""`andon login`, `logout`, `whoami`, `password`: who one is, from this terminal."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from andon.cli import asking, tables
from andon.cli.client import Client, pause
from andon.cli.context import Json, client_of, out, print_json, server_of, session_of
from andon.cli.needs import Need, needs
from andon.kernel.errors import AndonError, Conflict, Forbidden, Unavailable

_SLOWER_SECONDS = 5.0  # RFC 8628, 3.5: slow_down
_CHANGE = "password-change-required"
_NewFromStdin = Annotated[
    bool, typer.Option("--new-password-stdin", help="The new password is the next line of standard input")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(
        help="Sign in from this terminal: open the address it shows in a browser and confirm the code there; "
        "or give a user name, and the password here."
        "\n\nExamples:\n\n  andon login\n\n  andon login --user kim\n\n"
        "  andon login --user kim --password-stdin < password.txt"
    )(login)
    app.command(help="Sign out: the session ends here and at the server.\n\nExample: andon logout")(logout)
    app.command(help="Show who is signed in, and with which rights.\n\nExample: andon whoami")(whoami)
    app.command(help="Change your password.\n\nExample: andon password")(password)


@needs(Need.NOTHING)
def login(
    context: typer.Context,
    user: Annotated[
        str | None, typer.Option("--user", "-u", help="User name; without it the browser asks")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="The password is the first line of standard input")
    ] = False,
    new_password_stdin: _NewFromStdin = False,
    as_json: Json = False,
) -> None:
    """Sign in."""
    with Client(server_of(context)) as client:
        if user is None and not password_stdin:
            answer = _by_browser(client)
        else:
            name = user or asking.text("User name", "--user NAME")
            answer = _by_password(client, name, from_stdin=password_stdin, new_from_stdin=new_password_stdin)
    who = answer["user"]
    session_of(context).keep(answer, who["login"])
    if as_json:
        print_json(who)  # never the tokens: they stand in the file of credentials
        return
    out.print(f"[green]✓[/] signed in as [bold]{escape(who['login'])}[/] ({escape(who['display_name'])})")


@needs(Need.SIGN_IN)
def logout(context: typer.Context, as_json: Json = False) -> None:
    """Sign out."""
    ended = True
    try:
        with client_of(context) as client:
            client.post("/logout")
    except (Unavailable, Forbidden) as error:
        ended = False
        out.print(f"[yellow]▲[/] {escape(error.message)}: there the session runs out by itself")
    except AndonError:
        pass  # it had ended before
    session_of(context).forget()
    if as_json:
        print_json({"ended": ended})
    else:
        out.print("[green]✓[/] signed out")


@needs(Need.SIGN_IN)
def whoami(context: typer.Context, as_json: Json = False) -> None:
    """Show who is signed in."""
    with client_of(context) as client:
        me = client.get("/me")
    if as_json:
        print_json(me)
    else:
        out.print(tables.me(me))


@needs(Need.SIGN_IN)
def password(
    context: typer.Context,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="The present password is the first line")
    ] = False,
    new_password_stdin: _NewFromStdin = False,
    as_json: Json = False,
) -> None:
    """Change the password."""
    old = asking.line_of_stdin("password") if password_stdin else asking.password("Present password")
    new = asking.line_of_stdin("new password") if new_password_stdin else asking.new_password()
    with client_of(context) as client:
        client.post("/me/password", old=old, new=new)
    if as_json:
        print_json({"changed": True})
    else:
        out.print("[green]✓[/] the password is changed")


def _by_password(client: Client, user: str, *, from_stdin: bool, new_from_stdin: bool) -> dict[str, Any]:
    typed = asking.line_of_stdin("password") if from_stdin else asking.password()
    new = asking.line_of_stdin("new password") if new_from_stdin else None
    try:
        answer: dict[str, Any] = client.post("/login/terminal", login=user, password=typed, new_password=new)
    except Forbidden as refusal:
        if refusal.code != _CHANGE or new is not None or not asking.is_anybody_there():
            raise
        out.print("This password is for one sign-in: choose your own.")
        answer = client.post(
            "/login/terminal", login=user, password=typed, new_password=asking.new_password()
        )
    return answer


def _by_browser(client: Client) -> dict[str, Any]:
    """Wait until the person has confirmed the code in a browser, or it ran out (RFC 8628)."""
    begun = client.post("/login/device")
    out.print(f"Open [bold]{escape(begun['verification_uri'])}[/] in a browser, sign in and confirm the code")
    out.print(f"\n    [bold cyan]{begun['user_code']}[/]\n")
    out.print(f"[dim]or directly: {escape(begun['verification_uri_complete'])}[/]")
    every = float(begun["interval"])
    while True:
        pause(every)
        try:
            answer: dict[str, Any] = client.post("/login/device/token", device_code=begun["device_code"])
        except Conflict as not_yet:
            if not_yet.code == "slow-down":
                every += _SLOWER_SECONDS
            elif not_yet.code != "authorization-pending":
                raise
        else:
            return answer
