"""Signing in: a browser by password, a terminal by password or by a person elsewhere (RFC 8628)."""

from fastapi import APIRouter, Request, Response

from andon.access.model import Principal, User
from andon.api import account_inputs as inputs
from andon.api import account_model as model
from andon.api import accounts, callers
from andon.api.callers import Current
from andon.api.declared import open_to_all, signed_in
from andon.api.guard import Protection
from andon.api.identify import cookie_name
from andon.api.inputs import V1
from andon.api.people import Opened
from andon.api.problems import documented
from andon.api.services import Services
from andon.kernel.errors import Forbidden

_BEFORE = [open_to_all("one cannot be signed in before one signs in")]
_AGENT_LENGTH = 200


def router(services: Services) -> APIRouter:
    """Endpoints of signing in and out."""
    api = APIRouter(prefix=V1, tags=["sign-in"])

    @api.post(
        "/login",
        summary="Sign in from a browser; sets the session's cookie",
        responses=documented(401, 403, 409, 422, 503),
        dependencies=_BEFORE,
    )
    async def login(body: inputs.SignIn, request: Request, response: Response) -> model.SignedIn:
        opened = await _open(services, request, body, "browser")
        former = callers.identity(request).principal
        if former is not None and former.may_sign:
            await services.sessions.end(former.session, actor=former.name, reason="signed in anew")
        principal = await services.sessions.principal(opened.secret, source=_source(request))
        protection: Protection = request.app.state.protection
        response.set_cookie(
            cookie_name(protection),
            opened.secret,
            httponly=True,
            samesite="strict",
            secure=protection.is_tls,
            path="/",
        )
        return model.SignedIn(user=await accounts.me(services, principal), csrf=opened.csrf)

    @api.post(
        "/login/terminal",
        summary="Sign in from a terminal",
        responses=documented(401, 403, 409, 422, 503),
        dependencies=_BEFORE,
    )
    async def terminal(body: inputs.SignIn, request: Request) -> model.TerminalSignedIn:
        return await _terminal(services, await _open(services, request, body, "terminal"))

    @api.post(
        "/login/refresh",
        summary="The next access token; the refresh token is replaced, too",
        responses=documented(401, 403, 409, 422),
        dependencies=[open_to_all("the refresh token is the credential")],
    )
    async def refresh(body: inputs.Refresh) -> model.TerminalSignedIn:
        return await _bearer(services, body.refresh_token.get_secret_value())

    @api.post(
        "/logout",
        status_code=204,
        summary="End this session",
        responses=documented(403, 422),
        dependencies=[signed_in(person=True)],
    )
    async def logout(caller: Current, request: Request) -> Response:
        await services.sessions.end(caller.principal.session, actor=caller.name, reason="signed out")
        response = Response(status_code=204, headers={"Clear-Site-Data": '"cache", "storage"'})
        protection: Protection = request.app.state.protection
        response.delete_cookie(
            cookie_name(protection), httponly=True, samesite="strict", secure=protection.is_tls, path="/"
        )
        return response

    return api


def devices(services: Services) -> APIRouter:
    """Endpoints of signing a terminal in from elsewhere."""
    api = APIRouter(prefix=V1, tags=["sign-in"])

    @api.post(
        "/login/device",
        status_code=201,
        summary="A terminal asks to be signed in from elsewhere",
        responses=documented(409, 429),
        dependencies=_BEFORE,
    )
    async def begin(request: Request) -> model.DeviceBegunView:
        begun = await services.devices.begin(source=_source(request), agent=_agent(request))
        protection: Protection = request.app.state.protection
        scheme = "https" if protection.is_tls else "http"
        page = f"{scheme}://{request.headers['host']}/device"  # the guard knows this name
        return model.DeviceBegunView(
            device_code=begun.device_code,
            user_code=begun.user_code,
            verification_uri=page,
            verification_uri_complete=f"{page}?code={begun.user_code}",
            expires_in=begun.expires_in.total_seconds(),
            interval=begun.interval.total_seconds(),
        )

    @api.post(
        "/login/device/token",
        summary="The terminal asks whether somebody said yes",
        responses=documented(401, 403, 409, 422),
        dependencies=[open_to_all("the device code is the credential")],
    )
    async def token(body: inputs.DeviceCode, request: Request) -> model.TerminalSignedIn:
        code = body.device_code.get_secret_value()
        return await _terminal(services, await services.devices.poll(code, source=_source(request)))

    @api.get(
        "/login/device/{user_code}",
        summary="Which terminal waits",
        responses=documented(403, 404, 409, 422),
        dependencies=[signed_in(person=True)],
    )
    async def look(user_code: inputs.CodePath, caller: Current) -> model.DeviceSeenView:
        seen = await services.devices.look(user_code, caller.principal)
        return model.DeviceSeenView(
            user_code=user_code, source=seen.source, agent=seen.agent, begun_at=seen.begun_at
        )

    @api.post(
        "/login/device/{user_code}/approve",
        status_code=204,
        summary="Let the terminal in, as oneself",
        responses=documented(403, 404, 409, 422),
        dependencies=[signed_in(person=True)],
    )
    async def approve(user_code: inputs.CodePath, caller: Current) -> Response:
        await services.devices.approve(user_code, caller.principal)
        return Response(status_code=204)

    @api.post(
        "/login/device/{user_code}/deny",
        status_code=204,
        summary="Keep the terminal out",
        responses=documented(403, 404, 409, 422),
        dependencies=[signed_in(person=True)],
    )
    async def deny(user_code: inputs.CodePath, caller: Current) -> Response:
        await services.devices.deny(user_code, caller.principal)
        return Response(status_code=204)

    return api


async def _open(services: Services, request: Request, body: inputs.SignIn, kind: str) -> Opened:
    source, password = _source(request), body.password.get_secret_value()
    user, method = await services.login.check(body.login, password, source=source)
    if user.must_change_password or body.new_password is not None:
        user = await _changed(services, user, password, body)
    return await services.sessions.open(user, kind=kind, source=source, agent=_agent(request), method=method)


async def _changed(services: Services, user: User, password: str, body: inputs.SignIn) -> User:
    if body.new_password is None:
        raise Forbidden(
            "password-change-required",
            "this password is known to somebody else, or too old: choose another",
            hint="send new_password along; andon login asks for it, or reads it with --new-password-stdin",
        )
    await services.people.change_password(user.id, old=password, new=body.new_password.get_secret_value())
    return await services.people.get(user.id)


async def _terminal(services: Services, opened: Opened) -> model.TerminalSignedIn:
    return await _bearer(services, opened.refresh)


async def _bearer(services: Services, refresh: str) -> model.TerminalSignedIn:
    bearer = await services.sessions.bearer(refresh)
    principal: Principal = await services.sessions.principal_of_bearer(bearer.access_token)
    return model.TerminalSignedIn(
        access_token=bearer.access_token,
        refresh_token=bearer.refresh_token,
        expires_in=bearer.expires_in.total_seconds(),
        user=await accounts.me(services, principal),
    )


def _source(request: Request) -> str:
    return callers.identity(request).origin.source


def _agent(request: Request) -> str:
    agent = request.headers.get("user-agent", "")[:_AGENT_LENGTH]
    return agent if agent.isprintable() else ""
