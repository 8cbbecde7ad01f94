"""The application: endpoints, guard, errors and the feed, put together. The board is mounted by `app.py`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from andon.api import declared, openapi, problems
from andon.api.declared import check_declared, open_to_all
from andon.api.feed import INTERVAL, Feed
from andon.api.gather import Gather
from andon.api.guard import Guard, Protection
from andon.api.identify import Identify
from andon.api.metrics import Counting, Metrics
from andon.api.rates import Window
from andon.api.routes import (
    account,
    agents,
    before,
    cord,
    fleet,
    floor,
    holds,
    keeping,
    login,
    pipelines,
    policies,
    registry,
    replays,
    rollouts,
    sets,
    system,
    timeline,
    updates,
    users,
)  # fmt: skip
from andon.api.services import Services
from andon.api.streams import Streams
from andon.kernel.clock import SystemClock
from andon.kernel.supervise import Loop

_DESCRIPTION = (
    "Builds, signs, ships, watches and takes back the software of a plant. Errors are problem+json with a "
    "stable code and a hint. Each operation names the permission that it needs. Programs sign in with a "
    "bearer token; a browser's session also sends `X-Andon-CSRF` with what changes something."
)


def create(services: Services, *, protection: Protection | None = None) -> FastAPI:
    """The API over `services`; `app.state` holds `gather`, `feed` and `protection` for the board.

    Whoever adds further pages need not ask for `check_declared`: a start checks all that are there.

    Raises:
        InvalidInput: a route does not declare who may use it.
    """
    protection = protection or Protection()
    window = Window()
    streams = Streams()
    feed, gather = Feed(services, window, streams=streams), Gather(services, window)
    page = Metrics(services, feed)
    loop = Loop("board feed", feed.tick, interval=INTERVAL, clock=services.clock)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        check_declared(app)
        task = asyncio.create_task(loop.run(), name="board feed")
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    app = FastAPI(
        title="Andon",
        version=services.version,
        description=_DESCRIPTION,
        openapi_url=None,  # our own route declares who may read it
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.gather, app.state.feed = gather, feed
    app.state.services, app.state.protection = services, protection
    for each in (
        system.probes(services),
        system.metrics(page),
        agents.router(gather),  # asked far more often than all others, and routes are tried in their order
        *_v1(services, gather, feed, streams),
    ):
        add(app, each)
    _describe_itself(app)
    problems.install(app, is_nobody=declared.refuses_nobody)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    inner = app.build_middleware_stack

    def stack() -> ASGIApp:
        # Outside of what answers our own mistakes, so that those answers have their headers and id, too.
        return Guard(Counting(Identify(inner(), services, protection), page), protection)

    app.build_middleware_stack = stack  # type: ignore[method-assign]
    check_declared(app)
    return app


def _describe_itself(app: FastAPI) -> None:
    @app.get(
        "/api/v1/openapi.json",
        include_in_schema=False,
        dependencies=[open_to_all("it describes the interface and nothing of the plant")],
    )
    async def description() -> JSONResponse:
        return JSONResponse(app.openapi())


def describe() -> dict[str, Any]:
    """The OpenAPI description, without a running Andon."""
    return over_nothing().openapi()


def over_nothing() -> FastAPI:
    """The application over nothing, for those who only read its routes: no service may be called."""
    nothing = cast("Services", SimpleNamespace(version="1", clock=SystemClock()))
    return create(nothing)


def add(app: FastAPI, router: APIRouter) -> None:
    """Serve what `router` has, as it stands there: `include_router` would make every route twice more."""
    app.router.routes.extend(router.routes)


def _v1(services: Services, gather: Gather, feed: Feed, streams: Streams) -> tuple[APIRouter, ...]:
    return (
        login.router(services),
        login.devices(services),
        account.router(services),
        users.router(services),
        keeping.tokens(services),
        keeping.secrets(services),
        policies.router(gather),
        policies.signatures(gather),
        floor.router(gather, feed),
        timeline.router(gather),
        rollouts.router(gather),
        holds.router(gather),
        sets.router(gather),
        before.router(gather),
        replays.router(gather),
        cord.router(gather),
        pipelines.runs(gather, streams),
        pipelines.releases(services),
        system.doctor(services),
        registry.upkeep(services),
        registry.router(services),
        updates.router(gather),
        fleet.router(gather),
        fleet.changes(gather),
        fleet.whole(gather),
        fleet.recalls(gather),
        fleet.tokens(gather),
    )
