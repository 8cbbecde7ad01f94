"""The file with the keys that open the secrets. It is kept apart from the database and from its backups.

    {"primary": "k-5f2m...", "keys": {"k-5f2m...": "<32 bytes as base64>"}}

New values are encrypted under the primary key; the others only open what a rotation has not reached yet.
The file is read at each use, so that a rotation by another process is seen at once. What is not here: which
rows use which key (store.py).
"""

import asyncio
import base64
import binascii
import json
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from andon.kernel import files, locking
from andon.kernel.errors import Conflict, Damaged, Forbidden, NotFound, Unavailable

KEY_BYTES = 32
_PRIVATE = 0o600


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """What the file holds. Has no `repr`, so that no log shows a key."""

    primary: str
    known: Mapping[str, bytes]


class KeyFile:
    """The key file at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def read(self) -> Keys:
        """All keys.

        Raises:
            NotFound: there is no such file.
            Forbidden: others may read it.
            Damaged: it is not what we wrote.
            Unavailable: it cannot be read now.
        """
        return await asyncio.to_thread(self._read)

    async def create(self) -> Keys:
        """The keys, with a first one made when there is no file."""
        return await asyncio.to_thread(self._create)

    async def add_primary(self) -> Keys:
        """Add a fresh key and make it the primary one; durable when this returns."""
        return await asyncio.to_thread(self._add_primary)

    async def drop_others(self) -> Keys:
        """Keep the primary key alone; durable when this returns."""
        return await asyncio.to_thread(self._drop_others)

    @contextmanager
    def rotating(self) -> Iterator[None]:
        """One rotation at a time, over all processes of this machine.

        Raises:
            Conflict: one is under way.
        """
        self._make_folder()
        try:
            with locking.exclusive(self.path.with_name(f".{self.path.name}.rotating"), waits=False):
                yield
        except Conflict as error:
            if error.code != "busy":
                raise
            raise Conflict(
                "rotation-under-way", "the secrets are being rotated", hint="wait until it has ended"
            ) from error

    def _read(self) -> Keys:
        try:
            if stat.S_IMODE(self.path.stat().st_mode) & 0o077:
                raise Forbidden(
                    "key-readable-by-others",
                    f"others may read the key file {self.path}",
                    hint=f"chmod 600 {self.path}; if somebody did read it: andon secrets rotate",
                )
            content = self.path.read_bytes()
        except FileNotFoundError as error:
            raise NotFound(
                "secrets-key-missing",
                f"the key file {self.path} is not there",
                hint="put it back from where it is kept apart: docs/operations/secrets.md",
            ) from error
        except OSError as error:
            raise Unavailable(
                "secrets-key-unreadable", f"cannot read the key file {self.path}: {error.strerror}"
            ) from error
        return self._parsed(content)

    def _parsed(self, content: bytes) -> Keys:
        try:
            document = json.loads(content)
            known = {str(name): _key(text) for name, text in document["keys"].items()}
            primary = next(name for name in known if name == document["primary"])
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
            # The cause is left out: it could quote a key.
            raise Damaged(
                "secrets-key-damaged",
                f"the key file {self.path} is not readable",
                hint="put it back from where it is kept apart: docs/operations/secrets.md",
            ) from None
        return Keys(primary, known)

    def _create(self) -> Keys:
        with self._changing():
            if not self.path.exists():
                name = _new_name()
                self._write(Keys(name, {name: secrets.token_bytes(KEY_BYTES)}))
            return self._read()

    def _add_primary(self) -> Keys:
        with self._changing():
            now, name = self._read(), _new_name()
            self._write(Keys(name, {**now.known, name: secrets.token_bytes(KEY_BYTES)}))
            return self._read()

    def _drop_others(self) -> Keys:
        with self._changing():
            now = self._read()
            self._write(Keys(now.primary, {now.primary: now.known[now.primary]}))
            return self._read()

    def _write(self, keys: Keys) -> None:
        known = {name: base64.b64encode(key).decode() for name, key in keys.known.items()}
        content = json.dumps({"primary": keys.primary, "keys": known}, indent=2)
        files.write(self.path, content.encode() + b"\n", mode=_PRIVATE)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self._make_folder()
        with locking.exclusive(self.path.with_name(f".{self.path.name}.lock")):
            yield

    def _make_folder(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.sync_folder(self.path.parent.parent)


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if len(key) != KEY_BYTES:
        raise ValueError("not a key")
    return key


def _new_name() -> str:
    return f"k-{secrets.token_hex(4)}"
