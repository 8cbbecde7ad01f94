"""Pages about oneself: signing in, confirming a terminal, one's own account."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from andon.access.model import Permission
from andon.access.people.profiles import LONGEST, PROFILES, Profile
from andon.api.declared import open_to_all, signed_in
from andon.api.services import Services
from andon.board.frame import Build, Frame, Page, Seen, viewer_of
from andon.board.story import Phrase
from andon.board.viewer import local
from andon.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound

_DEFAULT_PROFILE = "nist"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a new password must be like, in words, and the lengths that a field can check while one types."""

    least: int
    most: int
    sentences: tuple[Phrase, ...]


def rules(profile: Profile) -> Rules:
    """The rules of `profile`; the server has the last word."""
    said = [Phrase("password.rule.least", {"n": profile.shortest})]
    if profile.kinds:
        said.append(Phrase("password.rule.kinds", {"n": profile.kinds}))
    if profile.history:
        said.append(Phrase("password.rule.history", {"n": profile.history}))
    if profile.longest_age:
        said.append(Phrase("password.rule.days", {"n": profile.longest_age.days}))
    return Rules(profile.shortest, LONGEST, (*said, Phrase("password.rule.breached")))


def rules_in_force(settings: Mapping[str, Any]) -> Rules:
    """The rules of the profile that the settings name."""
    passwords = settings.get("passwords")
    name = passwords.get("profile") if isinstance(passwords, Mapping) else None
    return rules(PROFILES.get(str(name), PROFILES[_DEFAULT_PROFILE]))


def router(services: Services, frame: Frame) -> APIRouter:
    """The pages; they change nothing themselves."""
    own = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @own.get("/login", dependencies=[open_to_all("one cannot be signed in before one signs in")])
    async def login(request: Request, next: Annotated[str, Query(max_length=500)] = "/") -> Response:  # noqa: A002
        wanted = local(next)
        if viewer_of(request).caller is not None:
            return RedirectResponse(wanted, 303)
        return await frame.show(request, Page("login.html", personal=True), _login(services, wanted))

    @own.get("/device", dependencies=[signed_in(person=True)])
    async def device(request: Request, code: Annotated[str, Query(max_length=20)] = "") -> Response:
        page = Page("device.html", personal=True)
        return await frame.show(request, page, _device(services, code.strip().upper()))

    @own.get("/login/device", dependencies=[open_to_all("it only leads to the page that asks who one is")])
    async def shown_by_terminals(code: Annotated[str, Query(max_length=20)] = "") -> Response:
        return RedirectResponse(f"/device?{urlencode({'code': code})}" if code else "/device", 303)

    @own.get("/me", dependencies=[signed_in(person=True)])
    async def me(request: Request, fragment: bool = False) -> Response:
        page = Page("me.html", "timeline", personal=True)
        return await frame.show(request, page, _me(services), only_live=fragment)

    return own


def _login(services: Services, wanted: str) -> Build:
    async def build(_seen: Seen) -> dict[str, Any]:
        return {"next": wanted, "rules": rules_in_force(services.settings)}

    return build


def _device(services: Services, code: str) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        if not code:
            return {"code": "", "found": None, "problem": ""}
        try:
            return {
                "code": code,
                "found": await services.devices.look(code, seen.viewer.known.principal),
                "problem": "",
            }
        except (NotFound, Conflict, InvalidInput, Forbidden) as error:
            return {"code": code, "found": None, "problem": error.message}

    return build


def _me(services: Services) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        user_id = seen.viewer.known.principal.user_id
        sessions = await services.sessions.list(user_id)
        tokens = await services.tokens.list(user_id)
        user = await services.people.get(user_id)
        return {
            "user": user,
            "sessions": sorted(sessions, key=lambda each: each.seen_at, reverse=True),
            "tokens": sorted(tokens, key=lambda each: each.created_at, reverse=True),
            "roles": sorted({each.role for each in user.grants}),
            "permissions": [each.value for each in Permission],
            "rules": rules_in_force(services.settings),
        }

    return build
