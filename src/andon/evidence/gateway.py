"""Evidence from the gateway: requests as exposure, failed ones as bad events, and their latencies.

What is not here: reading Envoy (gateway/stats.py); the composition root brings its counts.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from andon.evidence.model import Reading, Tally
from andon.kernel.clock import Clock
from andon.kernel.errors import Unavailable
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.units.evidence import Evidence


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """Cumulative requests of each release since `epoch` began, and how many of them failed.

    latencies: the same requests by how long they took, in buckets up to each of `edges`, in seconds.
    """

    at: datetime
    epoch: str
    tallies: Mapping[Version, Tally]
    latencies: Mapping[Version, Tally] = field(default_factory=dict)
    edges: tuple[float, ...] = ()


Counts = Callable[[UnitName, EnvironmentName], Awaitable[RequestCounts | None]]


class GatewayEvidence:
    """Reads the gateway's counts; `counts` gives None before the first."""

    def __init__(self, counts: Counts, clock: Clock) -> None:
        self._counts = counts
        self._clock = clock

    async def read(
        self, unit: UnitName, environment: EnvironmentName, metric: str, wanted: Evidence
    ) -> Reading:
        """The counts at this moment; a problem and no zeros when the gateway does not answer."""
        try:
            counted = await self._counts(unit, environment)
        except Unavailable as error:
            return Reading(metric, self._clock.now(), {}, problem=error.message)
        if counted is None:
            return Reading(metric, self._clock.now(), {}, problem="the gateway was not read yet")
        if wanted.kind == "latency":
            return Reading(metric, counted.at, counted.latencies, epoch=counted.epoch, edges=counted.edges)
        return Reading(metric, counted.at, counted.tallies, epoch=counted.epoch)
