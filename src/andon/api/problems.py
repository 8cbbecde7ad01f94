"""Errors as problem+json (RFC 9457) with code and hint: one of the two edges that translate them.

The command line is the other edge.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from andon.api.model import Problem
from andon.kernel import logging, redaction
from andon.kernel.errors import AndonError, Forbidden, Throttled, Unauthenticated, Unavailable
from andon.timeline import origin

_log = logging.get(__name__)
MEDIA_TYPE = "application/problem+json"
_SECRETS = ("password", "secret", "token", "code", "value", "old", "new", "key")  # parts of names of fields


def answer(
    status: int,
    code: str,
    detail: str,
    *,
    hint: str = "",
    headers: Mapping[str, str] | None = None,
    needs: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """One problem as a response."""
    title = HTTPStatus(status).phrase
    body = Problem(
        type="about:blank",
        title=title,
        status=status,
        detail=detail,
        code=code,
        hint=hint,
        needs=dict(needs) if needs else None,
    )
    return JSONResponse(
        body.model_dump(exclude=None if needs else {"needs"}),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that an endpoint may answer, for OpenAPI."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def install(app: FastAPI, *, is_nobody: Callable[[Request], bool]) -> None:
    """Translate every error that leaves an endpoint of `app`.

    is_nobody: whether the route wants somebody known and nobody is; they are told only to sign in, also
    where a body could not even be read.
    """

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        return _sign_in() if is_nobody(request) else _invalid(error)

    async def http(request: Request, error: Exception) -> JSONResponse:
        is_bad_body = getattr(error, "status_code", 0) == 400
        return _sign_in() if is_bad_body and is_nobody(request) else _http(request, error)

    app.add_exception_handler(AndonError, _family)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, _unexpected)


def of(error: AndonError) -> JSONResponse:
    """One of our errors as a response."""
    headers = {}
    if isinstance(error, (Unavailable, Throttled)):
        headers["Retry-After"] = str(max(1, round(error.retry_after.total_seconds())))
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return answer(
        error.status, error.code, error.message, hint=error.hint, headers=headers, needs=error.needs
    )


async def _family(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AndonError)
    if isinstance(error, Unauthenticated | Forbidden):
        here = origin.current()
        _log.warning(
            "request refused",
            code=error.code,
            method=request.method,
            path=request.url.path,
            source=here.source,
            correlation=here.correlation,
        )
    return of(error)


def _sign_in() -> JSONResponse:
    return of(
        Unauthenticated("no-credentials", "sign in first", hint="andon login, or /login in the browser")
    )


def _invalid(error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return _not_json()
    field = ".".join(str(each)[:60] for each in first["loc"][1:]) or "the body"
    sent = f" {_short(first.get('input'))}" if _may_be_shown(first, error.body) else ""
    return answer(
        422,
        "bad-field",
        f"{field}{sent}: {_words(first['msg'])}",
        hint="/api/v1/openapi.json describes it",
    )


def _may_be_shown(first: Mapping[str, Any], body: Any) -> bool:
    """Whether what was sent helps and gives nothing away: a password may stand in any field of its body."""
    if first["type"] in {"missing", "extra_forbidden"} or isinstance(first.get("input"), (dict, list)):
        return False
    return first["loc"][0] != "body" or not _holds_secret(body)


def _holds_secret(body: Any) -> bool:
    if not isinstance(body, dict):
        return not isinstance(body, (int, float, type(None)))
    return any(
        any(each in str(name).lower() for each in _SECRETS)
        or (isinstance(value, dict) and _holds_secret(value))
        for name, value in body.items()
    )


def _not_json() -> JSONResponse:
    return answer(422, "bad-json", "the body is not JSON", hint="send a JSON object")


def _words(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _short(value: Any) -> str:
    text = redaction.clean(repr(value))
    return text if len(text) <= 80 else text[:77] + "..."


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 400:  # the framework's word for a body that is not text
        return _not_json()
    if error.status_code == 404:
        return answer(404, "no-such-page", f"there is nothing at {path}", hint="GET /api/v1/openapi.json")
    if error.status_code == 413:
        return answer(413, "body-too-large", "the body is larger than Andon takes")
    if error.status_code == 405:
        detail = f"{request.method} is not allowed on {path}"
        return answer(405, "wrong-method", detail, hint="GET /api/v1/openapi.json", headers=error.headers)
    return answer(error.status_code, "http", str(error.detail), headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
    return answer(
        500, "unexpected", "Andon made a mistake; the log of andon has the details", hint="andon doctor"
    )
