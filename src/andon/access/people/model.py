"""A person's account as it is kept, and what signing in may cost: facts, frozen."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from andon.access.model import Principal, User
from andon.access.people.profiles import PROFILES, Profile

# Who acts: a principal; the name of a person or token; or a part of Andon such as `setup`, which is trusted.
Actor = Principal | str


class DisabledBy(StrEnum):
    """Who disabled an account: what the directory disabled it may enable again, and nothing else."""

    NOBODY = ""
    ADMIN = "admin"
    DIRECTORY = "directory"


class Purpose(StrEnum):
    """What a password is checked for. Failures of each are counted apart.

    Anybody can fail to sign in as somebody else; so that this does not hold up the signature of a person who
    is signed in, which may stop what does damage, failures there count for nothing here.
    """

    SIGN_IN = "sign-in"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Account:
    """A person with what only signing in needs.

    password_expires_at: of a one-time password; disabled_by: empty while enabled.
    """

    user: User
    password_hash: str = field(default="", repr=False)
    password_expires_at: datetime | None = None
    disabled_by: DisabledBy = DisabledBy.NOBODY


@dataclass(frozen=True, slots=True)
class Demands:
    """What is demanded of passwords here. words: of the plant, which no password may be built on."""

    profile: Profile = PROFILES["nist"]
    words: tuple[str, ...] = ()
