"""What all pages share: the frame around them, language, theme, short-lived caching and error pages.

The living part of a page is made for all viewers with the same role and language, at most once a second and
after every change that the feed sees; the frame, which names the person, is made for each.
"""

import asyncio
import hashlib
import json
import mimetypes
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from andon_mes.api.access import Caller
from andon_mes.api.context import Mes
from andon_mes.dashboard import assets, people_pages, words
from andon_mes.dashboard import format as shown
from andon_mes.dashboard.feed import Feed
from andon_mes.dashboard.viewer import Viewer
from andon_mes.kernel.errors import MesError
from andon_mes.store.engine import Connection

_FRESH_S = 1.0
_MOST_CACHED = 128
_YEAR_S = 31_536_000
_THEMES = ("auto", "light", "dark")
_PROGRAMS = ("/api/", "/metrics", "/health", "/ready", "/openapi.json", "/events")
_OWN_QUERY = ("fragment", "lang")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Page:
    """Which template, and on which topics of the feed it is refreshed."""

    template: str
    topics: str = ""


Build = Callable[[Connection, Viewer], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Made:
    at: float
    revision: int
    html: str
    tag: str


class Frame:
    """Renders pages of one instance."""

    def __init__(self, mes: Mes, feed: Feed) -> None:
        self._mes = mes
        self.feed = feed
        self._zone = mes.default_calendar.zone  # as the page before saw it, where a page reads nothing
        self._cache: dict[tuple[str, ...], _Made] = {}
        self._locks: dict[tuple[str, ...], asyncio.Lock] = {}

    async def show(self, request: Request, caller: Caller, page: Page, build: Build) -> Response:
        """The page, or only its living part (`?fragment=true`): 304 where it is as the page has it."""
        viewer = Viewer(caller, language_of(request))
        key = (request.url.path, _query(request), viewer.language, viewer.role)

        def read(connection: Connection) -> dict[str, Any]:
            self._zone = self._mes.calendar_in(connection).zone
            return build(connection, viewer)

        async def make() -> str:
            values = await self._mes.database.read(read)
            return self._render(page.template, request, viewer, values | {"topics": page.topics})

        made = await self._cached(key, make, is_fresh="x-fresh" in request.headers)
        if "fragment" in request.query_params:
            if request.headers.get("if-none-match") == made.tag:
                return Response(status_code=304, headers=HEADERS)
            return HTMLResponse(made.html, headers=HEADERS | {"ETag": made.tag})
        return self._whole(request, viewer, made.html)

    def plain(self, request: Request, template: str, values: dict[str, Any]) -> Response:
        """A page for somebody who is not signed in, which reads nothing."""
        viewer = Viewer(None, language_of(request))
        return self._whole(request, viewer, self._render(template, request, viewer, values | {"topics": ""}))

    def install(self, app: FastAPI) -> None:
        """Show errors as pages to people; the API's callers go on getting problems."""
        for family in (MesError, HTTPException, RequestValidationError, Exception):
            app.add_exception_handler(family, self._for_people(app.exception_handlers[family]))

    def _for_people(self, problem: Any) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def handler(request: Request, error: Exception) -> Response:
            answer: Response = await problem(request, error)
            is_page = not request.url.path.startswith(_PROGRAMS)
            if not is_page or "text/html" not in request.headers.get("accept", ""):
                return answer
            if answer.status_code == 401 and "fragment" not in request.query_params:
                return RedirectResponse(sign_in_address(request), 303, HEADERS)
            return self._error(request, json.loads(bytes(answer.body)), answer.status_code)

        return handler

    def _error(self, request: Request, problem: dict[str, Any], status: int) -> Response:
        # Nothing is read here: what failed may be what we would read.
        viewer = Viewer(None, language_of(request))
        fragment = self._render("error.html", request, viewer, {"problem": problem, "topics": ""})
        return self._whole(request, viewer, fragment, status=status)

    async def _cached(
        self, key: tuple[str, ...], make: Callable[[], Awaitable[str]], *, is_fresh: bool
    ) -> _Made:
        """What was made for this key a moment ago, or now; `is_fresh` is asked by whoever just changed it."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            now, revision = self._mes.clock.monotonic(), self.feed.revision
            found = self._cache.get(key)
            is_known = found is not None and found.revision == revision and now - found.at < _FRESH_S
            if found is not None and is_known and not is_fresh:
                return found
            try:
                html = await make()
                if len(self._cache) >= _MOST_CACHED:
                    self._cache.clear()
                    self._locks.clear()
                made = _Made(now, revision, html, f'"{hashlib.sha256(html.encode()).hexdigest()[:16]}"')
                self._cache[key] = made
                return made
            finally:
                if key not in self._cache:  # anybody may ask for pages that are not there
                    self._locks.pop(key, None)

    def _render(self, template: str, request: Request, viewer: Viewer, values: dict[str, Any]) -> str:
        language, zone, now = viewer.language, self._zone, self._mes.clock.now()

        def named(row: dict[str, Any]) -> str:
            """The row's name in the reader's language, where it has one."""
            return str((row.get("name_ko") if language == "ko" else None) or row.get("name") or "")

        return assets.render(
            template,
            say=lambda key, **filled: words.say(language, key, **filled),
            say_or=lambda key, otherwise: words.say_or(language, key, otherwise or ""),
            at_plant=lambda at: shown.plant_time(at, zone),
            zone=shown.zone_name(now, zone),
            offset=shown.offset(now, zone),
            named=named,
            language=language,
            viewer=viewer,
            now=now,
            path=request.url.path,
            release=self._mes.release,
            **values,
        )

    def _whole(self, request: Request, viewer: Viewer, fragment: str, *, status: int = 200) -> Response:
        """The whole page around a living part, whose first line is its title."""
        from markupsafe import Markup

        title, live = fragment.strip().split("\n", 1)
        values = {
            "title": Markup(title),  # noqa: S704  our own template made and escaped it
            "live": Markup(live),  # noqa: S704
            "theme": theme_of(request),
            "other_language": _query(request, lang="en" if viewer.language == "ko" else "ko"),
            "hash": assets.version(),
            "own_password": people_pages.own_password(viewer),
        }
        response = HTMLResponse(self._render("frame.html", request, viewer, values), status, HEADERS)
        if request.query_params.get("lang") in words.LANGUAGES:
            is_secure = request.url.scheme == "https"
            response.set_cookie(
                "mes_lang", viewer.language, max_age=_YEAR_S, samesite="strict", path="/", secure=is_secure
            )
        return response


def static(request: Request, name: str) -> Response:
    """A file of the pages. Its address changes with its content, so it is kept for a year; one that another
    release asked for is ours now and may not be kept under that address.
    """
    found = assets.files().get(name)
    if found is None:
        raise HTTPException(404)
    is_ours = request.url.query == assets.version()
    keep = f"public, max-age={_YEAR_S}, immutable" if is_ours else "no-store"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(found, media_type=kind, headers=HEADERS | {"Cache-Control": keep})


def language_of(request: Request) -> words.Language:
    """The language that a person wants."""
    return words.choose(
        request.query_params.get("lang"),
        request.cookies.get("mes_lang"),
        request.headers.get("accept-language", ""),
    )


def theme_of(request: Request) -> str:
    """Light, dark, or as the browser prefers."""
    theme = request.cookies.get("mes_theme", "auto")
    return theme if theme in _THEMES else "auto"


def sign_in_address(request: Request) -> str:
    """Where to sign in, and to come back from."""
    query = _query(request)
    wanted = local(request.url.path + (f"?{query}" if query else ""))
    return "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}"


def local(path: str | None) -> str:
    """`path` where it leads to a page of this host, else the floor: a sign-in never sends anyone elsewhere.

    A browser reads `//host`, `/\\host` and a tab within as another host's address.
    """
    wanted = path or "/"
    is_plain = wanted.isprintable() and "\\" not in wanted
    is_ours = wanted.startswith("/") and not wanted.startswith("//")
    is_page = not wanted.startswith(("/api/", "/login", "/static/", "/events"))
    return wanted if is_plain and is_ours and is_page and len(wanted) <= 500 else "/"


def _query(request: Request, **more: str) -> str:
    own = [(key, value) for key, value in request.query_params.multi_items() if key not in _OWN_QUERY]
    return urlencode([*own, *more.items()])
