"""Who calls where an agent calls: its station, by the signature of the request. The agents' `declared.py`.

A declaration as the others are, so that a route without one does not start; the routes read their body
themselves, as the signature is over its bytes.
"""

from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request

from andon.api import callers
from andon.api.declared import Declaration
from andon.api.services import Services
from andon.fleet.model import Station
from andon.kernel.errors import Unauthenticated
from andon_wire import identity

_KEY = "andon.station"


@dataclass(frozen=True)
class BySignature(Declaration):
    """A station signs the request with its own key; nobody else is let through."""

    async def __call__(self, request: Request) -> None:
        """Let a station's own word through."""
        services: Services = request.app.state.services
        token = identity.token_of(request.headers.get("authorization"))
        if token is None:
            raise Unauthenticated("no-credentials", "an agent signs its requests", hint="andon-agent enrol")
        checking = services.fleet.checking
        asked = await signed_part(request, checking.audience)
        source = callers.identity(request).origin.source
        request.scope[_KEY] = checking.check(token, asked, source=source)


def by_signature() -> Any:
    """`BySignature` as a route's dependency."""
    return Depends(BySignature())


async def signed_part(request: Request, audience: str) -> identity.Request:
    """What an agent signs of this request: method, path and query as they were sent, and the body."""
    query = request.scope.get("query_string", b"")
    path = request.scope.get("raw_path") or request.url.path.encode()
    target = path + (b"?" + query if query else b"")
    return identity.Request(request.method, target.decode("latin-1"), await request.body(), audience)


def station_of(request: Request) -> Station:
    """The station whose word this request is."""
    found: Station = request.scope[_KEY]
    return found
