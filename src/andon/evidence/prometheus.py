"""Evidence from the plant's own Prometheus, by PromQL, for units that it scrapes anyway.

A query gives cumulative counters as an instant vector, each series for itself: a restart of one instance is
seen as its own series falling, which no longer shows in a sum. So write `http_requests_total{job="mes"}`, not
`sum(...)` and not `rate(...)`. Source: Prometheus' HTTP API, "Instant queries".
"""

import asyncio
import json
import math
import ssl
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from andon.evidence import page
from andon.evidence.increments import Baseline, add, advance
from andon.evidence.model import Reading, Tally
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Unavailable
from andon.kernel.fetching import Fetcher, Question
from andon.kernel.ids import EnvironmentName, UnitName, Version, new_id
from andon.units.evidence import Evidence

_LARGEST_BYTES = 4_000_000
_REMEMBERED = timedelta(minutes=10)
_NOTHING = Tally(0, 0)

# All labels of a series but `le`, as one text. increments.py counts by it as it does by a release.
Series = Version


@dataclass(frozen=True, slots=True)
class Server:
    """The plant's Prometheus. url: empty where there is none. token: sent as bearer token where it is set."""

    url: str = ""
    token: str = ""
    tls: ssl.SSLContext | None = None


@dataclass(slots=True)
class _Counted:
    """What all series of a metric gained since this Andon began to read them."""

    baseline: Baseline | None = None
    releases: dict[Series, Version] = field(default_factory=dict)
    seen_at: dict[Series, datetime] = field(default_factory=dict)
    total: dict[Version, Tally] = field(default_factory=dict)


class PrometheusEvidence:
    """Asks one Prometheus server. fetcher: what asks it, where it shall not be a client of its own."""

    def __init__(
        self,
        server: Server,
        clock: Clock,
        *,
        patience: timedelta = timedelta(seconds=2),
        fetcher: Fetcher | None = None,
    ) -> None:
        self._server = server
        self._clock = clock
        self._patience = patience
        self._epoch = new_id("ev", clock.now())
        self._counted: dict[tuple[UnitName, EnvironmentName, str], _Counted] = {}
        headers = {"Authorization": f"Bearer {server.token}"} if server.token else {}
        self._fetcher = fetcher or Fetcher(
            code="no-prometheus", most_bytes=_LARGEST_BYTES, tls=server.tls, headers=headers
        )

    async def read(
        self, unit: UnitName, environment: EnvironmentName, metric: str, wanted: Evidence
    ) -> Reading:
        """What all series gained since this Andon began to read; `epoch` tells it from the next."""
        at = self._clock.now()
        counted = self._counted.setdefault((unit, environment, metric), _Counted())
        edges = wanted.upper_edges
        try:
            releases: dict[Series, Version] = {}
            found = await self._ask(wanted, releases)
        except AndonError as error:
            return Reading(metric, at, {}, problem=error.message)
        _count(counted, Reading(metric, at, found, edges=edges), releases)
        return Reading(metric, at, dict(counted.total), epoch=self._epoch, edges=edges)

    async def close(self) -> None:
        """Let go of connections."""
        await self._fetcher.close()

    async def _ask(self, wanted: Evidence, releases: dict[Series, Version]) -> dict[Series, Tally]:
        if wanted.kind == "latency":
            return _histograms(await self._query(wanted.histogram), wanted, releases)
        exposure, bad = await asyncio.gather(self._query(wanted.exposure), self._query(wanted.bad))
        counts = {name: Tally(n, 0) for name, n in _counts("exposure", exposure, wanted, releases).items()}
        bads = {name: Tally(0, n) for name, n in _counts("bad", bad, wanted, releases).items()}
        if not counts:
            raise Unavailable("no-series", f"Prometheus has no series for {wanted.exposure}")
        return {**counts, **bads}

    async def _query(self, query: str) -> list[dict[str, Any]]:
        if not self._server.url:
            raise Unavailable("no-prometheus", "no Prometheus is named in ANDON_EVIDENCE__PROMETHEUS")
        url = f"{self._server.url.rstrip('/')}/api/v1/query"
        answer = await self._fetcher.ask(Question(url, self._patience, method="POST", form={"query": query}))
        return vector(answer.status, answer.content.decode(errors="replace"), query)


