"""What production says of a release, and of a station's application, per process. Pure."""

from dataclasses import dataclass, field

BUCKETS = (15.0, 30.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 600.0, 1200.0)
"""Upper bounds of the cycle-time histogram in seconds; one more bucket takes what is longer."""


@dataclass(slots=True)
class Tally:
    """Cumulative counts of one release at one process.

    First pass counts attempt 1 only (docs/design/mes.md, rule 4).
    """

    first_passed: int = 0
    first_failed: int = 0
    cycle_seconds: float = 0.0
    cycles: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are alike: how many, and how long together. `bucket` is None without a cycle time.

    application: version of the application at the station, as its start said; None where it said none.
    """

    release: str
    process: str
    is_first: bool
    is_pass: bool
    bucket: int | None
    count: int
    seconds: float
    application: str | None = None


Totals = dict[tuple[str, str], Tally]
"""By release and process. What is not here is unknown, which is not 0."""


@dataclass(frozen=True, slots=True)
class Production:
    """The same completions twice: by the release of the MES that served them, and by the version of the
    application at the station, as far as stations say it."""

    releases: Totals = field(default_factory=dict)
    applications: Totals = field(default_factory=dict)


def add(production: Production, group: Group) -> None:
    """Count `group` in."""
    _count(production.releases.setdefault((group.release, group.process), Tally()), group)
    if group.application:
        _count(production.applications.setdefault((group.application, group.process), Tally()), group)


def _count(tally: Tally, group: Group) -> None:
    if group.is_first and group.is_pass:
        tally.first_passed += group.count
    elif group.is_first:
        tally.first_failed += group.count
    if group.bucket is not None:
        tally.cycles[group.bucket] += group.count
        tally.cycle_seconds += group.seconds
