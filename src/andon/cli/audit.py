"""`andon audit`: proof that nobody rewrote what happened, and copies for those who ask.

`verify` needs no Andon: it reads an export, or the database of a home, and believes public keys alone.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from andon.access.model import Permission
from andon.cli import exchanging, exits, render
from andon.cli.context import Json, Reason, asked, client_of, out, print_json, settings_of
from andon.cli.exchanging import Of
from andon.cli.needs import Need, needs
from andon.kernel import files


class Form(StrEnum):
    """Forms of a copy."""

    JSONL = "jsonl"
    CSV = "csv"
    PDF = "pdf"
    ZIP = "zip"


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(
        no_args_is_help=True, help="Proof that nobody rewrote what happened, and copies of it."
    )
    group.command(
        help="Check every record, checkpoint and signature of an export or of this home's database, and name "
        "the first record that was altered. With witnesses also a rewritten history is found; one that does "
        "not answer makes the result inconclusive, exit code 3."
        "\n\nExamples:\n\n  andon audit verify\n\n  andon audit verify record.zip --key timeline.vkey\n\n"
        "  andon audit verify timeline.jsonl --key timeline.vkey --witness-key qa-pc.vkey "
        "--witness https://qa-pc.plant:8470"
    )(verify)
    group.command(
        help="Write a copy of the timeline, or of a part of it: JSON lines and ZIP verify offline, CSV and "
        "PDF are for people.\n\nExamples:\n\n  andon audit export --format zip --output record.zip\n\n"
        "  andon audit export --format pdf --subject rollout/ro-0kz3v1q8x --output rollout.pdf"
    )(export)
    group.command(
        help="Print the newest signed checkpoint, a line to keep elsewhere: with it a later copy must agree."
        "\n\nExample: andon audit checkpoint > checkpoint.txt"
    )(checkpoint)
    group.command(
        "rotate-key",
        help="Exchange a key of this home: what it signed stays valid. Stop Andon first; it stands on the "
        "timeline. Of the timeline's key both sign once, and witnesses need the new public key, which is "
        "printed.\n\nExample: andon audit rotate-key --of timeline --reason 'yearly exchange'",
    )(rotate_key)
    group.command(
        "accept-restored",
        help="Go on from a database that was restored from a backup, and answer for what is lost. Stop Andon "
        "first; it stands on the timeline as an alert. Each witness' operator sets its memory aside too."
        "\n\nExample: andon audit accept-restored --reason 'disk failed, backup of 02:00'",
    )(accept_restored)
    app.add_typer(group, name="audit")


@needs(Need.FILES)
def verify(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="Export, ZIP or JSON lines; without it this home's database")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", help="The timeline's public key, or its file; default: this home's"),
    ] = None,
    witness_key: Annotated[
        list[str] | None, typer.Option("--witness-key", help="A witness' public key, or its file")
    ] = None,
    witness: Annotated[
        list[str] | None, typer.Option("--witness", help="A witness' folder, address, or saved checkpoint")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check the timeline."""
    from andon.cli import verifying
    from andon.timeline import offline

    believed = verifying.Believed(tuple(key or ()), tuple(witness_key or ()), tuple(witness or ()))
    found = verifying.verified(settings_of(context), file, believed)
    typer.echo((offline.as_json if as_json else offline.as_text)(found), nl=False)
    if not found.is_intact:
        raise typer.Exit(exits.BAD)
    if not found.is_conclusive:
        raise typer.Exit(exits.INCONCLUSIVE)


@needs(Need.HOME)
def rotate_key(
    context: typer.Context,
    of: Annotated[Of, typer.Option("--of", help="Which key")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Exchange a key."""
    why = asked(reason, "Why is it exchanged?")
    new = exchanging.rotated(settings_of(context), of, why)
    if as_json:
        print_json({"of": of.value, "key": new})
        return
    out.print(f"[green]✓[/] the key of {of.value} was exchanged; the new one:")
    typer.echo(new)
    if of is Of.TIMELINE:
        out.print("[dim]Give it to auditors, and to each witness: andon witness serve --key[/]")


@needs(Need.HOME)
def accept_restored(context: typer.Context, reason: Reason = "", as_json: Json = False) -> None:
    """Go on from a restored database."""
    why = asked(reason, "What was restored, and why?")
    size = exchanging.accepted(settings_of(context), why)
    if as_json:
        print_json({"records": size})
        return
    out.print(f"[green]✓[/] the timeline goes on from {size} records; it has an alert of this")


@needs(Permission.TIMELINE_EXPORT)
def export(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write; it must not be there yet")],
    form: Annotated[Form, typer.Option("--format", "-f", help="Form of the copy")] = Form.ZIP,
    unit: Annotated[str | None, typer.Option(help="Only of this unit")] = None,
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="Only there")] = None,
    subject: Annotated[str | None, typer.Option(help="Only of this thing, such as rollout/ro-...")] = None,
    as_json: Json = False,
) -> None:
    """Write a copy."""
    wanted = {"format": form.value, "unit": unit, "environment": environment, "subject": subject}
    with client_of(context) as client, files.replacing(output, mode=0o600) as stream:
        size = client.download("/timeline/export", stream, **wanted)
    if as_json:
        print_json({"file": str(output), "size_bytes": size})
        return
    out.print(f"[green]✓[/] {escape(str(output))}, {render.size(size)}")


@needs(Permission.TIMELINE_EXPORT)
def checkpoint(context: typer.Context, as_json: Json = False) -> None:
    """Print the newest checkpoint."""
    with client_of(context) as client:
        text = client.text("/timeline/checkpoint")
    print_json({"checkpoint": text}) if as_json else typer.echo(text, nl=not text.endswith("\n"))
