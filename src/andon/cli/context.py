"""What every command shares: settings, consoles, and the options that are spelled the same everywhere."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from andon.cli.client import Client
from andon.kernel.errors import InvalidInput
from andon.settings import Settings, load

out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
err = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Reason = Annotated[
    str, typer.Option("--reason", "-r", help="Why; it goes on the timeline. Asked for where it is missing.")
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Stay and show what happens until it is over.")]
EnvironmentOption = Annotated[
    str, typer.Option("--environment", "-e", help="Environment, such as production.")
]


@dataclass(frozen=True, slots=True)
class State:
    """What the options before the command say."""

    settings: Settings


def settings_of(context: typer.Context) -> Settings:
    """The settings in force for this call."""
    state = context.find_object(State)
    return state.settings if state is not None else load()


def client_of(context: typer.Context) -> Client:
    """A client of the running Andon."""
    return Client(settings_of(context))


def with_home(home: Path | None) -> State:
    """Settings for the home folder that the command line names, if any."""
    return State(load(home))


def print_json(value: Any) -> None:
    """Print `value` for programs: UTF-8, one document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def asked(reason: str, question: str = "Why?") -> str:
    """The reason given, or asked for where a person sits at the terminal.

    Raises:
        InvalidInput: none was given and nobody can be asked.
    """
    if reason.strip():
        return reason.strip()
    if sys.stdin.isatty():
        answer: str = typer.prompt(question)
        return asked(answer, question)
    raise InvalidInput("reason-missing", "a reason is required", hint='add --reason "..."')
