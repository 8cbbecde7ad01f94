"""What the API answers about people, sessions, tokens, signatures and policies. Values only."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from andon.api.model import SignatureView
from andon.api.viewing import View


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


class UserView(View):
    """A person."""

    id: str
    login: str
    display_name: str
    source: str
    grants: list[GrantView]
    created_at: datetime
    is_disabled: bool
    is_break_glass: bool
    must_change_password: bool
    signing_suspended: bool = Field(
        description="Its password was reset: it signs nothing until somebody else confirms the person"
    )
    last_login_at: datetime | None


class UserMade(View):
    """A person with the password that they sign in with once; it is shown this once."""

    user: UserView
    one_time_password: str


class OneTimePassword(View):
    """A password that must be changed at the next sign-in; it is shown this once."""

    one_time_password: str


class RoleView(View):
    """A role: permissions, and where each holds."""

    name: str
    description: str
    is_builtin: bool
    permissions: dict[str, Literal["anywhere", "outside-production"]]


class WholeSignature(SignatureView):
    """With exactly what was signed."""

    document: dict[str, Any]


class CalendarView(View):
    """When rollouts may begin in an environment, as it was written and signed."""

    zone: str
    open: list[str]
    closed: list[str]
    shifts: dict[str, list[str]]


class BoundsView(View):
    """What an environment asks of the rollouts into it; what is empty, 0, false or null asks nothing."""

    promotes_from: str
    min_age_s: float
    is_auto: bool
    strategies: list[str]
    alpha_at_most: float | None
    margin_at_most: float | None
    requires_evidence: bool
    judge: str


class PolicyView(View):
    """What an environment demands; version 0 is built in."""

    environment: str
    version: int
    is_production: bool
    approvals: int
    approver_role: str
    signed: list[str]
    calendar: CalendarView | None = None
    bounds: BoundsView


class StoredPolicyView(View):
    """A version of a policy, and who signed it when."""

    policy: PolicyView
    signature: str
    at: datetime
    actor: str


class PolicyWithHistory(View):
    """The policy in force and its signed versions, newest first."""

    policy: PolicyView
    history: list[StoredPolicyView]


class SecretView(View):
    """A secret by name; its value is never shown."""

    name: str
    updated_at: datetime
    actor: str


class RotationView(View):
    """What a rotation did."""

    key_id: str
    encrypted: int


class AuditFinding(View):
    """Something that is wrong; number: the first record that it concerns, where that is known."""

    code: str
    problem: str
    number: int | None


class VerificationView(View):
    """What checking the whole timeline found. silent: witnesses that should have spoken and did not; with
    one of them `is_intact` says only that nothing that was seen is wrong."""

    is_intact: bool
    sentence: str
    first_bad: int | None
    findings: list[AuditFinding]
    notes: list[str]
    silent: list[str]
    records: int
    checkpoints: int
    signatures: int
    cosignatures: int
    witnesses: list[str]
    signed_to: int
    witnessed_to: int
    seconds: float
