"""The composition root: settings in, a running application out. Only here are the parts wired."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from andon_mes.access.controller import Directory
from andon_mes.access.logs.controller import Journal
from andon_mes.access.people.controller import Rules, SignIns
from andon_mes.access.people.decide import Lockout
from andon_mes.access.people.store import Ages
from andon_mes.access.tokens import Tokens
from andon_mes.api import problems, routes
from andon_mes.api.context import Mes
from andon_mes.api.journal import entry, is_refresh
from andon_mes.api.load import Admitted
from andon_mes.api.origin import SECURE, Proxies
from andon_mes.api.size import Bounded
from andon_mes.audit.controller import Sealing
from andon_mes.dashboard import pages
from andon_mes.dashboard.feed import Feed
from andon_mes.evidence.metrics import Served
from andon_mes.evidence.store import ProductionEvidence
from andon_mes.kernel.clock import Clock, SystemClock
from andon_mes.kernel.supervise import Loop, supervised
from andon_mes.numbers.calendar import plain_calendar
from andon_mes.settings import Settings
from andon_mes.spc.shifts import ShiftWatch
from andon_mes.spc.watch import Watch
from andon_mes.store.engine import is_postgresql, open_database


def create_app(settings: Settings, clock: Clock | None = None) -> "Application":
    """The application. Its database is opened here and closed at the end of its lifespan."""
    chosen_clock = clock or SystemClock()
    database = open_database(
        settings.database, busy_timeout=settings.busy_timeout, durability=settings.durability
    )
    directory = Directory(database, chosen_clock, settings.token_age)
    tokens = Tokens(secret_file(settings), settings.token_age)
    mes = Mes(
        database=database,
        clock=chosen_clock,
        default_calendar=plain_calendar(
            settings.plant_zone, settings.day_shift_starts, settings.night_shift_starts
        ),
        plant_code=settings.plant_code,
        release=settings.release,
        served=Served(settings.release),
        evidence=ProductionEvidence(database, chosen_clock),
        directory=directory,
        tokens=tokens,
        sign_ins=SignIns(database, chosen_clock, directory, tokens, _sign_in_rules(settings)),
        proxies=Proxies.of(settings.trusted_proxies),
        journal=Journal(database, chosen_clock, timedelta(days=settings.access_log_days)),
        signing_key_file=settings.signing_key_file,
        clock_tolerance=settings.clock_tolerance,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with supervised(_loops(mes)):
            yield
        database.close()

    # No pages of documentation: they would load their scripts from the internet.
    app = FastAPI(
        title="Andon MES", version=settings.release, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    problems.install(app)
    routes.install(app, mes)
    feed = pages.install(app, mes)
    admitted = Admitted(app, settings.most_requests_at_once)
    return Application(Bounded(admitted, settings.most_body_bytes), mes, feed)


def secret_file(settings: Settings) -> Path | None:
    """Where the secret that signs tokens is: as the settings say, or beside a SQLite file."""
    if settings.secret_file is not None or is_postgresql(settings.database):
        return settings.secret_file
    return Path(f"{settings.database}.secret")


def _sign_in_rules(settings: Settings) -> Rules:
    return Rules(
        Lockout(settings.wrong_passwords, settings.locked_for),
        Ages(settings.sign_in_idle, settings.sign_in_most),
        settings.sign_ins_per_minute,
    )


def _loops(mes: Mes) -> list[Loop]:
    """What an instance does beside its requests."""
    return [
        # Counts before anybody asks: a million attempts take seconds, once. Not migrated yet: /ready says so.
        Loop("seals", Sealing(mes.database, mes.clock).tick, timedelta(seconds=1)),
        Loop("logs", mes.journal.flush, timedelta(seconds=2), ends_with_a_tick=True),
        Loop("old logs", mes.journal.forget, timedelta(hours=1)),
        Loop("people", mes.directory.warn_if_nobody, timedelta(hours=1)),
        Loop("evidence", mes.evidence.totals, timedelta(minutes=1)),
        Loop("charts", Watch(mes.database, mes.clock).tick, timedelta(seconds=2)),
        Loop(
            "shift charts",
            ShiftWatch(mes.database, mes.clock, mes.default_calendar).tick,
            timedelta(minutes=1),
        ),
    ]


class Application:
    """Around everything: each answer says which release gave it, tells browsers what they may not do with it,
    is counted and logged.
    """

    def __init__(self, app: ASGIApp, mes: Mes, feed: Feed) -> None:
        self._app = app
        self._mes = mes
        self._headers = [(b"x-release", mes.release.encode()), *SECURE]
        self._names = frozenset(name for name, _ in SECURE)
        self._feed = feed

    def end_streams(self) -> None:
        """Let go of the live pages: they come back to whoever serves next. May be called by a signal."""
        self._feed.end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                own: list[Any] = list(message.get("headers", []))
                said = {name for name, _ in own} & self._names  # a page says more than the API
                headers = own + [each for each in self._headers if each[0] not in said]
                message = {**message, "headers": headers}
                self._told(scope, message["status"])
            await send(message)

        await self._app(scope, receive, send_marked)

    def _told(self, scope: Scope, status: int) -> None:
        self._mes.served.requests[scope["method"], status] += 1
        noted = entry(scope, status, self._mes.clock, self._mes.proxies)
        if noted is not None:
            self._mes.journal.note(noted, is_refresh=is_refresh(scope, status))
