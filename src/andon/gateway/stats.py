"""Envoy's statistics as counts per release: exact, cumulative since Envoy started.

What is counted where (`docs/design/gateway.md` has the table): a request belongs to the release it was
meant for. A candidate's requests are booked on its failover slot, whichever release answered, so what the
stable release saved is never counted as its own. Health checks and retries are not requests.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from andon.gateway.envoy import Envoy
from andon.gateway.model import EDGES_MS, Beside, Count, ReleaseTraffic, Traffic
from andon.gateway.names import ClusterName, Role, find_cluster
from andon.gateway.render import CUT
from andon.kernel.clock import Clock
from andon.kernel.errors import Unavailable
from andon.kernel.ids import EnvironmentName, UnitName, Version

Release = tuple[UnitName, EnvironmentName, Version]

_DRAWN = (Role.DRAWN, Role.SLOT)
_BESIDE = {
    Role.MATCHED: Beside.MATCHED,
    Role.MATCHED_SLOT: Beside.MATCHED,
    Role.MIRRORED: Beside.MIRRORED,
    Role.PREVIEWED: Beside.PREVIEWED,
}

_WANTED = (
    r"^(cluster\.[^.]+\.(upstream_rq_(completed|5xx|active|pending_active|retry_success|time|total"
    rf"|pending_failure_eject)|membership_healthy)|{re.escape(CUT)}\..*)$"
)
_CUT = re.compile(rf"{re.escape(CUT)}\.cluster\.(.+)")
_MERGE = timedelta(milliseconds=10)  # the first reading only starts the merge of the workers' histograms


@dataclass(slots=True)
class Numbers:
    """Statistics of one cluster by their short names; latency bins as (upper edge in ms, count)."""

    values: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    bins: list[tuple[float, int]] = field(default_factory=list)


class Scraper:
    """Reads the traffic of every release from the Envoy that runs."""

    def __init__(self, envoy: Envoy, clock: Clock) -> None:
        self._envoy = envoy
        self._clock = clock
        self._epoch = ""
        self._diverted: dict[ClusterName, int] = {}
        self._memory: dict[str, _Bins] = {}
        self._totals: dict[Release, Steady] = {}

    async def scrape(self) -> Traffic:
        """Counts per release at this moment. Costs two readings 10 ms apart.

        A release's counts never fall while this scraper lives and one of its clusters is there; they end
        when the last is removed. A later scraper does not know what removed clusters had counted: within
        one epoch take a decrease as a smaller baseline, not as a new beginning.

        Raises Unavailable when no Envoy answers, or when it was restarted meanwhile.
        """
        running = self._envoy.find_running()
        if running is None:
            raise Unavailable("gateway-down", "no Envoy runs", hint="andon doctor says why")
        first = numbers_of(await self._envoy.admin.detailed(_WANTED))
        await self._clock.sleep(_MERGE)
        second = numbers_of(await self._envoy.admin.detailed(_WANTED))
        if self._envoy.find_running() != running:
            raise Unavailable("gateway-restarted", "Envoy was restarted while it was read")
        if running.epoch != self._epoch:
            self._epoch, self._diverted, self._memory, self._totals = running.epoch, {}, {}, {}
        self._note_diverted(first, second)
        self._memory = {name: carry(self._memory.get(name), each) for name, each in second.items()}
        for name, each in second.items():
            each.bins = self._memory[name].all
        seen = traffic_of(second, self._diverted)
        self._totals = {
            release: steady(self._totals.get(release), counted) for release, counted in seen.items()
        }
        counts = {release: each.total for release, each in self._totals.items()}
        return Traffic(running.epoch, self._clock.now(), counts)

    def _note_diverted(self, first: Mapping[str, Numbers], second: Mapping[str, Numbers]) -> None:
        now = diverted(first, second)
        # It never falls while the slot is there: requests in flight make the estimate too small.
        self._diverted = {slot: max(count, self._diverted.get(slot, 0)) for slot, count in now.items()}


@dataclass(frozen=True, slots=True)
class _Bins:
    """Latency bins of one cluster: of its earlier definitions, and of the one that counts now."""

    requests: int
    earlier: list[tuple[float, int]]
    current: list[tuple[float, int]]

    @property
    def all(self) -> list[tuple[float, int]]:
        return self.earlier + self.current


def carry(last: _Bins | None, seen: Numbers) -> _Bins:
    """Bins that go on when a cluster gets other endpoints: Envoy then keeps its counters but begins its
    histogram anew. What came between the last reading and the change is lost from the bins only."""
    requests = seen.values["upstream_rq_completed"]
    if last is None or requests < last.requests:
        return _Bins(requests, [], seen.bins)
    restarted = sum(count for _, count in seen.bins) < sum(count for _, count in last.current)
    earlier = _merged(last.all) if restarted else last.earlier
    return _Bins(requests, earlier, seen.bins)


@dataclass(frozen=True, slots=True)
class Steady:
    """Counts of a release, and the part of them that clusters had counted which were removed since."""

    total: ReleaseTraffic
    removed: ReleaseTraffic | None = None


def steady(last: Steady | None, seen: ReleaseTraffic) -> Steady:
    """Counts that do not fall when one of a release's clusters goes, as its slot does at promotion.

    What came between the last reading and the removal is lost.
    """
    if last is None:
        return Steady(seen)
    total = _plus(seen, last.removed)
    if total.requests >= last.total.requests and total.errors >= last.total.errors:
        return Steady(total, last.removed)
    removed = _minus(last.total, seen)
    return Steady(_plus(seen, removed), removed)


def _plus(one: ReleaseTraffic, other: ReleaseTraffic | None) -> ReleaseTraffic:
    if other is None:
        return one
    latency = tuple(
        (edge, count + more)
        for (edge, count), (_, more) in zip(one.latency_ms, other.latency_ms, strict=True)
    )
    requests, errors = one.requests + other.requests, one.errors + other.errors
    return ReleaseTraffic(requests, errors, one.active, latency, one.aside)


def _minus(one: ReleaseTraffic, other: ReleaseTraffic) -> ReleaseTraffic:
    latency = tuple(
        (edge, max(0, count - less))
        for (edge, count), (_, less) in zip(one.latency_ms, other.latency_ms, strict=True)
    )
    return ReleaseTraffic(
        max(0, one.requests - other.requests), max(0, one.errors - other.errors), 0, latency
    )


def _merged(bins: Iterable[tuple[float, int]]) -> list[tuple[float, int]]:
    counts: dict[float, int] = defaultdict(int)
    for upper, count in bins:
        counts[upper] += count
    return sorted(counts.items())


def numbers_of(listed: Iterable[Mapping[str, Any]]) -> dict[str, Numbers]:
    """Envoy's JSON by cluster name."""
    found: dict[str, Numbers] = defaultdict(Numbers)
    for each in listed:
        if "histograms" in each:
            for histogram in each["histograms"].get("details", []):
                found[histogram["name"].split(".")[1]].bins += [
                    (bin_["lower_bound"] + bin_["width"], bin_["count"]) for bin_ in histogram["totals"]
                ]
        elif cut := _CUT.match(each["name"]):
            found[cut[1]].values["cut"] = int(each["value"])
        else:
            _, cluster, name = each["name"].split(".", 2)
            found[cluster].values[name] = int(each["value"])
    return dict(found)


