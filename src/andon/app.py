"""The composition root: makes a home, brings Andon up, takes it down. `parts.py` says what it is made of."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from andon import parts
from andon.access.ca import authority
from andon.access.model import Grant
from andon.access.people import names
from andon.access_parts import complete_keys, make_keys, people_of
from andon.api import guard, http
from andon.board import pages
from andon.kernel import files, logging, processes, tls
from andon.kernel.clock import Clock, SystemClock
from andon.kernel.errors import Conflict, InvalidInput, Unavailable
from andon.registry_parts import storage_of
from andon.releases import keys
from andon.settings import Settings
from andon.store import migrate
from andon.store.engine import Database

_log = logging.get(__name__)
_PID_FILE = "andon.pid"
_STOP_PATIENCE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Initialised:
    """What `initialise` made. `notice` is for the person who asked; the password is nowhere else."""

    home: Path
    notice: str
    admin: str
    one_time_password: str


async def initialise(
    settings: Settings, *, port: int | None = None, admin: str = "admin", root: bytes | None = None
) -> Initialised:
    """Make a home: folder, settings file, keys, registry, CA, database, and its first administrator.

    root: of a registry that is signed elsewhere, which this home shall follow; None: it signs its own.

    Raises:
        Conflict: there is one already.
        InvalidInput: `admin` cannot be a login. Untrusted: `root` is no signed root.
    """
    home, clock = settings.home.resolve(), SystemClock()
    names.checked_login(admin)
    with _to_ourselves(home):
        if root is None:
            notice = keys.init_development(home, clock, storage=storage_of(settings)).notice
        else:
            keys.init_following(home, root)
            notice = keys.FOLLOWS
        user, password = await _made(settings, home, clock, port=port, admin=admin)
        return Initialised(home, notice, user, password)


async def _made(
    settings: Settings, home: Path, clock: Clock, *, port: int | None, admin: str
) -> tuple[str, str]:
    """The rest of it; gives the administrator's name and one-time password."""
    make_keys(home, clock)
    authority.create_authority(home / "ca", clock)
    lines = ["# Settings of this home; docs/reference/settings.md names them all.\n"]
    if port is not None:
        lines.append(f"ANDON_PORT={port}\n")
    await migrate.upgrade(settings.database())
    database = Database.open(settings.database())
    try:
        people = people_of(settings, database, clock)
        user, password = await people.create(
            admin,
            "Administrator",
            grants=(Grant("admin"),),
            actor="andon init",
            reason="the first administrator of a new home",
        )
    finally:
        await database.close()
    # Last, as it is what makes a home.
    files.write(home / "andon.env", "".join(lines).encode(), mode=0o600)
    return user.login, password


async def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM. Gateway and instances stay when it ends, however it ends.

    Raises:
        InvalidInput: the home was not initialised, or the address is beyond the loopback without TLS.
        Conflict: another Andon runs over this home.
    """
    guard.refuse_open_bind(settings.host, is_tls=settings.tls.is_on)
    home, clock = settings.home.resolve(), SystemClock()
    if not (home / "andon.env").exists():
        raise InvalidInput(
            "not-initialised", f"{home} is not a home of Andon", hint=f"andon --home {settings.home} init"
        )
    with _to_ourselves(home):
        await _serve_alone(settings, home, clock)


async def _serve_alone(settings: Settings, home: Path, clock: Clock) -> None:
    logging.configure(level=settings.log_level, file=home / "logs" / "andon.log")
    with _alone(home), _listening(settings.host, settings.port) as listening:
        await migrate.upgrade(settings.database())
        await complete_keys(settings, home, clock)
        live = _certificate(settings, home, clock)
        async with parts.assembled(settings, live) as assembled:
            app = http.create(assembled.services, protection=protection(settings))
            pages.install(app, assembled.services)
            config = uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=3,
                server_header=False,
                proxy_headers=False,  # the guard alone says whose X-Forwarded-For is believed
            )
            config.load()
            config.ssl = live.context if live else None
            async with _running(assembled):
                _log.info("andon is up", host=settings.host, port=settings.port, home=str(home))
                await _serve(Server(config, lambda: release(app)), listening)
    _log.info("andon ended", home=str(home))


@contextlib.contextmanager
def _to_ourselves(home: Path) -> Iterator[None]:
    """Hashes of passwords and the whole record are in there: nobody else on this machine may read it."""
    former = os.umask(0o077)
    try:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        yield
    finally:
        os.umask(former)


def _certificate(settings: Settings, home: Path, clock: Clock) -> tls.Reloading | None:
    if not settings.tls.is_on:
        return None
    own, wanted = authority.Layout(home / "ca").server, settings.tls
    return tls.Reloading(wanted.certificate or own, wanted.key, clock=clock, client_ca=wanted.client_ca)


def protection(settings: Settings) -> guard.Protection:
    """How the edge protects itself, as the settings say."""
    wanted = settings.guard
    return guard.Protection(
        names=tuple(wanted.names),
        networks=guard.networks(wanted.networks),
        trusted_proxies=guard.networks(wanted.trusted_proxies),
        is_tls=settings.tls.is_on,
        anonymous_per_minute=wanted.anonymous_per_minute,
        signed_in_per_minute=wanted.signed_in_per_minute,
        open_metrics=wanted.open_metrics,
    )


class Server(uvicorn.Server):
    """Lets go of who waits before it looks who is still there: else it waits in vain, and cuts them off."""

    def __init__(self, config: uvicorn.Config, let_go: Callable[[], None]) -> None:
        super().__init__(config)
        self._let_go = let_go

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        self._let_go()
        await super().shutdown(sockets)


def release(app: FastAPI) -> None:
    """Answer all that wait for news: stations for what they should run, browsers and terminals for events."""
    app.state.services.fleet.roster.release()
    app.state.feed.release()


async def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until a signal asks for the end, and come back, so that what is open is closed."""
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        # The server raises the signal that ended it once more, for whoever had it before; that is this.
        loop.add_signal_handler(each, _log.debug, "asked to end")
    await server.serve(sockets=[listening])


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        raise Conflict(
            "port-taken",
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="set ANDON_PORT to another port, or end what listens there",
        ) from error
    with listening:
        yield listening


async def stop(settings: Settings, *, everything: bool) -> bool:
    """End the Andon of this home; with `everything` also its instances and its gateway.

    Gives whether one was running.

    Raises:
        Unavailable: it did not end in time.
    """
    home = settings.home.resolve()
    running = processes.find_noted(home / _PID_FILE)
    if running is not None:
        processes.send(running, signal.SIGTERM)
        if not await processes.is_gone_within(running, _STOP_PATIENCE):
            raise Unavailable(
                "does-not-end", f"Andon (process {running.pid}) does not end", hint=f"kill -9 {running.pid}"
            )
    if everything and (home / "andon.env").exists():
        with _alone(home):
            await parts.end_everything(settings)
    return running is not None


@contextlib.asynccontextmanager
async def _running(assembled: parts.Parts) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run(), name=each.health.name) for each in assembled.loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the home's lock; the kernel lets go of it however this process ends."""
    path = home / "andon.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                "already-up", f"another Andon runs over {home}", hint="andon status, or andon down"
            ) from error
        processes.note(home / _PID_FILE, processes.own())
        try:
            yield
        finally:
            (home / _PID_FILE).unlink(missing_ok=True)
