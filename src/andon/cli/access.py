"""`andon access`: the ways back in that need no sign-in, for whoever holds the home folder.

Both are told on the timeline as alerts before anything else is done: who can do this owns the machine, and
must not be able to do it unseen. They work while Andon is down, under the home's lock.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from andon.access.model import Grant, Source, User
from andon.cli.context import Json, Reason, asked, out, print_json, settings_of
from andon.cli.needs import Need, needs
from andon.kernel import locking
from andon.kernel.clock import Clock, SystemClock
from andon.kernel.errors import Conflict, InvalidInput
from andon.settings import Settings

if TYPE_CHECKING:
    from andon.access.people.commands import People
    from andon.store.engine import Database

_RECOVERY, _SEALED = "andon access recover", "andon access break-glass"
_ADMIN = "admin"


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(
        no_args_is_help=True, help="Ways back in that need no sign-in, for who holds the home folder."
    )
    group.command(
        help="Make a one-time password for an administrator, when nobody can sign in any more. Stop Andon "
        "first; it stands on the timeline as an alert."
        "\n\nExample: andon access recover --user admin --reason 'all administrators left'"
    )(recover)
    group.command(
        "break-glass",
        help="Make the sealed account for the day when the directory or the people are away: print its "
        "password once, put it into an envelope. Each use of it is an alert. Stop Andon first."
        "\n\nExample: andon access break-glass --reason 'emergency plan 4.2'",
    )(break_glass)
    app.add_typer(group, name="access")


@needs(Need.HOME)
def recover(
    context: typer.Context,
    user: Annotated[
        str | None, typer.Option("--user", "-u", help="Which administrator; default: the first local one")
    ] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Make a new one-time password for an administrator."""
    why = asked(reason, "Why is this necessary?")
    _tell_once(
        asyncio.run(_offline(settings_of(context), lambda access: _recovered(access, user, why))), as_json
    )


@needs(Need.HOME)
def break_glass(
    context: typer.Context,
    login: Annotated[str, typer.Option("--login", help="Its user name")] = "break-glass",
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Make the sealed account."""
    why = asked(reason, "Why is it made?")
    _tell_once(
        asyncio.run(_offline(settings_of(context), lambda access: _sealed(access, login, why))), as_json
    )


@dataclass(frozen=True, slots=True)
class _Access:
    """What is needed of Andon, without Andon."""

    people: "People"
    database: "Database"
    clock: Clock

    async def alert(self, kind: str, login: str, actor: str, reason: str) -> None:
        from andon.timeline.records import Event, Severity
        from andon.timeline.store import TimelineStore

        event = Event(kind, f"user/{login}", actor, reason, severity=Severity.ALERT)
        await TimelineStore(self.database).record(event, self.clock.now())


async def _recovered(access: _Access, login: str | None, why: str) -> tuple[str, str]:
    people = access.people
    found = await people.find(login) if login else await _first_admin(people)
    if found is None:
        if login is None:
            raise InvalidInput(
                "no-admin", "there is no local administrator", hint="add --user NAME to make one"
            )
        await access.alert("access.recovered", login, _RECOVERY, why)
        return login, (
            await people.create(login, login, grants=(Grant(_ADMIN),), actor=_RECOVERY, reason=why)
        )[1]
    if not _is_admin(found):
        raise InvalidInput(
            "not-an-admin", f"{found.login} is not a local administrator", hint="leave --user out"
        )
    await access.alert("access.recovered", found.login, _RECOVERY, why)
    if found.is_disabled:
        await people.update(found.id, is_disabled=False, actor=_RECOVERY, reason=why)
    await people.unlock(found.id, actor=_RECOVERY, reason=why)
    return found.login, await people.reset_password(found.id, actor=_RECOVERY, reason=why)


async def _sealed(access: _Access, login: str, why: str) -> tuple[str, str]:
    from andon.access.people.passwords import one_time

    # The capital is for profiles that count kinds of characters; what makes it strong stands before it.
    chosen = f"{one_time()}-Q"
    await access.alert("access.break-glass-made", login, _SEALED, why)
    await access.people.create(
        login,
        "Break-glass",
        grants=(Grant(_ADMIN),),
        password=chosen,
        must_change=False,
        is_break_glass=True,
        actor=_SEALED,
        reason=why,
    )
    return login, chosen


async def _offline(
    settings: Settings, work: Callable[[_Access], Awaitable[tuple[str, str]]]
) -> tuple[str, str]:
    home = settings.home.resolve()
    if not (home / "andon.env").exists():
        raise InvalidInput("not-initialised", f"{home} is not a home of Andon", hint="andon init")
    try:
        with locking.exclusive(home / "andon.lock", waits=False):
            async with _opened(settings) as access:
                return await work(access)
    except Conflict as error:
        if error.code != "busy":
            raise
        raise Conflict("already-up", f"Andon runs over {home}", hint="andon down, then again") from error


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[_Access]:
    from andon.access_parts import people_of
    from andon.store import migrate
    from andon.store.engine import Database

    await migrate.upgrade(settings.database())
    clock, database = SystemClock(), Database.open(settings.database())
    try:
        yield _Access(people_of(settings, database, clock), database, clock)
    finally:
        await database.close()


async def _first_admin(people: "People") -> User | None:
    admins = [each for each in await people.list() if _is_admin(each)]
    return min(admins, key=lambda each: (each.is_disabled, each.created_at), default=None)


def _is_admin(user: User) -> bool:
    return user.source is Source.LOCAL and any(each.role == _ADMIN for each in user.grants)


def _tell_once(made: tuple[str, str], as_json: bool) -> None:
    login, password = made
    if as_json:
        print_json({"login": login, "password": password})
        return
    out.print(f"[green]✓[/] {escape(login)} signs in with this password:")
    out.print(f"\n    [bold]{escape(password)}[/]\n", soft_wrap=True)
    out.print("  [dim]It is not shown again. The timeline has an alert of this.[/]")
