"""`andon registry`: the signed releases as files: copies of them elsewhere."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from andon.cli import render, revoking
from andon.cli.context import Json, out, print_json, settings_of
from andon.cli.needs import Need, needs

RootOption = Annotated[
    Path | None,
    typer.Option(
        "--root", help="Root of the registry, once trusted; default: that of the last run, else this home's"
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="The signed releases as files, and copies of them.")
    group.command(
        help="Copy a registry to another place: from a web server, a folder or s3://bucket/prefix, to a "
        "folder or s3://bucket/prefix. All is verified first, only what is missing comes over, readers of "
        "the copy see its former state until the new one is whole, and a run that was cut goes on."
        "\n\nExamples:\n\n  andon registry mirror https://andon.plant/registry /srv/mirror --root 1.root.json"
        "\n\n  andon registry mirror /srv/andon/registry s3://releases/line-3"
    )(mirror)
    group.command(help=revoking.HELP)(revoking.revoke)
    app.add_typer(group, name="registry")


@needs(Need.FILES)
def mirror(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM", help="Where it is read")],
    into: Annotated[str, typer.Argument(metavar="TO", help="Where it is copied to")],
    root: RootOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read again what is there already, and mend it")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy a registry."""
    from andon import registry_parts as parts
    from andon.cli.progressing import shown
    from andon.releases.mirroring.mirror import Mirror

    settings = settings_of(context)
    place = parts.place_of(settings, into)
    memory = parts.remembered(settings, place, root)
    with shown() as progress:
        mirroring = Mirror(memory.folder, memory.root, checks=check)
        done = mirroring.run(parts.source_of(settings, source), place, progress=progress)
    memory.keep()
    if as_json:
        print_json(
            {
                "into": place.name,
                "version": done.version,
                "releases": done.releases,
                "copied": done.copied,
                "copied_bytes": done.copied_bytes,
                "had": done.had,
                "removed": done.removed,
            }
        )
        return
    out.print(
        f"[green]✓[/] {escape(place.name)} shows {done.releases} releases (state {done.version}); "
        f"{done.copied} files came over, {render.size(done.copied_bytes)}; {done.had} were there"
    )
