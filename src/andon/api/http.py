"""The application: endpoints, guard, errors and the feed, put together. The board is mounted by `app.py`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from types import SimpleNamespace
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from andon.api import problems
from andon.api.feed import INTERVAL, Feed
from andon.api.gather import Gather
from andon.api.guard import Guard
from andon.api.metrics import Counting, Metrics
from andon.api.model import Problem
from andon.api.rates import Window
from andon.api.routes import cord, floor, pipelines, rollouts, system
from andon.api.services import Services
from andon.kernel.clock import SystemClock
from andon.kernel.supervise import Loop

_DESCRIPTION = (
    "Builds, signs, ships, watches and takes back the software of a plant. Errors are problem+json with a "
    "stable code and a hint. Until access control exists it listens on the loopback only; "
    "`X-Andon-Actor` says who acts."
)


def create(services: Services, *, names: Iterable[str] = ()) -> FastAPI:
    """The API over `services`; `app.state` holds `gather` and `feed` for the board.

    names: host names beside the loopback's under which it may be reached.
    """
    window = Window()
    feed, gather = Feed(services, window), Gather(services, window)
    page = Metrics(services, feed)
    loop = Loop("board feed", feed.tick, interval=INTERVAL, clock=services.clock)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(loop.run(), name="board feed")
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    app = FastAPI(
        title="Andon",
        version=services.version,
        description=_DESCRIPTION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.gather, app.state.feed = gather, feed
    app.include_router(system.probes(services))
    app.include_router(system.metrics(page))
    app.include_router(_v1(services, gather, feed))
    problems.install(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    app.add_middleware(Counting, metrics=page)
    app.add_middleware(Guard, names=tuple(names))
    return app


def describe() -> dict[str, Any]:
    """The OpenAPI description, without a running Andon: only the routes are read, no service is called."""
    nothing = cast("Services", SimpleNamespace(version="1", clock=SystemClock()))
    return create(nothing).openapi()


def _v1(services: Services, gather: Gather, feed: Feed) -> APIRouter:
    api = APIRouter(prefix="/api/v1")
    for each in (
        floor.router(gather, feed),
        rollouts.router(gather),
        cord.router(services),
        pipelines.runs(services),
        pipelines.releases(services),
        system.doctor(services),
    ):
        api.include_router(each)
    return api


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The description, with the problem in place of FastAPI's own validation error."""
    if app.openapi_schema is None:
        whole = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = whole.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for path in whole["paths"].values():
            for operation in path.values():
                if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                    operation["responses"].update({"422": problems.documented(422)[422]})
        app.openapi_schema = whole
    return app.openapi_schema
