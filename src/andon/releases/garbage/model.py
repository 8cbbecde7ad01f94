"""What is needed of a registry, and what may go. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from andon.kernel.ids import UnitName, Version
from andon.releases.mirroring.model import TargetFile

COLLECTED_FILE = "collected.json"  # stands for a release that was collected, so that its version stays taken


@dataclass(frozen=True, slots=True)
class Use:
    """Somebody needs a release. why: the rest of a sentence about it, such as "runs on station press-3"."""

    unit: UnitName
    version: Version
    why: str

    @property
    def release(self) -> str:
        """`mes@1.1.0`."""
        return f"{self.unit}@{self.version}"


class InUse(Protocol):
    """Knows some of what is needed. It is asked anew each time."""

    async def in_use(self) -> Sequence[Use]:
        """All of it. Whatever this raises, nothing is collected then."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """keep: the newest releases of each unit that stay whoever needs them. grace: how long a release is left
    alone after it was made, and a file after nothing names it any more."""

    keep: int = 20
    grace: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A signed release, as the plan looks at it."""

    unit: str
    version: str
    created_at: datetime
    files: tuple[TargetFile, ...]

    @property
    def id(self) -> str:
        """`mes@1.1.0`."""
        return f"{self.unit}@{self.version}"


@dataclass(frozen=True, slots=True)
class Plan:
    """kept: why each release stays. deltas: of releases that stay, from ones that nobody has any more."""

    kept: Mapping[str, str]
    releases: tuple[Candidate, ...]
    deltas: tuple[TargetFile, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing may go."""
        return not (self.releases or self.deltas)


@dataclass(frozen=True, slots=True)
class Collected:
    """What a run did, or would do. removed: files whose grace was over; waiting: those whose is not."""

    kept: Mapping[str, str]
    releases: tuple[str, ...]
    deltas: tuple[str, ...]
    freed_bytes: int  # by what left the metadata, once its grace is over
    removed: int
    removed_bytes: int
    waiting: int
    is_pending: bool = False  # the holders of offline keys must sign it first
