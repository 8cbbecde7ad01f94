"""`andon keys`: who may sign for the registry. The server's side of a ceremony, and the holders'."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from andon.cli import asking, ceremonies, exits, tables
from andon.cli.context import Json, Reason, asked, out, print_json, settings_of
from andon.cli.needs import Need, needs
from andon.cli.telling import operator, tell
from andon.kernel.errors import InvalidInput
from andon.settings import Settings

if TYPE_CHECKING:
    from andon.releases.ceremony.request import Request
    from andon.releases.ceremony.server import Change, Outcome
    from andon.releases.ceremony.status import Standing

_Out = Annotated[
    Path | None, typer.Option("--out", help="Folder on the medium to which the request is written")
]
_Stdin = Annotated[
    bool, typer.Option("--passphrase-stdin", help="Read the passphrase as one line from standard input")
]
_FAULTS = frozenset({"late", "over", "keys"})


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Keys of the registry: who may sign, until when.")
    for name, (function, text) in _COMMANDS.items():
        group.command(name, help=text)(function)
    app.add_typer(group, name="keys")


@needs(Need.HOME)
def status(context: typer.Context, as_json: Json = False) -> None:
    """Show who holds the keys, thresholds, expiries, and what to do."""
    found = ceremonies.standing(settings_of(context))
    if as_json:
        print_json(ceremonies.plain_standing(found))
    else:
        _show(found)
    if found.worst.worry.value in _FAULTS:
        raise typer.Exit(exits.BAD)


def _show(found: "Standing") -> None:
    shown = tables.table("role", "version", "valid until", "needs", "keys", "")
    signs = {"none": "[green]●[/]", "soon": "[yellow]▲[/]"}
    for each in found.roles:
        held = ", ".join(
            f"{key.holder or 'Andon'} ({key.key_id[:8]}{', here' if key.is_here else ''})"
            for key in each.keys
        )
        needed = f"{each.threshold} of {len(each.keys)}"
        sign = signs.get(each.worry.value, "[red]■[/]")
        until = f"{each.expires_at:%Y-%m-%d}"
        shown.add_row(each.role, str(each.version), until, needed, escape(held), f"{sign} {each.advice}")
    out.print(shown)
    if found.is_development:
        out.print(
            "[yellow]![/] development keys: the root's key lies on this machine. For a plant: "
            "docs/operations/keys.md, 'The first ceremony'"
        )
    if found.waiting is not None:
        _show_outcome(found.waiting)


@needs(Need.NOTHING)
def make(
    holder: Annotated[str, typer.Argument(help="Whose key it is, such as kim")],
    folder: Annotated[Path, typer.Option("--out", help="Folder on the holder's own medium")],
    passphrase_stdin: _Stdin = False,
    as_json: Json = False,
) -> None:
    """Make a holder's key."""
    from andon.releases.ceremony import holders

    passphrase = (
        asking.line_of_stdin("passphrase")
        if passphrase_stdin
        else asking.new_password("--passphrase-stdin", what="passphrase")
    )
    made = holders.make(folder, holder, passphrase)
    if as_json:
        print_json({"key": str(made.key), "public": str(made.public), "key_id": made.key_id})
        return
    out.print(f"[green]✓[/] {escape(str(made.key))} stays on this medium; make a copy on a second one")
    out.print(f"[green]✓[/] {escape(str(made.public))} goes to the server")
    out.print(f"  [dim]write down its id:[/] {made.key_id}")


