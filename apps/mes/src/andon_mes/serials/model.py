"""What a serial is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SerialStatus(StrEnum):
    """Where a serial is in its life."""

    CREATED = "CREATED"
    WAITING = "WAITING"
    IN_PROCESS = "IN_PROCESS"
    COMPLETED = "COMPLETED"
    SHIPPED = "SHIPPED"
    DEFECTIVE = "DEFECTIVE"
    REWORK = "REWORK"
    SCRAPPED = "SCRAPPED"
    HOLD = "HOLD"


class SerialAction(StrEnum):
    """What a person may do with a serial."""

    HOLD = "hold"
    RELEASE = "release"
    SCRAP = "scrap"
    SHIP = "ship"


DONE = frozenset({SerialStatus.COMPLETED, SerialStatus.SHIPPED, SerialStatus.SCRAPPED})
"""A lot is complete when each of its serials is one of these."""


@dataclass(frozen=True, slots=True)
class Serial:
    """A serial as it is stored."""

    id: int
    serial_number: str
    lot_id: int
    sequence_in_lot: int
    checksum: str
    status: SerialStatus
    held_from: SerialStatus | None
    current_process: str | None
    is_defective: bool
    defect_code: str | None
    defect_description: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    shipped_at: datetime | None


_ABORTED = "ATTEMPT_ABORTED"
_LONGEST = 500


def abort_reason(process: str, number: int, reason: str | None) -> str:
    """What the history of a serial says when its attempt `number` at `process` is aborted."""
    return f"{_ABORTED} {process} {number}: {reason}"[:_LONGEST]


def is_only_abort(before: str | None, reason: str | None) -> bool:
    """Whether a step to HOLD, from `before`, says that an attempt was aborted and gives no reason to hold."""
    return before == SerialStatus.HOLD and (reason or "").startswith(f"{_ABORTED} ")
