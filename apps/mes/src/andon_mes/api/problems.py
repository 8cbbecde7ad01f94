"""Errors as problem details (RFC 9457). The one place that turns an exception into an HTTP answer."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from andon_mes.api.journal import note_fault, note_refusal
from andon_mes.kernel import logging
from andon_mes.kernel.errors import (
    MesError,
    Problem,
    TooMany,
    Unavailable,
    Unidentified,
    Words,
    as_document,
    invalid,
    shown,
)

_log = logging.get(__name__)
_TYPE = "application/problem+json"
_SECONDS_TO_RETRY = "1"
_CODES = {"extra_forbidden": "UNKNOWN_FIELD"}
_HTTP = {
    404: ("NOT_FOUND", Words("There is nothing at this address", "이 주소에는 아무것도 없습니다")),
    405: (
        "METHOD_NOT_ALLOWED",
        Words("The method does not fit the address", "이 주소에 쓸 수 없는 메서드입니다"),
    ),
}
_KOREAN = {
    "missing": "필수 항목입니다",
    "string_type": "문자열을 보내세요",
    "string_too_short": "{min_length}자 이상이어야 합니다",
    "string_too_long": "{max_length}자 이하여야 합니다",
    "string_pattern_mismatch": "제어 문자 없이 {pattern} 형식이어야 합니다",
    "string_unicode": "올바른 유니코드 문자를 보내세요",
    "int_type": "정수를 보내세요",
    "int_parsing": "정수를 보내세요",
    "float_type": "숫자를 보내세요",
    "bool_type": "true 또는 false를 보내세요",
    "dict_type": "JSON 객체를 보내세요",
    "model_attributes_type": "JSON 객체를 보내세요",
    "literal_error": "{expected} 중 하나를 보내세요",
    "enum": "{expected} 중 하나를 보내세요",
    "greater_than": "{gt}보다 커야 합니다",
    "greater_than_equal": "{ge} 이상이어야 합니다",
    "less_than": "{lt}보다 작아야 합니다",
    "less_than_equal": "{le} 이하여야 합니다",
    "timezone_aware": "시간대가 있어야 합니다. 예: 2025-11-10T12:00:00+09:00",
    "iso_8601": "ISO 8601 문자열을 보내세요. 예: 2025-11-10T12:00:00+09:00",
    "century": "2000년부터 2099년까지의 날짜여야 합니다",
}


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


async def _known(request: Request, error: Exception) -> Response:
    if not isinstance(error, MesError):
        raise error
    note_refusal(request, error)
    return answer(error.problem, error.status, _headers_of(error))


def _headers_of(error: MesError) -> dict[str, str] | None:
    if isinstance(error, Unavailable):
        return {"Retry-After": _SECONDS_TO_RETRY}
    if isinstance(error, TooMany):
        return {"Retry-After": str(int(error.retry_after.total_seconds()))}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, Unidentified) else None


async def _malformed(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return answer(_unreadable(), 422)
    return answer(problem_of_field(first, first["loc"][1:]), 422)


def problem_of_field(error: Mapping[str, Any], path: Sequence[object]) -> Problem:
    """What pydantic says of the field at `path`, as a problem: the field, its value, what to do."""
    kind, about = error["type"], error.get("ctx", {})
    field = ".".join(str(part) for part in path) or "body"
    value = shown(None if kind == "missing" else error.get("input"))
    said = Words(f"{field} is {value!r}", f"{field} 값: {value!r}")
    fix = Words(f"Correct it: {error['msg']}", f"값을 수정하세요: {_in_korean(kind, about)}")
    if kind == "extra_forbidden":
        fix = Words(
            "Leave it out or correct its name; what only a station knows goes into process_specific_data",
            "항목을 빼거나 이름을 고치세요. 설비 고유의 값은 process_specific_data에 넣으세요",
        )
    return invalid(field, value, said, fix, code=_CODES.get(kind, "INVALID_INPUT")).problem


def _in_korean(kind: str, about: dict[str, Any]) -> str:
    """What pydantic says of a value of the wrong kind."""
    return _KOREAN.get(kind, "API 문서의 형식을 확인하세요").format_map(about)


def _unreadable() -> Problem:
    return Problem(
        "BODY_UNREADABLE",
        Words("The body is no JSON document", "본문이 JSON 문서가 아닙니다"),
        Words("It cannot be read as JSON in UTF-8", "UTF-8 JSON으로 읽을 수 없습니다"),
        Words(
            "Send one JSON object, as /openapi.json says",
            "/openapi.json의 형식대로 JSON 객체 하나를 보내세요",
        ),
    )


async def _http(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 400:
        return answer(_unreadable(), 400)
    code, title = _HTTP.get(
        error.status_code, (f"HTTP_{error.status_code}", Words(error.detail, error.detail))
    )
    problem = Problem(
        code,
        title,
        Words("The address or method is none of this API's", "이 API에 없는 주소 또는 메서드입니다"),
        Words("See /openapi.json", "/openapi.json을 확인하세요"),
    )
    return answer(problem, error.status_code, dict(error.headers or {}))


async def _unexpected(request: Request, error: Exception) -> Response:
    place = note_fault(request, error)
    _log.error(
        "request failed", extra={"path": request.url.path, "error": type(error).__name__, "place": place}
    )
    problem = Problem(
        "INTERNAL",
        Words("The MES failed", "MES 내부 오류가 발생했습니다"),
        Words("The fault is the MES's own; it is in its log", "MES 자체의 오류이며 로그에 기록되었습니다"),
        Words("Send the same request again with the same key", "같은 키로 같은 요청을 다시 보내세요"),
    )
    return answer(problem, 500)
