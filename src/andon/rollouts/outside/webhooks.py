"""What is sent to an outside system at a gate, how it is signed, and what its answer means. Pure.

    POST <url>
    Idempotency-Key: <rollout>/<gate>
    Andon-Signature: t=1764432000,v1=<hexadecimal HMAC-SHA256 of "1764432000." and the body>

The answer is 2xx with `{"answer": "yes" | "no" | "wait", "reason": "..."}`. Yes and no are final. Anything
else is silence: it is asked again, and past the gate's time silence is a no.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from andon.kernel.errors import Unavailable

SIGNATURE, IDEMPOTENCY = "Andon-Signature", "Idempotency-Key"
_LONGEST_REASON = 500
_SHORTEST, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=5)


class Word(StrEnum):
    """What an outside system says."""

    YES = "yes"
    NO = "no"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Said:
    """An answer. reason: as it was given, made printable and short; empty where none was given."""

    word: Word
    reason: str = ""


def body(values: Mapping[str, Any]) -> bytes:
    """What is sent: equal values give equal bytes."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signature(secret: str, sent: bytes, now: datetime) -> str:
    """The header by which the other side knows who asks, and when."""
    at = int(now.timestamp())
    mac = hmac.new(secret.encode(), f"{at}.".encode() + sent, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


def verifies(secret: str, sent: bytes, header: str) -> bool:
    """Whether `header` is the signature of `sent`: what the other side checks, beside the age of `t`."""
    parts = dict(each.partition("=")[::2] for each in header.split(","))
    at = parts.get("t", "")
    if not (at.isascii() and at.isdecimal()) or len(at) > 12:
        return False
    mac = hmac.new(secret.encode(), f"{at}.".encode() + sent, hashlib.sha256).hexdigest()
    return hmac.compare_digest(mac.encode(), parts.get("v1", "").encode())


def read(answer: bytes) -> Said:
    """What an answer means.

    Raises:
        Unavailable: it is no answer.
    """
    try:
        document = json.loads(answer)
        word = Word(document["answer"])
        reason = document.get("reason", "")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unavailable(
            "no-answer", 'what it said is not {"answer": "yes", "no" or "wait", "reason": TEXT}'
        ) from error
    return Said(word, plain(reason) if isinstance(reason, str) else "")


def plain(text: str) -> str:
    """Printable, in one line, and not too long: it goes on the timeline."""
    printable = "".join(each if each.isprintable() else " " for each in text[: 4 * _LONGEST_REASON])
    words = " ".join(printable.encode("utf-8", "replace").decode().split())
    return words if len(words) <= _LONGEST_REASON else f"{words[: _LONGEST_REASON - 1]}…"


def pause(failures: int, every: timedelta, longest: timedelta = LONGEST_PAUSE) -> timedelta:
    """How long to wait before it is asked again, after so many questions in a row without an answer."""
    if failures == 0:
        return every
    return min(_SHORTEST * (1 << min(failures - 1, 12)), longest)
