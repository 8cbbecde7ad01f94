"""`andon agent ...`: the program `andon-agent`, where Andon is installed as well. It alone knows it."""

from typing import Annotated

import typer

from andon.cli.needs import Need, needs


def register(app: typer.Typer) -> None:
    """Add it to the command line."""
    app.command(
        name="agent",
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
        help="Make this machine a station, and run its agent: what `andon-agent` does, with the same words "
        "(run, enrol, status, launch, inventory, install-service)."
        "\n\nExample: andon agent --home /var/lib/andon-agent status",
    )(agent)


@needs(Need.STATE)
def agent(
    words: Annotated[
        list[str] | None, typer.Argument(help="What `andon-agent` is to do; --help says it")
    ] = None,
) -> None:
    """Hand it over."""
    from andon_agent.main import main

    raise typer.Exit(main(words or ["--help"]))
