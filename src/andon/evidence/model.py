"""Evidence: cumulative counts per release, as a source saw them at one moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from andon.kernel.ids import Version

ONE_SERIES = "unit"  # the epoch of a source that counts from what never begins anew, such as a database


@dataclass(frozen=True, slots=True)
class Tally:
    """Cumulative exposure and bad events of one release in one metric; never ratios.

    buckets: of a metric that measures, how many of the exposure lay up to each edge of the reading and above
    the edge before; they sum to the exposure, and `bad` is 0. Empty for a metric that counts.
    """

    exposure: int
    bad: int
    buckets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What one source said of one metric at `at`.

    `tallies` are cumulative since some beginning of the source's own; a decrease, or another `epoch`, means
    that the source began anew (see increments.py); in the epoch ONE_SERIES a decrease is an older view.
    `problem` is a sentence when the source did not answer; then `tallies` is empty. Silence is not zero.
    `edges`: of a metric that measures, the upper edges of its tallies' buckets, rising; the last is infinite.
    """

    metric: str
    at: datetime
    tallies: Mapping[Version, Tally]
    problem: str = ""
    epoch: str = ""
    edges: tuple[float, ...] = ()


def measured(buckets: Iterable[int]) -> Tally:
    """The tally of a metric that measures."""
    counted = tuple(buckets)
    return Tally(sum(counted), 0, counted)
