"""`andon fleet`: stations, as they are and as they should be."""

from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape

from andon.access.model import Permission
from andon.cli import exits
from andon.cli import fleet_tables as tables
from andon.cli.client import Client, poll
from andon.cli.context import (
    EnvironmentOption,
    Json,
    Reason,
    asked,
    client_of,
    err,
    out,
    print_json,
    print_json_line,
)
from andon.cli.needs import needs
from andon.cli.tables import at

Station = Annotated[str, typer.Argument(help="Station, as andon fleet list shows it")]
Unit = Annotated[str, typer.Argument(help="Unit, such as station")]
_Environment = Annotated[str | None, typer.Option("--environment", "-e", help="Only of this environment")]
_Ring = Annotated[str | None, typer.Option("--ring", help="Only of this ring")]
_Line = Annotated[str | None, typer.Option("--line", help="Only of this line")]
_EVERY_S = 2.0


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Stations: what runs on them, and what should.")
    _looks(group)
    _changes(group)
    app.add_typer(group, name="fleet")


def _looks(group: typer.Typer) -> None:
    group.command(
        "list",
        help="List stations with what they run.\n\nExamples:\n\n  andon fleet list --line line-1\n\n"
        "  andon fleet list --unit station --version 1.2.0 --json\n\n  andon fleet list --label kind=press",
    )(list_)
    group.command(help="Show a station whole.\n\nExample: andon fleet show press-1")(show)
    group.command(
        help="Show what runs where, and what happened to each release.\n\nExample: andon fleet versions"
    )(versions)
    group.command(
        help="Show stations that run something else than is wanted, or whose files were changed. Exit "
        "code 0: there are none; 1: one was changed, failed or is held; 2: no station is in what was named; "
        "3: all of them are on their way.\n\nExample: andon fleet drift -e production"
    )(drift)
    group.command(
        help="Follow the fleet until Ctrl-C. With --json each station is one line, and one more line "
        "whenever something of it changed.\n\nExamples:\n\n  andon fleet watch --line line-1\n\n"
        "  andon fleet watch --json | jq -c '{name, units}'",
    )(watch)


def _changes(group: typer.Typer) -> None:
    group.command(
        help="Put a station into a ring, a line, or under labels; what is not named stays.\n\nExamples:\n\n"
        "  andon fleet move press-1 --ring pilot --reason 'it has a spare'\n\n"
        "  andon fleet move press-1 --line line-2 --label kind=press --reason 'moved over'"
    )(move)
    group.command(
        "ring",
        help="Put a station into a ring.\n\nExample: andon fleet ring press-1 pilot --reason 'has a spare'",
    )(ring)
    group.command(
        help="Keep a unit on a station where it is, or at a version, whatever is rolled out.\n\nExamples:\n\n"
        "  andon fleet pin press-1 station --days 7 --reason 'gauge study'\n\n"
        "  andon fleet pin press-1 station --version 1.1.0 --reason 'customer audit'"
    )(pin)
    group.command(
        help="Let it move again.\n\nExample: andon fleet unpin press-1 station --reason 'study is over'"
    )(unpin)
    group.command(
        help="Let stations try again what failed there; none named: all of them.\n\nExamples:\n\n"
        "  andon fleet retry station --reason 'disk was full'\n\n"
        "  andon fleet retry station press-1 press-2 -e production --reason 'cable is back'"
    )(retry)
    group.command(
        help="Retire a station: its key is worth nothing from now on."
        "\n\nExample: andon fleet retire press-1 --reason 'scrapped'"
    )(retire)


def filters(
    environment: str | None = None, ring: str | None = None, line: str | None = None, **others: Any
) -> dict[str, Any]:
    """What the API filters by."""
    return {"environment": environment, "ring": ring, "line": line, **others}


@needs(Permission.FLEET_VIEW)
def list_(
    context: typer.Context,
    environment: _Environment = None,
    ring: _Ring = None,
    line: _Line = None,
    label: Annotated[str | None, typer.Option("--label", help="Only with this label: kind=press")] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Only where this unit is")] = None,
    version: Annotated[str | None, typer.Option("--version", help="Only where this version runs")] = None,
    phase: Annotated[str | None, typer.Option("--phase", help="Only where a unit is there: failed")] = None,
    standing: Annotated[str | None, typer.Option("--standing", help="waiting, active or retired")] = None,
    as_json: Json = False,
) -> None:
    """List stations."""
    wanted = filters(
        environment, ring, line, label=label, unit=unit, version=version, phase=phase, standing=standing
    )
    with client_of(context) as client:
        found = client.get("/fleet/stations", **wanted)
        if not found and not as_json:
            _say_strangers(client, wanted, out)
    if as_json:
        print_json(found)
        return
    out.print(tables.stations(found))
    out.print(f"[dim]{tables.summary(found)}[/]")


def _say_strangers(client: Client, wanted: dict[str, Any], where: Console) -> bool:
    """Say which named environment, line or ring there is not; whether there was one."""
    said = list(tables.strangers(wanted, client.get("/fleet/stations"), client.get("/fleet/rings")))
    for each in said:
        where.print(each)
    return bool(said)


@needs(Permission.FLEET_VIEW)
def show(context: typer.Context, station: Station, as_json: Json = False) -> None:
    """Show a station."""
    with client_of(context) as client:
        seen = client.get(f"/fleet/stations/{station}")
    print_json(seen) if as_json else out.print(tables.station(seen))