@needs(Need.HOME)
def propose(
    context: typer.Context,
    role: Annotated[str, typer.Option("--role", help="root or targets; whose keys change")] = "root",
    add: Annotated[
        list[Path] | None, typer.Option("--add", help="Public key of a holder to add. May be repeated")
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", help="Holder, beginning of a key's id, or `here`. May be repeated"),
    ] = None,
    threshold: Annotated[int | None, typer.Option("--threshold", help="How many have to sign")] = None,
    exchange: Annotated[
        list[str] | None,
        typer.Option("--exchange", help="Give targets, snapshot or timestamp a fresh key. May be repeated"),
    ] = None,
    folder: _Out = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Ask the holders of the root for a change, or for another year."""
    from andon.releases.ceremony import holders
    from andon.releases.ceremony.server import Change

    change = Change(
        role=role,
        add=tuple(holders.public(each) for each in add or []),
        remove=tuple(remove or []),
        threshold=threshold,
        exchange=tuple(exchange or []),
    )
    _propose(context, change, asked(reason, "Why change it?"), folder, as_json)


@needs(Need.HOME)
def exchange(
    context: typer.Context,
    which: Annotated[list[str], typer.Argument(help="targets, snapshot, timestamp, or provenance alone")],
    folder: _Out = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Give roles whose keys are on this machine fresh ones."""
    from andon.releases.ceremony.server import Change

    why = asked(reason, "Why exchange it?")
    if "provenance" not in which:
        _propose(context, Change(exchange=tuple(which)), why, folder, as_json)
        return
    if which != ["provenance"]:
        raise InvalidInput(
            "bad-role", "provenance is no role of the registry", hint="andon keys exchange provenance"
        )
    former, fresh = ceremonies.exchange_provenance(settings_of(context))
    _tell(settings_of(context), "keys.exchanged", why, {"key": former}, {"key": fresh})
    if as_json:
        print_json({"former": former, "key_id": fresh})
    else:
        out.print(f"[green]✓[/] statements about builds are signed by {fresh[:8]} from now on")


def _propose(context: typer.Context, change: "Change", why: str, folder: Path | None, as_json: bool) -> None:
    settings = settings_of(context)
    outcome = ceremonies.of(settings).propose(change, reason=why, by=operator())
    _tell_outcome(settings, outcome)
    written = ceremonies.write_request(outcome.request, folder) if folder and outcome.missing else None
    _done(outcome, written, as_json)


@needs(Need.HOME)
def pending(context: typer.Context, folder: _Out = None, as_json: Json = False) -> None:
    """Show the request that waits, and write it to a medium."""
    outcome = ceremonies.of(settings_of(context)).waiting()
    if outcome is None:
        print_json(None) if as_json else out.print("no request waits for signatures")
        return
    written = ceremonies.write_request(outcome.request, folder) if folder else None
    _done(outcome, written, as_json)


@needs(Need.NOTHING)
def sign(
    request: Annotated[Path, typer.Argument(help="The request, as it came from the server")],
    key: Annotated[Path, typer.Option("--key", help="The holder's key, NAME.key.json on its medium")],
    folder: Annotated[
        Path | None, typer.Option("--out", help="Where the signature goes; default beside the request")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for programs")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="The former request of this version was withdrawn")
    ] = False,
    passphrase_stdin: _Stdin = False,
    as_json: Json = False,
) -> None:
    """Look at a request and sign it."""
    from andon.releases.ceremony import holders, signing

    read = signing.read(request)
    if not as_json:
        _show_request(read)
    if not yes and asking.text("Type yes to sign this", "--yes") != "yes":
        raise typer.Exit(exits.BAD)
    passphrase = (
        asking.line_of_stdin("passphrase")
        if passphrase_stdin
        else asking.password("Passphrase", "--passphrase-stdin")
    )
    signer = holders.load(key, passphrase)
    if again:
        signing.forget(key)
    signed = signing.sign(read, signer, key)
    written = ceremonies.write_signatures(
        signed, holders.holder_of(signer.public_key), folder or request.parent
    )
    if as_json:
        print_json({"signature": str(written), "fingerprint": signed.fingerprint, "key_id": signed.key_id})
    else:
        out.print(f"[green]✓[/] {escape(str(written))} goes back to the server")


@needs(Need.HOME)
def assemble(
    context: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Signatures, or folders with them; none: look how it stands")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take signatures in, and publish when there are enough."""
    settings = settings_of(context)
    outcome = ceremonies.of(settings).assemble(ceremonies.signatures_in(files or []))
    if not outcome.missing:
        _tell_outcome(settings, outcome)
    _done(outcome, None, as_json)


@needs(Need.HOME)
def withdraw(context: typer.Context, reason: Reason = "", as_json: Json = False) -> None:
    """Let go of the request that waits."""
    why = asked(reason, "Why withdraw it?")
    request = ceremonies.of(settings_of(context)).withdraw()
    _tell(settings_of(context), "keys.withdrawn", why, {"request": request.fingerprint}, {})
    print_json({"fingerprint": request.fingerprint}) if as_json else out.print("[green]✓[/] withdrawn")


def _done(outcome: "Outcome", written: Path | None, as_json: bool) -> None:
    if as_json:
        print_json(ceremonies.plain_outcome(outcome, written))
    else:
        _show_outcome(outcome)
        if written is not None:
            out.print(f"[green]✓[/] {escape(str(written))} goes to the holders: andon keys sign")
    if outcome.missing:
        raise typer.Exit(exits.INCONCLUSIVE)


def _show_request(request: Any) -> None:
    out.print(f"[bold]{escape(request.reason)}[/], asked for by {escape(request.by)}")
    for each in ceremonies.changes(request):
        out.print(f"  · {escape(each)}")
    out.print(
        f"  fingerprint [bold]{request.fingerprint}[/]  [dim]the same on every screen, or do not sign[/]"
    )


def _show_outcome(outcome: "Outcome") -> None:
    _show_request(outcome.request)
    for each in outcome.refused:
        out.print(f"[red]■[/] a signature by {each.key_id[:8]} is for another request, or counts for nothing")
    for lack in outcome.missing:
        so_far = f"{len(lack.signed)} of {lack.threshold} by the keys of the {lack.of} root"
        out.print(f"[yellow]▲[/] {lack.part}: {so_far}; may sign: {escape(', '.join(lack.holders))}")
    if not outcome.missing:
        out.print("[green]✓[/] published")


def _tell_outcome(settings: Settings, outcome: "Outcome") -> None:
    request = outcome.request
    after = {"fingerprint": request.fingerprint, "changes": ceremonies.changes(request)}
    kind = "keys.proposed" if outcome.missing else "keys.changed"
    _tell(settings, kind, request.reason, {}, after)
    if not outcome.missing:
        _tell_revoked(settings, request)


def _tell_revoked(settings: Settings, request: "Request") -> None:
    """Each release that is revoked from now on, with the reason of the person who asked for it."""
    from andon.timeline.records import Event, Severity

    for each in ceremonies.revocations(settings, request):
        release = f"{each['unit']}@{each['version']}"
        event = Event(
            "release.revoked",
            f"release/{release}",
            operator(),
            each.get("reason", request.reason),
            unit=each["unit"],
            severity=Severity.WARNING,
            after={"asked_by": each.get("by", request.by), "fingerprint": request.fingerprint},
        )
        tell(settings, event)


def _tell(settings: Settings, kind: str, why: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    from andon.timeline.records import Event, Severity

    event = Event(kind, "registry", operator(), why, severity=Severity.WARNING, before=before, after=after)
    tell(settings, event)


_COMMANDS: dict[str, tuple[Any, str]] = {
    "status": (
        status,
        (
            "Show who holds the keys, how many sign, until when it holds, and what to do.\n\n"
            "Example: andon keys status"
        ),
    ),
    "make": (
        make,
        (
            "Make a holder's key, sealed by a passphrase, on a medium. Needs no home and no network.\n\n"
            "Example: andon keys make kim --out /media/kim"
        ),
    ),
    "propose": (
        propose,
        (
            "Ask the holders of the root for a change; without one, for another year.\n\nExamples:\n\n"
            "  andon keys propose --add kim.pub.json --add lee.pub.json --add park.pub.json --remove here "
            "--threshold 2 --exchange targets --exchange snapshot --exchange timestamp "
            "--reason 'first ceremony' --out /media/usb\n\n"
            "  andon keys propose --reason renewal --out /media/usb\n\n"
            "  andon keys propose --role targets --add park.pub.json --remove here "
            "--reason 'targets offline' --out /media/usb"
        ),
    ),
    "exchange": (
        exchange,
        (
            "Give roles whose keys are on this machine fresh ones; with a root that is offline, its holders "
            "sign.\n\nExamples:\n\n  andon keys exchange timestamp snapshot --reason 'a backup was lost' "
            "--out /media/usb\n\n  andon keys exchange provenance --reason yearly"
        ),
    ),
    "pending": (
        pending,
        (
            "Show the request that waits for signatures, and write it to a medium.\n\n"
            "Example: andon keys pending --out /media/usb"
        ),
    ),
    "sign": (
        sign,
        (
            "Look at a request and sign it. Needs no home and no network.\n\n"
            "Example: andon keys sign /media/usb/request-1f2e3d4c.json --key /media/kim/kim.key.json"
        ),
    ),
    "assemble": (
        assemble,
        (
            "Take in what holders signed, and publish when there is enough.\n\nExamples:\n\n"
            "  andon keys assemble /media/usb\n\n  andon keys assemble signature-kim-1f2e3d4c.json"
        ),
    ),
    "withdraw": (
        withdraw,
        "Let go of the request that waits.\n\nExample: andon keys withdraw --reason 'wrong threshold'",
    ),
}
