"""`andon init`, `up`, `down`, `doctor`: the process itself.

Only these need all of Andon in their process, so they import it when they run: every other command starts
in a third of the time.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from andon.api.model import Check, Checks
from andon.cli import asking, exits
from andon.cli.client import Client
from andon.cli.context import Json, client_of, out, print_json, server_of, settings_of
from andon.cli.needs import Need, needs
from andon.kernel.errors import Forbidden, Unauthenticated


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(
        help="Make a new home: keys, registry, database, certificates, and the first administrator, whose "
        "one-time password it prints once.\n\nExample: andon --home /srv/andon init --admin kim"
    )(init)
    app.command(
        help="Bring Andon up and stay in front; Ctrl-C ends it, traffic and instances go on."
        "\n\nExample: andon up"
    )(up)
    app.command(
        help="Stop the running Andon; with --all also the instances and the gateway."
        "\n\nExample: andon down --all --yes"
    )(down)
    app.command(help="Say what is wrong and what to do.\n\nExample: andon doctor")(doctor)


@needs(Need.HOME)
def init(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(help="Port of API and board; kept in the home's andon.env")
    ] = None,
    admin: Annotated[str, typer.Option("--admin", help="User name of the first administrator")] = "admin",
    root: Annotated[
        Path | None,
        typer.Option(
            "--root", help="Root of a registry that is signed elsewhere: this home follows it, by bundles"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a new home."""
    from andon import app as composition
    from andon.registry_parts import pinned

    settings = settings_of(context)
    followed = None if root is None else pinned(settings, root)
    done = asyncio.run(composition.initialise(settings, port=port, admin=admin, root=followed))
    if as_json:
        told = {"notice": done.notice, "admin": done.admin, "one_time_password": done.one_time_password}
        print_json({"home": str(done.home)} | told)
        return
    has_keys = "development keys" if root is None else "no keys of a registry"
    out.print(f"[green]✓[/] home [bold]{done.home}[/]: database, registry, certificates, {has_keys}")
    said = "The keys are for development: one person holds them all. See docs/operations/keys.md."
    out.print(f"  [dim]{said if root is None else escape(done.notice)}[/]")
    out.print(f"[green]✓[/] administrator [bold]{escape(done.admin)}[/] signs in once with")
    out.print(f"\n    [bold]{escape(done.one_time_password)}[/]\n", soft_wrap=True)
    out.print("  [dim]It is not shown again, and holds for three days.[/]")
    out.print(f"  next: [bold]andon --home {done.home} up[/]")
    out.print(f"        [bold]andon --home {done.home} login --user {escape(done.admin)}[/]")


@needs(Need.HOME)
def up(context: typer.Context) -> None:
    """Bring Andon up."""
    from andon import app as composition

    out.print(f"Andon on [bold]{server_of(context).url}[/]")
    asyncio.run(composition.serve(settings_of(context)))


@needs(Need.HOME)
def down(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Also stop the instances and the gateway: traffic ends")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
    as_json: Json = False,
) -> None:
    """Stop Andon."""
    from andon import app as composition

    settings = settings_of(context)
    if everything and not yes:
        asking.somebody("whether all traffic may end", "--yes")
        typer.confirm("This ends all traffic to the units of this home. Go on?", abort=True, err=True)
    was_up = asyncio.run(composition.stop(settings, everything=everything))
    if as_json:
        print_json({"was_running": was_up, "everything": everything})
        return
    out.print(
        "[green]✓[/] stopped"
        if was_up
        else "Andon was not running" + ("; the rest is stopped" if everything else "")
    )


@needs(Need.HOME)
def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Check this machine, this home and the running Andon."""
    from andon import doctor as doctor_of

    settings = settings_of(context)
    with client_of(context) as client:
        findings = [*doctor_of.machine(settings), *_of_the_running(client)]
    if as_json:
        print_json([each.model_dump(mode="json") for each in findings])
    else:
        for each in findings:
            sign = "[green]●[/]" if each.is_good else "[red]■[/]"
            out.print(f"{sign} [bold]{escape(each.name)}[/]  {escape(each.detail)}")
            if each.hint:
                word = "next" if each.is_good else "try"  # nothing is broken that has to be tried out
                out.print(f"    [dim]{word}:[/] {escape(each.hint)}")
    if not all(each.is_good for each in findings):
        raise typer.Exit(exits.BAD)


def _of_the_running(client: Client) -> list[Check]:
    if not client.is_up():
        return [Check(name="andon", is_good=False, detail=f"not running at {client.url}", hint="andon up")]
    try:
        return Checks.model_validate(client.get("/doctor")).checks
    except (Unauthenticated, Forbidden) as error:
        # This machine and this home are checked all the same: who cannot sign in needs it most.
        detail = f"answers at {client.url}; of its parts it says nothing: {error.message}"
        return [Check(name="andon", is_good=True, detail=detail, hint=error.hint)]
