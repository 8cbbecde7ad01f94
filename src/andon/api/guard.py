"""What stands before every request: known host names, allowed networks, own origin, a limited body.

A web page elsewhere may not reach us by a name that it points at us (DNS rebinding), nor post to us from the
visitor's browser (cross-site request forgery). Who calls is `identify.py`'s question.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from andon.api import problems
from andon.kernel.errors import InvalidInput

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
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
_HSTS = "max-age=63072000; includeSubDomains"  # two years


@dataclass(frozen=True, slots=True)
class Protection:
    """How the edge protects itself; filled from the settings.

    names: host names beside the loopback's under which it may be reached. networks: where callers may come
    from beside the loopback; empty is anywhere. trusted_proxies: whose X-Forwarded-For names the caller's
    address. is_tls: it is served by TLS. open_metrics: this machine may read /metrics without credentials.
    """

    names: Sequence[str] = ()
    networks: Sequence[Network] = ()
    trusted_proxies: Sequence[Network] = ()
    is_tls: bool = False
    anonymous_per_minute: int = 100
    signed_in_per_minute: int = 1200
    largest_body_bytes: int = 1 << 20
    open_metrics: bool = False


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks as the settings name them, such as `10.0.0.0/8`.

    Raises:
        InvalidInput: one of them is not a network.
    """
    try:
        return tuple(ipaddress.ip_network(each) for each in texts)
    except ValueError as error:
        raise InvalidInput("bad-network", str(error), hint="write networks as 10.0.0.0/8") from error


def refuse_open_bind(host: str, *, is_tls: bool = False) -> None:
    """Refuse to listen without TLS where others could listen in.

    Raises:
        InvalidInput: `host` is not a loopback address, and there is no TLS.
    """
    if not is_tls and not is_loopback(host):
        raise InvalidInput(
            "open-bind",
            f"setting host = {host!r} would send passwords over the network without TLS",
            hint="set ANDON_TLS__IS_ON=true after `andon ca issue`, or ANDON_HOST=127.0.0.1",
        )


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, is this machine itself."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def source(scope: Scope, protection: Protection) -> str:
    """The address that a request came from; behind trusted proxies, what the nearest other one said."""
    peer = str((scope.get("client") or ("",))[0])
    if not protection.trusted_proxies:
        return peer
    said = Headers(scope=scope).getlist("x-forwarded-for")
    hops = [each.strip() for each in ",".join(said).split(",") if each.strip()]
    while hops and _within(peer, protection.trusted_proxies):
        peer = hops.pop()
    return peer if _address(peer) is not None else ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found


def _within(text: str, allowed: Sequence[Network]) -> bool:
    address = _address(text)
    return address is not None and any(address in each for each in allowed)


def _name_of(host_header: str) -> str | None:
    try:
        return urlsplit(f"//{host_header}").hostname
    except ValueError:
        return None


class Guard:
    """ASGI middleware: refuses what should not reach us at all, and sets the security headers."""

    def __init__(self, app: ASGIApp, protection: Protection) -> None:
        self._app = app
        self._protection = protection
        self._names = frozenset(each.lower() for each in protection.names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # there are none
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = (
            self._foreign_network(scope)
            or self._foreign_host(headers)
            or _foreign_origin(scope["method"], headers)
            or self._too_large(headers)
        )

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(scope=message))
            await send(message)

        await (refusal or self._app)(scope, self._limited(receive), send_with_headers)

    def _add_headers(self, headers: MutableHeaders) -> None:
        for name, value in _SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "no-store")
        if self._protection.is_tls:
            headers.setdefault("Strict-Transport-Security", _HSTS)

    def _foreign_network(self, scope: Scope) -> ASGIApp | None:
        allowed = self._protection.networks
        caller = source(scope, self._protection)
        if not allowed or _within(caller, allowed) or is_loopback(caller):
            return None
        return problems.answer(
            403,
            "foreign-network",
            f"callers from {caller or 'an unknown address'} are not allowed",
            hint="an administrator adds the network to ANDON_GUARD__NETWORKS",
        )

    def _foreign_host(self, headers: Headers) -> ASGIApp | None:
        host = headers.get("host", "")
        name = _name_of(host)
        if name is not None and (is_loopback(name) or name in self._names):
            return None
        detail = f"Host {host[:100]!r} is not a name of this Andon"
        hint = "use http://127.0.0.1 or http://localhost; further names stand in ANDON_GUARD__NAMES"
        return problems.answer(403, "foreign-host", detail, hint=hint)

    def _too_large(self, headers: Headers) -> ASGIApp | None:
        length = headers.get("content-length", "0")
        most = self._protection.largest_body_bytes
        if length.isascii() and length.isdecimal() and len(length) < 20 and int(length) <= most:
            return None
        return problems.answer(413, "body-too-large", f"a body has at most {most} bytes")

    def _limited(self, receive: Receive) -> Receive:
        """The body's length may be wrong or unsaid: what arrives is counted."""
        left = self._protection.largest_body_bytes

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413)
            return message

        return counted


def _foreign_origin(method: str, headers: Headers) -> ASGIApp | None:
    if method in _SAFE_METHODS:
        return None
    origin, host = headers.get("origin"), headers.get("host", "")
    own = {f"http://{host}", f"https://{host}"}
    if (origin is None or origin in own) and headers.get("sec-fetch-site", "") in _OWN_SITES:
        return None
    detail = f"a page of {(origin or 'another site')[:100]!r} may not change anything here"
    return problems.answer(403, "foreign-origin", detail, hint="act from the board itself or the CLI")
