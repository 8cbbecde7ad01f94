"""What of a request goes into the logs: who, what, from where, how it ended; and which faults people see."""

import traceback
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import Scope

from andon_mes.access.logs.controller import Journal
from andon_mes.access.logs.model import Fault, Severity
from andon_mes.access.logs.model import Request as Entry
from andon_mes.api.origin import Proxies
from andon_mes.kernel.clock import Clock
from andon_mes.kernel.errors import MesError, Unavailable
from andon_mes.store.actor import Actor

_NOT_LOGGED = ("/health", "/ready", "/metrics", "/static/")
"""Asked every second by programs, of no interest to anybody."""

_REFRESHED = frozenset({200, 304})
_LONGEST_CHAIN = 5
_LONGEST_PLACE = 20_000
TOLD = frozenset(
    {
        "REFRESH_REUSED",
        "CROSS_SITE",
        "DEVICE_REFUSED",
        "TOKEN_INVALID",
        "TOO_MANY_SIGN_INS",
        "SIGN_IN_REFUSED",
    }
)
"""Refusals that somebody should know of: each may be an attack, or a station that does not get through."""


def entry(scope: Scope, status: int, clock: Clock, proxies: Proxies) -> Entry | None:
    """The record of a request that was just answered; None when it is not logged."""
    path: str = scope["path"]
    if path.startswith(_NOT_LOGGED):
        return None
    actor: Actor = scope.get("mes.actor") or _stranger(scope, proxies)
    return Entry(
        user=actor.name or None,
        resource=path[:200],
        action=scope["method"][:20],
        ip=actor.ip_address,
        user_agent=actor.user_agent,
        status_code=status,
        timestamp=clock.now(),
    )


def is_refresh(scope: Scope, status: int) -> bool:
    """Whether an open page asked, by itself, for what it shows."""
    return b"fragment=" in scope["query_string"] and status in _REFRESHED


def note_refusal(request: Request, error: MesError) -> None:
    """Keep a refusal that somebody should know of."""
    is_ours = isinstance(error, Unavailable)
    if is_ours or error.problem.code in TOLD:
        severity = Severity.ERROR if is_ours else Severity.WARNING
        _keep(request, error.problem.code, severity, error.problem.detail.en, None)


def note_fault(request: Request, error: Exception) -> str:
    """Keep a fault with where it came from, which it gives."""
    place = place_of(error)
    _keep(request, "INTERNAL", Severity.ERROR, type(error).__name__, place)
    return place


def place_of(error: BaseException) -> str:
    """Where an error and its causes came from. Their own text is left out: a database's says the values."""
    chain: list[str] = []
    at: BaseException | None = error
    while at is not None and len(chain) < _LONGEST_CHAIN:
        chain.append("".join(traceback.format_tb(at.__traceback__)) + type(at).__name__)
        at = at.__cause__ or at.__context__
    return "\n\n".join(chain)[-_LONGEST_PLACE:]


def _keep(request: Request, code: str, severity: Severity, message: str, trace: str | None) -> None:
    journal: Journal = request.app.state.mes.journal
    actor: Actor = request.scope.get("mes.actor") or _stranger(request.scope, request.app.state.mes.proxies)
    route = request.scope.get("route")
    context: dict[str, Any] = {
        "method": request.method,
        "path": getattr(route, "path", request.url.path)[:200],
        "user": actor.name or None,
        "ip": actor.ip_address,
        "release": request.app.state.mes.release,
    }
    now = request.app.state.mes.clock.now()
    journal.fault(Fault(code, severity, message[:1000], now, context, trace))


def _stranger(scope: Scope, proxies: Proxies) -> Actor:
    headers, peer = Headers(scope=scope), (scope.get("client") or (None,))[0]
    agent = headers.get("user-agent")
    address = proxies.client(peer, headers.getlist("x-forwarded-for"))
    return Actor("", address, agent[:200] if agent else None)
