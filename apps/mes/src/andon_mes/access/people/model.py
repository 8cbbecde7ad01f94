"""What a sign-in is made of."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from andon_mes.access.model import Role, User


@dataclass(frozen=True, slots=True)
class NewUser:
    """A person to be let in."""

    username: str
    full_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class UserChange:
    """What an administrator changes of a person; None leaves it."""

    full_name: str | None = None
    role: Role | None = None
    is_active: bool | None = None
    unlock: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """A person as an administrator sees them."""

    user: User
    failed_attempts: int
    locked_until: datetime | None
    last_login_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is there for a name that somebody tries to sign in with. It has been counted already."""

    user: User
    password_hash: str
    is_locked: bool


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who is signed in: what they show (`token`), and what they renew it with (`refresh`)."""

    user: User
    token: str
    refresh: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept to renew a sign-in: whose, which, and the token (as its hash)."""

    user_id: int
    sign_in: str
    token: str


class Renewal(StrEnum):
    """What became of a refresh token that was shown."""

    RENEWED = "renewed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    ENDED = "ended"
    USED_TWICE = "used twice"
