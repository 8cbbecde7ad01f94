"""What is done with an event that was made offline, and what its serial is then."""

from dataclasses import dataclass

from andon_mes.processes.model import Attempt
from andon_mes.processes.refusals import Refuse
from andon_mes.serials.model import SerialStatus

OFFLINE_ROUTE_VIOLATION = "OFFLINE_ROUTE_VIOLATION"
"""Begins the reason of a hold for an event from offline; the refusal that it would have met follows."""

OFFLINE_ROUTE_EXPLAINED = "OFFLINE_ROUTE_EXPLAINED"
"""The reason of the release from such a hold: what was missing has arrived, and lies before by its time."""

OFFLINE_STILL_HELD = "OFFLINE_STILL_HELD"
"""The reason of what changed nothing of such a hold."""


@dataclass(frozen=True, slots=True)
class Record:
    """Write a start as attempt `number`.

    `violation` is the refusal that it would have met. `is_parked`: it cannot be open, as another attempt is
    or the serial is over; it is written as ABORTED until its completion, or what was missing, arrives.
    """

    number: int
    violation: Refuse | None = None
    is_parked: bool = False


@dataclass(frozen=True, slots=True)
class Settle:
    """Close this attempt, which is open or parked."""

    attempt: Attempt
    violation: Refuse | None = None


@dataclass(frozen=True, slots=True)
class RecordClosed:
    """There was no start: write attempt `number` with an inferred one, and close it."""

    number: int
    violation: Refuse | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the serial is once an event is applied.

    `explained` are the attempts whose violation is none any more, as what was missing came before them by its
    own time; `reopened` those of them that were parked and are open now.
    """

    serial: SerialStatus
    held_from: SerialStatus | None
    at_process: str | None
    explained: tuple[int, ...] = ()
    reopened: tuple[int, ...] = ()
