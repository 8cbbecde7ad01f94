"""What every command shares: settings, consoles, and the options that are spelled the same everywhere."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from rich.console import Console

from andon.cli import servers
from andon.cli.bearer import Bearer, GivenToken, KeptSession
from andon.cli.client import Client
from andon.cli.credentials import Credentials
from andon.cli.servers import Server
from andon.kernel.clock import SystemClock
from andon.kernel.errors import InvalidInput
from andon.settings import Settings, load

_UNBOUNDED = (
    10_000  # columns of what is no terminal: Rich crops the lines of a tree, whatever `soft_wrap` says
)


def _width() -> int | None:
    return None if sys.stdout.isatty() else _UNBOUNDED


out = Console(highlight=False, soft_wrap=not sys.stdout.isatty(), width=_width())
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


def server_of(context: typer.Context) -> Server:
    """The Andon that this call is for."""
    return servers.of(settings_of(context))


def client_of(context: typer.Context) -> Client:
    """A client of the running Andon, in the name of a program's token or of who signed in from here."""
    settings, server = settings_of(context), server_of(context)
    token = settings.token.get_secret_value()
    bearer: Bearer = GivenToken(token) if token else session_of(context)
    return Client(server, bearer)


def session_of(context: typer.Context) -> KeptSession:
    """What is kept of the person who signed in from here."""
    kept_at = settings_of(context).credentials or Path(typer.get_app_dir("andon")) / "credentials.json"
    return KeptSession(Credentials(kept_at), server_of(context).url, SystemClock())


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the options before the command change of the settings; None changes nothing."""

    home: Path | None = None
    url: str | None = None
    ca: Path | None = None
    token_file: Path | None = None


def state_of(said: Elsewhere) -> State:
    """Settings for what the command line names.

    Raises:
        InvalidInput: the token's file cannot be read.
    """
    settings = load(said.home)
    changes: dict[str, Any] = {"url": said.url, "ca": said.ca}
    if said.token_file is not None:
        changes["token"] = SecretStr(_token(said.token_file))
    return State(settings.model_copy(update={key: value for key, value in changes.items() if value}))


def _token(path: Path) -> str:
    try:
        text = path.read_text("utf-8").strip()
    except OSError as error:
        raise InvalidInput("bad-token-file", f"{path} cannot be read: {error.strerror}") from error
    if not text:
        raise InvalidInput(
            "bad-token-file", f"{path} is empty", hint="andon tokens create NAME --output FILE"
        )
    return text


def print_json(value: Any) -> None:
    """Print `value` for programs: UTF-8, one document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_json_line(value: Any) -> None:
    """Print `value` for programs that read as it comes: one document in a line, handed on at once."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


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
