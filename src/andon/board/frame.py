"""What all pages share: templates, language, theme, static files, short-lived caching and error pages."""

import asyncio
import functools
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any

import jinja2
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from andon.api import model, views
from andon.api.feed import Feed
from andon.api.services import Services
from andon.board import charts, words
from andon.board import format as shown
from andon.kernel.errors import AndonError, NotFound

_STATIC = ("board.css", "board.js", "icon.svg")
_FRESH_S = 1.0
_MOST_CACHED = 128
_YEAR_S = 31_536_000
_THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Seen:
    """What every page knows: when it was made, and which cords are pulled."""

    now: datetime
    cords: Sequence[model.CordView]


class Frame:
    """Renders pages. The same page for the same language is made once a second at most, for all viewers."""

    def __init__(self, services: Services, feed: Feed) -> None:
        self._services = services
        self._feed = feed
        self._templates = _templates()
        self._files = {name: _read(f"static/{name}") for name in _STATIC}
        self._hash = hashlib.sha256(b"".join(self._files.values())).hexdigest()[:12]
        self._cache: dict[tuple[str, ...], tuple[int, float, str]] = {}
        self._locks: dict[tuple[str, ...], asyncio.Lock] = {}

    async def show(
        self,
        request: Request,
        template: str,
        topics: str,
        build: Callable[[Seen], Awaitable[dict[str, Any]]],
        *,
        only_live: bool,
    ) -> Response:
        """The page, or only its living part."""
        language, theme = _wishes(request)
        key = (request.url.path, language, theme, str(only_live))

        async def make() -> str:
            seen = await self._seen()
            values = await build(seen) | {"topics": topics, "only_live": only_live}
            values["environments"] = [] if only_live else await self._environments()
            return await self._render(template, request, seen, values)

        response = HTMLResponse(await self._cached(key, make))
        if request.query_params.get("lang") in words.LANGUAGES:
            response.set_cookie("andon_lang", language, max_age=_YEAR_S, samesite="strict", path="/")
        return response

    def static(self, name: str) -> Response:
        """A file of the board; its address changes with its content, so it is kept for a year.

        Raises:
            NotFound: there is no such file.
        """
        if name not in self._files:
            raise NotFound("no-such-page", f"there is no file {name[:60]!r}")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"Cache-Control": f"public, max-age={_YEAR_S}, immutable"}
        return Response(self._files[name], media_type=kind, headers=headers)

    def install(self, app: FastAPI) -> None:
        """Show errors as pages to people; the API's callers go on getting problems."""
        for family in (AndonError, HTTPException, RequestValidationError, Exception):
            problem = app.exception_handlers[family]
            app.add_exception_handler(family, self._for_people(problem))

    def _for_people(self, problem: Any) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def handler(request: Request, error: Exception) -> Response:
            answer: Response = await problem(request, error)
            is_page = not request.url.path.startswith(("/api/", "/metrics", "/health", "/ready"))
            if not is_page or "text/html" not in request.headers.get("accept", ""):
                return answer
            said = model.Problem.model_validate_json(bytes(answer.body))
            seen = Seen(self._services.clock.now(), [])
            # Nothing is read here: what failed may be what we would read.
            values = {"problem": said, "topics": "", "only_live": False, "environments": []}
            html = await self._render("error.html", request, seen, values)
            return HTMLResponse(html, status_code=answer.status_code)

        return handler

    async def _seen(self) -> Seen:
        cords = [views.cord(each) for each in await self._services.commands.cords()]
        return Seen(self._services.clock.now(), cords)

    async def _cached(self, key: tuple[str, ...], make: Callable[[], Awaitable[str]]) -> str:
        async with self._locks.setdefault(key, asyncio.Lock()):
            revision, now = self._feed.revision, self._services.clock.monotonic()
            found = self._cache.get(key)
            if found and found[0] == revision and now - found[1] < _FRESH_S:
                return found[2]
            try:
                html = await make()
                if len(self._cache) >= _MOST_CACHED:
                    self._cache.clear()
                    self._locks.clear()
                self._cache[key] = (revision, now, html)
                return html
            finally:
                if key not in self._cache:  # anybody may ask for pages that are not there
                    self._locks.pop(key, None)

    async def _render(self, template: str, request: Request, seen: Seen, values: dict[str, Any]) -> str:
        language, theme = _wishes(request)

        def say(key: str, **filled: Any) -> str:
            return words.say(language, key, **filled)

        return await self._templates.get_template(template).render_async(
            say=say,
            say_or=lambda key, otherwise: words.say_or(language, key, otherwise),
            language=language,
            theme=theme,
            seen=seen,
            path=request.url.path,
            version=self._services.version,
            hash=self._hash,
            **values,
        )

    async def _environments(self) -> list[str]:
        return sorted({each.environment for each in await self._services.desired.list()})


def _wishes(request: Request) -> tuple[words.Language, str]:
    language = words.choose(
        request.query_params.get("lang"),
        request.cookies.get("andon_lang"),
        request.headers.get("accept-language", ""),
    )
    theme = request.cookies.get("andon_theme", "auto")
    return language, theme if theme in _THEMES else "auto"


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("andon.board"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        enable_async=True,
        auto_reload=False,
    )
    for name in ("percent", "share", "number", "ratio", "milliseconds", "duration", "size"):
        environment.filters[name] = getattr(shown, name)
    environment.globals["chart_size"] = charts
    for name in environment.list_templates():  # all now: an upgrade on disk must not mix with what runs
        environment.get_template(name)
    return environment


def _read(name: str) -> bytes:
    return resources.files("andon.board").joinpath(name).read_bytes()
