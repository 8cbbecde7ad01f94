"""What may befall a simulated plant: how releases behave, and what goes wrong around them, and when.

Times are seconds since the plant began, by a clock that nobody steps.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from andon.targets.model import InstanceState

Window = tuple[float, float]  # from, and until
NEVER = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a release behaves.

    error_rate: of its requests. starts_in: time to ready. breaks_after: age at which an instance goes into
    `breaks_to`; None: never. recovers_after: time until it is ready again; None: never.
    """

    error_rate: float = 0.01
    starts_in: timedelta = timedelta(seconds=3)
    breaks_after: timedelta | None = None
    breaks_to: InstanceState = InstanceState.CRASH_LOOP
    recovers_after: timedelta | None = None


class Lie(StrEnum):
    """How a target says what is not so."""

    READY = "ready"  # of every instance, whatever it is
    FORGETS = "forgets"  # that there are any instances
    REPEATS = "repeats"  # each instance, as if there were two
    STALE = "stale"  # it shows what it saw when the lie began


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to everything.

    gateway_outage: it takes up nothing and does not answer. gateway_refuses: it answers, but takes up
    nothing. gateway_restarts: when it counts from 0 again. outage: the evidence source does not answer.
    late: chance that a turn shows the counts of the turn before. split: what of its share the candidate gets.
    drain: how long requests in flight take to end. stable_ill: its instances answer no check.
    """

    requests_per_second: int = 200
    gateway_delay: timedelta = timedelta(seconds=1)
    gateway_outage: Window = (0.0, 0.0)
    gateway_refuses: Window = (0.0, 0.0)
    gateway_restarts: tuple[float, ...] = ()
    outage: Window = (0.0, 0.0)
    late: float = 0.0
    split: float = 1.0
    drain: timedelta = timedelta(seconds=2)
    stable_ill: Window = (0.0, 0.0)
    lies: tuple[tuple[Lie, Window], ...] = ()

    def edges(self) -> list[float]:
        """When something begins or ends."""
        windows = [self.gateway_outage, self.gateway_refuses, self.outage, self.stable_ill]
        windows += [window for _, window in self.lies]
        return sorted({*(edge for window in windows for edge in window), *self.gateway_restarts})