def traffic_of(
    found: Mapping[str, Numbers], lost: Mapping[ClusterName, int]
) -> dict[Release, ReleaseTraffic]:
    """Counts per release; `lost`: requests of a slot that never reached their candidate, because it was
    unhealthy."""
    grouped: dict[Release, list[tuple[ClusterName, Numbers]]] = defaultdict(list)
    for name, numbers in found.items():
        cluster = find_cluster(name)
        if cluster is not None:
            grouped[_release(cluster)].append((cluster, numbers))
    return {release: _release_traffic(parts, lost) for release, parts in grouped.items()}


def diverted(first: Mapping[str, Numbers], second: Mapping[str, Numbers]) -> dict[ClusterName, int]:
    """Requests, by slot, that Envoy gave to the stable release at once, because the candidate was unhealthy.

    They leave no error behind: they are those that finished on the slot and never began on the candidate.
    The end is read before the beginning, so that a request between two readings is not taken for one.
    """
    made = {}
    for name, slot in first.items():
        cluster = find_cluster(name)
        if cluster is None or not cluster.is_slot:
            continue
        own = second.get(str(cluster.own), Numbers())
        began = own.values["upstream_rq_total"] + own.values["upstream_rq_pending_failure_eject"]
        made[cluster] = max(0, slot.values["upstream_rq_completed"] - began)
    return made


def cumulative(bins: Iterable[tuple[float, int]]) -> tuple[tuple[float, int], ...]:
    """Bins of (upper edge in ms, count) as cumulative counts at EDGES_MS."""
    counts = [0] * len(EDGES_MS)
    for upper, count in bins:
        # Envoy's binary fractions: 4.999999 is 5.
        counts[bisect_left(EDGES_MS, upper - 1e-6 * upper)] += count
    total, made = 0, []
    for edge, count in zip(EDGES_MS, counts, strict=True):
        total += count
        made.append((edge, total))
    return tuple(made)


def _release(cluster: ClusterName) -> Release:
    return cluster.unit, cluster.environment, cluster.version


def _release_traffic(
    parts: Iterable[tuple[ClusterName, Numbers]], lost: Mapping[ClusterName, int]
) -> ReleaseTraffic:
    drawn, active = Count(), 0
    aside: dict[Beside, Count] = {}
    bins: list[tuple[float, int]] = []
    for cluster, numbers in parts:
        counted = _count(numbers, lost.get(cluster, 0))
        if cluster.role in _DRAWN:
            drawn = _together(drawn, counted)
            bins += numbers.bins
        else:
            kind = _BESIDE[cluster.role]
            aside[kind] = _together(aside.get(kind, Count()), counted)
        if not cluster.is_slot:
            active += numbers.values["upstream_rq_active"] + numbers.values["upstream_rq_pending_active"]
    errors = min(drawn.errors, drawn.requests)
    return ReleaseTraffic(drawn.requests, errors, active, cumulative(bins), aside)


def _count(numbers: Numbers, lost: int) -> Count:
    values = numbers.values
    # A 5xx that a retry hid is in no code: the retry that ended well stands for it.
    errors = values["upstream_rq_5xx"] + values["upstream_rq_retry_success"] + values["cut"] + lost
    return Count(values["upstream_rq_completed"], errors)


def _together(one: Count, other: Count) -> Count:
    return Count(one.requests + other.requests, one.errors + other.errors)
