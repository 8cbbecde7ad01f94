"""Encrypts one value under one key: AES-256-GCM, bound to the secret's name.

The name is authenticated with the value, so that a row moved to another name does not open. What this
cannot see: an older row of the same name put back. The timeline shows who changed a secret, and when.
"""

import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2.2: random nonces of 96 bits, for up to 2^32 values under a key
_PURPOSE = b"andon secret 1\0"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value as it lies in the table."""

    nonce: bytes
    ciphertext: bytes


def seal(key: bytes, name: str, value: bytes) -> Sealed:
    """Encrypt `value` for `name`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return Sealed(nonce, AESGCM(key).encrypt(nonce, value, _PURPOSE + name.encode()))


def find_value(key: bytes, name: str, sealed: Sealed) -> bytes | None:
    """The value; None when it was altered, moved from another name, or encrypted under another key."""
    try:
        return AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, _PURPOSE + name.encode())
    except (InvalidTag, ValueError):  # ValueError: a nonce of a wrong length
        return None
