"""What access control knows: roles, resources, actions, and who has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """What somebody is to the plant. The rights of each are rows; `rights.py` has those it begins with."""

    OPERATOR = "operator"
    LINE_LEAD = "line_lead"
    QUALITY = "quality"
    ENGINEER = "engineer"
    ADMIN = "admin"
    STATION = "station"
    AUDITOR = "auditor"


class Resource(StrEnum):
    """What is protected."""

    LOT = "lot"
    SERIAL = "serial"
    PROCESS = "process"
    DEFECT = "defect"
    REWORK = "rework"
    COMPONENT = "component"
    EQUIPMENT = "equipment"
    CALL = "call"
    SPC = "spc"
    LABEL = "label"
    REPORT = "report"
    CONFIGURATION = "configuration"
    USER = "user"
    DEVICE = "device"
    AUDIT = "audit"
    ERROR = "error"


class Action(StrEnum):
    """What is done to it."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"


class Permission(NamedTuple):
    """A cell of the table. What a newer release's rows name and this one does not know gives nothing."""

    resource: str
    action: str


@dataclass(frozen=True, slots=True)
class User:
    """A person who signs in with a password."""

    id: int
    username: str
    full_name: str
    role: str
    is_active: bool
    must_change_password: bool


@dataclass(frozen=True, slots=True)
class Device:
    """A station, or another program, with a long-lived credential. `process`: the only one it serves."""

    id: int
    name: str
    role: str
    process: str | None
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is needed to let somebody in, as of `version` of the rows.

    `devices` by the SHA-256 of their credential, without those that are revoked; `users` by name; `ended`:
    sign-ins that were ended before their tokens are too old.
    """

    version: int
    rights: Mapping[str, frozenset[Permission]]
    users: Mapping[str, User]
    devices: Mapping[str, Device]
    ended: frozenset[str]
