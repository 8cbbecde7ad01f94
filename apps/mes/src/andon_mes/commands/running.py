"""How a command does its one unit of work: opened database, an author for the audit, errors as sentences."""

import asyncio
import getpass
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import typer

if TYPE_CHECKING:
    from andon_mes.kernel.clock import Clock
    from andon_mes.settings import Settings
    from andon_mes.store.engine import Connection

T = TypeVar("T")


def settings() -> "Settings":
    """The settings of the environment; one that is wrong is named in a sentence, and the exit code is 2."""
    from pydantic import ValidationError

    from andon_mes.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        for each in error.errors():
            name = f"ANDON_MES_{'_'.join(map(str, each['loc'])).upper()}"
            typer.echo(f"{name} is {each['input']!r}: {each['msg']}", err=True)
        raise typer.Exit(2) from error


def write(work: "Callable[[Connection, str, Clock], T]") -> T:
    """Do `work` in one transaction; it is given the connection, its author's name, and the clock.

    What is refused is said in a sentence with the next step, and the exit code is 1, or 2 for a bad input.
    """
    from andon_mes.kernel.clock import SystemClock
    from andon_mes.store.actor import Actor
    from andon_mes.store.engine import open_database
    from andon_mes.store.migrate import require_sufficient

    chosen, clock = settings(), SystemClock()
    author = f"cli:{getpass.getuser()}"

    def begin(connection: "Connection") -> T:
        require_sufficient(connection)
        return work(connection, author, clock)

    database = open_database(chosen.database, busy_timeout=chosen.busy_timeout, durability=chosen.durability)
    try:
        return checked(lambda: asyncio.run(database.write(begin, Actor(author))))
    finally:
        database.close()


def checked(work: Callable[[], T]) -> T:
    """What `work` gives; what it refuses is said in a sentence: exit code 1, or 2 for a bad input."""
    from andon_mes.kernel.errors import InvalidInput, MesError

    try:
        return work()
    except MesError as error:
        for problem in (error.problem, *error.problem.others):
            typer.echo(f"{problem.detail.en}. {problem.fix.en}.", err=True)
        raise typer.Exit(2 if isinstance(error, InvalidInput) else 1) from error


def shown(document: Any, text: str, *, as_json: bool) -> None:
    """Print the document for a program, or the text for a person."""
    typer.echo(json.dumps(document, ensure_ascii=False, default=str) if as_json else text)
