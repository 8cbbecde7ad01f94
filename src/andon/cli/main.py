"""The command `andon`: wires the commands together and turns errors into a sentence and an exit code."""

from pathlib import Path
from typing import Annotated

import typer

from andon.cli import exits, look, rollouts, server, ship
from andon.cli.context import err, with_home
from andon.kernel.errors import AndonError

app = typer.Typer(
    name="andon",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Builds, signs, ships, watches and takes back the software of a factory.",
    epilog=(
        "Exit codes: 0 good, 1 bad (refused, failed, came back), 2 wrong input, 3 inconclusive. "
        "Every command that answers prints JSON with --json; up stays in front."
    ),
)


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(help="Folder with everything that Andon keeps; default $ANDON_HOME, else .andon"),
    ] = None,
) -> None:
    """Read the options that stand before the command."""
    context.obj = with_home(home)


for group in (server, ship, rollouts, look):
    group.register(app)


def main() -> None:
    """Run the command line. The one place where errors become exit codes."""
    try:
        app()
    except AndonError as error:
        err.print(f"[red bold]✗[/] {_escaped(error.message)}")
        if error.hint:
            err.print(f"  [dim]try:[/] {_escaped(error.hint)}")
        err.print(f"  [dim]({error.code})[/]")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(exits.INCONCLUSIVE) from None


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
