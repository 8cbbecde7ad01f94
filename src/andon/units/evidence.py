"""What the manifest says of the evidence: one metric, where it is read and what is too much of it."""

import itertools
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from andon.units.fields import Interval, Section


class Evidence(Section):
    """One metric that the judge reads, per release: bad events of an exposure, or how long each took."""

    source: Literal["gateway", "http"] = Field(
        description="gateway: requests as Envoy counted and timed them; http: the unit's own metrics page"
    )
    kind: Literal["count", "latency"] = Field(
        "count",
        description="count: bad events of an exposure; latency: durations in buckets, less is better",
    )
    path: str = Field("/metrics", pattern="^/", description="Page in Prometheus' text format (source http)")
    scope: Literal["unit", "instance"] = Field(
        "instance", description="unit: any one instance answers for all; instance: the sum over instances"
    )
    release_label: str = Field("release", description="Label that holds the release version (source http)")
    exposure: str = Field("", description="Series summed as exposure, such as serials_total (source http)")
    bad: str = Field(
        "", description='Series summed as bad events, such as serials_total{result="fail"} (source http)'
    )
    histogram: str = Field(
        "", description="Histogram to read, such as cycle_time_seconds (source http, kind latency)"
    )
    edges: list[Annotated[float, Field(gt=0)]] = Field(
        [],
        max_length=100,
        description="Upper edges of the histogram's buckets to read, in seconds (source http, kind latency)",
    )
    title: str = Field("", max_length=60, description="Name on the board, English")
    title_ko: str = Field("", max_length=60, description="Name on the board, Korean")
    acceptable: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Rate below which the candidate is good enough whatever the stable release does",
    )
    guardrail: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Rate above which the candidate fails whatever the stable release does; 5 % for errors "
        "at the gateway, else none",
    )
    acceptable_p95: Interval | None = Field(
        None,
        description="95th percentile below which the candidate is fast enough, whatever the stable one does",
    )
    guardrail_p95: Interval | None = Field(
        None,
        description="95th percentile above which the candidate fails, whatever the stable one does; 2 s "
        "for latency at the gateway, else none",
    )
    required: bool = Field(True, description="Promotion waits for this metric's evidence")

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.kind == "latency":
            self._can_be_timed()
            return self
        if self.source == "http" and not (self.exposure and self.bad):
            raise ValueError("source http needs `exposure` and `bad`, the series to read")
        if self.acceptable and self.guardrail and self.acceptable >= self.guardrail:
            raise ValueError("`acceptable` must be below `guardrail`")
        if self.acceptable_p95 or self.guardrail_p95 or self.histogram or self.edges:
            raise ValueError("`histogram`, `edges` and limits of a percentile are for kind latency")
        return self

    def _can_be_timed(self) -> None:
        if self.acceptable or self.guardrail or self.exposure or self.bad:
            raise ValueError(
                "kind latency has no bad events: its limits are `acceptable_p95` and `guardrail_p95`"
            )
        if self.source == "http" and not (self.histogram and self.edges):
            raise ValueError("source http needs `histogram` and `edges`, the buckets to read")
        if self.source == "gateway" and (self.histogram or self.edges):
            raise ValueError("the gateway has buckets of its own: leave out `histogram` and `edges`")
        if not all(low < high for low, high in itertools.pairwise(self.edges)):
            raise ValueError("`edges` must rise")
        if self.acceptable_p95 and self.guardrail_p95 and self.acceptable_p95 >= self.guardrail_p95:
            raise ValueError("`acceptable_p95` must be below `guardrail_p95`")
