"""Tokens for enrolment: facts. Their text is made in `andon_wire/enrolment.py`; only its hash is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from andon.kernel.ids import EnvironmentName

LONGEST_LIFE = timedelta(days=30)
USUAL_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class EnrolmentToken:
    """A token without its text: it lets one machine in, once, until `expires_at`.

    station: the name that the machine gets; empty: one made of its host's name. replaces: the station of this
    name is there, and the machine takes its place: the former one's key is worth nothing from then on.
    needs_approval: a person looks at the machine before it gets anything. used_by: the station that it made.
    """

    id: str
    environment: EnvironmentName
    ring: str
    line: str
    created_at: datetime
    created_by: str
    reason: str
    expires_at: datetime
    station: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    needs_approval: bool = False
    replaces: bool = False
    used_at: datetime | None = None
    used_by: str = ""
    revoked_at: datetime | None = None
    revoked_by: str = ""

    def is_good(self, now: datetime) -> bool:
        """Whether a machine can be let in by it at `now`."""
        return self.used_at is None and self.revoked_at is None and now < self.expires_at
