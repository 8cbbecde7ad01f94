"""What the gateway should do and what it does. Values only; `render.py` turns them into Envoy's words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.units.desired import NO_ROUTING, Routing

LOOPBACK = ("127.0.0.0/8", "::1/128")

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
class Limit:
    """How many requests one client address may make: `requests` at once, and as many in each `per`."""

    requests: int = 100
    per: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Outliers:
    """When an instance of the stable release gets a rest: after `failures` answers in a row that were 502,
    503, 504 or none, for `rest` (longer each time), and never more than `most` of them (0 to 1) at once."""

    failures: int = 5
    rest: timedelta = timedelta(seconds=30)
    most: float = 0.5


@dataclass(frozen=True, slots=True)
class Tls:
    """The listener speaks TLS. redirect_port: where requests without it are told the way; None: nowhere."""

    redirect_port: int | None = None


@dataclass(frozen=True, slots=True)
class Features:
    """What the gateway does with requests beside bringing them to a release.

    timeouts: of paths that begin so; the longest beginning counts, and the route's own for all others.
    cached: beginnings of paths whose good answers browsers may keep for `cached_for`. compress_above: bytes.
    allow_origins: sites whose pages may call. preview_from: networks that may preview.
    mirrors_writes: also mirror requests that are not GET, HEAD or OPTIONS.
    """

    timeouts: tuple[tuple[str, timedelta], ...] = ()
    retries: int = 2
    limit: Limit | None = None
    outliers: Outliers | None = None
    compress_above: int | None = None
    has_security_headers: bool = True
    allow_origins: tuple[str, ...] = ()
    cached: tuple[str, ...] = ()
    cached_for: timedelta = timedelta(days=30)
    preview_from: tuple[str, ...] = LOOPBACK
    mirrors_writes: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One unit of one environment behind one listening port.

    `revision` is the revision of the desired state that this was made from; it comes back as
    acknowledged once Envoy serves it. `sticky`: a session keeps its release by a cookie. `routing`: what
    the release on trial gets beside its weight; nothing where none has an endpoint.
    """

    unit: UnitName
    environment: EnvironmentName
    revision: int
    host: str
    port: int
    backends: tuple[Backend, ...]
    sticky: bool = False
    timeout: timedelta = timedelta(seconds=60)
    routing: Routing = NO_ROUTING
    features: Features = Features()
    tls: Tls | None = None


class Beside(StrEnum):
    """What a release gets beside its weight."""

    MATCHED = "matched"
    MIRRORED = "mirrored"
    PREVIEWED = "previewed"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What Envoy has confirmed to serve for one unit: the revision, the weights in force, and what the
    release on trial gets beside them."""

    unit: UnitName
    environment: EnvironmentName
    revision: int
    weights: dict[Version, int]
    at: datetime
    beside: frozenset[Beside] = frozenset()


@dataclass(frozen=True, slots=True)
class Count:
    """Finished requests and those of them that failed."""

    requests: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class ReleaseTraffic:
    """Cumulative counts of one release since Envoy's epoch.

    requests: finished requests that were meant for this release, probes and retries not counted.
    errors: those that ended 5xx, were reset or could not be delivered to it (also when the retry on the
    stable release saved them). active: requests in flight. latency_ms: (upper edge in ms, cumulative
    count) pairs, the last edge is inf. aside: what came by match, mirror or preview; it is in none of
    requests, errors and latency_ms, because nobody drew it.
    """

    requests: int
    errors: int
    active: int
    latency_ms: tuple[tuple[float, int], ...]
    aside: Mapping[Beside, Count] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Traffic:
    """One scrape: an epoch (changes when Envoy restarted and counts from 0) and counts per release."""

    epoch: str
    at: datetime
    releases: dict[tuple[UnitName, EnvironmentName, Version], ReleaseTraffic]
