"""Tokens for programs: facts, and the form of their text. Pure.

A text is `andon_pat_` (personal) or `andon_mat_` (machine), 43 characters of base 62 (256 bits) and 6 of a
CRC-32 over what stands before. Prefix and checksum let scanners of repositories and logs know one when they
see it; the checksum protects nothing.
"""

import re
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.access.model import Grant

PERSONAL, MACHINE = "andon_pat_", "andon_mat_"
MACHINE_ACTOR = "token:"  # stands before a machine's name on the timeline
LONGEST_LIFE = timedelta(days=366)
LONGEST_NAME = 64
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_LENGTH, CHECK_LENGTH = 43, 6
# For scanners and for redaction of logs.
PATTERN = re.compile(rf"andon_[pm]at_[0-9A-Za-z]{{{RANDOM_LENGTH + CHECK_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token without its text. owner_id: empty for a machine's. grants: the most that it may."""

    id: str
    name: str
    owner_id: str
    owner: str
    grants: tuple[Grant, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime
    last_used_at: datetime | None = None
    last_used_source: str = ""
    revoked_at: datetime | None = None

    @property
    def is_machine(self) -> bool:
        """Whether it belongs to a program and not to a person."""
        return not self.owner_id

    @property
    def principal_name(self) -> str:
        """As the timeline names it: the owner, or `token:<name>`, which no login can be."""
        return self.owner or f"{MACHINE_ACTOR}{self.name}"


def written(prefix: str, random: str) -> str:
    """The whole text, with its checksum."""
    return prefix + random + _check(prefix + random)


def is_well_formed(text: str) -> bool:
    """Whether it can be a token at all; says nothing of whether it is one."""
    return bool(PATTERN.fullmatch(text)) and _check(text[:-CHECK_LENGTH]) == text[-CHECK_LENGTH:]


def _check(text: str) -> str:
    value = zlib.crc32(text.encode())
    digits = ""
    for _ in range(CHECK_LENGTH):
        value, digit = divmod(value, 62)
        digits = BASE62[digit] + digits
    return digits
