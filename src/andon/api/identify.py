"""Finds out who calls, ties what they cause together, and lets nobody call too often.

A cookie names a session, `Authorization: Bearer` a terminal's access token or a personal or machine token.
Credentials that do not hold make nobody; what nobody and what somebody may is `declared.py`'s question.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from andon.access.model import Principal, PrincipalKind
from andon.api import callers, problems
from andon.api.callers import Identity
from andon.api.guard import Protection, is_loopback, source
from andon.api.services import Services
from andon.kernel import logging
from andon.kernel.addresses import origin_of
from andon.kernel.errors import AndonError, Unauthenticated
from andon.timeline.origin import Origin, coming_from

_log = logging.get(__name__)
REQUEST_ID = "X-Request-Id"
CLIENT_REQUEST_ID = "X-Client-Request-Id"  # the caller's own, answered back to it
UNATTENDED = "X-Andon-Unattended"  # a page refreshes itself: nobody sits there, and the session ages
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_TOKENS = ("andon_pat_", "andon_mat_")
# A load balancer's look; what a page of ours brings with it; stations of a plant behind one address.
_UNCOUNTED = ("/health", "/static/", "/registry/")
_SIGN_IN = "/api/v1/login"
_AGENTS, _ENROL = "/api/v1/agents/", "/api/v1/agents/enrol"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_MINUTE_S = 60


Prove = Callable[[bool], Awaitable[Principal]]  # whether this is a use of the session


def cookie_name(protection: Protection) -> str:
    """The session cookie's name; with TLS a browser takes it from this host and no other."""
    return "__Host-andon_session" if protection.is_tls else "andon_session"


class Limits:
    """Counts requests of the last minute by who sends them; nobody by name is one machine's address."""

    def __init__(self, protection: Protection) -> None:
        self._counter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._anonymous = RateLimitItemPerMinute(protection.anonymous_per_minute)
        self._signed_in = RateLimitItemPerMinute(protection.signed_in_per_minute)

    async def is_allowed(self, identity: Identity, path: str, method: str) -> bool:
        """Count this request, and say whether it may go on."""
        if path == _UNCOUNTED[0] or path.startswith(_UNCOUNTED[1:]) or _is_of_a_station(path):
            return True
        is_sign_in = method == "POST" and path.startswith(_SIGN_IN)
        if identity.principal is None or is_sign_in:
            return await self._counter.hit(self._anonymous, "address", origin_of(identity.origin.source))
        return await self._counter.hit(self._signed_in, "session", identity.principal.session)


@dataclass(frozen=True, slots=True)
class _Opening:
    """Who a long answer was opened for, and what was production then."""

    principal: Principal
    production: Collection[str]

    def is_as(self, now: Principal, production: Collection[str]) -> bool:
        """Whether nothing has changed of what says who may see what."""
        return set(self.production) == set(production) and _rights(self.principal) == _rights(now)


def _rights(principal: Principal) -> tuple[object, ...]:
    return principal.grants, principal.limits, dict(principal.roles), principal.must_change_password


class Identify:
    """ASGI middleware: who calls, the request's id, and its origin for the timeline."""

    def __init__(self, app: ASGIApp, services: Services, protection: Protection) -> None:
        self._app = app
        self._services = services
        self._protection = protection
        self._limits = Limits(protection)
        self._cookie = cookie_name(protection)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller known."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        # Always one of our own: a caller could tie its change to the records of another's request.
        correlation = secrets.token_hex(8)
        asked = headers.get(REQUEST_ID, "")
        names = {REQUEST_ID: correlation}
        if _SANE_ID.fullmatch(asked):
            names[CLIENT_REQUEST_ID] = asked
        origin = Origin(source=source(scope, self._protection), correlation=correlation)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                for name, value in names.items():
                    MutableHeaders(scope=message).setdefault(name, value)
            await send(message)

        with coming_from(origin), logging.about(request=correlation):
            identity = await self._identity(headers, origin)
            callers.keep(scope, identity)
            is_allowed = await self._limits.is_allowed(identity, scope["path"], scope["method"])
            if CLIENT_REQUEST_ID in names and is_allowed and scope["method"] not in _SAFE_METHODS:
                _log.info("request with an id of its caller", client_request=asked)
            await (self._app if is_allowed else _too_often())(scope, receive, send_with_id)

    async def _identity(self, headers: Headers, origin: Origin) -> Identity:
        here = is_loopback(origin.source)
        found = self._credentials(headers, origin)
        if found is None:
            return Identity(origin, is_loopback=here)
        prove, secret = found
        try:
            principal = await prove(UNATTENDED not in headers)
            production = await self._services.policies.production()
        except AndonError as error:
            return Identity(origin, problem=error, is_loopback=here)
        return Identity(
            origin,
            principal,
            secret=secret,
            is_loopback=here,
            production=production,
            again=self._again(_Opening(principal, production), prove, secret),
        )

    def _again(self, opened: "_Opening", prove: Prove, cookie: str) -> Callable[[], Awaitable[bool]]:
        """Asks whether the credentials of a long answer still hold, and give the rights that they gave then.

        To look is no use of a session.
        """
        is_terminal = opened.principal.kind is PrincipalKind.PERSON and not cookie

        async def holds() -> bool:
            try:
                now = await (self._of_terminal(opened.principal) if is_terminal else prove(False))
                return opened.is_as(now, await self._services.policies.production())
            except AndonError:
                return False

        return holds

    async def _of_terminal(self, principal: Principal) -> Principal:
        """Whose terminal it is now: its access token is over long before the session that gave it."""
        kept = await self._services.sessions.find(principal.session)
        if kept is None or kept.ended_at is not None or kept.expires_at <= self._services.clock.now():
            raise Unauthenticated("session-ended", "this session has ended", hint="andon login")
        user = await self._services.people.get(principal.user_id)
        return replace(principal, grants=user.grants, roles=await self._services.people.roles())

    def _credentials(self, headers: Headers, origin: Origin) -> tuple[Prove, str] | None:
        """How to prove who it is, and the cookie's value where it is one."""
        sessions, tokens = self._services.sessions, self._services.tokens
        kind, _, text = headers.get("authorization", "").partition(" ")
        text = text.strip()
        if kind.lower() == "bearer" and text:
            if text.startswith(_TOKENS):
                return lambda _is_use: tokens.principal(text, source=origin.source), ""
            return lambda is_use: sessions.principal_of_bearer(text, is_use=is_use), ""
        if kind:
            return _unknown_scheme, ""
        secret = _cookie(headers, self._cookie)
        if not secret:
            return None
        return lambda is_use: sessions.principal(secret, source=origin.source, is_use=is_use), secret


def _is_of_a_station(path: str) -> bool:
    """Agents are many behind one address; whose signature does not hold is counted (`checking.py`)."""
    return path.startswith(_AGENTS) and path != _ENROL


async def _unknown_scheme(_is_use: bool) -> Principal:
    raise Unauthenticated(
        "bad-credentials", "the Authorization header is not of the form Bearer TOKEN", hint="andon login"
    )


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _too_often() -> ASGIApp:
    return problems.answer(
        429,
        "too-many-requests",
        "too many requests in the last minute",
        hint="wait a minute",
        headers={"Retry-After": str(_MINUTE_S)},
    )
