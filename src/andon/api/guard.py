"""What stands before every request until access control exists: loopback only, own origin only.

A web page elsewhere may not reach us by a name that it points at 127.0.0.1 (DNS rebinding), nor post to
us from the visitor's browser (cross-site request forgery).
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from andon.api import problems
from andon.kernel.errors import InvalidInput

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"", "none", "same-origin"})
_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "font-src 'none'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def refuse_open_bind(host: str) -> None:
    """Refuse to listen where others could reach an API that knows no users yet.

    Raises:
        InvalidInput: `host` is not a loopback address.
    """
    if not _is_loopback(host):
        raise InvalidInput(
            "open-bind",
            f"setting host = {host!r} would let others reach Andon, which has no access control yet",
            hint="set ANDON_HOST=127.0.0.1, and reach it from elsewhere by an SSH tunnel",
        )


def _is_loopback(host: str) -> bool:
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _name_of(host_header: str) -> str | None:
    try:
        return urlsplit(f"//{host_header}").hostname
    except ValueError:
        return None


class Guard:
    """ASGI middleware: refuses foreign hosts and origins, and sets the security headers.

    names: further host names under which it may be reached; tests and tunnels need them.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        self._app = app
        self._names = frozenset(each.lower() for each in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        app = refusal or self._app

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await app(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> ASGIApp | None:
        host = headers.get("host", "")
        name = _name_of(host)
        if name is None or not (_is_loopback(name) or name in self._names):
            detail = f"Host {host[:100]!r} is not this machine"
            return problems.answer(
                403, "foreign-host", detail, hint="use http://127.0.0.1 or http://localhost"
            )
        if method in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        own = {f"http://{host}", f"https://{host}"}
        if (origin is not None and origin not in own) or headers.get("sec-fetch-site", "") not in _OWN_SITES:
            detail = f"a page of {(origin or 'another site')[:100]!r} may not change anything here"
            return problems.answer(403, "foreign-origin", detail, hint="act from the board itself or the CLI")
        return None
