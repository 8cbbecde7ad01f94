"""Pages about people and rights: users, one user, roles, machine tokens, policies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from andon.access.model import EVERYWHERE, Permission, Role, User
from andon.access.policies import calendar
from andon.access.policies.model import Policy
from andon.access.signatures.model import Action
from andon.api.callers import Caller
from andon.api.declared import everywhere, needs, signed_in
from andon.api.gather import Gather
from andon.api.services import Services
from andon.board import diff, signed
from andon.board.frame import Build, Frame, Page, Seen
from andon.kernel.errors import NotFound
from andon.timeline.store import Filter

_BUILTIN_ORDER = (
    "viewer",
    "operator",
    "engineer",
    "approver",
    "admin",
    "auditor",
    "gatekeeper",
    "alarm",
    "updater",
)
_RECORDS = 30


def router(services: Services, gather: Gather, frame: Frame) -> APIRouter:
    """The pages; they change nothing themselves."""
    own = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    # As the API's routes of the same data declare it.
    view, manage = needs(Permission.USERS_VIEW, everywhere), needs(Permission.USERS_MANAGE, everywhere)

    @own.get("/users", dependencies=[view])
    async def users(request: Request, fragment: bool = False) -> Response:
        return await frame.show(request, Page("users.html", "timeline"), _users(services), only_live=fragment)

    @own.get("/users/{login}", dependencies=[view])
    async def one_user(request: Request, login: str, fragment: bool = False) -> Response:
        build = _user(services, gather, login)
        return await frame.show(
            request, Page("user.html", "timeline", personal=True), build, only_live=fragment
        )

    @own.get("/roles", dependencies=[signed_in()])
    async def roles(
        request: Request, edit: Annotated[str, Query(max_length=80)] = "", fragment: bool = False
    ) -> Response:
        build = _roles(services, edit)
        return await frame.show(request, Page("roles.html", "timeline"), build, only_live=fragment)

    @own.get("/tokens", dependencies=[manage])
    async def tokens(request: Request, fragment: bool = False) -> Response:
        page = Page("tokens.html", "timeline")
        return await frame.show(request, page, _tokens(services), only_live=fragment)

    @own.get("/policies", dependencies=[needs(Permission.FLOOR_VIEW)])
    async def policies(request: Request, fragment: bool = False) -> Response:
        page = Page("policies.html", "timeline")
        return await frame.show(request, page, _policies(gather), only_live=fragment)

    return own


def _users(services: Services) -> Build:
    async def build(_seen: Seen) -> dict[str, Any]:
        people = await services.people.list()
        return {
            "users": sorted(people, key=lambda each: (each.is_disabled, each.login.casefold())),
            "roles": [each.name for each in await ordered_roles(services)],
        }

    return build


def _user(services: Services, gather: Gather, login: str) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        user = await _find(services, login)
        may_manage = seen.viewer.may(Permission.USERS_MANAGE, EVERYWHERE, EVERYWHERE)
        may_read = seen.viewer.may(Permission.TIMELINE_VIEW)
        wanted = Filter(subject=f"user/{user.login}")
        return {
            "user": user,
            "is_involved": seen.viewer.known.name in {user.login, user.signing_suspended_by},
            "roles": [each.name for each in await ordered_roles(services)],
            "sessions": list(await services.sessions.list(user.id)) if may_manage else None,
            "records": await gather.timeline(seen.viewer.known, wanted, _RECORDS) if may_read else None,
        }

    return build


async def _find(services: Services, login: str) -> User:
    found = await services.people.find(login)
    if found is None:
        raise NotFound("no-such-user", f"there is no user {login[:120]}", hint="andon users")
    return found


def _roles(services: Services, edit: str) -> Build:
    async def build(_seen: Seen) -> dict[str, Any]:
        roles = await ordered_roles(services)
        edited = next((each for each in roles if each.name == edit and not each.is_builtin), None)
        return {"roles": roles, "edited": edited, "permissions": [each.value for each in Permission]}

    return build


async def ordered_roles(services: Services) -> Sequence[Role]:
    """The built-in ones from least to most, then the others by name."""
    known = dict(await services.people.roles())
    first = [known.pop(name) for name in _BUILTIN_ORDER if name in known]
    return [*first, *sorted(known.values(), key=lambda each: each.name)]


def _tokens(services: Services) -> Build:
    async def build(_seen: Seen) -> dict[str, Any]:
        tokens = [each for each in await services.tokens.list() if not each.owner_id]
        return {
            "tokens": sorted(tokens, key=lambda each: each.created_at, reverse=True),
            "roles": [each.name for each in await ordered_roles(services)],
        }

    return build


@dataclass(frozen=True, slots=True)
class Version:
    """One signed version of a policy, with what it changed."""

    version: int
    at: datetime
    actor: str
    reason: str
    diff: Sequence[diff.Line]
    signature: signed.Shown | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A policy in force with its versions, newest first."""

    policy: Policy
    history: Sequence[Version]


def _policies(gather: Gather) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        caller = seen.viewer.known
        found = await gather.policies(caller)
        roles = await ordered_roles(gather.services)
        return {
            "policies": [Kept(each, await _versions(gather, caller, each.environment)) for each in found],
            "roles": [each.name for each in roles if Permission.APPROVE in each.permissions],
            "actions": [each.value for each in Action],
        }

    return build


async def _versions(gather: Gather, caller: Caller, environment: str) -> Sequence[Version]:
    stored = list(await gather.services.policies.history(environment))
    signatures = await signed.by_id(gather, caller, [each.signature for each in stored])
    texts = [_values(each.policy) for each in stored] + [{}]
    return [
        Version(
            version=each.policy.version,
            at=each.at,
            actor=each.actor,
            reason=signatures[each.signature].reason if each.signature in signatures else "",
            diff=diff.lines(before, after),
            signature=signatures.get(each.signature),
        )
        for each, after, before in zip(stored, texts, texts[1:], strict=False)
    ]


def _values(policy: Policy) -> dict[str, Any]:
    return {
        "approvals": policy.approvals,
        "approver_role": policy.approver_role,
        "is_production": policy.is_production,
        "signed": sorted(each.value for each in policy.signed),
        **({} if policy.calendar is None else {"calendar": calendar.to_values(policy.calendar)}),
    }
