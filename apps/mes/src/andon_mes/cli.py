"""`andon-mes`: serve, migrate, verify. Thin; what is slow to load is loaded by the command that needs it."""

import signal
from typing import Annotated

import typer

from andon_mes.kernel import logging

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
_DRAIN_SECONDS = 10


@cli.callback()
def _root() -> None:
    """A manufacturing execution system for serial-tracked assembly."""


@cli.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8080,
) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are finished, then it exits with 0."""
    import uvicorn

    from andon_mes.app import create_app
    from andon_mes.settings import Settings

    settings = Settings()
    logging.configure(settings.log_level)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _already_stopped)
    uvicorn.run(
        create_app(settings),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )


@cli.command()
def migrate() -> None:
    """Bring the database to this release's schema. Safe to repeat, and while others serve."""
    from andon_mes.settings import Settings
    from andon_mes.store.migrate import migrate as run

    settings = Settings()
    logging.configure(settings.log_level)
    run(settings.database)


def _already_stopped(_number: int, _frame: object) -> None:
    """uvicorn raises the signal again once it has drained; that second one must not kill us."""


def main() -> None:
    """Entry point of the console script."""
    cli()
