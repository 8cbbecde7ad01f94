"""What the gateway should do and what it does. Values only; `render.py` turns them into Envoy's words."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.kernel.ids import EnvironmentName, UnitName, Version

# Every edge is an edge of Envoy's own bins (two significant digits), so no count is split or guessed.
EDGES_MS: tuple[float, ...] = (
    *(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90),
    *(100, 120, 140, 160, 180, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 900),
    *(1000, 1200, 1400, 1600, 1800, 2000, 2500, 3000, 4000, 5000, 7000, 10000, 15000, 20000, 30000, 60000),
    float("inf"),
)
EDGES_S: tuple[float, ...] = tuple(each / 1000 for each in EDGES_MS)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one ready instance listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Envoy's own active check of each endpoint."""

    path: str = "/health"
    interval: timedelta = timedelta(seconds=1)
    timeout: timedelta = timedelta(seconds=2)
    unhealthy_after: int = 3
    healthy_after: int = 1


@dataclass(frozen=True, slots=True)
class Backend:
    """One release behind a route. `weight` is of 1000; a route's weights sum to 1000 or are all 0.

    `is_candidate`: the release on trial; requests that it cannot take (connection refused, reset before
    an answer) are retried on the stable one. `health`: what this release itself promises to answer.
    """

    version: Version
    weight: int
    endpoints: tuple[Endpoint, ...]
    is_candidate: bool = False
    health: HealthCheck = HealthCheck()


@dataclass(frozen=True, slots=True)
class Route:
    """One unit of one environment behind one listening port.

    `revision` is the revision of the desired state that this was made from; it comes back as
    acknowledged once Envoy serves it. `sticky`: a session keeps its release by a cookie.
    """

    unit: UnitName
    environment: EnvironmentName
    revision: int
    host: str
    port: int
    backends: tuple[Backend, ...]
    sticky: bool = False
    timeout: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What Envoy has confirmed to serve for one unit: the revision and the weights in force."""

    unit: UnitName
    environment: EnvironmentName
    revision: int
    weights: dict[Version, int]
    at: datetime


@dataclass(frozen=True, slots=True)
class ReleaseTraffic:
    """Cumulative counts of one release since Envoy's epoch.

    requests: finished requests that were meant for this release, probes and retries not counted.
    errors: those that ended 5xx, were reset or could not be delivered to it (also when the retry on the
    stable release saved them). active: requests in flight. latency_ms: (upper edge in ms, cumulative
    count) pairs, the last edge is inf.
    """

    requests: int
    errors: int
    active: int
    latency_ms: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True)
class Traffic:
    """One scrape: an epoch (changes when Envoy restarted and counts from 0) and counts per release."""

    epoch: str
    at: datetime
    releases: dict[tuple[UnitName, EnvironmentName, Version], ReleaseTraffic]
