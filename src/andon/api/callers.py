"""Who calls, from where, and what they may: what a route learns of its caller.

`identify.py` finds out who it is; `declared.py` holds every route to what it declares.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request
from starlette.types import Scope

from andon.access import rights
from andon.access.model import NOWHERE, Grant, Permission, Place, Principal
from andon.kernel.errors import AndonError, Forbidden, Unauthenticated
from andon.timeline.origin import Origin, set_current

_KEY = "andon.identity"
_NOBODY = "no-credentials"


@dataclass(frozen=True, slots=True)
class Identity:
    """What the credentials of a request are worth.

    secret: the session cookie's value where that is what it came with, so that the CSRF value can be checked.
    problem: why credentials that were sent do not hold. is_loopback: the peer is this machine.
    again: whether they still hold; asked by what stays open for long, and no sign of life of the person.
    """

    origin: Origin
    principal: Principal | None = None
    secret: str = ""
    problem: AndonError | None = None
    is_loopback: bool = False
    production: Collection[str] = ()
    again: Callable[[], Awaitable[bool]] | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """A known caller at work. `name` is the actor that the timeline keeps."""

    principal: Principal
    origin: Origin
    production: Collection[str]
    again: Callable[[], Awaitable[bool]] | None = None

    @property
    def name(self) -> str:
        """The login of a person, or the name of a machine token."""
        return self.principal.name

    def may(self, permission: Permission, place: Place = NOWHERE) -> bool:
        """Whether it is allowed there: what lists and menus filter by."""
        return rights.permitted(self.principal, permission, place, self.production).is_allowed

    def require(self, permission: Permission, place: Place = NOWHERE) -> None:
        """Go on only where it is allowed; from here on the records of this request name the grant in use.

        Raises:
            Forbidden: it is not.
        """
        answer = rights.permitted(self.principal, permission, place, self.production)
        if answer.grant is None:
            raise Forbidden(
                "not-permitted",
                answer.reason,
                hint=f"roles that give it: {_roles_with(self.principal, permission)}; an administrator grants"
                " them",
                needs={"permission": permission.value, "environment": place.environment, "unit": place.unit},
            )
        set_current(replace(self.origin, role=answer.grant.label))

    def require_over(self, grants: Collection[Grant], what: str) -> None:
        """Go on only where the caller has all that `grants` give: nobody acts over who may more than they.

        Raises:
            Forbidden: somebody, or a token, with these grants may more.
        """
        principal = self.principal
        owned = [principal.grants, *([] if principal.limits is None else [principal.limits])]
        if not all(rights.is_within(grants, mine, principal.roles) for mine in owned):
            raise Forbidden(
                "beyond-own-rights",
                f"{self.name} may not {what}: it takes rights that {self.name} lacks",
                hint="ask an administrator",
            )


def _roles_with(principal: Principal, permission: Permission) -> str:
    known = {**rights.BUILTIN, **principal.roles}
    return ", ".join(name for name, role in known.items() if permission in role.permissions)


def keep(scope: Scope, identity: Identity) -> None:
    """Let the routes of this request know who it is."""
    scope[_KEY] = identity


def identity(request: Request) -> Identity:
    """Who it is, for routes that are open."""
    found = request.scope.get(_KEY)
    return found if isinstance(found, Identity) else Identity(Origin())


def find(request: Request) -> Caller | None:
    """The caller, where somebody known calls."""
    seen = identity(request)
    if seen.principal is None or seen.principal.must_change_password:
        return None
    return Caller(seen.principal, seen.origin, seen.production, seen.again)


def current(request: Request) -> Caller:
    """The caller.

    Raises:
        Unauthenticated: nobody known calls. Otherwise what kept us from knowing, such as a database away.
    """
    found = find(request)
    if found is not None:
        return found
    problem = identity(request).problem
    if problem is not None:
        raise problem
    raise Unauthenticated(_NOBODY, "sign in first", hint="andon login, or /login in the browser")


async def _current(request: Request) -> Caller:
    return current(request)


Current = Annotated[Caller, Depends(_current)]
