"""Errors as problem details (RFC 9457). The one place that turns an exception into an HTTP answer."""

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from andon_mes.kernel import logging
from andon_mes.kernel.errors import MesError, Problem, Unavailable, Words, as_document

_log = logging.get(__name__)
_TYPE = "application/problem+json"
_SECONDS_TO_RETRY = "1"


def install(app: FastAPI) -> None:
    """Answer every error as a problem."""
    app.add_exception_handler(MesError, _known)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def answer(problem: Problem, status: int, headers: dict[str, str] | None = None) -> Response:
    """`problem` as an HTTP answer. What a client sent may be no text at all: that shows as "?"."""
    text = json.dumps(as_document(problem, status), ensure_ascii=False, default=str)
    return Response(text.encode(errors="replace"), status, headers, _TYPE)


async def _known(_request: Request, error: Exception) -> Response:
    if not isinstance(error, MesError):
        raise error
    headers = {"Retry-After": _SECONDS_TO_RETRY} if isinstance(error, Unavailable) else None
    return answer(error.problem, error.status, headers)


async def _malformed(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or "body"
    value = _shown(first.get("input"))
    problem = Problem(
        "INVALID_INPUT",
        Words(f"The field {field} cannot be used", f"{field} 항목을 사용할 수 없습니다"),
        Words(f"{field} is {value!r}", f"{field} 값: {value!r}"),
        Words(f"Correct it: {first['msg']}", f"값을 수정하세요: {first['msg']}"),
        field=field,
        value=value,
    )
    return answer(problem, 422)


async def _http(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    problem = Problem(
        f"HTTP_{error.status_code}",
        Words(str(error.detail), str(error.detail)),
        Words("The address or method is none of this API's", "이 API에 없는 주소 또는 메서드입니다"),
        Words("See /openapi.json", "/openapi.json을 확인하세요"),
    )
    return answer(problem, error.status_code, dict(error.headers or {}))


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("request failed", extra={"path": request.url.path, "error": type(error).__name__})
    problem = Problem(
        "INTERNAL",
        Words("The MES failed", "MES 내부 오류가 발생했습니다"),
        Words("The fault is the MES's own; it is in its log", "MES 자체의 오류이며 로그에 기록되었습니다"),
        Words("Send the same request again with the same key", "같은 키로 같은 요청을 다시 보내세요"),
    )
    return answer(problem, 500)


def _shown(value: Any) -> object:
    """A value that is safe to repeat to the client."""
    return value if isinstance(value, bool | int) or value is None else str(value)[:100]
