"""Signing in and out over HTTP. No answer here is kept under an Idempotency-Key: it would hold secrets.

A browser that signs in from our own page gets the tokens as cookies too, which scripts cannot read. Programs
get them in the answer alone.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from andon_mes.access.people.model import SignedIn
from andon_mes.access.tokens import unidentified
from andon_mes.api.access import SESSION_COOKIE, Caller, actor_of, known, require_own_page
from andon_mes.api.access_documents import Done, PasswordBody, RenewBody, SignedInShown, SignInBody, Who
from andon_mes.api.context import Mes, ThisMes
from andon_mes.api.documents import Data, problems
from andon_mes.api.origin import is_own_page

REFRESH_COOKIE = "mes_refresh"
_REFRESH_PATH = "/api/v1/auth"
_SIGN_IN = problems(400, 401, 403, 413, 422, 429, 503)
_KNOWN = problems(400, 401, 403, 413, 422, 503)
_NO_STORE = {"Cache-Control": "no-store"}

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post("/login", response_model=Data[SignedInShown], responses=_SIGN_IN)
async def login(mes: ThisMes, body: SignInBody, request: Request) -> Response:
    """Sign in with name and password; with a one-time password also with the new one."""
    name = body.username.lower()
    done = await mes.sign_ins.sign_in(name, body.password, actor_of(request, name), body.new_password)
    return _signed_in(mes, request, done, is_page=is_own_page(request.headers))


@router.post("/refresh", response_model=Data[SignedInShown], responses=_SIGN_IN)
async def refresh(mes: ThisMes, body: RenewBody, request: Request) -> Response:
    """Renew a sign-in. A refresh token holds once; one that is used twice ends the sign-in."""
    token, is_page = body.refresh_token, False
    if token is None:
        token, is_page = request.cookies.get(REFRESH_COOKIE), True
        require_own_page(request)
    if not token:
        raise unidentified("REFRESH_REFUSED", "No refresh token was sent", "갱신 토큰이 없습니다")
    done = await mes.sign_ins.renew(token, actor_of(request, "refresh"))
    return _signed_in(mes, request, done, is_page=is_page)


@router.post("/logout", response_model=Data[Done], responses=_KNOWN)
async def logout(mes: ThisMes, caller: Annotated[Caller, known()]) -> Response:
    """End this sign-in, on every instance. A device has none; its credential is revoked."""
    if caller.sign_in:
        await mes.sign_ins.sign_out(caller.sign_in, caller.actor)
    response = JSONResponse({"data": {"done": True}}, headers=_NO_STORE)
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")
    response.delete_cookie(REFRESH_COOKIE, path=_REFRESH_PATH, httponly=True, samesite="strict")
    return response


@router.get("/me", response_model=Data[Who], responses=problems(401, 503))
async def me(caller: Annotated[Caller, known()]) -> Response:
    """Who is asking, and what the permission table lets them do."""
    return JSONResponse(
        {
            "data": {
                "kind": caller.kind,
                "name": caller.name,
                "full_name": caller.full_name,
                "role": caller.role,
                "process": caller.process,
                "must_change_password": caller.must_change_password,
                "permissions": sorted(f"{each.resource}:{each.action}" for each in caller.permissions),
            }
        },
        headers=_NO_STORE,
    )


@router.post("/password", response_model=Data[Done], responses=_KNOWN)
async def password(mes: ThisMes, caller: Annotated[Caller, known()], body: PasswordBody) -> Response:
    """Give oneself a new password. Every sign-in ends, this one too: sign in again."""
    await mes.sign_ins.change_password(caller.name, body.password, body.new_password, caller.actor)
    return JSONResponse({"data": {"done": True}}, headers=_NO_STORE)


def _signed_in(mes: Mes, request: Request, done: SignedIn, *, is_page: bool) -> Response:
    lasts = int(mes.tokens.age.total_seconds())
    shown: dict[str, Any] = {
        "access_token": done.token,
        "token_type": "Bearer",
        "expires_in": lasts,
        "refresh_token": done.refresh,
        "username": done.user.username,
        "full_name": done.user.full_name,
        "role": done.user.role,
    }
    response = JSONResponse({"data": shown}, headers=_NO_STORE)
    if is_page:
        peer = request.client.host if request.client else None
        is_secure = mes.proxies.is_secure(peer, request.url.scheme, request.headers.get("X-Forwarded-Proto"))
        strict: Literal["strict"] = "strict"
        response.set_cookie(
            SESSION_COOKIE, done.token, lasts, path="/", secure=is_secure, httponly=True, samesite=strict
        )
        response.set_cookie(
            REFRESH_COOKIE, done.refresh, path=_REFRESH_PATH, secure=is_secure, httponly=True, samesite=strict
        )
    return response