@needs(Permission.FLEET_VIEW)
def versions(context: typer.Context, as_json: Json = False) -> None:
    """Show versions."""
    with client_of(context) as client:
        found = client.get("/fleet/versions")
    print_json(found) if as_json else out.print(tables.versions(found))


@needs(Permission.FLEET_VIEW)
def drift(
    context: typer.Context,
    environment: _Environment = None,
    ring: _Ring = None,
    line: _Line = None,
    as_json: Json = False,
) -> None:
    """Show drift."""
    with client_of(context) as client:
        wanted = filters(environment, ring, line)
        found = client.get("/fleet/stations", **wanted, drifted=True)
        is_strange = not found and _say_strangers(client, wanted, err if as_json else out)
    if as_json:
        print_json(found)
    elif found:
        out.print(tables.drift(found))
    elif not is_strange:
        out.print("[green]●[/] every station runs what is wanted")
    if is_strange:
        raise typer.Exit(exits.INPUT)
    if found:
        raise typer.Exit(exits.BAD if tables.is_stuck(found) else exits.INCONCLUSIVE)


@needs(Permission.FLEET_VIEW)
def watch(
    context: typer.Context,
    environment: _Environment = None,
    ring: _Ring = None,
    line: _Line = None,
    as_json: Json = False,
) -> None:
    """Follow the fleet."""
    wanted = filters(environment, ring, line)
    with client_of(context) as client:
        seen = poll(lambda: client.get("/fleet/stations", **wanted), every_seconds=_EVERY_S)
        if as_json:
            for each in tables.changes(seen):
                print_json_line(each)
            return
        if out.is_terminal:
            _live(seen)
            return
        before = ""
        for found in seen:
            line_ = tables.summary(found)
            if line_ != before:
                out.print(line_)
            before = line_


def _live(seen: Any) -> None:
    with Live(console=out, auto_refresh=False, screen=False) as live:
        for found in seen:
            shown = Group(tables.stations(found), f"[dim]{tables.summary(found)}[/]")
            live.update(shown, refresh=True)


@needs(Permission.FLEET_MANAGE)
def move(
    context: typer.Context,
    station: Station,
    ring: Annotated[str | None, typer.Option("--ring", help="Ring to stand in")] = None,
    line: Annotated[str | None, typer.Option("--line", help="Line to stand in; '' is none")] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="kind=press; all labels are replaced. May be repeated")
    ] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Move a station."""
    labels = None if label is None else dict(each.partition("=")[::2] for each in label)
    with client_of(context) as client:
        _moved(client, station, as_json, ring=ring, line=line, labels=labels, reason=asked(reason))


@needs(Permission.FLEET_MANAGE)
def ring(
    context: typer.Context,
    station: Station,
    ring: Annotated[str, typer.Argument(help="Ring, as andon fleet rings shows them")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Put a station into a ring."""
    with client_of(context) as client:
        _moved(client, station, as_json, ring=ring, reason=asked(reason))


def _moved(client: Client, station: str, as_json: bool, **body: Any) -> None:
    seen = client.patch(f"/fleet/stations/{station}", **body)
    if as_json:
        print_json(seen)
    else:
        where = f"line {escape(seen['line']) or '-'}, ring {escape(seen['ring'])}"
        out.print(f"[green]✓[/] {escape(station)} stands in {where}")


@needs(Permission.FLEET_MANAGE)
def pin(
    context: typer.Context,
    station: Station,
    unit: Unit,
    version: Annotated[str | None, typer.Option("--version", help="Keep it at this one")] = None,
    days: Annotated[float | None, typer.Option("--days", help="Days until the pin runs out")] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Pin a unit."""
    body = {"version": version, "days": days, "reason": asked(reason, "Why does it stay?")}
    with client_of(context) as client:
        made = client.put(f"/fleet/stations/{station}/pins/{unit}", **body)
    if as_json:
        print_json(made)
        return
    until = f" until {at(made['expires_at'])}" if made["expires_at"] else ""
    out.print(f"[green]✓[/] {escape(unit)} on {escape(station)} stays{until}")


@needs(Permission.FLEET_MANAGE)
def unpin(
    context: typer.Context, station: Station, unit: Unit, reason: Reason = "", as_json: Json = False
) -> None:
    """Take a pin off."""
    with client_of(context) as client:
        seen = client.delete(f"/fleet/stations/{station}/pins/{unit}", reason=asked(reason))
    print_json(seen) if as_json else out.print(f"[green]✓[/] {escape(unit)} on {escape(station)} may move")


@needs(Permission.FLEET_MANAGE)
def retry(
    context: typer.Context,
    unit: Unit,
    stations: Annotated[list[str] | None, typer.Argument(help="Stations; none: all where it failed")] = None,
    environment: EnvironmentOption = "production",
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Try again."""
    body = {"stations": stations or [], "reason": asked(reason, "Why try again?")}
    with client_of(context) as client:
        seen = client.post(f"/units/{unit}/environments/{environment}/stations/retry", **body)
    if as_json:
        print_json(seen)
    else:
        out.print(f"[green]✓[/] {escape(unit)} is tried again on {escape(', '.join(seen['stations']))}")


@needs(Permission.FLEET_MANAGE)
def retire(context: typer.Context, station: Station, reason: Reason = "", as_json: Json = False) -> None:
    """Retire a station."""
    with client_of(context) as client:
        seen = client.post(f"/fleet/stations/{station}/retire", reason=asked(reason, "Why retire it?"))
    print_json(seen) if as_json else out.print(
        f"[green]✓[/] {escape(station)} is retired; its key is worthless"
    )
