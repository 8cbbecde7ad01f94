"""One key, one answer, for ever (docs/design/mes.md, rule 3).

An answer is stored in the transaction of what it answers, so that a crash between commit and reply is
healed by asking again. Under a client's key refusals are answers too: a new scan has a new key. Where the
content is the key, as for a vendor's file, there is no new one: a refusal is not stored, and the same content
is taken once its reason is gone. What raises is not stored.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from andon_mes.kernel.errors import Problem, Words, as_document, invalid
from andon_mes.store.later import later
from andon_mes.store.schema import answers

KEY_REUSED = "KEY_REUSED"
_FIND = sa.select(answers.c.fingerprint, answers.c.status_code, answers.c.body).where(
    answers.c.key == sa.bindparam("key")
)
_INSERT = sa.insert(answers).inline()
_REFUSED = 400
_CONFLICT = 409
_LONGEST_KEY = 200
_DEEPEST = 32
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as written in JSON; behind a backslash it is other text


@dataclass(frozen=True, slots=True)
class Answer:
    """What was, or is to be, answered: byte for byte."""

    status_code: int
    body: str
    is_replayed: bool = False


def success(status_code: int, data: object) -> Answer:
    """Success, as the document that is stored and sent."""
    return Answer(status_code, json.dumps({"data": data}, ensure_ascii=False))


def conflict(problem: Problem) -> Answer:
    """A refusal, as the document that is stored and sent: the same key meets it again."""
    return Answer(_CONFLICT, json.dumps(as_document(problem, _CONFLICT), ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks under a key."""

    key: str
    fingerprint: str
    asked_at: datetime

    @property
    def is_its_content(self) -> bool:
        """Whether the client named no key, so that the content stands for it."""
        return self.key in {f"sha256:{self.fingerprint}", f"again:{self.fingerprint}"}


def question(operation: str, content: object, key: str | None, at: datetime) -> Question:
    """The question in `content`; without a key of the client its content is the key, as for a vendor's file.

    Raises: InvalidInput when the key is too long, or the content too deep, or no JSON a database could keep.
    """
    _require_shallow(content)
    try:
        canonical = _canonical(content)
        fingerprint = hashlib.sha256(f"{operation}\n{canonical}".encode()).hexdigest()
    except ValueError as error:  # NaN, infinity, half of a surrogate pair, NUL: no database keeps them
        raise invalid(
            "body",
            str(error)[:100],
            Words("The document holds what JSON cannot say", "JSON으로 표현할 수 없는 값이 있습니다"),
            Words("Send finite numbers and whole characters", "유한한 숫자와 올바른 문자를 보내세요"),
        ) from error
    if key is not None and not 1 <= len(key) <= _LONGEST_KEY:
        raise invalid(
            "Idempotency-Key",
            key[:_LONGEST_KEY],
            Words(f"The key has {len(key)} characters", f"키 길이가 {len(key)}자입니다"),
            Words(
                f"Send 1 to {_LONGEST_KEY} characters, a UUID is best", "1~200자의 키(UUID 권장)를 보내세요"
            ),
        )
    return Question(key or f"sha256:{fingerprint}", fingerprint, at)


def _canonical(content: object) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if _NUL.search(text):
        raise ValueError("the character U+0000")
    return text


def _require_shallow(content: object) -> None:
    """Level by level, as each step that follows goes down by calls of its own."""
    level = [content]
    for _ in range(_DEEPEST):
        level = [child for each in level for child in _children(each)]
        if not level:
            return
    raise invalid(
        "body",
        level[0],
        Words(
            f"The document is more than {_DEEPEST} levels deep", f"문서의 깊이가 {_DEEPEST}단계를 넘습니다"
        ),
        Words("Send it flatter", "구조를 단순하게 하여 보내세요"),
        code="BODY_TOO_DEEP",
    )


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def once(connection: sa.Connection, asked: Question, work: Callable[[], Answer]) -> Answer:
    """The stored answer to `asked`, or that of `work`, which is stored now unless it is a refusal of content.

    Raises: InvalidInput (KEY_REUSED) when the key was used for another content; what `work` raises.
    """
    row = connection.execute(_FIND, {"key": asked.key}).one_or_none()
    if row is not None:
        if row.fingerprint != asked.fingerprint:
            raise _reused(asked.key)
        if _may_change(asked, row.status_code):  # kept by a release that stored such refusals
            return once(connection, replace(asked, key=f"again:{asked.fingerprint}"), work)
        return Answer(row.status_code, row.body, is_replayed=True)
    answer = work()
    if not _may_change(asked, answer.status_code):
        later(
            connection,
            _INSERT,
            {
                "key": asked.key,
                "fingerprint": asked.fingerprint,
                "status_code": answer.status_code,
                "body": answer.body,
                "answered_at": asked.asked_at,
            },
        )
    return answer


def _may_change(asked: Question, status_code: int) -> bool:
    return asked.is_its_content and status_code >= _REFUSED


def _reused(key: str) -> Exception:
    return invalid(
        "Idempotency-Key",
        key,
        Words("The key was used before, for another content", "이미 다른 내용에 사용된 키입니다"),
        Words("Make a new key for a new event", "새 이벤트에는 새 키를 사용하세요"),
        code=KEY_REUSED,
    )
