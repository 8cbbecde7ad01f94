"""Secrets as everybody may know them: by name, never by value."""

import re
from dataclasses import dataclass
from datetime import datetime

from andon.kernel.errors import InvalidInput

MOST_BYTES = 64 << 10
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[.-][a-z0-9]+)*")
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret without its value. `key_id` names the key that it is encrypted under."""

    name: str
    key_id: str
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: how many secrets it encrypted anew under `key_id`, which keys it dropped."""

    key_id: str
    encrypted: int
    dropped: tuple[str, ...]


def secret_name(name: str) -> str:
    """`name`, when a secret may be called so, such as `ldap.bind` or `smtp.password`.

    Raises:
        InvalidInput: it may not.
    """
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise InvalidInput(
            "bad-secret-name",
            f"{name[:_LONGEST_NAME]!r} cannot name a secret",
            hint=f"use lower-case words joined by dots or hyphens, at most {_LONGEST_NAME} characters",
        )
    return name


def secret_value(value: str) -> bytes:
    """The bytes to encrypt. The errors never show the value.

    Raises:
        InvalidInput: it is empty, longer than 64 KiB, or not text.
    """
    try:
        content = value.encode()
    except UnicodeEncodeError:
        raise InvalidInput(
            "bad-secret-value", "the value is not UTF-8 text", hint="encode binary values as base64 first"
        ) from None  # the cause holds the value
    if not 1 <= len(content) <= MOST_BYTES:
        raise InvalidInput(
            "bad-secret-value",
            f"the value has {len(content)} bytes",
            hint=f"a secret has 1 to {MOST_BYTES} bytes",
        )
    return content
