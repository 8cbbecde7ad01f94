"""Who is signed in at which Andon: one file of this person, 0600, that programs share by a lock.

A refresh token works once. So whoever renews holds the lock from reading the old one to keeping the new
one; a second program waits and finds the new one there.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from andon.kernel import files, locking
from andon.kernel.errors import InvalidInput

_OWN_FILE, _OWN_FOLDER, _OTHERS = 0o600, 0o700, 0o077


@dataclass(frozen=True, slots=True)
class Kept:
    """A session at one Andon. renew_at: seconds since the epoch, by this machine's clock."""

    login: str
    access_token: str
    refresh_token: str
    renew_at: float


class Credentials:
    """The file at `path`; sessions by the address of their Andon."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, url: str) -> Kept | None:
        """The session at `url`, if any.

        Raises:
            InvalidInput: others may read the file, or it is none of Andon's.
        """
        found = self._read().get(url)
        try:
            return Kept(**found) if found is not None else None
        except TypeError as error:
            raise self._not_ours() from error

    def put(self, url: str, kept: Kept) -> None:
        """Keep `kept` as the session at `url`."""
        self._write(self._read() | {url: asdict(kept)})

    def remove(self, url: str) -> None:
        """Forget the session at `url`."""
        there = self._read()
        if there.pop(url, None) is not None:
            self._write(there)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes the file in this block; waits until that is so."""
        self._make_folder()
        with locking.exclusive(self.path.with_name(f".{self.path.name}.lock")):
            yield

    def _read(self) -> dict[str, Any]:
        try:
            mode = self.path.stat().st_mode
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return {}
        if mode & _OTHERS:
            raise InvalidInput(
                "credentials-open", f"others may read {self.path}", hint=f"chmod 600 {self.path}"
            )
        try:
            servers = json.loads(text)["servers"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise self._not_ours() from error
        if not isinstance(servers, dict):
            raise self._not_ours()
        return servers

    def _write(self, servers: dict[str, Any]) -> None:
        self._make_folder()
        text = json.dumps({"servers": servers}, indent=2) + "\n"
        files.write(self.path, text.encode(), mode=_OWN_FILE)

    def _make_folder(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=_OWN_FOLDER)

    def _not_ours(self) -> InvalidInput:
        return InvalidInput(
            "credentials-unreadable",
            f"{self.path} is not a file of credentials",
            hint=f"remove it, then: andon login ({self.path})",
        )
