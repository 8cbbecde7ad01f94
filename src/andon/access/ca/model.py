"""What is known of certificates, as values. What is not here: making and reading them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What a certificate is for."""

    AUTHORITY = "authority"
    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a person wants to know of a certificate. `fingerprint` is the SHA-256, as browsers show it."""

    kind: Kind
    subject: str
    issuer: str
    names: tuple[str, ...]
    valid_from: datetime
    expires_at: datetime
    serial: str
    fingerprint: str

    def is_valid(self, now: datetime) -> bool:
        """Whether `now` lies in its life."""
        return self.valid_from <= now < self.expires_at

    def is_due(self, now: datetime) -> bool:
        """Whether less than a third of its life is left: time to renew it."""
        life: timedelta = self.expires_at - self.valid_from
        return self.expires_at - now < life / 3


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything in an authority's folder. None and empty: there is none."""

    authority: Certificate | None
    can_issue: bool
    server: Certificate | None
    clients: tuple[Certificate, ...]
