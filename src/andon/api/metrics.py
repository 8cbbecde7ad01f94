"""Andon's own metrics in Prometheus' text format, in a registry of their own."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from andon.api.feed import Feed
from andon.api.services import Services


class Metrics:
    """Counts requests; reads the rest when it is asked."""

    def __init__(self, services: Services, feed: Feed) -> None:
        self._services = services
        self._feed = feed
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self.requests = Counter(
            "andon_http_requests", "Requests answered", ["method", "status"], registry=self._registry
        )

    def collect(self) -> Iterator[Metric]:
        """What is read at the moment of the scrape."""
        yield InfoMetricFamily("andon", "Version that runs", value={"version": self._services.version})
        yield GaugeMetricFamily("andon_viewers", "Open event streams", value=self._feed.viewers)
        failures = GaugeMetricFamily(
            "andon_loop_failures_in_a_row", "Failed ticks since the last good one", labels=["loop"]
        )
        age = GaugeMetricFamily(
            "andon_loop_age_seconds", "Seconds since a loop's last good tick", labels=["loop"]
        )
        now = self._services.clock.now()
        for loop in self._services.loops():
            failures.add_metric([loop.name], loop.failures_in_a_row)
            if loop.last_finished_at is not None:
                age.add_metric([loop.name], (now - loop.last_finished_at).total_seconds())
        yield failures
        yield age

    def text(self) -> bytes:
        """The page."""
        return generate_latest(self._registry)


class Counting:
    """ASGI middleware that counts answers."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count its answer."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.requests.labels(_known(scope["method"]), str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted)


def _known(method: str) -> str:
    """Methods are the caller's text; only known ones become labels."""
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"
