"""What a lot is."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class LotStatus(StrEnum):
    """Where a lot is in its life.

    CLOSING takes no more serials and waits for those that are under way. CLOSED is complete: every serial is
    finished or scrapped.
    """

    DRAFT = "DRAFT"
    RELEASED = "RELEASED"
    IN_PROGRESS = "IN_PROGRESS"
    HOLD = "HOLD"
    CLOSING = "CLOSING"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class Priority(StrEnum):
    """How urgent a lot is."""

    URGENT = "URGENT"
    HIGH = "HIGH"
    NORMAL = "NORMAL"
    LOW = "LOW"


class LotAction(StrEnum):
    """What a person may do with a lot. CLOSE is before its target is reached; what is begun may end."""

    RELEASE = "release"
    HOLD = "hold"
    CANCEL = "cancel"
    CLOSE = "close"
    SHIP = "ship"


RUNNING = frozenset({LotStatus.IN_PROGRESS, LotStatus.CLOSING})
OPEN = RUNNING | {LotStatus.RELEASED, LotStatus.HOLD}
"""A lot of one of these was given to the line, and is not over."""


@dataclass(frozen=True, slots=True)
class Production:
    """What of a product model is under way: lots by how far they are, serials that are on a machine now."""

    product_model: str
    open_lots: int
    running_lots: int
    serials_in_process: int


@dataclass(frozen=True, slots=True)
class NewLot:
    """A lot to be made. The plant's calendar has already said `production_date` and `shift`."""

    plant_code: str
    product_model: str
    production_date: date
    shift: str
    target_quantity: int
    priority: Priority
    created_by: str | None
    notes: str | None


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot as it is stored."""

    id: int
    lot_number: str
    plant_code: str
    product_model: str
    shift: str
    production_date: date
    sequence: int
    target_quantity: int
    status: LotStatus
    held_from: LotStatus | None
    priority: Priority
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    created_by: str | None
    notes: str | None


@dataclass(frozen=True, slots=True)
class Quantities:
    """Derived from the serials: generated, finished and defective ones; a serial counts once.

    One that is held counts as what it was. One that was never begun when its lot ended is neither.
    """

    generated: int
    actual: int
    defect: int
