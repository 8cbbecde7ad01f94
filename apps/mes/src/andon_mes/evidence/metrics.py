"""`/metrics` as Prometheus text: what production says per release, and what this instance served."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from andon_mes.evidence.model import BUCKETS, Production, Tally, Totals


@dataclass(slots=True)
class Served:
    """What this instance has answered since it started. Per instance, unlike the evidence."""

    release: str
    scans: int = 0
    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)


def render(production: Production, served: Served, queue_depth: int) -> bytes:
    """The text of one scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(
        _Scrape(
            [
                *_production(production.releases),
                *_applications(production.applications),
                *_instance(served, queue_depth),
            ]
        )
    )
    return generate_latest(registry)


class _Scrape(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _production(totals: Totals) -> Iterator[Metric]:
    first_pass = CounterMetricFamily(
        "mes_first_pass",
        "Attempts numbered 1 that are complete, by the release that served the completion; from the rows",
        labels=["release", "process", "result"],
    )
    cycle_time = HistogramMetricFamily(
        "mes_cycle_time_seconds",
        "Cycle times of completed attempts; from the rows",
        labels=["release", "process"],
    )
    for (release, process), tally in sorted(totals.items()):
        first_pass.add_metric([release, process, "pass"], tally.first_passed)
        first_pass.add_metric([release, process, "fail"], tally.first_failed)
        cycle_time.add_metric([release, process], _cumulative(tally), tally.cycle_seconds)
    yield first_pass
    yield cycle_time


def _applications(totals: Totals) -> Iterator[Metric]:
    first_pass = CounterMetricFamily(
        "mes_application_first_pass",
        "Attempts numbered 1 that are complete, by the version of the station's application; from the rows",
        labels=["application", "process", "result"],
    )
    cycle_time = HistogramMetricFamily(
        "mes_application_cycle_time_seconds",
        "Cycle times of completed attempts, by the version of the station's application; from the rows",
        labels=["application", "process"],
    )
    for (application, process), tally in sorted(totals.items()):
        first_pass.add_metric([application, process, "pass"], tally.first_passed)
        first_pass.add_metric([application, process, "fail"], tally.first_failed)
        cycle_time.add_metric([application, process], _cumulative(tally), tally.cycle_seconds)
    yield first_pass
    yield cycle_time


def _instance(served: Served, queue_depth: int) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "mes_requests", "Requests answered by this instance", labels=["release", "method", "status"]
    )
    for (method, status), count in sorted(served.requests.items()):
        requests.add_metric([served.release, method, str(status)], count)
    yield requests
    scans = CounterMetricFamily(
        "mes_scans", "Starts and completions answered by this instance, refused ones too", labels=["release"]
    )
    scans.add_metric([served.release], served.scans)
    yield scans
    refusals = CounterMetricFamily(
        "mes_refusals", "Starts and completions refused by this instance", labels=["release", "code"]
    )
    for code, count in sorted(served.refusals.items()):
        refusals.add_metric([served.release, code], count)
    yield refusals
    yield GaugeMetricFamily(
        "mes_queue_depth", "Writes that wait for this instance's writer", value=queue_depth
    )


def _cumulative(tally: Tally) -> list[tuple[str, float]]:
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip([*map(str, BUCKETS), "+Inf"], tally.cycles, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets
