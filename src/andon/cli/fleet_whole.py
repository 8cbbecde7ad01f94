"""`andon fleet`, of the whole: who is let in, rings, windows, and releases that must not run any more."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from andon.access.model import Permission
from andon.access.policies import calendar
from andon.cli import fleet_tables as tables
from andon.cli.context import EnvironmentOption, Json, Reason, asked, client_of, out, print_json
from andon.cli.handing import hand_over
from andon.cli.needs import needs
from andon.cli.signing import MeaningOption, PasswordStdin, Pen, UserOption
from andon.cli.tables import at
from andon.fleet.model import LAST_RING, Scope
from andon.kernel.errors import InvalidInput

_Unit = Annotated[str, typer.Argument(help="Unit, such as station")]
_Version = Annotated[str, typer.Argument(help="The release that must not run")]


def register(app: typer.Typer) -> None:
    """Add these commands to the group `fleet`."""
    group = next(each.typer_instance for each in app.registered_groups if each.name == "fleet")
    assert group is not None
    _enrolment(group)
    group.command(
        help="Show the rings in the order in which waves open them, or with names set them.\n\nExamples:\n\n"
        "  andon fleet rings\n\n  andon fleet rings lab pilot line plant --reason 'the usual ones'"
    )(rings)
    group.command(
        help="Show maintenance windows; with SCOPE and NAME set one from a calendar's file, or drop it."
        "\n\nExamples:\n\n  andon fleet windows\n\n"
        "  andon fleet windows line line-1 --calendar nights.toml --reason 'never in a shift'\n\n"
        "  andon fleet windows line line-1 --drop --reason 'runs in one shift now'"
    )(windows)
    group.command(
        help="Let nobody run a release any more: every station that has it goes to another one. It asks for "
        "a signature where the policy of the environment wants one for a return.\n\nExamples:\n\n"
        "  andon fleet recall station 1.2.0 --to 1.1.0 --reason 'it loses serials'\n\n"
        "  andon fleet recall station 1.2.0 --lift --reason 'it was the scanner'"
    )(recall)
    group.command(help="Show releases that must not run.\n\nExample: andon fleet recalls")(recalls)


def _enrolment(group: typer.Typer) -> None:
    group.command(
        "enrol-token",
        help="Make a token that lets one machine in, once; its text is shown once.\n\nExamples:\n\n"
        "  andon fleet enrol-token --line line-1 --ring pilot --reason 'a new press'\n\n"
        "  andon fleet enrol-token --station press-1 --replaces --reason 'its computer died'\n\n"
        "  andon fleet enrol-token --approve --hours 1 --output token --reason 'visitors'",
    )(enrol_token)
    group.command(help="List enrolment tokens.\n\nExample: andon fleet tokens")(tokens)
    group.command(
        "revoke-token",
        help="End a token that was not used.\n\nExample: andon fleet revoke-token et-0kz3v1q8 -r 'lost'",
    )(revoke_token)
    group.command(
        help="Let in a station that waits.\n\nExample: andon fleet approve press-1 --reason 'seen on site'"
    )(approve)


@needs(Permission.FLEET_ENROL)
def enrol_token(
    context: typer.Context,
    environment: EnvironmentOption = "production",
    line: Annotated[str, typer.Option("--line", help="Line of the station")] = "",
    ring: Annotated[str, typer.Option("--ring", help="Ring of the station")] = LAST_RING,
    station: Annotated[str, typer.Option("--station", help="Its name; default: after its host")] = "",
    label: Annotated[list[str] | None, typer.Option("--label", help="kind=press. May be repeated")] = None,
    hours: Annotated[float, typer.Option("--hours", help="Hours that it is good for; 720 at most")] = 24,
    approve: Annotated[bool, typer.Option("--approve", help="A person lets it in afterwards")] = False,
    replaces: Annotated[
        bool, typer.Option("--replaces", help="The machine takes the place of --station")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the token to this file, 0600, instead")
    ] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Make an enrolment token."""
    body = {
        "environment": environment,
        "line": line,
        "ring": ring,
        "station": station,
        "labels": dict(each.partition("=")[::2] for each in label or ()),
        "hours": hours,
        "needs_approval": approve,
        "replaces": replaces,
        "reason": asked(reason, "Which machine, and why?"),
    }
    with client_of(context) as client:
        made = client.post("/fleet/tokens", **body)
    head = f"token {made['token']['id']}, good once until {at(made['token']['expires_at'])}"
    hand_over(made, output, as_json=as_json, head=head, shown=" On the station: andon-agent enrol")


