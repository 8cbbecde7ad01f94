"""What is written of a request, and of a fault."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

LEAST_AGE = timedelta(days=30)
"""No access record is deleted before it is so old, whatever the settings say; the database holds to it."""


class Severity(StrEnum):
    """How bad a fault is: somebody should look (WARNING), something of ours failed (ERROR)."""

    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Request:
    """A request and its answer. `resource`: the path that was asked for; `action`: the method."""

    user: str | None
    resource: str
    action: str
    ip: str | None
    user_agent: str | None
    status_code: int
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """Something of ours that failed, or a refusal that a person should know of; no secret is in it."""

    error_code: str
    severity: Severity
    message: str
    timestamp: datetime
    context: dict[str, Any] = field(default_factory=dict)
    stack_trace: str | None = None


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests: newest first, those before the record `before`."""

    user: str | None = None
    status_code: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class FaultFilter:
    """Which faults: newest first, those before the record `before`."""

    is_resolved: bool | None = None
    severity: Severity | None = None
    error_code: str | None = None
    before: int | None = None
    limit: int = 100
