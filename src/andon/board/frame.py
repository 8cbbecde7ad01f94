"""What all pages share: the frame around them, language, theme, short-lived caching and error pages.

The living part of a page is cached for all viewers with the same rights; the frame, which names the person,
is made for each.
"""

import asyncio
import mimetypes
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup
from starlette.exceptions import HTTPException

from andon.access.model import EVERYWHERE, Permission
from andon.api import callers, model, views
from andon.api.feed import Feed
from andon.api.gather import Gather
from andon.api.services import Services
from andon.board import assets, reasons, words
from andon.board.viewer import Viewer, local, roles_with
from andon.kernel.errors import AndonError, NotFound

_FRESH_S = 1.0
_MOST_CACHED = 128
_YEAR_S = 31_536_000
_THEMES = ("auto", "light", "dark")
_PROGRAMS = ("/api/", "/metrics", "/health", "/ready")
_OWN_QUERY = ("fragment", "lang")


@dataclass(frozen=True, slots=True)
class Seen:
    """What every page knows: when it was made, for whom, and which cords are pulled."""

    now: datetime
    viewer: Viewer
    cords: Sequence[model.CordView] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Which template, and on which topics it is refreshed.

    personal: it shows more than follows from the viewer's rights, so it is cached for one session only.
    """

    template: str
    topics: str = ""
    personal: bool = False


Build = Callable[[Seen], Awaitable[dict[str, Any]]]


class Frame:
    """Renders pages. The same page for the same rights and language is made once a second at most."""

    def __init__(self, services: Services, gather: Gather, feed: Feed) -> None:
        self._services = services
        self._gather = gather
        self._feed = feed
        self._cache: dict[tuple[str, ...], tuple[int, float, str]] = {}
        self._locks: dict[tuple[str, ...], asyncio.Lock] = {}

    async def show(self, request: Request, page: Page, build: Build, *, only_live: bool = False) -> Response:
        """The page, or only its living part."""
        viewer = viewer_of(request)
        language, theme = wishes(request)
        key = (request.url.path, _query(request), language, viewer.key(personal=page.personal))

        async def make() -> str:
            seen = await self._seen(viewer)
            values = await build(seen) | {"topics": page.topics}
            return await self._render(page.template, request, seen, values)

        fragment = await self._cached(key, make)
        if only_live:
            return HTMLResponse(fragment)
        response = HTMLResponse(await self._around(request, viewer, fragment, theme))
        if request.query_params.get("lang") in words.LANGUAGES:
            response.set_cookie(
                "andon_lang",
                language,
                max_age=_YEAR_S,
                samesite="strict",
                path="/",
                secure=request.url.scheme == "https",
            )
        return response

    def static(self, name: str) -> Response:
        """A file of the board; its address changes with its content, so it is kept for a year.

        Raises:
            NotFound: there is no such file.
        """
        found = assets.files().get(name)
        if found is None:
            raise NotFound("no-such-page", f"there is no file {name[:60]!r}")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"Cache-Control": f"public, max-age={_YEAR_S}, immutable"}
        return Response(found, media_type=kind, headers=headers)

    def install(self, app: FastAPI) -> None:
        """Show errors as pages to people; the API's callers go on getting problems."""
        for family in (AndonError, HTTPException, RequestValidationError, Exception):
            problem = app.exception_handlers[family]
            app.add_exception_handler(family, self._for_people(problem))

    def _for_people(self, problem: Any) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def handler(request: Request, error: Exception) -> Response:
            answer: Response = await problem(request, error)
            is_page = not request.url.path.startswith(_PROGRAMS)
            if not is_page or "text/html" not in request.headers.get("accept", ""):
                return answer
            if answer.status_code == 401 and "fragment" not in request.query_params:
                return RedirectResponse(sign_in_address(request), 303)
            said = model.Problem.model_validate_json(bytes(answer.body))
            return await self._error(request, said)

        return handler

    async def _error(self, request: Request, said: model.Problem) -> Response:
        # Nothing is read here: what failed may be what we would read.
        viewer = viewer_of(request)
        seen = Seen(self._services.clock.now(), viewer)
        missing = str((said.needs or {}).get("permission", ""))
        values = {
            "problem": said,
            "topics": "",
            "missing": missing if missing in set(Permission) else "",
            "holders": roles_with(viewer.principal, missing),
        }
        fragment = await self._render("error.html", request, seen, values)
        html = await self._around(request, viewer, fragment, wishes(request)[1], is_broken=True)
        return HTMLResponse(html, status_code=said.status)

    async def _seen(self, viewer: Viewer) -> Seen:
        cords = (
            [views.cord(each) for each in await self._gather.cords(viewer.caller)] if viewer.caller else []
        )
        return Seen(self._services.clock.now(), viewer, cords)

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
        language, _theme = wishes(request)
        viewer = seen.viewer

        def why_not(
            permission: str,
            environment: str | None = None,
            unit: str | None = None,
            line: str | None = None,
        ) -> str:
            return viewer.why_not(language, permission, environment, unit, line)

        return (
            await assets.templates()
            .get_template(template)
            .render_async(
                say=lambda key, **filled: words.say(language, key, **filled),
                say_or=lambda key, otherwise: words.say_or(language, key, otherwise),
                told=lambda text: reasons.told(language, text),
                why_not=why_not,
                language=language,
                seen=seen,
                viewer=viewer,
                path=request.url.path,
                **values,
            )
        )

    async def _around(
        self, request: Request, viewer: Viewer, fragment: str, theme: str, *, is_broken: bool = False
    ) -> str:
        """The whole page around a living part, whose first line is its title."""
        title, live = fragment.strip().split("\n", 1)
        values = {
            "title": Markup(title),  # noqa: S704  our own template made and escaped it
            "live": Markup(live),  # noqa: S704
            "theme": theme,
            "csrf": "" if is_broken else await self._csrf(request),
            "environments": [] if is_broken else await self._environments(viewer),
            "other_language": _query(request, lang="en" if wishes(request)[0] == "ko" else "ko"),
            "version": self._services.version,
            "hash": assets.version(),
        }
        return await self._render("frame.html", request, Seen(self._services.clock.now(), viewer), values)

    async def _csrf(self, request: Request) -> str:
        secret = callers.identity(request).secret
        return await self._services.sessions.csrf_of(secret) if secret else ""

    async def _environments(self, viewer: Viewer) -> Sequence[str]:
        """Those that the cord's dialog offers: which they see, and which their own grants name."""
        if viewer.caller is None:
            return []
        own = {each.scope.environment for each in viewer.caller.principal.grants} - {EVERYWHERE}
        return sorted({*await self._gather.environments(viewer.caller), *own})


def viewer_of(request: Request) -> Viewer:
    """Who asks."""
    return Viewer(callers.find(request))


def sign_in_address(request: Request) -> str:
    """Where to sign in, and to come back from."""
    query = _query(request)
    wanted = local(request.url.path + (f"?{query}" if query else ""))
    return "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}"


def wishes(request: Request) -> tuple[words.Language, str]:
    """The language and the theme that a person wants."""
    language = words.choose(
        request.query_params.get("lang"),
        request.cookies.get("andon_lang"),
        request.headers.get("accept-language", ""),
    )
    theme = request.cookies.get("andon_theme", "auto")
    return language, theme if theme in _THEMES else "auto"


def _query(request: Request, **more: str) -> str:
    own = [(key, value) for key, value in request.query_params.multi_items() if key not in _OWN_QUERY]
    return urlencode([*own, *more.items()])
