"""Who is asking, and whether the permission table lets them: one dependency for every endpoint.

An endpoint says what it needs (`needs`), that it is for whoever is known (`known`), or stands in `OPEN`
with the reason why it asks nobody; a test reads every route and fails for one that does none of them.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from andon_mes.access.model import Permission
from andon_mes.access.rights import check
from andon_mes.access.tokens import DEVICE_PREFIX
from andon_mes.api.context import Mes
from andon_mes.kernel.errors import Forbidden, Problem, Unidentified, Words
from andon_mes.store.actor import Actor

OPEN = {
    "/health": "a supervisor asks whether the process lives",
    "/ready": "a supervisor asks whether it may send requests",
    "/metrics": "Prometheus and Andon's judge read counts, and no person or serial",
    "/login": "the page on which one signs in reads nothing",
    "/static/{name}": "styles and scripts of the pages are the same for everybody",
    "/api/v1/production": "Andon's gates ask what is under way, in counts",
    "/api/v1/safe-point": "stations and Andon ask whether a place may be restarted",
}
"""Endpoints that ask nobody who they are, and why. /openapi.json is the description and is open too."""

_DEVICE = "device:"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent the request: a user, or a device with its credential.

    `actor` is what the audit writes. `process`: the only one that the device serves; None for any.
    """

    actor: Actor
    role: str
    kind: Literal["user", "device"] = "user"
    name: str = ""
    process: str | None = None
    permissions: frozenset[Permission] = field(default=frozenset(), repr=False)

    def may(self, resource: str, action: str) -> bool:
        """Whether the permission table lets the caller do this too."""
        return Permission(resource, action) in self.permissions


Check = Callable[[Request], Awaitable[Caller]]


def needs(resource: str, action: str) -> Any:
    """A dependency that gives the Caller, whom the permission table must let do `action` on `resource`.

    The endpoint then answers 401 to whoever is not known, 403 to whom the table does not let.
    """
    wanted = check(resource, action)

    async def permitted(request: Request) -> Caller:
        caller = await identify(request)
        if wanted not in caller.permissions:
            raise _not_permitted(caller, wanted)
        return caller

    permitted.permission = wanted  # type: ignore[attr-defined]  # `permission_of` reads it
    return Depends(permitted)


async def identify(request: Request) -> Caller:
    """Who sent the request. Raises: Unidentified; Unavailable when the rows cannot be read."""
    mes: Mes = request.app.state.mes
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unknown("No credential was sent", "자격 증명이 없습니다")
    if not token.startswith(DEVICE_PREFIX):
        raise _unknown("The credential is not one of this MES", "이 MES의 자격 증명이 아닙니다")
    device = await mes.directory.find_device(token)
    if device is None:
        raise _unknown(
            "The device's credential is not known, expired, or revoked",
            "장치 자격 증명이 등록되지 않았거나 만료 또는 폐기되었습니다",
        )
    rights = (await mes.directory.known()).rights.get(device.role, frozenset())
    client = request.client.host if request.client else None
    actor = Actor(f"{_DEVICE}{device.name}", client, request.headers.get("User-Agent"))
    return Caller(actor, device.role, "device", device.name, device.process, rights)


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


def _unknown(en: str, ko: str) -> Unidentified:
    return Unidentified(
        Problem(
            "NOT_SIGNED_IN",
            Words("It is not known who asks", "누구의 요청인지 알 수 없습니다"),
            Words(en, ko),
            Words(
                "Sign in with POST /api/v1/auth/login, or give the station a credential with "
                "andon-mes devices issue",
                "POST /api/v1/auth/login으로 로그인하거나 andon-mes devices issue로 "
                "설비에 자격 증명을 발급하세요",
            ),
        )
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
