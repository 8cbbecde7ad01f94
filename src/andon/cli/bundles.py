"""`andon bundle`: releases in one signed file, into a network that is closed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from andon.cli import indexing, render
from andon.cli.context import Json, out, print_json, settings_of
from andon.cli.needs import Need, needs
from andon.cli.progressing import copied_view, shown
from andon.cli.registry import RootOption
from andon.kernel import files
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Conflict

if TYPE_CHECKING:
    from andon.releases.storage.protocol import Storage
    from andon.settings import Settings

_FileArgument = Annotated[Path, typer.Argument(help="The bundle")]
_IntoOption = Annotated[
    str | None,
    typer.Option("--into", help="Folder or s3://bucket/prefix of the mirror; default: this home's registry"),
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Releases in one signed file, for a closed network.")
    group.command(
        help="Write releases, their deltas and the registry's signatures into one file. A run that was cut "
        "is done again with the same words, and goes on.\n\nExamples:\n\n  andon bundle export all.bundle"
        "\n\n  andon bundle export week-12.bundle --unit station --platform linux-x86_64 --since "
        "line-3.receipt"
    )(export)
    group.command(
        "import",
        help="Verify a bundle and let a mirror show what is in it. A run that was cut is done again, and "
        "goes on.\n\nExample: andon bundle import week-12.bundle --into /srv/registry --root 1.root.json",
    )(import_)
    group.command(
        help="See that every byte of a bundle is what was signed; changes nothing."
        "\n\nExample: andon bundle verify week-12.bundle --root 1.root.json"
    )(verify)
    group.command(
        help="Write which files a mirror has, for `andon bundle export --since`; no secret is in it."
        "\n\nExample: andon bundle receipt --into /srv/registry --output line-3.receipt"
    )(receipt)
    app.add_typer(group, name="bundle")


@needs(Need.HOME)
def export(
    context: typer.Context,
    file: _FileArgument,
    unit: Annotated[
        list[str] | None, typer.Option("--unit", "-u", help="Only its releases. May be repeated")
    ] = None,
    release: Annotated[
        list[str] | None,
        typer.Option("--release", help="Only this one, such as mes@1.1.0. May be repeated"),
    ] = None,
    platform: Annotated[
        list[str] | None,
        typer.Option("--platform", help="Only for it, such as linux-x86_64. May be repeated"),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            "--since", help="Receipt of the other side, or the last bundle that it got: what it has stays out"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a bundle."""
    from andon import registry_parts as parts
    from andon.releases.bundles.known import known
    from andon.releases.bundles.writer import Exporter
    from andon.releases.layout import Layout
    from andon.releases.mirroring.model import Wanted

    settings = settings_of(context)
    wanted = Wanted(frozenset(unit or ()), frozenset(release or ()), frozenset(platform or ()))
    exporter = Exporter(Layout(settings.home.resolve()), parts.storage_of(settings), SystemClock())
    with shown() as progress:
        made = exporter.run(file, wanted, known(since) if since else frozenset(), progress)
    if as_json:
        print_json(
            {
                "file": str(made.file),
                "sha256": made.sha256,
                "size_bytes": made.size_bytes,
                "releases": list(made.releases),
                "files": made.files,
                "was_there_bytes": made.was_there,
                "version": made.version,
            }
        )
        return
    out.print(f"[green]✓[/] {escape(str(made.file))}, {render.size(made.size_bytes)}, sha256 {made.sha256}")
    out.print(f"  {_named(made.releases)} (state {made.version})")


@needs(Need.FILES)
def import_(
    context: typer.Context,
    file: _FileArgument,
    into: _IntoOption = None,
    root: RootOption = None,
    as_json: Json = False,
) -> None:
    """Read a bundle into a mirror."""
    from andon import registry_parts as parts
    from andon.releases.bundles import importer

    settings = settings_of(context)
    place = _place(settings, into)
    memory = parts.remembered(settings, place, root)
    with shown() as progress:
        done = importer.imported(file, place, memory=memory.folder, root=memory.root, progress=progress)
    memory.keep()
    if into is None:
        indexing.index(settings)
    if as_json:
        print_json(copied_view(place.name, done))
        return
    out.print(
        f"[green]✓[/] {escape(place.name)} shows state {done.version}; {done.copied} files came in, "
        f"{render.size(done.copied_bytes)}; {done.had} were there"
    )


@needs(Need.FILES)
def verify(
    context: typer.Context, file: _FileArgument, root: RootOption = None, as_json: Json = False
) -> None:
    """Check a bundle."""
    from andon import registry_parts as parts
    from andon.releases.bundles import importer

    with shown() as progress:
        found = importer.checked(file, root=parts.pinned(settings_of(context), root), progress=progress)
    contents = found.contents
    if as_json:
        print_json(
            {
                "file": str(file),
                "created_at": contents.created_at.isoformat(),
                "version": contents.version,
                "releases": list(found.releases),
                "files": len(contents.entries),
                "size_bytes": contents.size_bytes,
                "assumed": len(contents.assumed),
            }
        )
        return
    out.print(f"[green]✓[/] every byte of {escape(str(file))} is what was signed")
    out.print(
        f"  {_named(found.releases)} (state {contents.version}), {contents.created_at:%Y-%m-%d %H:%M} UTC"
    )
    if contents.assumed:
        out.print(f"  for a place that has {len(contents.assumed)} other files already")


@needs(Need.FILES)
def receipt(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write")],
    into: _IntoOption = None,
    as_json: Json = False,
) -> None:
    """Write what a mirror has."""
    from andon import registry_parts as parts
    from andon.releases.bundles import known

    settings = settings_of(context)
    place = parts.storage_of(settings) if into is None else parts.place_of(settings, into)
    content = known.receipt(place)
    files.write(output, content)
    if as_json:
        print_json({"file": str(output), "place": place.name})
        return
    out.print(f"[green]✓[/] {escape(str(output))}: what {escape(place.name)} has")


def _place(settings: "Settings", into: str | None) -> "Storage":
    from andon import registry_parts as parts

    if into is not None:
        return parts.place_of(settings, into)
    if parts.is_signed_here(settings):
        raise Conflict(
            "own-registry",
            f"{settings.home} signs a registry of its own; a bundle would take its place",
            hint="--into FOLDER: a mirror beside it",
        )
    return parts.storage_of(settings)


def _named(releases: tuple[str, ...]) -> str:
    if not releases:
        return "no releases, only young signatures"
    shown_ones = ", ".join(releases[:8])
    return escape(shown_ones if len(releases) <= 8 else f"{shown_ones} and {len(releases) - 8} more")
