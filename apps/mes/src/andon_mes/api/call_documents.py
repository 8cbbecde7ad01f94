"""What clients send and get about andon calls."""

from datetime import datetime

from andon_mes.api.fields import Body, Code, Document, Instant, Name, Text
from andon_mes.api.quality_bodies import Page
from andon_mes.calls.model import CallAction, CallKind, CallStatus


class NewCallBody(Body):
    """POST calls. Without a process it is that of the station's credential, where it has one."""

    kind: CallKind
    process_code: Code | None = None
    equipment_id: Name | None = None
    serial_number: Name | None = None
    message: Text | None = None
    operator_id: Name | None = None
    timestamp: Instant | None = None


class CallChangeBody(Body):
    """PATCH calls/{id}. To resolve needs what was done (`resolution`)."""

    action: CallAction
    operator_id: Name | None = None
    resolution: Text | None = None


class CallQuery(Page):
    """GET calls. `since` is inclusive, `until` is not."""

    status: CallStatus | None = None
    open: bool | None = None
    kind: CallKind | None = None
    process: Code | None = None
    since: Instant | None = None
    until: Instant | None = None


class ResponseQuery(Body):
    """GET calls/statistics: of the last thirty days unless it is said."""

    since: Instant | None = None
    until: Instant | None = None


class CallShown(Document):
    """A call and how long it waits or waited, in seconds. `escalation`: levels it has passed unanswered."""

    id: int
    kind: CallKind
    process: str | None
    equipment_code: str | None
    serial_number: str | None
    message: str | None
    status: CallStatus
    raised_by: str
    raised_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    resolved_by: str | None
    resolved_at: datetime | None
    resolution: str | None
    age: float
    to_acknowledge: float | None
    to_resolve: float | None
    escalation: int


class CallPage(Document):
    """Open ones first, of them the oldest; then the others, newest first."""

    calls: list[CallShown]
    page: int
    page_size: int
    total: int


class ResponseShown(Document):
    """How fast the calls of a process were answered, in seconds; null where none was."""

    process: str | None
    raised: int
    open: int
    acknowledge_median: float | None
    acknowledge_p90: float | None
    resolve_median: float | None
    resolve_p90: float | None


class ResponsesShown(Document):
    """By process; that of calls without one is null. `escalates_after`: seconds to each level."""

    since: datetime
    until: datetime
    processes: list[ResponseShown]
    escalates_after: list[float]
