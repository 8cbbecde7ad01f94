"""Sessions and device sign-ins: facts and limits, frozen."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

BROWSER, TERMINAL = "browser", "terminal"


@dataclass(frozen=True, slots=True)
class Limits:
    """idle: without a request; longest: whatever happens; access_token: of one JWT.

    touch: how often use is noted, at most. grace: within which a refresh token that was just used is taken
    for two programs at once and not for theft.
    """

    idle: timedelta = timedelta(hours=1)
    longest: timedelta = timedelta(hours=12)
    access_token: timedelta = timedelta(minutes=15)
    touch: timedelta = timedelta(seconds=30)
    grace: timedelta = timedelta(seconds=10)
    device: timedelta = timedelta(minutes=10)
    device_interval: timedelta = timedelta(seconds=5)
    devices_per_source: int = 20
    devices_at_once: int = 1000
    keep: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as it is kept. Secrets are kept as SHA-256 only. method: `password` or `directory`."""

    id: str
    user_id: str
    kind: str
    method: str
    source: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    end_reason: str = ""


@dataclass(frozen=True, slots=True)
class SessionView:
    """An open session for its owner and for administrators."""

    id: str
    user_id: str
    login: str
    kind: str
    method: str
    source: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was just opened. secret: of the browser's cookie; refresh: of a terminal; shown once."""

    session_id: str
    user_id: str
    secret: str
    refresh: str
    csrf: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Bearer:
    """An access token and the refresh token that replaces the one which was given."""

    access_token: str
    refresh_token: str
    expires_in: timedelta
    session_id: str
    user_id: str


class DeviceState(StrEnum):
    """Where a device sign-in is. `USED`: its session was opened."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device sign-in as it is kept. interval: seconds that its program must wait between two questions.

    session_until: end of the session in which a person approved it; the terminal's ends no later.
    """

    id: str
    state: DeviceState
    source: str
    agent: str
    begun_at: datetime
    expires_at: datetime
    interval_s: int
    polled_at: datetime | None = None
    user_id: str = ""
    method: str = ""
    session_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeviceBegun:
    """What a terminal gets. user_code: `ABCD-EFGH`, for the person; expires_in, interval: for the program."""

    device_code: str
    user_code: str
    expires_in: timedelta
    interval: timedelta


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """What a person sees before they approve."""

    source: str
    agent: str
    begun_at: datetime
