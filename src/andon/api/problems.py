"""Errors as problem+json (RFC 9457) with code and hint: one of the two edges that translate them.

The command line is the other edge.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from andon.api.model import Problem
from andon.kernel import logging
from andon.kernel.errors import AndonError, Unavailable

_log = logging.get(__name__)
MEDIA_TYPE = "application/problem+json"


def answer(
    status: int, code: str, detail: str, *, hint: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """One problem as a response."""
    title = HTTPStatus(status).phrase
    body = Problem(type="about:blank", title=title, status=status, detail=detail, code=code, hint=hint)
    return JSONResponse(
        body.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {})
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


def install(app: FastAPI) -> None:
    """Translate every error that leaves an endpoint of `app`."""
    app.add_exception_handler(AndonError, _family)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _family(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AndonError)
    headers = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(max(1, round(error.retry_after.total_seconds())))
    return answer(error.status, error.code, error.message, hint=error.hint, headers=headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return _not_json()
    field = ".".join(str(each) for each in first["loc"][1:]) or "the body"
    sent = "" if first["type"] == "missing" else f" {_short(first.get('input'))}"
    return answer(
        422,
        "bad-field",
        f"{field}{sent}: {_words(first['msg'])}",
        hint="/api/v1/openapi.json describes it",
    )


def _not_json() -> JSONResponse:
    return answer(422, "bad-json", "the body is not JSON", hint="send a JSON object")


def _words(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 400:  # the framework's word for a body that is not text
        return _not_json()
    if error.status_code == 404:
        return answer(404, "no-such-page", f"there is nothing at {path}", hint="GET /api/v1/openapi.json")
    if error.status_code == 405:
        detail = f"{request.method} is not allowed on {path}"
        return answer(405, "wrong-method", detail, hint="GET /api/v1/openapi.json", headers=error.headers)
    return answer(error.status_code, "http", str(error.detail), headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
    return answer(
        500, "unexpected", "Andon made a mistake; the log of andon has the details", hint="andon doctor"
    )
