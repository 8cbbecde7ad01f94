"""Who is asking, and whether the permission table lets them: one dependency for every endpoint.

An endpoint says what it needs (`needs`), that it is for whoever is known (`known`), or stands in `OPEN`
with the reason why it asks nobody; a test reads every route and fails for one that does none of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from andon_mes.access.model import Permission
from andon_mes.access.people.controller import change_required
from andon_mes.access.rights import check
from andon_mes.access.tokens import DEVICE_PREFIX, unidentified
from andon_mes.api.context import Mes
from andon_mes.api.origin import is_own_page
from andon_mes.kernel.errors import Forbidden, Problem, Unidentified, Words, invalid
from andon_mes.store.actor import Actor

OPEN = {
    "/health": "a supervisor asks whether the process lives",
    "/ready": "a supervisor asks whether it may send requests",
    "/metrics": "Prometheus and Andon's judge read counts, and no person or serial",
    "/api/v1/auth/login": "whoever signs in is not known yet; the password is what is asked for",
    "/api/v1/auth/refresh": "the token that renews a sign-in is what is asked for",
    "/login": "the page on which one signs in reads nothing",
    "/static/{name}": "styles and scripts of the pages are the same for everybody",
    "/api/v1/production": "Andon's gates ask what is under way, in counts",
    "/api/v1/safe-point": "stations and Andon ask whether a place may be restarted",
}
"""Endpoints that ask nobody who they are, and why. /openapi.json is the description and is open too."""

SESSION_COOKIE = "mes_session"
ANYBODY_KNOWN = Permission("", "")
"""What an endpoint needs that is for whoever is known."""

_DEVICE = "device:"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_AGENT = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent the request: a user, or a device with its credential.

    `actor` is what the audit writes. `process`: the only one that the device serves; None for any. `sign_in`:
    which of a user's, empty for a device.
    """

    actor: Actor
    role: str
    kind: Literal["user", "device"] = "user"
    name: str = ""
    process: str | None = None
    permissions: frozenset[Permission] = field(default=frozenset(), repr=False)
    full_name: str = ""
    sign_in: str = ""
    must_change_password: bool = False

    def may(self, resource: str, action: str) -> bool:
        """Whether the permission table lets the caller do this too."""
        return Permission(resource, action) in self.permissions

    def signs(self, said: str | None, field_name: str) -> str:
        """Who did it, where the body names somebody: a device gives the operator's badge, which the history
        keeps beside the device in the audit; a user is nobody else.

        Raises: InvalidInput (NOT_YOUR_NAME) when a user gives another's name.
        """
        if self.kind == "device":
            return said or self.actor.name
        if said not in {None, self.name}:
            raise _not_your_name(field_name, said)
        return self.name


def needs(resource: str, action: str) -> Any:
    """A dependency that gives the Caller, whom the permission table must let do `action` on `resource`.

    The endpoint then answers 401 to whoever is not known, 403 to whom the table does not let.
    """
    wanted = check(resource, action)

    async def permitted(request: Request) -> Caller:
        caller = await identify(request)
        if caller.must_change_password:
            raise change_required()
        if wanted not in caller.permissions:
            raise _not_permitted(caller, wanted)
        return caller

    permitted.permission = wanted  # type: ignore[attr-defined]  # `permission_of` reads it
    return Depends(permitted)


def known() -> Any:
    """A dependency that gives the Caller, whoever it is, also with a one-time password."""

    async def is_known(request: Request) -> Caller:
        return await identify(request)

    is_known.permission = ANYBODY_KNOWN  # type: ignore[attr-defined]
    return Depends(is_known)


async def identify(request: Request) -> Caller:
    """Who sent the request: by the Authorization header, or else by the cookie of our pages.

    Raises: Unidentified; Forbidden when a cookie comes with a write that our own page did not send;
        Unavailable when the rows cannot be read.
    """
    mes: Mes = request.app.state.mes
    said = request.headers.get("Authorization")
    if said is None:
        cookie = request.cookies.get(SESSION_COOKIE)
        if cookie is None:
            raise unidentified("NOT_SIGNED_IN", "No credential was sent", "자격 증명이 없습니다")
        if request.method not in _SAFE:
            require_own_page(request)
        caller = await _person(mes, request, cookie)
    else:
        scheme, _, token = said.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unidentified("NOT_SIGNED_IN", "The credential is no Bearer token", "Bearer 토큰이 아닙니다")
        is_device = token.startswith(DEVICE_PREFIX)
        caller = await (_device(mes, request, token) if is_device else _person(mes, request, token))
    request.scope["mes.actor"] = caller.actor  # the access log reads it
    return caller


