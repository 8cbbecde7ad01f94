"""What happens in the demonstrated plant, each at its time. A serial is (lot, place), both from 0."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from andon_mes.calls.model import CallAction, CallKind
from andon_mes.equipment.model import ResourceState
from andon_mes.lots.model import LotAction, Priority


@dataclass(frozen=True, slots=True)
class MakeLot:
    """A lot with all its serials is made."""

    at: datetime
    lot: int
    quantity: int
    priority: Priority
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeLot:
    """A person does something with a lot."""

    at: datetime
    lot: int
    action: LotAction
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """Where and by whom a serial is worked on."""

    lot: int
    place: int
    process: str
    operator: str
    equipment: str


@dataclass(frozen=True, slots=True)
class StartWork:
    """A station starts an attempt."""

    at: datetime
    work: Work


@dataclass(frozen=True, slots=True)
class EndWork:
    """A station completes the attempt; `defect` is its fail's code. `scans` are (component, kind, number)."""

    at: datetime
    work: Work
    data: Mapping[str, Any]
    defect: str | None = None
    scans: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Contradict:
    """A vendor's file reports the attempt once more, and differently."""

    at: datetime
    work: Work


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine says which state it is in."""

    at: datetime
    equipment: str
    state: ResourceState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Find:
    """A person finds a defect; `is_held`: the serial is kept from going on."""

    at: datetime
    lot: int
    place: int
    process: str
    defect: str
    description: str


@dataclass(frozen=True, slots=True)
class ScrapHeld:
    """Quality gives up a serial that failed too often."""

    at: datetime
    lot: int
    place: int


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody calls for help; `number` names the call in what is done with it."""

    at: datetime
    number: int
    kind: CallKind
    process: str
    equipment: str | None
    message: str


@dataclass(frozen=True, slots=True)
class AnswerCall:
    """Somebody comes, or it is over."""

    at: datetime
    number: int
    action: CallAction
    by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PrintLabel:
    """The label of a serial is printed; again with a reason."""

    at: datetime
    lot: int
    place: int
    reason: str | None = None


Event = (
    MakeLot
    | ChangeLot
    | StartWork
    | EndWork
    | Contradict
    | Machine
    | Find
    | ScrapHeld
    | Call
    | AnswerCall
    | PrintLabel
)


@dataclass(frozen=True, slots=True)
class Station:
    """A machine of the demonstrated plant, and who may work at it."""

    code: str
    process: str
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A process of the route: its standard time in seconds, its defect codes, what is measured and scanned.

    A measurement is (name, mean, deviation, lower, upper); a component is (name, "LOT" or "SERIAL").
    """

    process: str
    seconds: float
    defects: tuple[str, ...]
    measured: tuple[tuple[str, float, float, float, float], ...] = ()
    components: tuple[tuple[str, str], ...] = ()
    fails: float = 0.02
    fixed: Mapping[str, Any] = field(default_factory=dict)
