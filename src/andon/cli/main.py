"""The command `andon`: wires the commands together and turns errors into a sentence and an exit code."""

from pathlib import Path
from typing import Annotated

import typer

from andon.cli import (
    access,
    agent,
    approvals,
    audit,
    authority,
    before,
    bundles,
    exits,
    fleet,
    fleet_whole,
    holds,
    judge,
    keys,
    look,
    needs,
    policies,
    registry,
    roles,
    rollouts,
    secrets,
    server,
    sets,
    ship,
    signatures,
    signin,
    timeline,
    tokens,
    users,
    witness,
)
from andon.cli.context import Elsewhere, err, state_of
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
        "Every command that answers prints JSON with --json; up and witness serve stay in front."
    ),
)


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(help="Folder with everything that Andon keeps; default $ANDON_HOME, else .andon"),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Address of another Andon; default $ANDON_URL, else the home's own")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="Certificates to verify it by; default $ANDON_CA, else the home's CA")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with a token, for programs; default $ANDON_TOKEN, else who signed in"),
    ] = None,
) -> None:
    """Read the options that stand before the command."""
    context.obj = state_of(Elsewhere(home, url, ca, token_file))


for group in (
    server, signin, ship, rollouts, holds, sets, approvals, before, judge, look, timeline, audit,
    signatures, policies, users, roles, tokens, secrets, authority, registry, bundles, access, witness, fleet,
    fleet_whole, keys, agent,
):  # fmt: skip
    group.register(app)
needs.show(app)


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
