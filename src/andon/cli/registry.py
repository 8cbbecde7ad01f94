"""`andon registry`: the signed releases as files: copies of them elsewhere."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from andon.cli import render, revoking
from andon.cli.context import Json, Reason, asked, out, print_json, settings_of
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
    group.command(
        help="Take out of this home's registry what nobody needs: never what a station or an environment "
        "has, is on its way to or could return to, what is pinned, nor the newest of each unit. It leaves "
        "the signed metadata at once; files go once their grace is over, at a later run. Versions stay taken."
        "\n\nExample: andon registry gc --dry-run"
    )(gc)
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
    from andon.cli.progressing import copied_view, shown
    from andon.releases.mirroring.mirror import Mirror

    settings = settings_of(context)
    place = parts.place_of(settings, into)
    memory = parts.remembered(settings, place, root)
    with shown() as progress:
        mirroring = Mirror(memory.folder, memory.root, checks=check)
        done = mirroring.run(parts.source_of(settings, source), place, progress=progress)
    memory.keep()
    if as_json:
        print_json({**copied_view(place.name, done), "removed": done.removed})
        return
    out.print(
        f"[green]✓[/] {escape(place.name)} shows {done.releases} releases (state {done.version}); "
        f"{done.copied} files came over, {render.size(done.copied_bytes)}; {done.had} were there"
    )


@needs(Need.HOME)
def gc(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go")] = False,
    keep: Annotated[
        int | None,
        typer.Option("--keep", min=1, help="Newest releases of each unit that stay; default: the setting"),
    ] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Collect garbage."""
    from andon.cli.collecting import collected

    why = reason if dry_run else asked(reason, "Why is it collected?")
    settings = settings_of(context)
    if keep is not None:
        registry = settings.registry.model_copy(update={"keep": keep})
        settings = settings.model_copy(update={"registry": registry})
    done = collected(settings, why, is_trial=dry_run)
    if as_json:
        print_json(asdict(done))
        return
    for release, because in sorted(done.kept.items()):
        out.print(f"  [dim]stays[/] {escape(release)} [dim]{escape(because)}[/]")
    verb = "left"
    if done.is_pending:
        verb = "waits for the holders of the targets' keys"
    if dry_run:
        verb = "would go"
    for each in (*done.releases, *done.deltas):
        out.print(f"  [yellow]{verb}[/] {escape(each)}")
    if not (done.releases or done.deltas):
        out.print("[green]✓[/] nothing is there that nobody needs")
    else:
        out.print(
            f"  {render.size(done.freed_bytes)} in all; files go once nothing named them for their grace"
        )
    if not dry_run:
        freed = render.size(done.removed_bytes)
        out.print(f"[green]✓[/] {done.removed} files removed, {freed}; {done.waiting} wait")
