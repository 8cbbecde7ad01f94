"""What each command needs, declared beside it: shown in its help, and an undeclared one is refused.

The server decides every request by itself. This says beforehand what it will ask for.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

import typer

from andon.access.model import Permission
from andon.kernel.errors import Damaged

Command = TypeVar("Command", bound=Callable[..., Any])
_MARK = "__andon_needs__"
_JOINED = "__andon_needs_joined__"
_EXAMPLES = "\n\nExample"


class Need(StrEnum):
    """What a command needs that no permission names."""

    NOTHING = "nothing; it works without signing in"
    SIGN_IN = "to be signed in"
    HOME = "the home folder, on the machine that holds it"
    FILES = "the file, or the home folder; no Andon has to run"
    STATE = "its own folder, and no Andon"


def needs(*needed: Permission | Need, is_any: bool = False) -> Callable[[Command], Command]:
    """Declare what the decorated command needs; is_any: one of them is enough."""

    def declared(command: Command) -> Command:
        setattr(command, _MARK, tuple(needed))
        setattr(command, _JOINED, " or " if is_any else " and ")
        return command

    return declared


def of(command: Callable[..., Any] | None) -> tuple[Permission | Need, ...]:
    """What `command` declared; empty where it declared nothing."""
    found: tuple[Permission | Need, ...] = getattr(command, _MARK, ())
    return found


def show(app: typer.Typer, path: str = "andon") -> None:
    """Put what each command of `app` needs into its help, before the examples.

    Raises:
        Damaged: a command declares nothing; then the command line does not start.
    """
    for each in app.registered_commands:
        name = each.name or getattr(each.callback, "__name__", "?").replace("_", "-")
        each.help = _with_needs(each.help or "", each.callback, f"{path} {name}")
    for group in app.registered_groups:
        inner = group.typer_instance
        if inner is None:
            continue
        name = f"{path} {group.name or inner.info.name}"
        if inner.info.invoke_without_command:  # the group is a command itself
            inner.info.help = _with_needs(inner.info.help or "", inner.info.callback, name)
        show(inner, name)


def _with_needs(text: str, command: Callable[..., Any] | None, name: str) -> str:
    needed = of(command)
    if not needed:
        raise Damaged("undeclared-command", f"`{name}` does not declare what it needs")
    words = getattr(command, _JOINED, " and ").join(str(each) for each in needed)
    said, example, rest = text.partition(_EXAMPLES)
    return f"{said}\n\nNeeds: {words}{example}{rest}"
