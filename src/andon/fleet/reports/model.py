"""What is counted of stations, and what one report changes. Facts, frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from andon.fleet.model import Seen
from andon.kernel.ids import EnvironmentName, StationName, UnitName, Version
from andon.timeline.records import Event
from andon_wire.protocol import Machine, Sample

TallyKey = tuple[UnitName, EnvironmentName, Version]


@dataclass(frozen=True, slots=True)
class Tally:
    """What happened to one release in one environment, over all stations, since it was first seen there.

    It only rises. installs_ok: switches that were confirmed; installs_failed: those that were taken back or
    given up; run_s: seconds that it was reported to run.
    """

    installs_ok: int = 0
    installs_failed: int = 0
    returns: int = 0
    starts: int = 0
    crashes: int = 0
    refusals: int = 0
    run_s: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        names = type(self).__slots__
        return Tally(*(getattr(self, each) + getattr(other, each) for each in names))


NO_TALLY = Tally()


@dataclass(frozen=True, slots=True)
class Taken:
    """What one report changes here. told: events for the timeline."""

    station: StationName
    seen: Seen
    machine: Machine | None = None
    samples: Sequence[Sample] = ()
    tallies: Mapping[TallyKey, Tally] = field(default_factory=dict)
    told: Sequence[Event] = ()
