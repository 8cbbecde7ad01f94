"""What a call is, its life, and how fast it was answered. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from andon_mes.kernel.errors import Conflict, Problem, Words


class CallKind(StrEnum):
    """What help is needed with."""

    QUALITY = "QUALITY"
    MATERIAL = "MATERIAL"
    EQUIPMENT = "EQUIPMENT"
    SAFETY = "SAFETY"
    OTHER = "OTHER"


class CallStatus(StrEnum):
    """Where a call is: nobody came yet, somebody is there, it is over."""

    RAISED = "RAISED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"


class CallAction(StrEnum):
    """What who comes does with a call."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


ESCALATES_AFTER = (timedelta(minutes=5), timedelta(minutes=15))
"""A call that nobody acknowledged for so long concerns the next level: the line lead, then the plant."""

_NEXT: dict[CallAction, dict[CallStatus, CallStatus]] = {
    CallAction.ACKNOWLEDGE: {CallStatus.RAISED: CallStatus.ACKNOWLEDGED},
    CallAction.RESOLVE: {
        CallStatus.RAISED: CallStatus.RESOLVED,
        CallStatus.ACKNOWLEDGED: CallStatus.RESOLVED,
    },
}


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call to be raised. None is not said."""

    kind: CallKind
    process_id: int | None = None
    equipment_code: str | None = None
    serial_number: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is stored."""

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


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a call waited, in seconds; None while it is not known yet."""

    age: float
    to_acknowledge: float | None
    to_resolve: float | None
    escalation: int


@dataclass(frozen=True, slots=True)
class Response:
    """How fast the calls of a process were answered; None of a process is those of none.

    Medians and 90th percentiles in seconds, over those that were answered; None where none was.
    """

    process: str | None
    raised: int
    open: int
    acknowledge_median: float | None
    acknowledge_p90: float | None
    resolve_median: float | None
    resolve_p90: float | None


def decide_status(status: CallStatus, action: CallAction) -> CallStatus:
    """The call's next status. Raises: Conflict (CALL_STATE) when its status does not allow the action."""
    after = _NEXT[action].get(status)
    if after is not None:
        return after
    possible = ", ".join(each for each in CallAction if status in _NEXT[each]) or "-"
    raise Conflict(
        Problem(
            "CALL_STATE",
            Words("The call's state does not allow this", "호출 상태에서 할 수 없는 작업입니다"),
            Words(f"The call is {status}; it cannot {action}", f"호출 상태: {status}. 작업 불가: {action}"),
            Words(f"From here it can: {possible}", f"지금 가능한 작업: {possible}"),
        )
    )


def waits(call: Call, now: datetime) -> Waits:
    """How long the call waited, as of `now`. A clock that went back waited no time."""
    until = call.acknowledged_at or call.resolved_at or now
    unanswered = max(until - call.raised_at, timedelta())
    return Waits(
        age=_seconds(call.raised_at, call.resolved_at or now) or 0.0,
        to_acknowledge=_seconds(call.raised_at, call.acknowledged_at),
        to_resolve=_seconds(call.raised_at, call.resolved_at),
        escalation=sum(unanswered >= each for each in ESCALATES_AFTER),
    )


def responses(calls: Iterable[Call], now: datetime) -> list[Response]:
    """How fast calls were answered, by process, in the order of the first call of each."""
    by_process: dict[str | None, list[Call]] = {}
    for each in calls:
        by_process.setdefault(each.process, []).append(each)
    return [_response(process, of, now) for process, of in by_process.items()]


def _response(process: str | None, calls: Sequence[Call], now: datetime) -> Response:
    waited = [waits(each, now) for each in calls]
    acknowledged = [each.to_acknowledge for each in waited if each.to_acknowledge is not None]
    resolved = [each.to_resolve for each in waited if each.to_resolve is not None]
    return Response(
        process=process,
        raised=len(calls),
        open=sum(each.status is not CallStatus.RESOLVED for each in calls),
        acknowledge_median=_median(acknowledged),
        acknowledge_p90=_p90(acknowledged),
        resolve_median=_median(resolved),
        resolve_p90=_p90(resolved),
    )


def _median(values: Sequence[float]) -> float | None:
    return round(statistics.median(values), 3) if values else None


def _p90(values: Sequence[float]) -> float | None:
    """The value that nine of ten do not exceed (nearest rank)."""
    return sorted(values)[max(0, -(-9 * len(values) // 10) - 1)] if values else None


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else round(max((end - start).total_seconds(), 0.0), 3)
