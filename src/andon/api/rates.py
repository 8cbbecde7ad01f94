"""Rates of the last moments from the gateway's cumulative counts. Pure but for `Window`, which remembers."""

import math
from collections import deque
from collections.abc import Iterable
from datetime import timedelta

from andon.api.model import Rates
from andon.gateway.model import ReleaseTraffic, Traffic
from andon.kernel.ids import EnvironmentName, UnitName, Version

Key = tuple[UnitName, EnvironmentName, Version]
UNKNOWN = Rates(window_s=0, requests_per_s=None, error_rate=None, p95_ms=None)
_NOTHING = ReleaseTraffic(requests=0, errors=0, active=0, latency_ms=())


class Window:
    """The gateway's counts of the last `length`, one sample each `spacing`; an Envoy restart begins anew."""

    def __init__(
        self, *, length: timedelta = timedelta(seconds=30), spacing: timedelta = timedelta(seconds=1)
    ) -> None:
        self._length = length
        self._spacing = spacing
        self._samples: deque[Traffic] = deque()

    def add(self, traffic: Traffic) -> None:
        """Remember a scrape; one that is the same as the last is ignored."""
        samples = self._samples
        if samples and samples[-1].epoch != traffic.epoch:
            samples.clear()
        if len(samples) >= 2 and traffic.at - samples[-2].at < self._spacing:
            samples[-1] = traffic
        elif not samples or traffic.at > samples[-1].at:
            samples.append(traffic)
        while len(samples) > 2 and traffic.at - samples[1].at >= self._length:
            samples.popleft()

    def rates(self, keys: Iterable[Key]) -> Rates:
        """Rates of these releases together; unknown before the second sample."""
        if len(self._samples) < 2:
            return UNKNOWN
        first, last = self._samples[0], self._samples[-1]
        wanted = [key for key in keys if key in last.releases]
        if not wanted:
            return UNKNOWN
        pairs = [(first.releases.get(key, _NOTHING), last.releases[key]) for key in wanted]
        return between(pairs, (last.at - first.at).total_seconds())


def between(pairs: list[tuple[ReleaseTraffic, ReleaseTraffic]], seconds: float) -> Rates:
    """Rates of all `pairs` of cumulative counts (before, after) together."""
    requests = sum(after.requests - before.requests for before, after in pairs)
    errors = sum(after.errors - before.errors for before, after in pairs)
    return Rates(
        window_s=round(seconds, 1),
        requests_per_s=round(requests / seconds, 2) if seconds > 0 else None,
        error_rate=errors / requests if requests > 0 else None,
        p95_ms=quantile(0.95, pairs),
    )


def quantile(share: float, pairs: list[tuple[ReleaseTraffic, ReleaseTraffic]]) -> float | None:
    """Latency below which `share` of the requests lay, in ms; linear within its bucket, None without any."""
    counts: dict[float, int] = {}
    for before, after in pairs:
        earlier = dict(before.latency_ms)
        for edge, count in after.latency_ms:
            counts[edge] = counts.get(edge, 0) + count - earlier.get(edge, 0)
    edges = sorted(counts)
    total = counts[edges[-1]] if edges else 0
    if total <= 0:
        return None
    target, low, below = share * total, 0.0, 0
    for edge in edges:
        if counts[edge] >= target:
            if math.isinf(edge):
                return low
            inside = counts[edge] - below
            return round(low + (edge - low) * (target - below) / inside, 1) if inside else edge
        low, below = edge, counts[edge]
    return low
