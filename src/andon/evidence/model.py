"""Evidence: cumulative counts per release, as a source saw them at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from andon.kernel.ids import Version

ONE_SERIES = "unit"  # the epoch of a source that counts from what never begins anew, such as a database


@dataclass(frozen=True, slots=True)
class Tally:
    """Cumulative exposure and bad events of one release in one metric; never ratios."""

    exposure: int
    bad: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What one source said of one metric at `at`.

    `tallies` are cumulative since some beginning of the source's own; a decrease, or another `epoch`, means
    that the source began anew (see increments.py); in the epoch ONE_SERIES a decrease is an older view.
    `problem` is a sentence when the source did not answer; then `tallies` is empty. Silence is not zero.
    """

    metric: str
    at: datetime
    tallies: Mapping[Version, Tally]
    problem: str = ""
    epoch: str = ""
