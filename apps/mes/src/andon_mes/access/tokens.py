"""What callers show: credentials of devices. Kept as their SHA-256 alone; 256 random bits need no salt."""

import hashlib
import secrets

DEVICE_PREFIX = "mesd_"
_RANDOM_BYTES = 32


def new_device_token() -> str:
    """A credential for a device; its prefix lets a scanner of secrets know it."""
    return DEVICE_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest(token: str) -> str:
    """What is stored of a token, and what it is found by: 64 hexadecimal digits."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
