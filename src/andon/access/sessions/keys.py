"""Keys that access tokens are signed with: Ed25519 in one file that only Andon's user may read.

The newest key signs, all verify. `rotate` adds one; a token lives for minutes, so the last few are kept.
"""

import json
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from andon.kernel import files
from andon.kernel.errors import Damaged
from andon.kernel.ids import new_id

_KEPT = 3


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key and its id, which a token's header names."""

    kid: str
    private: Ed25519PrivateKey


def load_or_make(path: Path, at: datetime) -> list[SigningKey]:
    """The keys in `path`, the newest first; one is made where there is no file.

    Raises:
        Damaged: the file is not one of keys, or others may read it.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, [_new(at)])
    return _load(path)


def rotate(path: Path, at: datetime) -> list[SigningKey]:
    """Add a key, which signs from now on; the two before it still verify. Processes load it as they start."""
    keys = [_new(at), *load_or_make(path, at)][:_KEPT]
    _write(path, keys)
    return keys


def _new(at: datetime) -> SigningKey:
    return SigningKey(new_id("jk", at), Ed25519PrivateKey.generate())


def _write(path: Path, keys: list[SigningKey]) -> None:
    values = [{"kid": each.kid, "private": each.private.private_bytes_raw().hex()} for each in keys]
    files.write(path, json.dumps({"keys": values}, indent=1).encode(), mode=0o600)


def _load(path: Path) -> list[SigningKey]:
    try:
        mode = path.stat().st_mode
        values = json.loads(path.read_bytes())["keys"]
        keys = [
            SigningKey(str(each["kid"]), Ed25519PrivateKey.from_private_bytes(bytes.fromhex(each["private"])))
            for each in values
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, "cannot be read") from error
    if stat.S_IMODE(mode) & 0o077:
        raise _damaged(path, "can be read by others than Andon's user")
    if not keys:
        raise _damaged(path, "has no key")
    return keys


def _damaged(path: Path, what: str) -> Damaged:
    return Damaged(
        "session-keys-damaged",
        f"the file of session keys {path.name} {what}",
        hint=f"chmod 600 {path.name}, or remove it: terminals then refresh their access tokens",
    )
