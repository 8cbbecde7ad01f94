"""The people of a plant that is driven by a program: each signs in and signs as a person would.

Every one has an account of their own, a password nobody else knows, and credentials of their own: so a
command runs as somebody, and what a role does not give is refused.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from andon.kernel import files

_PASSWORD_BYTES = 18


@dataclass(frozen=True, slots=True)
class Person:
    """An account. `credentials`: where their `andon login` keeps the session."""

    login: str
    password: str
    credentials: Path

    @property
    def variables(self) -> dict[str, str]:
        """What makes a command theirs."""
        return {"ANDON_CREDENTIALS": str(self.credentials)}


@dataclass(slots=True)
class People:
    """Everybody with an account, kept in `folder`, 0600: only whoever runs the plant may read it."""

    folder: Path

    def make(self, login: str) -> Person:
        """A person with a new password, kept."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Person(login, secrets.token_urlsafe(_PASSWORD_BYTES), self.folder / f"{login}.json")
        there = self._passwords()
        there[login] = made.password
        files.write(self._path, (json.dumps(there, indent=2) + "\n").encode(), mode=0o600)
        return made

    def get(self, login: str) -> Person:
        """Somebody by name; without a password where nobody made them."""
        return Person(login, self._passwords().get(login, ""), self.folder / f"{login}.json")

    @property
    def _path(self) -> Path:
        return self.folder / "passwords.json"

    def _passwords(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._path.read_bytes()) if self._path.exists() else {}
        return found
