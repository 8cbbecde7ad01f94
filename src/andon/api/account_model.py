"""What the API answers about people, sessions, tokens, signatures and policies. Values only."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from andon.api.model import View


class GrantView(View):
    """A role on a scope; `*` is everywhere."""

    role: str
    environment: str = "*"
    unit: str = "*"
    line: str = "*"


class PermissionView(View):
    """Where a permission holds; outside_production: in production it does not."""

    environment: str
    unit: str
    line: str
    outside_production: bool


class SigningView(View):
    """What the next signature needs."""

    needs_login: bool = Field(description="The login is asked for again, beside the password")


class Me(View):
    """Who calls, and what they may do where."""

    id: str
    login: str
    display_name: str
    kind: Literal["person", "token"]
    source: str = Field(description="Who keeps the password: local or directory; empty for a machine")
    grants: list[GrantView]
    permissions: dict[str, list[PermissionView]]
    session: str
    expires_at: datetime | None
    signing: SigningView


class SignedIn(View):
    """A browser's session as it begins; its cookie came along."""

    user: Me
    csrf: str = Field(description="Sent as X-Andon-CSRF with whatever changes something")
    must_change_password: bool = False


class TerminalSignedIn(View):
    """A terminal's session; the refresh token works once and is replaced with each use."""

    access_token: str
    refresh_token: str
    expires_in: float = Field(description="Seconds until the access token must be refreshed")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    user: Me | None = None


class DeviceBegunView(View):
    """A terminal's wish to be signed in from elsewhere (RFC 8628)."""

    device_code: str
    user_code: str = Field(examples=["ABCD-EFGH"])
    verification_uri: str
    verification_uri_complete: str
    expires_in: float
    interval: float


class DeviceSeenView(View):
    """The terminal that waits, for the person who is asked."""

    user_code: str
    source: str
    agent: str
    begun_at: datetime


class SessionView(View):
    """An open session; `is_this`: the one that asks."""

    id: str
    user_id: str
    kind: str
    source: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    is_this: bool


class TokenView(View):
    """A token without its text."""

    id: str
    name: str
    owner_id: str = Field(description="The person; empty for a machine's")
    grants: list[GrantView]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class TokenMade(View):
    """A new token; its text is shown this once."""

    token: TokenView
    text: str = Field(examples=["andon_pat_..."])
