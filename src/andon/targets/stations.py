"""How the stations of a fleet stand with a rollout's candidate, counted. Facts, frozen; no rule lives here.

To a decision a thousand stations are no thousand instances: it needs how many were asked, and what came
of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from andon.kernel.ids import Version


@dataclass(frozen=True, slots=True)
class Heads:
    """Stations that were asked to run the candidate, each in one of these.

    confirmed: it runs and was seen healthy. failed: it was taken back, could not be installed as often as is
    tried, or needs a person. lost: it began to switch, and was not heard of since. silent: it was not heard
    of for so long that it counts as switched off, and had not begun. under_way: all others.
    """

    asked: int = 0
    confirmed: int = 0
    failed: int = 0
    lost: int = 0
    silent: int = 0

    @property
    def under_way(self) -> int:
        """Those of which an answer is still to come."""
        return self.asked - self.confirmed - self.failed - self.lost - self.silent

    @property
    def reachable(self) -> int:
        """Those that a wave waits for. One that went silent while it switched is waited for."""
        return self.asked - self.silent


NO_HEADS = Heads()


@dataclass(frozen=True, slots=True)
class FleetSeen:
    """The stations of an environment at one moment, with regard to a rollout's candidate.

    stations: that may get a release. pinned: beside them. everybody: of all that were asked so far; wave: of
    those that were asked last. answering: of the confirmed ones, those that were heard of lately. remaining:
    those that were heard of lately and still have to do with the candidate, by running it or on their way to
    or from it; remaining_silent: the same of the others. detail: the first station that failed, and why.
    """

    stations: int = 0
    pinned: int = 0
    everybody: Heads = NO_HEADS
    wave: Heads = NO_HEADS
    answering: int = 0
    remaining: int = 0
    remaining_silent: int = 0
    detail: str = ""


NO_FLEET = FleetSeen()


@dataclass(frozen=True, slots=True)
class Told:
    """What all stations were told: the revision of the desired state, and the shares that came of it."""

    revision: int
    shares: Mapping[Version, float]


@dataclass(frozen=True, slots=True)
class Errand:
    """What a target of stations must know beside the desired state.

    rollout: that is under way there, empty where none is. halted: why nobody begins anything now. attempts:
    by version, how many rollouts of it there were before.
    """

    rollout: str = ""
    halted: str = ""
    attempts: Mapping[Version, int] = field(default_factory=dict)