def vector(status: int, text: str, query: str) -> list[dict[str, Any]]:
    """The samples of an answer to an instant query, each with `metric` (labels) and `value` (time, text).

    Raises:
        Unavailable: it is an error, no instant vector, or nothing that Prometheus says.
    """
    try:
        answer = json_of(text)
    except ValueError as error:
        raise Unavailable("no-prometheus", f"Prometheus answered {status}, and no JSON") from error
    if answer.get("status") != "success":
        said = answer.get("error") or f"status {status}"
        raise Unavailable("no-prometheus", f"Prometheus refused {query}: {said}")
    data = answer.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "vector":
        raise Unavailable("no-prometheus", f"{query} gives no instant vector", hint="leave out the range")
    found = data.get("result")
    if not isinstance(found, list) or not all(_is_sample(each) for each in found):
        raise Unavailable("no-prometheus", f"the answer to {query} cannot be read")
    return found


def json_of(text: str) -> dict[str, Any]:
    """A JSON object; raises ValueError for anything else."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004  one kind of error for the caller
    return found


def _is_sample(each: Any) -> bool:
    if not isinstance(each, dict) or not isinstance(each.get("metric"), dict):
        return False
    value = each.get("value")
    is_pair = isinstance(value, list) and len(value) == 2 and isinstance(value[1], str)
    return is_pair and all(isinstance(label, str) for label in each["metric"].values())


def _count(counted: _Counted, reading: Reading, releases: Mapping[Series, Version]) -> None:
    counted.releases |= releases
    before = counted.baseline
    counted.baseline, gained = advance(before, reading)
    for series, gain in {**dict.fromkeys(reading.tallies, _NOTHING), **gained}.items():
        counted.seen_at[series] = reading.at
        version = counted.releases[series]
        counted.total[version] = add(counted.total.get(version, _NOTHING), gain)
    _forget(counted, reading.at)


def _forget(counted: _Counted, now: datetime) -> None:
    """Let go of series that are gone for long: what they gained is in the total."""
    gone = {series for series, at in counted.seen_at.items() if now - at > _REMEMBERED}
    if not gone or counted.baseline is None:
        return
    for series in gone:
        del counted.seen_at[series], counted.releases[series]
    left = {series: each for series, each in counted.baseline.tallies.items() if series not in gone}
    counted.baseline = Baseline(counted.baseline.at, counted.baseline.epoch, left, counted.baseline.edges)


def _counts(
    kind: str, samples: list[dict[str, Any]], wanted: Evidence, releases: dict[Series, Version]
) -> dict[Series, int]:
    counts: dict[Series, int] = defaultdict(int)
    for each in samples:
        if release := each["metric"].get(wanted.release_label):
            series = _name({"": kind, **each["metric"]})
            releases[series] = Version(release)
            counts[series] += _whole(each["value"][1])
    return counts


def _histograms(
    samples: list[dict[str, Any]], wanted: Evidence, releases: dict[Series, Version]
) -> dict[Series, Tally]:
    cumulative: dict[Series, dict[float, int]] = defaultdict(lambda: defaultdict(int))
    for each in samples:
        labels = dict(each["metric"])
        if not (release := labels.get(wanted.release_label)):
            continue
        edge = page.edge_of(labels.pop("le", None), wanted.histogram)
        series = _name(labels)
        releases[series] = Version(release)
        cumulative[series][edge] += _whole(each["value"][1])
    if not cumulative:
        raise Unavailable("no-series", f"Prometheus has no series for {wanted.histogram}")
    edges = wanted.upper_edges
    return {series: page.buckets_of(each, edges, wanted.histogram) for series, each in cumulative.items()}


def _name(labels: Mapping[str, str]) -> Series:
    return Series(",".join(f"{name}={labels[name]!r}" for name in sorted(labels)))


def _whole(text: str) -> int:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0 or value != int(value):
        raise Unavailable(
            "no-count", f"{text} is no count: the query must give cumulative counters, not rates"
        )
    return int(value)
