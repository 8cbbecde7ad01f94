"""Names of things, as types. A new id sorts by the time it was made."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from andon.kernel.errors import InvalidInput

UnitName = NewType("UnitName", str)
EnvironmentName = NewType("EnvironmentName", str)
Version = NewType("Version", str)
Sha256 = NewType("Sha256", str)
RolloutId = NewType("RolloutId", str)
RunId = NewType("RunId", str)
InstanceId = NewType("InstanceId", str)
StationName = NewType("StationName", str)

_NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]|[a-z]")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:[-+.a-z0-9]{1,40})?")
_LONGEST_VERSION = 60  # as long as the tables keep it
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's, without look-alikes


@dataclass(frozen=True, slots=True)
class Process:
    """One process for as long as the machine is up: a pid alone may be somebody else's later."""

    pid: int
    started_ticks: int
    boot_id: str

    @property
    def epoch(self) -> str:
        """Tells this process from every other, before and after."""
        return f"{self.boot_id[:8]}-{self.pid}-{self.started_ticks}"


def name(value: str, *, what: str) -> str:
    """`value`, when it may name a unit or an environment: lower case, digits and hyphens, at most 40."""
    if not _NAME.fullmatch(value):
        raise InvalidInput(
            "bad-name",
            f"{what} {value!r} is not a name",
            hint="use lower-case letters, digits and hyphens, beginning with a letter, at most 40",
        )
    return value


def version(value: str) -> Version:
    """`value`, when it is a version such as 1.2.0 or 1.2.0-rc1, at most 60 characters long."""
    if len(value) > _LONGEST_VERSION:
        raise InvalidInput(
            "bad-version",
            f"version {value[:_LONGEST_VERSION]!r}... has {len(value)} characters",
            hint=f"write at most {_LONGEST_VERSION}",
        )
    if not _VERSION.fullmatch(value):
        raise InvalidInput(
            "bad-version", f"version {value!r} is not of the form 1.2.3", hint="write three numbers"
        )
    return Version(value)


def new_id(prefix: str, at: datetime) -> str:
    """An id such as `ro-0kz3v1q8x-5f2m`: prefix, 45 bits of milliseconds, 40 random bits."""
    stamp = int(at.timestamp() * 1000)
    head = "".join(_ALPHABET[(stamp >> shift) & 31] for shift in range(40, -1, -5))
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return f"{prefix}-{head}-{tail}"
