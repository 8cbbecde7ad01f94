"""`andon status`, `logs`: seeing what is, and what it prints."""

from collections import defaultdict
from typing import Annotated

import typer
from rich.markup import escape

from andon.access.model import Permission
from andon.api.model import Status
from andon.cli import render, tables, watching
from andon.cli.client import Client, poll
from andon.cli.context import EnvironmentOption, Json, Watch, client_of, out, print_json
from andon.cli.needs import needs
from andon.kernel.errors import NotFound


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(help="Show what runs where, and what is under way.\n\nExample: andon status mes -w")(status)
    app.command(
        help="Show what ran in an environment from when to when, who brought it, why it came and went, and "
        "which of it `andon rollback --to` brings back.\n\nExample: andon history mes -e staging"
    )(history)
    app.command(
        help="Show the output of a unit's instances, of one instance, or of a pipeline run.\n\n"
        "Examples:\n\n  andon logs mes -f\n\n  andon logs run-0kz3v1q8x"
    )(logs)


@needs(Permission.FLOOR_VIEW)
def status(
    context: typer.Context,
    unit: Annotated[str | None, typer.Argument(help="Unit; all when left out")] = None,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Show the floor; with -w the rollout of the unit until it is over, or the whole floor."""
    with client_of(context) as client:
        seen = watching.only(Status.model_validate(client.get("/status")), unit)
        if unit is not None and not seen.units:
            raise NotFound("unknown-unit", f"nothing of {unit} runs anywhere", hint="andon releases")
        under_way = next((each.rollout for each in seen.units if each.rollout is not None), None)
        if as_json:
            print_json(seen.model_dump(mode="json"))
        elif not watch:
            out.print(render.status(seen))
        elif unit is not None and under_way is not None:
            raise typer.Exit(watching.exit_of(watching.rollout(client, under_way.id)))
        else:
            watching.floor(client, unit)


@needs(Permission.FLOOR_VIEW)
def history(
    context: typer.Context,
    unit: Annotated[str, typer.Argument(help="Unit, such as mes")],
    environment: EnvironmentOption = "production",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="Most rollouts")] = 20,
    as_json: Json = False,
) -> None:
    """Show what ran there."""
    with client_of(context) as client:
        found = client.get(f"/units/{unit}/environments/{environment}/history", limit=limit)
    print_json(found) if as_json else out.print(tables.history(found))


@needs(Permission.LOGS_VIEW)
def logs(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="Unit, id of an instance, or id of a run")],
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=1, max=5_000, help="Lines of each instance")
    ] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and show new lines")] = False,
    as_json: Json = False,
) -> None:
    """Show output."""
    with client_of(context) as client:
        if what.startswith("run-"):
            (_run_json if as_json else _run_log)(client, what, follow=follow)
            return
        found = [each for each in client.get("/instances") if what in {each["unit"], each["id"]}]
        if not found:
            raise NotFound("no-instances", f"no instance or unit {what} is there", hint="andon status")
        if as_json:
            print_json([client.get(f"/instances/{each['id']}/log", lines=lines) for each in found])
            return
        shown: dict[str, list[str]] = {}
        looks = poll(lambda: [(each["id"], _lines(client, each["id"], lines)) for each in found])
        for look in looks:
            for instance, now in look:
                for line in _new(shown.get(instance, []), now):
                    out.print(f"[dim]{instance[-6:]} │[/] {escape(line)}")
                shown[instance] = now
            if not follow:
                return


def _run_log(client: Client, run: str, *, follow: bool) -> None:
    offsets: defaultdict[str, int] = defaultdict(int)
    for view in poll(lambda: client.get(f"/runs/{run}")):
        for stage in (each["name"] for each in view["stages"] if each["state"] not in {"waiting", "skipped"}):
            piece = client.get(f"/runs/{run}/log/{stage}", offset=offsets[stage])
            offsets[stage] = piece["next_offset"]
            for line in piece["text"].splitlines():
                out.print(f"[dim]{stage:<8} │[/] {escape(line)}")
        if view["is_over"] or not follow:
            return


def _run_json(client: Client, run: str, *, follow: bool) -> None:
    """The whole log by stage, as it is now or, with `follow`, at the end of the run."""
    for view in poll(lambda: client.get(f"/runs/{run}")):
        if view["is_over"] or not follow:
            begun = [each["name"] for each in view["stages"] if each["state"] not in {"waiting", "skipped"}]
            print_json({"run": run, "stages": {stage: _whole(client, run, stage) for stage in begun}})
            return


def _whole(client: Client, run: str, stage: str) -> str:
    pieces: list[str] = []
    offset = 0
    while True:
        piece = client.get(f"/runs/{run}/log/{stage}", offset=offset)
        if not piece["text"]:
            return "".join(pieces)
        pieces.append(piece["text"])
        offset = piece["next_offset"]


def _lines(client: Client, instance: str, lines: int) -> list[str]:
    found: list[str] = client.get(f"/instances/{instance}/log", lines=lines)["lines"]
    return found


def _new(before: list[str], now: list[str]) -> list[str]:
    """The lines of `now` that come after those of `before`: the two overlap at the end of `before`."""
    for overlap in range(min(len(before), len(now)), 0, -1):
        if before[-overlap:] == now[:overlap]:
            return now[overlap:]
    return now
