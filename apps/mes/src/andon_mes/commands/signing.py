"""`andon-mes signing-key` and `verify-certificate`: the plant's key, and what its signature is worth."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from andon_mes.kernel.errors import MesError
    from andon_mes.settings import Settings

_File = Annotated[Path | None, typer.Option("--file", help="The key's file; else that of the settings.")]
_DEFAULT = Path("signing-key.pem")
_UNKNOWN_KEY = 3


def install(cli: typer.Typer, settings: "Callable[[], Settings]") -> None:
    """Add the commands to `cli`; `settings` reads the environment."""
    keys = typer.Typer(no_args_is_help=True, help="The plant's key that signs birth certificates.")
    cli.add_typer(keys, name="signing-key")

    @keys.command(
        epilog='Example:  andon-mes signing-key create --name "Plant KR" --file /etc/andon-mes/key.pem'
    )
    def create(
        file: _File = None,
        name: Annotated[str, typer.Option(help="The plant's name, in the certificate.")] = "Andon MES plant",
        imported: Annotated[
            Path | None, typer.Option("--import", help="Take this PEM of key and certificate instead.")
        ] = None,
    ) -> None:
        """Make the key and a certificate that it signs itself, or take over the plant's own."""
        _create(file or settings().signing_key_file or _DEFAULT, name, imported)

    @keys.command(epilog="Example:  andon-mes signing-key show > plant.pem")
    def show(file: _File = None) -> None:
        """Print the plant's certificate, which may be given to anybody, and its fingerprint."""
        _show(file or settings().signing_key_file)

    @cli.command(
        "verify-certificate", epilog="Example:  andon-mes verify-certificate FN-1.pdf --plant plant.pem"
    )
    def verify_certificate(
        file: Annotated[
            Path, typer.Argument(help="A birth certificate, PDF or JSON.", exists=True, dir_okay=False)
        ],
        plant: Annotated[
            Path | None,
            typer.Option(help="The plant's certificate (PEM); else that of ANDON_MES_SIGNING_KEY_FILE."),
        ] = None,
    ) -> None:
        """Say whether a birth certificate is what was signed, and by whom. Offline.

        Exit 0: valid, signed with the plant's key. 1: not valid. 3: a good signature of a key that was not
        compared with the plant's, as no --plant was given; anybody can make one.
        """
        _verify(file, plant or settings().signing_key_file)


def _create(path: Path, name: str, imported: Path | None) -> None:
    from andon_mes.genealogy import signing
    from andon_mes.kernel.clock import SystemClock
    from andon_mes.kernel.errors import MesError

    try:
        made = signing.of_pem(imported.read_bytes(), str(imported)) if imported else None
        key = made or signing.create(name, SystemClock().now())
        signing.save(key, path)
    except MesError as error:
        raise _said(error) from error
    except FileExistsError as error:
        typer.echo(f"{path} is there already: keep it, or name another --file.", err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"{error.filename or path}: {error.strerror}.", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{path} is made: {signing.fingerprint(key.certificate)}")
    typer.echo(
        f"Set ANDON_MES_SIGNING_KEY_FILE={path.resolve()} where the MES serves, and keep a copy apart."
    )


def _show(path: Path | None) -> None:
    from andon_mes.genealogy import signing
    from andon_mes.kernel.errors import MesError

    try:
        key = signing.load(path)
    except MesError as error:
        raise _said(error) from error
    typer.echo(signing.public_pem(key).decode(), nl=False)
    ends = key.certificate.not_valid_after_utc.date()
    typer.echo(
        f"{key.certificate.subject.rfc4514_string()}, until {ends}, {signing.fingerprint(key.certificate)}",
        err=True,
    )


def _verify(path: Path, plant: Path | None) -> None:
    import logging

    from andon_mes.genealogy import signing
    from andon_mes.kernel.errors import MesError

    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # what it finds is said here, in a sentence
    logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)
    try:
        trusted = signing.certificate_of(plant) if plant else None
    except MesError as error:
        raise _said(error) from error
    verdict = signing.verify(path.read_bytes(), trusted)
    if not verdict.is_intact or verdict.is_trusted is False:
        typer.echo(f"NOT VALID: {verdict.reason}.", err=True)
        raise typer.Exit(1)
    said = "valid" if verdict.is_trusted else "UNKNOWN KEY: unchanged"
    known = "the plant's" if verdict.is_trusted else "of a key that was not compared: give --plant"
    typer.echo(f"{said} {verdict.kind}, signed by {verdict.signer} ({known})")
    typer.echo(f"fingerprint {verdict.fingerprint}")
    if not verdict.is_trusted:
        raise typer.Exit(_UNKNOWN_KEY)


def _said(error: "MesError") -> typer.Exit:
    problem = error.problem
    typer.echo(f"{problem.detail.en}. {problem.fix.en}.", err=True)
    return typer.Exit(2 if problem.field else 1)
