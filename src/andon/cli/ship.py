"""`andon ship`, `cancel`, `releases`: from source to a signed release."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from andon.access.model import Permission
from andon.api.model import ReleaseDetail, ReleaseView, RunView
from andon.cli import exits, render, watching
from andon.cli.client import Client
from andon.cli.context import Json, Reason, asked, client_of, err, out, print_json
from andon.cli.needs import needs
from andon.kernel.errors import InvalidInput


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(help="Build, test, scan, package, sign and publish a unit.\n\nExample: andon ship apps/mes")(
        ship
    )
    app.command(
        help="End a pipeline run that is under way.\n\n"
        "Example: andon cancel run-0kz3v1q8x --reason 'wrong branch'"
    )(cancel)
    app.command(
        help="List published releases, newest first, or show one with its notes.\n\n"
        "Examples:\n\n  andon releases mes\n\n  andon releases mes --version 1.1.0"
    )(releases)


@needs(Permission.RUN_START)
def ship(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="Folder with an andon.toml")] = Path(),
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the end")] = False,
    as_json: Json = False,
) -> None:
    """Run a unit's pipeline and publish a release."""
    with client_of(context) as client:
        begun = RunView.model_validate(client.post("/runs", path=str(path.resolve())))
        if detach:
            print_json(begun.model_dump(mode="json")) if as_json else out.print(begun.id)
            return
        done = watching.run(client, begun.id, quiet=as_json)
        if as_json:
            print_json(done.model_dump(mode="json"))
        if done.state != "done":
            _explain(client, done)
            raise typer.Exit(exits.BAD)
    if not as_json:
        out.print(f"  next: [bold]andon deploy {done.unit} --version {done.version}[/]")


@needs(Permission.RUN_CANCEL)
def cancel(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="Id of the run, as andon ship told it")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """End a run."""
    why = asked(reason, "Why cancel?")
    with client_of(context) as client:
        answer = client.post(f"/runs/{run}/cancel", reason=why)
    if as_json:
        print_json(answer)
        return
    out.print(f"[yellow]■[/] {run} of {answer['unit']} is being ended")


@needs(Permission.FLOOR_VIEW)
def releases(
    context: typer.Context,
    unit: Annotated[str | None, typer.Argument(help="Unit; all when left out")] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="Show this release of the unit, with its notes")
    ] = None,
    as_json: Json = False,
) -> None:
    """List published releases, or show one."""
    if version is not None and unit is None:
        raise InvalidInput("which-unit", "name the unit, too", hint="andon releases mes --version 1.1.0")
    with client_of(context) as client:
        found = (
            client.get("/releases", unit=unit)
            if version is None
            else client.get(f"/releases/{unit}/{version}")
        )
    if as_json:
        print_json(found)
    elif version is not None:
        out.print(render.release(ReleaseDetail.model_validate(found)))
    else:
        out.print(render.releases([ReleaseView.model_validate(each) for each in found]))


def _explain(client: Client, run: RunView) -> None:
    failed = next((each for each in run.stages if each.state == "failed"), None)
    if failed is None:
        return
    text: str = client.get(f"/runs/{run.id}/log/{failed.name}")["text"]
    for line in text.splitlines()[-20:]:
        err.print(f"  [dim]{failed.name} │[/] {escape(line)}")
    err.print(f"[red bold]✗[/] {escape(run.reason)}")
    err.print(f"  [dim]all of it:[/] andon logs {run.id}")
