"""The families of errors, by who must act. Each carries a stable code and words in two languages.

    MesError
    ├── InvalidInput   the caller can fix it: field, value, fix   HTTP 422
    ├── Unidentified   it is not known who asks                   HTTP 401, with WWW-Authenticate
    ├── Forbidden      whoever asks may not do this               HTTP 403
    ├── NotFound       no such thing                              HTTP 404
    ├── Conflict       it is not in a state that allows this      HTTP 409
    │   ├── ChangedMeanwhile     somebody else was faster         HTTP 412
    │   └── PreconditionMissing  say first what is changed        HTTP 428
    ├── TooMany        it was asked too often: wait               HTTP 429, with Retry-After
    └── Unavailable    the database did not answer in time        HTTP 503, with Retry-After

Refusals of the interlock are Conflicts (processes/refusals.py). Translation to HTTP is in api/problems.py.
"""

import reprlib
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

_LONGEST = 100
_MOST_OTHERS = 50
_SHORT = reprlib.Repr()
_SHORT.maxlevel = 3


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence, in English and in Korean."""

    en: str
    ko: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as data: what is wrong (`title`), what is known of it (`detail`), what to do next (`fix`)."""

    code: str
    title: Words
    detail: Words
    fix: Words
    field: str = ""
    value: object = None
    others: tuple["Problem", ...] = ()
    """What is wrong beside, where more than one thing was looked at, as in a file."""


class MesError(Exception):
    """Root of the tree; never raised itself."""

    status: ClassVar[int] = 500

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code}: {problem.detail.en}")
        self.problem = problem


class InvalidInput(MesError):
    """The caller can fix it; the problem names the field, the value and the fix."""

    status = 422


class Unidentified(MesError):
    """It is not known who asks; with a credential the same request may be sent again."""

    status = 401


class Forbidden(MesError):
    """Whoever asks may not do this."""

    status = 403


class NotFound(MesError):
    """There is no such thing."""

    status = 404


class Conflict(MesError):
    """The thing is not in a state that allows this."""

    status = 409


class ChangedMeanwhile(Conflict):
    """It is no longer what the caller has read."""

    status = 412


class PreconditionMissing(Conflict):
    """The caller has not said what it has read."""

    status = 428


class TooMany(MesError):
    """It was asked too often; after `retry_after` the same request may be sent again."""

    status = 429

    def __init__(self, problem: Problem, retry_after: timedelta) -> None:
        super().__init__(problem)
        self.retry_after = retry_after


class Unavailable(MesError):
    """The database did not answer in time; the same request may be sent again."""

    status = 503


def invalid(
    field: str, value: object, detail: Words, fix: Words, *, code: str = "INVALID_INPUT"
) -> InvalidInput:
    """An InvalidInput of the usual form."""
    title = Words(f"The field {field} cannot be used", f"{field} 항목을 사용할 수 없습니다")
    return InvalidInput(Problem(code, title, detail, fix, field=field, value=value))


def shown(value: object) -> object:
    """A value that is safe to repeat to whoever sent it, however long, deep or strange it is."""
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return value[:_LONGEST] if isinstance(value, str) else _SHORT.repr(value)[:_LONGEST]


def as_document(problem: Problem, status: int) -> dict[str, object]:
    """`problem` as RFC 9457 problem details, with its words in both languages."""
    document: dict[str, object] = {
        "type": f"urn:andon-mes:problem:{problem.code}",
        "status": status,
        "code": problem.code,
        "title": problem.title.en,
        "title_ko": problem.title.ko,
        "detail": f"{problem.detail.en}. {problem.fix.en}.",
        "detail_ko": f"{problem.detail.ko}. {problem.fix.ko}.",
    }
    if problem.field:
        document |= {"field": problem.field, "value": shown(problem.value)}
    if problem.others:
        document["others"] = [as_document(each, status) for each in problem.others[:_MOST_OTHERS]]
    return document
