"""What clients get of the access and error logs."""

from datetime import datetime
from typing import Any

from andon_mes.access.logs.model import Severity
from andon_mes.api.fields import Document


class RequestShown(Document):
    """A request. `user`: a name, device:NAME, or null for whoever was not known; `resource`: the path."""

    id: int
    user: str | None
    resource: str
    action: str
    ip: str | None
    user_agent: str | None
    status_code: int
    timestamp: datetime


class RequestPage(Document):
    """Newest first; `next` is the `before` of the page that follows, null on the last."""

    requests: list[RequestShown]
    next: int | None


class FaultShown(Document):
    """A fault. `context.count`: how often it happened within the seconds of one record."""

    id: int
    timestamp: datetime
    error_code: str
    severity: Severity
    message: str
    context: dict[str, Any] | None
    resolved: bool
    resolved_at: datetime | None
    resolved_by: str | None
    notes: str | None


class FaultWithTrace(FaultShown):
    """A fault with its stack trace."""

    stack_trace: str | None


class FaultPage(Document):
    """Newest first; `next` is the `before` of the page that follows, null on the last."""

    errors: list[FaultShown]
    next: int | None
