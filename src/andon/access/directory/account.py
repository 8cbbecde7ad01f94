"""Whether a directory's entry says that its account may not be used. Numbers and texts in, a reason out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

# What is read of an entry, where it has it. Two are operational and must be asked for by name.
ATTRIBUTES = (
    "userAccountControl",
    "accountExpires",
    "pwdAccountLockedTime",
    "shadowExpire",
    "nsAccountLock",
)
_ACCOUNTDISABLE = 0x2  # MS-ADTS 2.2.16, userAccountControl
_NEVER = (0, 0x7FFFFFFFFFFFFFFF)  # MS-ADTS, accountExpires
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCKED_FOR_GOOD = "000001010000Z"  # draft-behera-ldap-password-policy, 5.3.3

# What Active Directory adds to "invalid credentials" (MS-ERREF). It says the first three only to who knew the
# password. 775, locked after failures, it says to anyone: that must not be passed on.
_AD_REASONS = {
    "532": "its password has expired",
    "533": "it is disabled",
    "701": "it has expired",
    "773": "its password must be changed first",
}

Attributes = Mapping[str, Sequence[bytes]]


def why_disabled(entry: Attributes, now: datetime) -> str:
    """Why the account may not be used at `now`, for the log; empty where nothing says so.

    entry: attribute names in lower case. A lock after wrong passwords that ends by itself is left to the
    directory's own answer to a bind: else anyone could end an operator's session by typing nonsense.
    """
    control = _number(entry, "useraccountcontrol")
    if control is not None and control & _ACCOUNTDISABLE:
        return "userAccountControl has ACCOUNTDISABLE"
    expires = _number(entry, "accountexpires")
    if expires is not None and expires not in _NEVER and now >= _FILETIME_EPOCH + _ticks(expires):
        return "accountExpires has passed"
    if _text(entry, "pwdaccountlockedtime") == _LOCKED_FOR_GOOD:
        return "pwdAccountLockedTime locks it for good"
    day = _number(entry, "shadowexpire")
    if day is not None and day >= 0 and (now - _UNIX_EPOCH).days >= day:
        return "shadowExpire has passed"
    if _text(entry, "nsaccountlock").casefold() == "true":
        return "nsAccountLock is true"
    return ""


def why_refused(diagnostic: str) -> str:
    """What a refused bind's text says of an account whose password was right; empty where it says nothing."""
    _, found, rest = diagnostic.partition(", data ")
    return _AD_REASONS.get(rest.split(",")[0].strip(), "") if found else ""


def _ticks(filetime: int) -> timedelta:
    # Python's dates end with the year 9999; what is later is never.
    return timedelta(microseconds=min(filetime // 10, 250_000_000_000_000_000))


def _text(entry: Attributes, name: str) -> str:
    values = entry.get(name) or (b"",)
    return values[0].decode("utf-8", "replace").strip()


def _number(entry: Attributes, name: str) -> int | None:
    try:
        return int(_text(entry, name))
    except ValueError:
        return None
