"""`andon judge replay`: former rollouts judged again, by their own policy and by a proposed one."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from andon.access.model import Permission
from andon.cli.context import Json, client_of, out, print_json
from andon.cli.needs import needs
from andon.kernel.errors import InvalidInput

_COLOURS = {"pass": "green", "fail": "red", "invalid": "red", "inconclusive": "yellow"}


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    judge = typer.Typer(no_args_is_help=True, help="Ask the judge about former rollouts.")
    judge.command(
        help="Judge former rollouts again from their stored evidence: their own policy must give the same "
        "verdict, bit for bit. With --policy: what a proposed policy would have said of each.\n\n"
        r"The file has the keys of \[environments.NAME.policy] at its top, such as alpha or margin, and "
        r"limits of metrics in \[evidence.NAME]; what it leaves out stays as it was."
        "\n\n"
        "Exit code 1: a verdict could not be reproduced.\n\n"
        "Examples:\n\n  andon judge replay\n\n  andon judge replay mes --policy stricter.toml"
    )(replay)
    app.add_typer(judge, name="judge")


@needs(Permission.FLOOR_VIEW)
def replay(
    context: typer.Context,
    what: Annotated[str | None, typer.Argument(help="Unit, or id of a rollout; all when left out")] = None,
    policy: Annotated[Path | None, typer.Option(help="TOML file with the proposed policy")] = None,
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", help="Of one environment only")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most rollouts, the newest first")] = 100,
    as_json: Json = False,
) -> None:
    """Judge again."""
    body: dict[str, Any] = {"limit": limit, "environment": environment}
    if what is not None:
        body["rollout" if what.startswith("ro-") else "unit"] = what
    if policy is not None:
        body["proposal"] = read(policy)
    with client_of(context) as client:
        found = client.post("/judge/replay", **body)
    print_json(found) if as_json else _show(found)
    if found["not_same"]:
        raise typer.Exit(1)


def read(path: Path) -> dict[str, Any]:
    """The file as it is; what it may say is checked where it is used.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(
            "bad-policy", f"{path}: {error}", hint="a TOML file such as: alpha = 0.005"
        ) from error


def _show(found: dict[str, Any]) -> None:
    rows = found["rollouts"]
    if not rows:
        out.print("No rollout with evidence is there to be judged again.")
        return
    is_proposed = rows[0]["proposed"] is not None
    table = Table(box=None, header_style="dim")
    for title in ("rollout", "unit", "environment", "candidate", "decided", "its policy"):
        table.add_column(title)
    if is_proposed:
        table.add_column("the proposed one")
    for each in rows:
        cells = [each[key] for key in ("rollout", "unit", "environment", "candidate", "phase")]
        said = _said(each["recorded"]) + ("" if each["is_same"] else " [red]not reproduced[/]")
        proposed = [_said(each["proposed"], is_changed=each["is_changed"])] if is_proposed else []
        table.add_row(*map(escape, cells), said, *proposed)
    out.print(table)
    same = len(rows) - found["not_same"]
    out.print(f"{same} of {len(rows)} verdicts are reproduced bit for bit.")
    if is_proposed:
        out.print(f"The proposed policy says something else of {found['changed']} of them.")


def _said(judged: dict[str, Any], *, is_changed: bool = False) -> str:
    """An outcome, and the look and exposure at which it was reached."""
    outcome = judged["outcome"]
    where = f" at look {judged['look']:,}" if judged["look"] else ""
    mark = "[bold]→[/] " if is_changed else ""
    return f"{mark}[{_COLOURS[outcome]}]{outcome}[/]{where}, {judged['exposure']:,} of the candidate"
