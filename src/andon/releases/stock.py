"""What a registry holds: by unit, what was revoked, and how it is looked after. Values only, and counting."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from andon.kernel.errors import AndonError
from andon.releases.ceremony.status import Standing
from andon.releases.garbage.model import COLLECTED_FILE, Collected, Rules
from andon.releases.mirroring.model import TargetFile, total_bytes
from andon_wire.verify import RELEASE_FILE, REVOKED_FILE

_NO_ARTIFACTS = frozenset({RELEASE_FILE, REVOKED_FILE, COLLECTED_FILE})


@dataclass(frozen=True, slots=True)
class UnitStock:
    """What is signed of a unit. revoked: how many of its releases; collected: versions that were taken out.

    size_bytes: of all its files, artifacts and what tells of them.
    """

    unit: str
    releases: int
    revoked: int
    collected: int
    artifacts: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Revocation:
    """A release that may not be installed any more. What its notice does not say is empty, or None."""

    unit: str
    version: str
    reason: str
    by: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Strays:
    """Files that nothing names any more, and their bytes; they go once their grace is over."""

    files: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """A registry at one moment. standing: None where nothing was brought yet to a home that follows another.

    trial: what a collection would do; None where it would do nothing at all, because of `refusal`.
    is_automatic: the home collects once a day by itself.
    """

    at: datetime
    units: tuple[UnitStock, ...]
    revoked: tuple[Revocation, ...]
    strays: Strays
    standing: Standing | None
    is_following: bool
    rules: Rules
    is_automatic: bool
    trial: Collected | None
    refusal: AndonError | None = None


def stock(files: Iterable[TargetFile]) -> tuple[UnitStock, ...]:
    """The signed files, counted for each unit, by name."""
    by_unit: dict[str, list[TargetFile]] = {}
    for each in files:
        by_unit.setdefault(each.unit, []).append(each)
    return tuple(_counted(unit, by_unit[unit]) for unit in sorted(by_unit))


def _counted(unit: str, files: Sequence[TargetFile]) -> UnitStock:
    named = [each.name for each in files]
    return UnitStock(
        unit,
        releases=named.count(RELEASE_FILE),
        revoked=named.count(REVOKED_FILE),
        collected=named.count(COLLECTED_FILE),
        artifacts=sum(each not in _NO_ARTIFACTS for each in named),
        size_bytes=total_bytes(files),
    )
