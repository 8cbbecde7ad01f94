"""`andon-mes`: every command in its place. What is slow to load is loaded by the command that needs it."""

import signal
from typing import TYPE_CHECKING, Annotated

import typer

from andon_mes.commands import configuration, signing, vendor
from andon_mes.commands.demo_data import demo_data
from andon_mes.commands.devices import devices
from andon_mes.commands.running import settings
from andon_mes.commands.users import users
from andon_mes.commands.verify import verify
from andon_mes.kernel import logging

if TYPE_CHECKING:
    from types import FrameType

    from andon_mes.settings import Settings

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
cli.add_typer(users, name="users")
cli.add_typer(devices, name="devices")
cli.command("demo-data", epilog="Example:  andon-mes demo-data --lots 4")(demo_data)
cli.command(epilog="Examples:  andon-mes verify  |  andon-mes verify --json --head DIGEST")(verify)
_DRAIN_SECONDS = 10


@cli.callback()
def _root() -> None:
    """A manufacturing execution system for serial-tracked assembly."""


@cli.command(epilog="Example:  andon-mes serve --host 0.0.0.0 --port 8080")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8080,
) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are finished, then it exits with 0."""
    import uvicorn

    from andon_mes.access.tokens import SecretError, Tokens
    from andon_mes.app import create_app, secret_file

    chosen = _settings()
    try:
        assert Tokens(secret_file(chosen), chosen.token_age).secret
        app = create_app(chosen)
    except SecretError as error:
        typer.echo(f"{error}.", err=True)
        raise typer.Exit(2) from error

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: "FrameType | None") -> None:
            app.end_streams()  # they never end by themselves, and the drain would wait for them
            super().handle_exit(sig, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _already_stopped)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # ours are read by api/origin.py, from the networks of the settings alone
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = Server(config)
    server.run()
    if not server.started:
        raise typer.Exit(3)


@cli.command(epilog="Example:  ANDON_MES_DATABASE=/var/lib/andon/mes.db andon-mes migrate")
def migrate() -> None:
    """Bring the database to this release's schema. Safe to repeat, and while others serve."""
    from andon_mes.store.migrate import application_role
    from andon_mes.store.migrate import migrate as run

    chosen = _settings()
    run(chosen.owner_database or chosen.database, application=application_role(chosen.database))


def _settings() -> "Settings":
    """The settings of the environment, and the log as they say."""
    chosen = settings()
    logging.configure(chosen.log_level)
    return chosen


configuration.install(cli)
vendor.install(cli, _settings)
signing.install(cli, _settings)


def _already_stopped(_number: int, _frame: object) -> None:
    """uvicorn raises the signal again once it has drained; that second one must not kill us."""


def main() -> None:
    """Entry point of the console script."""
    cli()
