"""Passwords as argon2id hashes. A check takes some 30 ms of one core and 19 MiB, whoever is asked for."""

import secrets
from functools import cache
from typing import Any

_TIME_COST, _MEMORY_KIB, _LANES = 2, 19_456, 1  # OWASP's least for argon2id; a station PC may serve us
_ONE_TIME_BYTES = 12


def hash_password(password: str) -> str:
    """The hash to keep, with its parameters and salt. Slow: not on the event loop."""
    return str(_hasher().hash(password))


def verify(kept: str | None, password: str) -> bool:
    """Whether `kept` is the hash of `password`. Without one it takes as long, and is not. Slow, as above."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return bool(_hasher().verify(kept or _nobodys(), password)) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def one_time_password() -> str:
    """A password to be changed at the first sign-in: 96 random bits."""
    return secrets.token_urlsafe(_ONE_TIME_BYTES)


@cache
def _hasher() -> Any:
    from argon2 import PasswordHasher  # here: loading it costs a tenth of our start

    return PasswordHasher(time_cost=_TIME_COST, memory_cost=_MEMORY_KIB, parallelism=_LANES)


@cache
def _nobodys() -> str:
    return hash_password(secrets.token_urlsafe())
