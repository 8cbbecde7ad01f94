"""`andon ca`: the certificates of this home, from an authority of its own or the plant's."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from andon.cli import tables
from andon.cli.context import Json, out, print_json, settings_of
from andon.cli.needs import Need, needs
from andon.cli.render import moment
from andon.cli.telling import operator, tell
from andon.kernel.clock import SystemClock
from andon.kernel.errors import InvalidInput
from andon.settings import Settings

if TYPE_CHECKING:
    from andon.access.ca.model import Certificate

FOLDER = "ca"
_DAYS = 90


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(
        no_args_is_help=True, help="Certificates of this home, from an authority of its own or the plant's."
    )
    for name, (function, text) in _COMMANDS.items():
        group.command(name, help=text)(function)
    app.add_typer(group, name="ca")


@needs(Need.HOME)
def init(
    context: typer.Context,
    name: Annotated[str, typer.Option("--name", help="Its name, as browsers show it")] = "Andon CA",
    permit: Annotated[
        list[str] | None,
        typer.Option("--permit", help="Domain or network that it is limited to. May be repeated"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an authority."""
    from andon.access.ca import authority

    made = authority.create_authority(_folder(context), SystemClock(), name, permitted=permit or [])
    _done(context, "tls.issued", made, as_json)


@needs(Need.HOME)
def issue(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(help="Names and addresses under which this server is reached")
    ] = None,
    client: Annotated[
        str | None, typer.Option("--client", help="For this client instead, such as a station")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=825, help="Its life")] = _DAYS,
    as_json: Json = False,
) -> None:
    """Issue a certificate."""
    from andon.access.ca import authority

    if bool(names) == (client is not None):
        raise InvalidInput(
            "bad-names", "give the names of this server, or --client NAME", hint="andon ca issue andon.plant"
        )
    if client is not None:
        made = authority.issue_client(_folder(context), SystemClock(), client, days=days)
    else:
        made = authority.issue_server(_folder(context), SystemClock(), names or [], days=days)
    _done(context, "tls.issued", made, as_json)


@needs(Need.HOME)
def renew(context: typer.Context, as_json: Json = False) -> None:
    """Renew the server's certificate."""
    from andon.access.ca import authority

    made = authority.renew(_folder(context), SystemClock())
    if made is not None:
        _done(context, "tls.renewed", made, as_json)
    elif as_json:
        print_json(None)
    else:
        out.print("nothing to renew: its life is long enough, or it is not from this authority")


@needs(Need.HOME)
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show what is there."""
    from andon.access.ca import authority

    folder = _folder(context)
    found = authority.describe(folder)
    certificates = [each for each in (found.authority, found.server, *found.clients) if each is not None]
    if as_json:
        print_json({"can_issue": found.can_issue, "certificates": [_plain(each) for each in certificates]})
        return
    if not certificates:
        out.print("[dim]no certificates yet: andon ca init, then andon ca issue NAME[/]")
        return
    shown = tables.table("certificate", "for", "issued by", "expires", "SHA-256")
    for each in certificates:
        what = escape(", ".join(each.names) or each.subject)
        shown.add_row(each.kind.value, what, escape(each.issuer), moment(each.expires_at), each.fingerprint)
    out.print(shown)
    out.print(f"  [dim]clients verify this server by[/] {escape(str(folder / 'trust.crt'))}")


@needs(Need.HOME)
def import_(
    context: typer.Context,
    certificate: Annotated[Path, typer.Option("--certificate", help="Certificate, PEM")],
    key: Annotated[Path, typer.Option("--key", help="Its private key, PEM, without passphrase")],
    chain: Annotated[
        Path | None, typer.Option("--chain", help="Chain to the root, PEM, where it stands apart")
    ] = None,
    server: Annotated[bool, typer.Option("--server", help="It is this server's, not an authority's")] = False,
    as_json: Json = False,
) -> None:
    """Use certificates of the plant."""
    from andon.access.ca import authority

    take: Callable[..., Certificate] = authority.import_server if server else authority.import_authority
    taken = take(_folder(context), SystemClock(), authority.Brought(certificate, key, chain))
    _done(context, "tls.imported", taken, as_json)


_COMMANDS: dict[str, tuple[Any, str]] = {
    "init": (
        init,
        "Make an authority of this home's own.\n\nExample: andon ca init --permit plant2.example",
    ),
    "issue": (
        issue,
        (
            "Issue this server's certificate, or a client's; a running Andon takes it up without a drop."
            "\n\nExamples:\n\n  andon ca issue andon.plant 10.1.2.3\n\n  andon ca issue --client station-7"
        ),
    ),
    "renew": (
        renew,
        (
            "Renew the server's certificate when a third of its life is left; good for a daily timer."
            "\n\nExample: andon ca renew"
        ),
    ),
    "show": (show, "Show the certificates, and the file that clients trust.\n\nExample: andon ca show"),
    "import": (
        import_,
        (
            "Use the plant's own: an authority that issues here, or this server's certificate alone."
            "\n\nExamples:\n\n  andon ca import --certificate sub.pem --key sub.key --chain root.pem\n\n"
            "  andon ca import --server --certificate andon.pem --key andon.key --chain chain.pem"
        ),
    ),
}


def _folder(context: typer.Context) -> Path:
    home = settings_of(context).home.resolve()
    if not (home / "andon.env").exists():
        raise InvalidInput("not-initialised", f"{home} is not a home of Andon", hint="andon init")
    return home / FOLDER


def _tell(settings: Settings, kind: str, certificate: "Certificate") -> None:
    from andon.timeline.records import Event

    what = ", ".join(certificate.names) or certificate.subject
    verb = "brought" if kind == "tls.imported" else kind.removeprefix("tls.")
    event = Event(
        kind,
        f"tls/{certificate.kind.value}",
        operator(),
        f"{verb} for {what}, until {certificate.expires_at.isoformat()}",
        after={"fingerprint": certificate.fingerprint, "serial": certificate.serial},
    )
    # The certificate is in place: a plant without HTTPS, for want of its record, would be worse off.
    tell(settings, event)


def _plain(certificate: "Certificate") -> dict[str, Any]:
    times = {
        "valid_from": certificate.valid_from.isoformat(),
        "expires_at": certificate.expires_at.isoformat(),
    }
    return asdict(certificate) | times


def _done(context: typer.Context, kind: str, certificate: "Certificate", as_json: bool) -> None:
    _tell(settings_of(context), kind, certificate)
    if as_json:
        print_json(_plain(certificate))
        return
    what = ", ".join(certificate.names) or certificate.subject
    out.print(
        f"[green]✓[/] {certificate.kind.value} certificate for [bold]{escape(what)}[/], "
        f"until {moment(certificate.expires_at)}"
    )
    out.print(f"  [dim]SHA-256 {certificate.fingerprint}[/]")
