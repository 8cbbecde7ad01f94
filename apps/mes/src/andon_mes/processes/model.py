"""What happens to a serial at a process: events that arrive, attempts, and what is known when deciding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from andon_mes.components.model import Missing, Scan
from andon_mes.kernel.errors import Words
from andon_mes.lots.model import LotStatus
from andon_mes.processes.refusals import Refuse
from andon_mes.processes.workplace import Workplace
from andon_mes.serials.model import SerialStatus

MOST_ATTEMPTS = 3
"""Attempts at one process before quality must decide (docs/design/mes.md, rule 4)."""

MOST_REWORKS = 5
"""Reworks of one serial before quality must decide (docs/design/mes.md, rule 4)."""


CLOCK_TOLERANCE = timedelta(minutes=10)
"""How far ahead a station's clock may be, unless the settings say otherwise (docs/design/mes.md, rule 5)."""

LONGEST_CYCLE = timedelta(days=30)
"""What would have taken longer is the doing of a clock (docs/design/mes.md, rule 5)."""


class AttemptStatus(StrEnum):
    """Where an attempt is. PASS and FAIL never change again."""

    IN_PROGRESS = "IN_PROGRESS"
    PASS = "PASS"  # noqa: S105  a result of an inspection
    FAIL = "FAIL"
    ABORTED = "ABORTED"


@dataclass(frozen=True, slots=True)
class StartEvent:
    """A station says that work on a serial begins. `at` is the station's own aware time.

    `bound_to` is the process that the sender's credential is for; None when it is for none.
    """

    serial_number: str
    process: str
    operator_id: str
    equipment_id: str | None
    at: datetime
    checksum: str | None = None
    station: str | None = None
    application_version: str | None = None
    configuration_hash: str | None = None
    bound_to: str | None = None
    is_offline: bool = False


@dataclass(frozen=True, slots=True)
class CompletionEvent:
    """A station, or a vendor's file, says how work on a serial ended.

    `digest` is the SHA-256 of what it says, without keys and ids: the same content gives the same digest.
    `cycle_time` is in seconds; None means that it follows from the times.
    """

    serial_number: str
    process: str
    operator_id: str
    is_pass: bool
    at: datetime
    digest: str
    process_data_id: int | None = None
    attempt: int | None = None
    cycle_time: float | None = None
    data: dict[str, Any] = field(default_factory=dict)
    inspection_result: dict[str, Any] | None = None
    defect_code: str | None = None
    defect_description: str | None = None
    checksum: str | None = None
    components: tuple[Scan, ...] = ()
    equipment_id: str | None = None
    station: str | None = None
    application_version: str | None = None
    configuration_hash: str | None = None
    bound_to: str | None = None
    is_offline: bool = False

    def inferred_start(self, at: datetime) -> StartEvent:
        """The start that nobody sent, at `at`."""
        return StartEvent(
            self.serial_number,
            self.process,
            self.operator_id,
            self.equipment_id,
            at,
            station=self.station,
            application_version=self.application_version,
            configuration_hash=self.configuration_hash,
            bound_to=self.bound_to,
            is_offline=self.is_offline,
        )


@dataclass(frozen=True, slots=True)
class Serving:
    """Who serves this request, and when; by how much a station's clock may be ahead of `now`."""

    release: str
    now: datetime
    clock_tolerance: timedelta = CLOCK_TOLERANCE

    def is_ahead(self, at: datetime) -> bool:
        """Whether the station that says `at` has a clock that is too far ahead to be measured by."""
        return at - self.now > self.clock_tolerance


@dataclass(frozen=True, slots=True)
class Report:
    """What a completion says of the attempt that it closes, beside the serial.

    The natural key decides: the serial, the process, the attempt that is open. `attempt_id` and `number`
    (the source's `work_order`) are optional, and must agree. `at` is the report's own time.
    """

    process: str
    digest: str
    at: datetime
    attempt_id: int | None = None
    number: int | None = None

    @classmethod
    def of(cls, event: CompletionEvent) -> "Report":
        """What `event` says of its attempt."""
        return cls(event.process, event.digest, event.at, event.process_data_id, event.attempt)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a serial at a process, numbered from 1.

    `violation` is the refusal that it would have met, had it not been made offline. `clock_ahead` says that
    its times cannot be measured by.
    """

    id: int
    process: str
    number: int
    status: AttemptStatus
    started_at: datetime
    equipment_id: str | None = None
    completed_at: datetime | None = None
    digest: str | None = None
    violation: str | None = None
    clock_ahead: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision may look at. Nothing in it is asked from anywhere else.

    `route` is the codes of the product's processes in their order, `optional` those that may be left out,
    `accepted` those whose failed part quality lets go on as it is, `granted` those that quality lets repeat
    past the limits. `held` gives the reason for which nothing
    starts at a process, `missing` the required components that are not in the serial. Without a `workplace`
    nothing is asked of who and what works.
    """

    lot: LotStatus
    serial: SerialStatus
    held_from: SerialStatus | None
    route: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    reworks: int
    optional: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()
    granted: frozenset[str] = frozenset()
    held: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    workplace: Workplace | None = None


@dataclass(frozen=True, slots=True)
class Validation:
    """A start, asked in parts, as IPC-2591 CFX does (ValidateUnits); a part that passes is None.

    `status`: serial and lot are in no state that forbids it. `route`: it is the process's turn. `trace`:
    what earlier processes had to record is there. `station`: operator, equipment and recipe fit.
    """

    status: Refuse | None
    route: Refuse | None
    trace: Refuse | None
    station: Refuse | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where work is done: each part that is named must fit; none is the whole plant."""

    process: str | None = None
    station: str | None = None
    equipment: str | None = None


@dataclass(frozen=True, slots=True)
class OpenSerial:
    """A serial that somebody works on."""

    serial_number: str
    lot_number: str
    process_code: str
    attempt: int
    station: str | None
    equipment_id: str | None
    started_at: datetime


@dataclass(frozen=True, slots=True)
class OpenWork:
    """What is open at a place: serials, the lots that they are of, and the oldest of them."""

    serials: int
    lots: int
    oldest: tuple[OpenSerial, ...]

    def words(self) -> Words:
        """One sentence for whoever wants to restart the place."""
        if not self.oldest:
            return Words("No serial is open here", "여기에 진행 중인 시리얼이 없습니다")
        first = self.oldest[0]
        return Words(
            f"{self.serials} in work, the oldest {first.serial_number} at {first.process_code}",
            f"작업 중 {self.serials}개, 가장 오래된 것은 {first.process_code}의 {first.serial_number}",
        )


@dataclass(frozen=True, slots=True)
class Begin:
    """Open attempt `number`."""

    number: int


@dataclass(frozen=True, slots=True)
class Close:
    """Close this open attempt."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class BeginAndClose:
    """There was no start: infer it, flag it, and close attempt `number`."""

    number: int


@dataclass(frozen=True, slots=True)
class Same:
    """This content has closed this attempt before: answer, and write nothing."""

    attempt: Attempt


StartDecision = Begin | Refuse
CompletionDecision = Close | BeginAndClose | Same | Refuse


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a closed attempt makes of its serial. `at_process` is where it belongs next; None when done."""

    serial: SerialStatus
    at_process: str | None
    opens_rework: bool
