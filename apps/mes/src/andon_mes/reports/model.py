"""The figures of production, by their ISO 22400-2 names. Pure.

Every figure is counted from rows; one of nothing is None, never 0. Shares are from 0 to 1 here and leave as
percent (`percent`). First-pass yield counts attempt 1 only (docs/design/mes.md, rule 4).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class Counts:
    """Completed attempts that are alike: how many, and their cycle times in seconds.

    `timed` of the `count` have a cycle time: of one that nobody measured, it is unknown.
    """

    process: str
    product_model: str
    is_first: bool
    is_pass: bool
    count: int
    timed: int = 0
    seconds: float = 0.0
    shortest: float | None = None
    longest: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Completed attempts of one kind, added up."""

    processed: int = 0
    passed: int = 0
    first: int = 0
    first_passed: int = 0
    timed: int = 0
    seconds: float = 0.0
    shortest: float | None = None
    longest: float | None = None

    @property
    def failed(self) -> int:
        """Attempts that did not pass."""
        return self.processed - self.passed

    @property
    def first_pass_yield(self) -> float | None:
        """ISO 22400-2 first pass yield: passed at attempt 1 of all that had one."""
        return share(self.first_passed, self.first)

    @property
    def rework_ratio(self) -> float | None:
        """ISO 22400-2 rework ratio: attempts that repeat the process, of all attempts."""
        return share(self.processed - self.first, self.processed)

    @property
    def average(self) -> float | None:
        """Mean cycle time in seconds of those whose cycle time is known."""
        return share(self.seconds, self.timed)


@dataclass(frozen=True, slots=True)
class Step:
    """One process of a route. An optional one that nobody went through does not count."""

    process: str
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Quantities:
    """Serials of some lots: what was to be, is there, is finished; defective or scrapped and not finished."""

    target: int = 0
    generated: int = 0
    actual: int = 0
    defect: int = 0
    scrapped: int = 0

    @property
    def completion_rate(self) -> float | None:
        """Finished serials of those that were to be."""
        return share(self.actual, self.target)

    @property
    def defect_rate(self) -> float | None:
        """Defective serials of those whose outcome is known."""
        return share(self.defect, self.actual + self.defect)

    @property
    def scrap_ratio(self) -> float | None:
        """ISO 22400-2 scrap ratio: scrapped serials of those that are finished or scrapped."""
        return share(self.scrapped, self.actual + self.scrapped)


def share(part: float, whole: float) -> float | None:
    """`part` of `whole`; None of nothing."""
    return part / whole if whole else None


def percent(value: float | None) -> float | None:
    """A share in percent, two decimals, as it leaves the MES."""
    return None if value is None else round(100 * value, 2)


def tally(counts: Iterable[Counts]) -> Tally:
    """`counts` added up."""
    known = list(counts)
    shortest = [each.shortest for each in known if each.shortest is not None]
    longest = [each.longest for each in known if each.longest is not None]
    return Tally(
        processed=sum(each.count for each in known),
        passed=sum(each.count for each in known if each.is_pass),
        first=sum(each.count for each in known if each.is_first),
        first_passed=sum(each.count for each in known if each.is_first and each.is_pass),
        timed=sum(each.timed for each in known),
        seconds=sum(each.seconds for each in known),
        shortest=min(shortest, default=None),
        longest=max(longest, default=None),
    )


def rolled_throughput_yield(route: Sequence[Step], tallies: Mapping[str, Tally]) -> float | None:
    """The share of serials that go through all of `route` without a rework: the product of its yields.

    None while one of its processes is unknown: a route is not better for a process that nobody measured.
    """
    yields = [
        tallies.get(step.process, Tally()).first_pass_yield
        for step in route
        if not step.is_optional or tallies.get(step.process, Tally()).first
    ]
    known = [each for each in yields if each is not None]
    return prod(known) if yields and len(known) == len(yields) else None


def route_of(document: Sequence[Mapping[str, object]] | None, default: Sequence[str]) -> tuple[Step, ...]:
    """A product model's route as it is configured; without one, every active process in its order."""
    if document is None:
        return tuple(map(Step, default))
    return tuple(Step(str(each["process"]), bool(each.get("optional"))) for each in document)


def takt(planned_seconds: float, demand: int) -> float | None:
    """ISO 22400-2 takt time: planned time for each serial that is to be made, in seconds."""
    return share(planned_seconds, demand)


def per_hour(count: int, elapsed_seconds: float) -> float | None:
    """ISO 22400-2 throughput rate: how many in an hour; None while no time has passed."""
    return share(count * 3600, elapsed_seconds)
