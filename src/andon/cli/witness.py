"""`andon witness`: a second pair of eyes on another machine, so that nobody can rewrite what happened.

It knows no home and no Andon: a folder with its key and its memory, and the public keys of the timelines.
"""

import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from andon.cli.context import Json, err, out, print_json
from andon.cli.needs import Need, needs
from andon.cli.verifying import keys_of
from andon.kernel import files, tls
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from andon_wire.cosigning import Signer
    from andon_wire.note import Key

_StateOption = Annotated[Path, typer.Option("--state", help="Folder with its key and what it remembers")]
_NameOption = Annotated[
    str | None, typer.Option("--name", help="Its name, without spaces; said once, at the first start")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(
        no_args_is_help=True, help="A second pair of eyes, so that nobody can rewrite what happened."
    )
    group.command(
        help="Print the witness' public key, for ANDON_TIMELINE__WITNESSES; makes it where there is none."
        "\n\nExample: andon witness key --state /srv/witness --name qa-pc"
    )(key)
    group.command(
        help="Remember the checkpoints of timelines and cosign what continues them; stays in front. Run it "
        "where the administrator of Andon cannot reach."
        "\n\nExample: andon witness serve --state /srv/witness --name qa-pc --key timeline.vkey "
        "--listen 10.1.2.9:8470 --certificate qa-pc.pem"
    )(serve)
    app.add_typer(group, name="witness")


@needs(Need.STATE)
def key(state: _StateOption, name: _NameOption = None, as_json: Json = False) -> None:
    """Print the public key."""
    found = str(_signer(state, name).key)
    print_json({"key": found}) if as_json else typer.echo(found)


@needs(Need.STATE)
def serve(
    state: _StateOption,
    keys: Annotated[
        list[str],
        typer.Option("--key", help="Public key of a timeline, or the file with it. May be repeated"),
    ],
    name: _NameOption = None,
    listen: Annotated[str, typer.Option("--listen", help="Address and port")] = "127.0.0.1:8470",
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", help="Certificate, chain and key in one PEM file, for HTTPS"),
    ] = None,
) -> None:
    """Be a witness."""
    from andon_wire.witness import Witness
    from andon_wire.witness_http import Server

    host, port = _address(listen)
    if certificate is None and not ipaddress.ip_address(host).is_loopback:
        raise InvalidInput(
            "tls-missing",
            f"{host} can be reached from other machines: that takes HTTPS",
            hint="--certificate FILE",
        )
    signer, clock = _signer(state, name), SystemClock()
    logs: dict[str, list[Key]] = {}
    for each in keys_of(keys):
        logs.setdefault(each.name, []).append(each)
    try:
        witness = Witness(state, signer, logs, lambda: clock.now().timestamp())
    except BlockingIOError as error:
        raise Conflict("witness-runs", f"another witness uses {state}", hint="--state FOLDER") from error
    context = tls.server_context(certificate) if certificate else None
    server = Server(witness, host, port, context)
    out.print(f"witness [bold]{escape(signer.name)}[/] of {escape(', '.join(logs))} on [bold]{server.url}[/]")
    out.print(f"its key: {escape(str(signer.key))}", soft_wrap=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        err.print("the witness ends; what it remembers stays")
    finally:
        server.server_close()
        witness.close()


def _signer(state: Path, name: str | None) -> "Signer":
    """The key in `state`, made where there is none.

    Raises:
        InvalidInput: there is none and no name for it, or the name is another's.
    """
    from andon_wire.cosigning import COSIGNER_KEY, Signer
    from andon_wire.note import Key, Malformed

    private, public = state / "witness.key", state / "witness.vkey"
    try:
        if not private.exists():
            made = Signer.generate(name or socket.gethostname(), COSIGNER_KEY)
            state.mkdir(parents=True, exist_ok=True, mode=0o700)
            files.write(public, f"{made.key}\n".encode())
            files.write(private, made.pem(), mode=0o600)
            return made
        kept = Key.parse(public.read_text("utf-8"))
        if name not in {None, kept.name}:
            raise InvalidInput(
                "other-name", f"the witness in {state} is named {kept.name}", hint="leave --name out"
            )
        return Signer.load(kept.name, COSIGNER_KEY, private.read_bytes())
    except (Malformed, FileNotFoundError) as error:
        raise InvalidInput(
            "bad-witness-key", f"{state}: {error}", hint="restore its files, or use another folder"
        ) from error


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    try:
        return str(ipaddress.ip_address(host.strip("[]"))), int(port)
    except ValueError as error:
        raise InvalidInput(
            "bad-address", f"{text} is no address and port", hint="--listen 127.0.0.1:8470"
        ) from error
