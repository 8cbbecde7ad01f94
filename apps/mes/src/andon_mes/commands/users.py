"""`andon-mes users`: people who sign in. The first administrator is made here."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from andon_mes.commands.running import checked, shown, write

if TYPE_CHECKING:
    from andon_mes.access.people.model import Account

users = typer.Typer(no_args_is_help=True, help="People who sign in with a password.")

_Username = Annotated[str, typer.Argument(help="Name to sign in with: small letters, digits, . _ -")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_ROLES = "operator, line_lead, quality, engineer, admin, auditor; or OPERATOR, SUPERVISOR, ADMIN."


@users.command(epilog='Example:  andon-mes users add kim --name "Kim Minji" --role admin')
def add(
    username: _Username,
    name: Annotated[str, typer.Option(help="Full name.")],
    role: Annotated[str, typer.Option(help=_ROLES)],
    as_json: _Json = False,
) -> None:
    """Let a person in, and print a one-time password: once, as only its hash is kept."""
    from andon_mes.access import rights
    from andon_mes.access.people import store
    from andon_mes.access.people.decide import check_username
    from andon_mes.access.people.model import NewUser
    from andon_mes.access.people.passwords import hash_password, one_time_password

    checked(lambda: check_username(username))
    new = NewUser(username, name, checked(lambda: rights.get_role(role)))
    once = one_time_password()
    hashed = hash_password(once)
    account = write(lambda each, _author, clock: store.add(each, new, hashed, clock.now()))
    _show(account, once, as_json=as_json)


@users.command(
    "set", epilog="Example:  andon-mes users set kim --role quality   or   --inactive   or   --unlock"
)
def set_(
    username: _Username,
    name: Annotated[str | None, typer.Option(help="Full name.")] = None,
    role: Annotated[str | None, typer.Option(help=_ROLES)] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether they are let in.")
    ] = None,
    unlock: Annotated[bool, typer.Option("--unlock", help="Forget wrong passwords.")] = False,
    as_json: _Json = False,
) -> None:
    """Change a person's name, role, or whether they are let in. Nobody is deleted."""
    from andon_mes.access import rights
    from andon_mes.access.people import store
    from andon_mes.access.people.model import UserChange

    chosen = checked(lambda: rights.get_role(role)) if role is not None else None
    change = UserChange(name, chosen, active, unlock)
    account = write(lambda each, _author, clock: store.change(each, username, change, clock.now()))
    shown(_document(account), _line(account), as_json=as_json)


@users.command("reset-password", epilog="Example:  andon-mes users reset-password kim")
def reset_password(username: _Username, as_json: _Json = False) -> None:
    """Give a person a one-time password; their sign-ins end."""
    from andon_mes.access.people import store
    from andon_mes.access.people.passwords import hash_password, one_time_password

    once = one_time_password()
    hashed = hash_password(once)
    account = write(
        lambda each, _author, clock: store.set_password(each, username, hashed, clock.now(), must_change=True)
    )
    _show(account, once, as_json=as_json)


@users.command("list", epilog="Example:  andon-mes users list --json")
def list_(as_json: _Json = False) -> None:
    """Everybody, those who are not let in as well."""
    from andon_mes.access.people import store

    found = write(lambda each, _author, _clock: store.list_all(each))
    text = "\n".join(_line(each) for each in found)
    nobody = 'There are no users. Make the first:  andon-mes users add NAME --name "..." --role admin'
    shown([_document(each) for each in found], text or nobody, as_json=as_json)


def _show(account: "Account", once: str, *, as_json: bool) -> None:
    told = f"{_line(account)}\nOne-time password, shown only now, to be changed at the first sign-in:\n{once}"
    shown({**_document(account), "one_time_password": once}, told, as_json=as_json)


def _document(account: "Account") -> dict[str, Any]:
    from dataclasses import asdict

    document = asdict(account)
    return {**document.pop("user"), **document}


def _line(account: "Account") -> str:
    user = account.user
    state = "active" if user.is_active else "not let in"
    locked = f", locked until {account.locked_until:%Y-%m-%d %H:%M} UTC" if account.locked_until else ""
    return f"{user.username}  {user.full_name}  {user.role}  {state}{locked}"
