"""What the manifest says of the evidence: one metric, where it is read and what is too much of it."""

import itertools
import math
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from andon.units.fields import Interval, Section


class Evidence(Section):
    """One metric that the judge reads, per release: bad events of an exposure, or how long each took."""

    source: Literal["gateway", "http", "json", "sql", "prometheus", "agents"] = Field(
        description="gateway: requests as Envoy counted and timed them; http: the unit's own metrics page; "
        "json: rows that the unit answers; sql: rows of a database; prometheus: queries to the "
        "plant's Prometheus; agents: what the agents of a fleet's stations report"
    )
    of: str = Field(
        "",
        pattern="^(?:[a-z0-9-]{1,40}(?:/[a-z0-9-]{1,40})?)?$",
        description="Another unit whose page is read, such as mes, or mes/production where its environment "
        "has another name (sources http, json)",
    )
    counts: Literal["crashes", "installs"] | None = Field(
        None,
        description="crashes: of the minutes that stations ran a release; installs: those that failed, of "
        "all that ended (source agents)",
    )
    kind: Literal["count", "latency"] = Field(
        "count",
        description="count: bad events of an exposure; latency: durations in buckets, less is better",
    )
    path: str = Field(
        "/metrics",
        pattern="^/",
        description="Page in Prometheus' text format (source http), or JSON (source json)",
    )
    scope: Literal["unit", "instance"] = Field(
        "instance", description="unit: any one instance answers for all; instance: the sum over instances"
    )
    release_label: str = Field(
        "release",
        description="Label, or field of a row, that holds the release version (every source but gateway)",
    )
    exposure: str = Field(
        "",
        description="Series summed as exposure, such as serials_total (source http); query of cumulative "
        "counters (source prometheus); field of a row, unset: exposure (sources json, sql)",
    )
    bad: str = Field(
        "",
        description='Series summed as bad events, such as serials_total{result="fail"} (source http); query '
        "(source prometheus); field of a row, unset: bad (sources json, sql)",
    )
    histogram: str = Field(
        "",
        description="Histogram to read, such as cycle_time_seconds (source http, kind latency); query of its "
        "cumulative buckets (source prometheus)",
    )
    edges: list[Annotated[float, Field(gt=0)]] = Field(
        [],
        max_length=100,
        description="Upper edges of the buckets to read, in seconds (kind latency, every source but gateway)",
    )
    rows: str = Field(
        "",
        description="Keys that lead to the list of rows, such as data.releases; unset: all of it (json)",
    )
    database: str = Field("", description="Database by its name in ANDON_EVIDENCE__DATABASES (source sql)")
    query: str = Field(
        "",
        max_length=4000,
        description="One SELECT that gives cumulative rows: release, exposure, bad; for kind latency "
        "release, edge (seconds, null: above all), count (source sql)",
    )
    every: Interval | None = Field(
        None,
        le=timedelta(seconds=15),
        description="Shortest time between two questions; unset: each look, for sql and prometheus 5 s",
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
    dispersion: Annotated[float, Field(ge=1, le=1000)] | Literal["auto"] = Field(
        "auto",
        description="Variance of the counts as a multiple of that of independent events, by which evidence "
        "is divided; auto: measured on what the plant's releases did, 2 until there is history enough; for "
        "kind latency auto is 1",
    )
    wander: float = Field(
        0.0,
        ge=0,
        le=2,
        description="Standard deviation of the logarithm of two like releases' rate ratio: 0.1 is 10 % off "
        "either way (with a stated `dispersion`)",
    )
    wander_lasts: Interval = Field(
        timedelta(minutes=20), description="How long the rates stay off before they are off otherwise"
    )

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.source == "sql" and not (self.database and self.query):
            raise ValueError("source sql needs `database` and `query`")
        if self.source != "sql" and (self.database or self.query):
            raise ValueError("`database` and `query` are for source sql")
        if self.of and self.source not in {"http", "json"}:
            raise ValueError("`of` is for sources http and json")
        self._can_be_asked_of_agents()
        if self.rows and self.source != "json":
            raise ValueError("`rows` is for source json")
        if self.kind == "latency":
            self._can_be_timed()
        else:
            self._can_be_counted()
        return self

    def _can_be_asked_of_agents(self) -> None:
        if (self.source == "agents") != (self.counts is not None):
            raise ValueError("source agents needs `counts`, and nothing else has it")
        if self.source == "agents" and self.kind != "count":
            raise ValueError("source agents counts: leave out `kind`")
        if self.counts == "installs" and self.required:
            raise ValueError(
                "nobody installs the stable release meanwhile, so installs cannot be compared: set "
                "`required = false` and a `guardrail`"
            )

    @property
    def upper_edges(self) -> tuple[float, ...]:
        """Upper edges of the buckets of a metric that measures, in seconds; the last is infinite."""
        return (*self.edges, math.inf) if self.kind == "latency" else ()

    @property
    def pause(self) -> timedelta:
        """Shortest time between two questions."""
        if self.every is not None:
            return self.every
        return timedelta(seconds=5) if self.source in {"sql", "prometheus"} else timedelta()

    def _can_be_counted(self) -> None:
        if self.source in {"http", "prometheus"} and not (self.exposure and self.bad):
            raise ValueError(f"source {self.source} needs `exposure` and `bad`, the series to read")
        if self.acceptable and self.guardrail and self.acceptable >= self.guardrail:
            raise ValueError("`acceptable` must be below `guardrail`")
        if self.wander and self.dispersion == "auto":
            raise ValueError("`wander` needs a stated `dispersion`, 1 where events do not come together")
        if self.acceptable_p95 or self.guardrail_p95 or self.histogram or self.edges:
            raise ValueError("`histogram`, `edges` and limits of a percentile are for kind latency")

    def _can_be_timed(self) -> None:
        if self.acceptable or self.guardrail or self.exposure or self.bad:
            raise ValueError(
                "kind latency has no bad events: its limits are `acceptable_p95` and `guardrail_p95`"
            )
        if self.wander:
            raise ValueError("`wander` is for kind count")
        has_series = self.source in {"http", "prometheus"}
        if has_series and not (self.histogram and self.edges):
            raise ValueError(f"source {self.source} needs `histogram` and `edges`, the buckets to read")
        if self.source in {"json", "sql"} and (self.histogram or not self.edges):
            raise ValueError(f"source {self.source} needs `edges`, the buckets to read, and no `histogram`")
        if self.source == "gateway" and (self.histogram or self.edges):
            raise ValueError("the gateway has buckets of its own: leave out `histogram` and `edges`")
        if not all(low < high for low, high in itertools.pairwise(self.edges)):
            raise ValueError("`edges` must rise")
        if self.acceptable_p95 and self.guardrail_p95 and self.acceptable_p95 >= self.guardrail_p95:
            raise ValueError("`acceptable_p95` must be below `guardrail_p95`")
