"""One thing that happened: who, what, to what, why. Immutable once written. And the seals over many."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much it wants a person. `ALERT` stands on the floor page until it is seen to."""

    INFO = "info"
    WARNING = "warning"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Event:
    """What a writer says happened; the store adds number and time.

    kind: a constant such as `rollout.share`; subject: what it happened to, such as `rollout/ro-...`,
    `unit/mes`, `release/mes@1.1.0`. actor: a person's name, or the part of Andon that decided.
    before, after: the change as JSON values. role: the right that the actor used, as `approver@production`;
    source: the address that the request came from; correlation: what ties records of one request together.
    Where these three are empty, the writer fills in those of the request in hand (`origin.py`).
    """

    kind: str
    subject: str
    actor: str
    reason: str
    unit: str = ""
    environment: str = ""
    severity: Severity = Severity.INFO
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    correlation: str = ""
    role: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """An event with its place on the timeline.

    number: 1 for the first, without gaps, in the order of commit. hash: 64 hexadecimal digits that bind the
    record and all before it (`chain.py`); empty where the record was not read from a database.
    """

    number: int
    at: datetime
    event: Event
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint as the database keeps it.

    size: it covers records 1 to `size`. root: the Merkle root over their hashes. note: a C2SP checkpoint with
    the log's signatures and, where it was read for showing, the witnesses' cosignatures.
    """

    size: int
    root: bytes
    note: str
    at: datetime
