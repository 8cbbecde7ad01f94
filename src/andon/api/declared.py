"""What every route declares: a permission at a place, being signed in, or being open and why.

A route without a declaration does not start, and FastAPI runs the declaration before the route. Who may not
know that a thing exists is told about things named by an id as if there were none (404); what is named by
unit and environment is refused before anybody looks whether it exists (403).
"""

import hmac
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from andon.access.model import NOWHERE, ON_LINES, Permission, Place
from andon.api import callers
from andon.api.callers import Caller
from andon.api.services import Services
from andon.kernel.errors import Forbidden, InvalidInput

CSRF_HEADER = "X-Andon-CSRF"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
Locator = Callable[[Request, Services], Awaitable[Place]]


async def nowhere(_request: Request, _services: Services) -> Place:
    """The place does not matter: some grant anywhere is enough, and the route filters what it shows."""
    return NOWHERE


async def stations(_request: Request, _services: Services) -> Place:
    """As `nowhere`, also for who was given a line alone: the route shows the stations of theirs."""
    return ON_LINES


async def everywhere(_request: Request, _services: Services) -> Place:
    """It touches all environments and units at once."""
    return Place(environment="*", unit="*")


class Declaration:
    """Base of the three; an instance is a dependency of the route."""

    async def __call__(self, request: Request) -> None:
        """Let the request through, or raise."""
        raise NotImplementedError

    @property
    def permission(self) -> Permission | None:
        """The permission that it asks for, if it is one."""
        return None


@dataclass(frozen=True)
class Open(Declaration):
    """Anybody may; `why` is a sentence for the reader of the matrix."""

    why: str

    async def __call__(self, request: Request) -> None:
        """Let everybody through."""


@dataclass(frozen=True)
class SignedIn(Declaration):
    """Whoever is known may: it concerns only themselves."""

    person: bool = False  # a person in a session, never a token

    async def __call__(self, request: Request) -> None:
        """Let known callers through."""
        caller = await _known(request)
        if self.person and not caller.principal.may_sign:
            raise Forbidden(
                "person-only", "a token cannot do this", hint="sign in as the person: andon login"
            )


@dataclass(frozen=True)
class Needs(Declaration):
    """Who has `wanted`, or one of `others`, at the place that `at` finds may.

    unless: makes an exception for a request, such as a scrape from this machine where the settings allow it.
    """

    wanted: Permission
    at: Locator = nowhere
    unless: Callable[[Request], bool] | None = None
    others: tuple[Permission, ...] = ()

    async def __call__(self, request: Request) -> None:
        """Let callers with one of the permissions through."""
        if self.unless is not None and self.unless(request):
            return
        caller = await _known(request)
        usable = [each for each in (self.wanted, *self.others) if caller.may(each, ON_LINES)] or [self.wanted]
        # Who has it nowhere is refused before anything is looked up.
        caller.require(usable[0], ON_LINES)
        place = await self.at(request, request.app.state.services)
        caller.require(next((each for each in usable if caller.may(each, place)), usable[0]), place)

    @property
    def permission(self) -> Permission:
        """The permission that it asks for."""
        return self.wanted

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """Those of which one is enough."""
        return (self.wanted, *self.others)


def needs(
    wanted: Permission,
    at: Locator = nowhere,
    unless: Callable[[Request], bool] | None = None,
    *,
    others: tuple[Permission, ...] = (),
) -> Any:
    """`Needs` as a route's dependency."""
    return Depends(Needs(wanted, at, unless, others))


def signed_in(*, person: bool = False) -> Any:
    """`SignedIn` as a route's dependency."""
    return Depends(SignedIn(person))


def open_to_all(why: str) -> Any:
    """`Open` as a route's dependency."""
    return Depends(Open(why))


@dataclass(frozen=True, slots=True)
class Declared:
    """A route with its declaration; None where it has none."""

    path: str
    methods: tuple[str, ...]
    declaration: Declaration | None
    summary: str = ""


def routes(app: FastAPI) -> Iterator[Declared]:
    """Every route of `app`, pages and files too."""
    contexts = [*iter_route_contexts(app.routes)]
    # Folders served by `app.frontend` stand in a list of their own; none of them can declare anything.
    low = vars(app.router).get("_low_priority_routes", [])
    for route in [*contexts, *low]:
        methods = tuple(sorted(getattr(route, "methods", None) or ("ANY",)))
        is_api = isinstance(getattr(route, "original_route", route), APIRoute)
        found = of(route.dependant) if is_api else None
        yield Declared(
            str(getattr(route, "path", None)), methods, found, getattr(route, "summary", None) or ""
        )


def of(dependant: Dependant) -> Declaration | None:
    """The declaration among the dependencies of a route, or of what includes it."""
    found = [each.call for each in dependant.dependencies if isinstance(each.call, Declaration)]
    return found[0] if len(found) == 1 else None


def check_declared(app: FastAPI) -> None:
    """Refuse to start while any route says nothing, or more than one thing, about who may use it.

    Raises:
        InvalidInput: it names them.
    """
    bad = [f"{','.join(each.methods)} {each.path}" for each in routes(app) if each.declaration is None]
    if bad:
        raise InvalidInput(
            "undeclared-route",
            f"no single declaration of who may use {'; '.join(bad)}",
            hint="give the route dependencies=[needs(...)], [signed_in()] or [open_to_all(why)]",
        )


def refuses_nobody(request: Request) -> bool:
    """Whether the route of this request wants somebody known, and nobody is: they learn nothing else."""
    route = request.scope.get("route")
    dependant = getattr(route, "dependant", None)
    is_open = dependant is not None and isinstance(of(dependant), Open)
    return dependant is not None and not is_open and callers.find(request) is None


async def _known(request: Request) -> Caller:
    """The caller, whose browser was asked by our own page where it changes something."""
    caller = callers.current(request)
    secret = callers.identity(request).secret
    if secret and request.method not in _SAFE_METHODS:
        services: Services = request.app.state.services
        wanted = await services.sessions.csrf_of(secret)
        if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), wanted.encode()):
            raise Forbidden(
                "bad-csrf",
                f"the header {CSRF_HEADER} does not belong to this session",
                hint="load the page again; programs use a token instead of the cookie",
            )
    return caller