@needs(Permission.FLEET_ENROL)
def tokens(context: typer.Context, as_json: Json = False) -> None:
    """List tokens."""
    with client_of(context) as client:
        found = client.get("/fleet/tokens")
    print_json(found) if as_json else out.print(tables.tokens(found))


@needs(Permission.FLEET_ENROL)
def revoke_token(
    context: typer.Context,
    token: Annotated[str, typer.Argument(help="Token, as andon fleet tokens shows it")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """End a token."""
    with client_of(context) as client:
        client.delete(f"/fleet/tokens/{token}", reason=asked(reason, "Why end it?"))
    print_json({"revoked": token}) if as_json else out.print(f"[green]✓[/] {escape(token)} is revoked")


@needs(Permission.FLEET_ENROL)
def approve(
    context: typer.Context,
    station: Annotated[str, typer.Argument(help="Station that waits")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Let a station in."""
    with client_of(context) as client:
        seen = client.post(f"/fleet/stations/{station}/approve", reason=asked(reason, "Why let it in?"))
    print_json(seen) if as_json else out.print(f"[green]✓[/] {escape(station)} is a station now")


@needs(Permission.FLEET_VIEW, Permission.FLEET_MANAGE, is_any=True)
def rings(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Rings, the first to open first")] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Show or set rings."""
    with client_of(context) as client:
        if names:
            client.put("/fleet/rings", names=names, reason=asked(reason))
        found = client.get("/fleet/rings")
    print_json(found) if as_json else out.print(tables.rings(found))


@needs(Permission.FLEET_VIEW, Permission.FLEET_MANAGE, is_any=True)
def windows(
    context: typer.Context,
    scope: Annotated[Scope | None, typer.Argument(help="What it is for")] = None,
    name: Annotated[str, typer.Argument(help="Name of that station, line, ring or environment")] = "",
    calendar_file: Annotated[
        Path | None, typer.Option("--calendar", help="Calendar as TOML: stations switch only within it")
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Keep no window there")] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Show or set windows."""
    if scope is not None and (drop == (calendar_file is not None) or not name):
        raise InvalidInput("bad-window", "name the place, and either --calendar FILE or --drop")
    with client_of(context) as client:
        if scope is not None and calendar_file is not None:
            wanted = calendar.to_values(calendar.parse(_text(calendar_file)))
            client.put(f"/fleet/windows/{scope.value}/{name}", calendar=wanted, reason=asked(reason))
        elif scope is not None:
            client.delete(f"/fleet/windows/{scope.value}/{name}", reason=asked(reason))
        found = client.get("/fleet/windows")
    print_json(found) if as_json else out.print(tables.windows(found))


@needs(Permission.ROLLBACK, Permission.DEPLOY, is_any=True)
def recall(
    context: typer.Context,
    unit: _Unit,
    version: _Version,
    to: Annotated[str | None, typer.Option("--to", help="The release to go to")] = None,
    environment: EnvironmentOption = "production",
    direct: Annotated[bool, typer.Option("--direct", help="At once, without a safe point")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="It may run there again")] = False,
    meaning: MeaningOption = None,
    user: UserOption = None,
    password_stdin: PasswordStdin = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Recall a release."""
    if lift == (to is not None):
        raise InvalidInput("bad-recall", "say either --to VERSION or --lift")
    path = f"/units/{unit}/environments/{environment}/recalls/{version}"
    why = asked(reason, "Why may it run again?" if lift else "Why must it not run?")
    pen = Pen(user, password_stdin, meaning)
    with client_of(context) as client:
        if lift:
            seen = client.delete(path, reason=why)
        else:
            seen = pen.signed(
                lambda signature: client.put(path, to=to, direct=direct, reason=why, signature=signature)
            )
    if as_json:
        print_json(seen)
    elif lift:
        out.print(f"[green]●[/] {escape(unit)} {escape(version)} may run in {escape(environment)} again")
    else:
        out.print(f"[red]■[/] whoever has {escape(unit)} {escape(version)} goes to {escape(to or '')}")


@needs(Permission.FLEET_VIEW)
def recalls(context: typer.Context, as_json: Json = False) -> None:
    """Show recalls."""
    with client_of(context) as client:
        found = client.get("/fleet/recalls")
    print_json(found) if as_json else out.print(tables.recalls(found))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("bad-calendar", f"{path} cannot be read: {error}") from error
