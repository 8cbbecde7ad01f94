"""What a defect is, from the moment it is found to the moment nobody needs to look at it again."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from andon_mes.serials.model import SerialStatus


class DefectStatus(StrEnum):
    """Where a defect is in its life: found, kept from going on, decided, shown to be dealt with, over."""

    OPEN = "OPEN"
    CONTAINED = "CONTAINED"
    DISPOSITIONED = "DISPOSITIONED"
    VERIFIED = "VERIFIED"
    CLOSED = "CLOSED"


class Disposition(StrEnum):
    """What is done with the serial."""

    REWORK = "REWORK"
    USE_AS_IS = "USE_AS_IS"
    SCRAP = "SCRAP"


class DefectAction(StrEnum):
    """What a person may do with a defect."""

    CONTAIN = "contain"
    DISPOSITION = "disposition"
    VERIFY = "verify"
    CLOSE = "close"


class DefectEvent(StrEnum):
    """What happens to a defect without a person's word on it."""

    RETURN = "return"  # its rework failed or was cancelled: quality decides again
    SUPERSEDE = "supersede"  # the attempt of its rework failed, and has a defect of its own


class Meaning(StrEnum):
    """In what sense a person signs a concession."""

    APPROVED = "approved"
    RESPONSIBLE = "responsible"


LIVE = frozenset({DefectStatus.OPEN, DefectStatus.CONTAINED, DefectStatus.DISPOSITIONED})
"""A defect of one of these still stands in the way of its serial."""


@dataclass(frozen=True, slots=True)
class NewDefect:
    """A defect to be opened. `attempt_id` is the failed attempt; None where no attempt found it."""

    serial_id: int
    process_id: int
    defect_code: str
    description: str | None = None
    attempt_id: int | None = None


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect as it is stored. `signature` is the document of a signed concession."""

    id: int
    serial_id: int
    serial_number: str
    lot_id: int
    lot_number: str
    process_id: int
    process: str
    attempt_id: int | None
    rework_id: int | None
    defect_code: str
    severity: str | None
    description: str | None
    status: DefectStatus
    disposition: Disposition | None
    opened_by: str | None
    opened_at: datetime
    contained_by: str | None
    contained_at: datetime | None
    dispositioned_by: str | None
    dispositioned_at: datetime | None
    reason: str | None
    signature: dict[str, Any] | None
    verified_by: str | None
    verified_at: datetime | None
    closed_by: str | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The serial when quality decides. `at_process`: it failed at the defect's process and waits there."""

    serial: SerialStatus
    held_from: SerialStatus | None
    at_process: bool
    is_past_limit: bool


@dataclass(frozen=True, slots=True)
class Repeat:
    """The serial repeats the process; `is_granted` where the limits of rule 4 would not let it."""

    is_granted: bool


@dataclass(frozen=True, slots=True)
class Repair:
    """The serial is repaired aside from its route, and stays where it is until a person says how it went."""


@dataclass(frozen=True, slots=True)
class MoveOn:
    """The serial goes on past the process, as it is."""


@dataclass(frozen=True, slots=True)
class LetGo:
    """The serial goes on from where it was held, as it is."""


@dataclass(frozen=True, slots=True)
class Scrap:
    """The serial is over."""


Effect = Repeat | Repair | MoveOn | LetGo | Scrap