async def find_caller(request: Request) -> Caller | None:
    """Who sent the request; None when it is not known, for pages that are for both."""
    try:
        return await identify(request)
    except Unidentified:
        return None


def require_own_page(request: Request) -> None:
    """Raises: Forbidden (CROSS_SITE) when a browser does not say that our own page sent the request."""
    if not is_own_page(request.headers):
        raise Forbidden(_CROSS_SITE)


def actor_of(request: Request, name: str) -> Actor:
    """`name` as the author of what the request changes, with where it asked from."""
    mes: Mes = request.app.state.mes
    peer = request.client.host if request.client else None
    address = mes.proxies.client(peer, request.headers.getlist("X-Forwarded-For"))
    agent = request.headers.get("User-Agent")
    return Actor(name, address, agent[:_LONGEST_AGENT] if agent else None)


async def _device(mes: Mes, request: Request, token: str) -> Caller:
    device = await mes.directory.find_device(token)
    if device is None:
        raise unidentified(
            "DEVICE_REFUSED",
            "The device's credential is not known, expired, or revoked",
            "장치 자격 증명이 등록되지 않았거나 만료 또는 폐기되었습니다",
        )
    rights = (await mes.directory.known()).rights.get(device.role, frozenset())
    actor = actor_of(request, f"{_DEVICE}{device.name}")
    return Caller(actor, device.role, "device", device.name, device.process, rights)


async def _person(mes: Mes, request: Request, token: str) -> Caller:
    claims = mes.tokens.read(token, mes.clock.now())
    seen = await mes.directory.known()
    user = seen.users.get(claims.username)
    if user is None or not user.is_active or claims.sign_in in seen.ended:
        raise unidentified("TOKEN_REVOKED", "The sign-in has ended", "로그인이 종료되었습니다")
    return Caller(
        actor=actor_of(request, user.username),
        role=user.role,
        name=user.username,
        full_name=user.full_name,
        permissions=seen.rights.get(user.role, frozenset()),
        sign_in=claims.sign_in,
        must_change_password=user.must_change_password,
    )


def permission_of(route: BaseRoute) -> Permission | None:
    """What an endpoint needs; None when it needs nothing."""
    if not isinstance(route, APIRoute):
        return None
    found = (getattr(each.call, "permission", None) for each in route.dependant.dependencies)
    return next((each for each in found if each is not None), None)


def unguarded(routes: Iterable[BaseRoute]) -> list[str]:
    """The endpoints that ask nobody who they are, and have no reason in OPEN."""
    return sorted(
        f"{sorted(route.methods or ())} {route.path}"
        for route in routes
        if isinstance(route, APIRoute) and permission_of(route) is None and route.path not in OPEN
    )


_CROSS_SITE = Problem(
    "CROSS_SITE",
    Words("Another site sent this in your name", "다른 사이트에서 보낸 요청입니다"),
    Words(
        "A change by cookie must come from a page of this MES",
        "쿠키로 인증된 변경은 이 MES의 화면에서만 가능합니다",
    ),
    Words(
        "Use the pages, or send the token as Authorization: Bearer",
        "화면을 사용하거나 Bearer 토큰을 보내세요",
    ),
)


def _not_your_name(field_name: str, said: str | None) -> Exception:
    return invalid(
        field_name,
        said,
        Words(
            "Somebody who signed in writes in their own name",
            "로그인한 사용자는 본인 이름으로만 기록할 수 있습니다",
        ),
        Words(
            "Leave the field out; the sign-in says who you are", "이 항목을 빼세요. 로그인 정보가 기록됩니다"
        ),
        code="NOT_YOUR_NAME",
    )


def _not_permitted(caller: Caller, wanted: Permission) -> Forbidden:
    needed = f"{wanted.resource}:{wanted.action}"
    return Forbidden(
        Problem(
            "NOT_PERMITTED",
            Words("You may not do this", "권한이 없습니다"),
            Words(
                f"This needs the permission {needed}, which the role {caller.role} does not have",
                f"필요한 권한: {needed}. 현재 역할({caller.role})에는 없습니다",
            ),
            Words(
                "Ask an administrator to grant it, or sign in as somebody who has it",
                "관리자에게 권한을 요청하거나 권한이 있는 사용자로 로그인하세요",
            ),
        )
    )
