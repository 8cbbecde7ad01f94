"""What clients send and get about people, devices and permissions."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from andon_mes.access.model import Action, Resource
from andon_mes.api.fields import LINE, Body, Code, Document, Instant, Name, YesOrNo

Username = Annotated[str, Field(min_length=2, max_length=50, pattern=r"^[a-z0-9][a-z0-9._-]*$")]
TypedName = Annotated[str, Field(min_length=1, max_length=100, pattern=LINE)]
Password = Annotated[str, Field(min_length=1, max_length=1024)]
DeviceName = Annotated[
    str, Field(min_length=1, max_length=80, pattern=r"^[0-9A-Za-z가-힣][0-9A-Za-z가-힣 ._-]*$")
]
RoleName = Annotated[str, Field(min_length=1, max_length=20, pattern="^[A-Za-z_]+$")]


class SignInBody(Body):
    """POST auth/login. `new_password` where the password was given for once."""

    username: TypedName
    password: Password
    new_password: Password | None = None


class RenewBody(Body):
    """POST auth/refresh. A page leaves the token out: its cookie has it."""

    refresh_token: Annotated[str, Field(max_length=200)] | None = None


class PasswordBody(Body):
    """POST auth/password."""

    password: Password
    new_password: Password


class NewUserBody(Body):
    """POST users. The role is ours, or the source's OPERATOR, SUPERVISOR or ADMIN."""

    username: Username
    full_name: Name
    role: RoleName


class UserChangeBody(Body):
    """PATCH users/{username}. What is left out stays. `unlock` forgets wrong passwords."""

    full_name: Name | None = None
    role: RoleName | None = None
    is_active: YesOrNo | None = None
    unlock: YesOrNo = False


class PermissionBody(Body):
    """POST permissions: one cell of the table."""

    role: RoleName
    resource: Resource
    action: Action


class NewDeviceBody(Body):
    """POST devices. `process`: the only one that it serves."""

    name: DeviceName
    role: RoleName = "station"
    process: Code | None = None
    expires_at: Instant | None = None


class Who(Document):
    """Who is asking, and what they may do: permissions as resource:action."""

    kind: Literal["user", "device"]
    name: str
    full_name: str
    role: str
    process: str | None
    must_change_password: bool
    permissions: list[str]


class SignedInShown(Document):
    """A sign-in: `access_token` is sent as Authorization: Bearer, for `expires_in` seconds."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str
    username: str
    full_name: str
    role: str


class Done(Document):
    """It is done."""

    done: Literal[True]


class UserShown(Document):
    """A person. `one_time_password` only in the answer that made it, and never again."""

    username: str
    full_name: str
    role: str
    is_active: bool
    must_change_password: bool
    failed_attempts: int
    locked_until: datetime | None
    last_login_at: datetime | None
    created_at: datetime
    updated_at: datetime
    one_time_password: str | None = None


class PermissionShown(Document):
    """A cell of the table that is given."""

    role: str
    resource: str
    action: str


class DeviceShown(Document):
    """A device. `credential` only in the answer that made it, and never again."""

    name: str
    role: str
    process: str | None
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    last_seen_at: datetime | None
    credential: str | None = None
