"""What clients send and get about control charts, for the description at /openapi.json."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from andon_mes.api.fields import Body, Code, Document, Instant, YesOrNo
from andon_mes.api.quality_bodies import Page, Reason
from andon_mes.signals.model import HoldAction
from andon_mes.spc.model import ChartKind, Rule, Unknown, Where

RuleSet = Literal["default", "limits", "western-electric", "nelson"]


class ChartQuery(Body):
    """GET spc/{process}/{characteristic}: the last subgroups, or those of a time.

    Without `rules` the characteristic's own. `limits_from` shown: estimated from what is shown, without what
    is beyond them where `exclude_signalled` says so; else from the baseline.
    """

    product_model: str | None = Field(default=None, min_length=1, max_length=50)
    last: int = Field(default=50, ge=1, le=500)
    since: Instant | None = None
    until: Instant | None = None
    rules: RuleSet | None = None
    limits_from: Literal["baseline", "shown"] = "baseline"
    exclude_signalled: bool = False


class ShiftChartQuery(Body):
    """GET spc/{process}: how many of the last shifts that have ended, judged by which rules."""

    last: int = Field(default=25, ge=1, le=200)
    rules: RuleSet = "default"


class BaselineBody(Body):
    """POST spc/{process}/{characteristic}/baseline: which subgroups the limits come from, both inclusive."""

    product_model: str | None = Field(default=None, min_length=1, max_length=50)
    first_subgroup: int = Field(strict=True, ge=1, lt=2**31)
    last_subgroup: int = Field(strict=True, ge=1, lt=2**31)
    exclude_signalled: YesOrNo = False
    reason: Reason


class SignalQuery(Page):
    """GET spc/signals. `open`: whose cause is not known yet."""

    open: bool | None = None
    process: Code | None = None
    characteristic: str | None = Field(default=None, min_length=1, max_length=50)
    since: Instant | None = None
    until: Instant | None = None


class CauseBody(Body):
    """PATCH spc/signals/{id}: what caused it."""

    cause: Reason


class HoldBody(Body):
    """PATCH spc/holds/{process}: hold a process, or let it start again."""

    action: HoldAction
    reason: Reason


class LimitsShown(Document):
    """Of one chart. `sigma` is the standard deviation of what is plotted."""

    centre: float
    lower: float
    upper: float
    sigma: float


class ToleranceShown(Document):
    """Limits of the product, not of the process."""

    lower: float | None
    upper: float | None
    target: float | None


class BaselineShown(Document):
    """Where limits come from, in subgroups, both inclusive. `set_by` null: the first ones, by the rule."""

    first_subgroup: int
    last_subgroup: int
    exclude_signalled: bool
    excluded: list[int]
    reason: str | None
    set_by: str | None
    set_at: datetime | None


class PointShown(Document):
    """A subgroup. `location` is its mean; `dispersion` its range, deviation or moving range.

    `rules`: those that it completes, on either chart. The serials are those of `process_data_ids`.
    """

    number: int
    at: datetime
    location: float
    dispersion: float | None
    values: list[float]
    process_data_ids: list[int]
    rules: list[Rule]


class ViolationShown(Document):
    """A rule that was broken, on which chart, by which subgroups; the last completes it."""

    rule: Rule
    chart: Where
    subgroups: list[int]


class CapabilityShown(Document):
    """How the process fits its tolerance; what cannot be said is null, and `why` says why."""

    cp: float | None
    cpk: float | None
    cpk_at_least: float | None
    pp: float | None
    ppk: float | None
    values: int
    why: Unknown | None


class ChartShown(Document):
    """A control chart, judged. Numbers are in `unit`. Without limits nothing is judged; `why` says why."""

    process: str
    characteristic: str
    unit: str
    product_model: str | None
    product_models: list[str]
    chart: ChartKind | None
    subgroup_size: int
    tolerance: ToleranceShown
    on_signal: str | None
    points_taken: int
    location: LimitsShown | None
    dispersion: LimitsShown | None
    sigma_within: float | None
    baseline: BaselineShown | None
    points: list[PointShown]
    violations: list[ViolationShown]
    capability: CapabilityShown
    why: Unknown | None


class ShiftPointShown(Document):
    """A shift: first attempts, and those that failed; `share` and limits are null where none was made."""

    shift: str
    starts_at: datetime
    tried: int
    failed: int
    share: float | None
    centre: float | None
    lower: float | None
    upper: float | None
    rules: list[Rule]


class ShiftChartShown(Document):
    """A p chart of first attempts that failed, by shift."""

    process: str
    points: list[ShiftPointShown]
    why: Unknown | None


class ChartListed(Document):
    """A characteristic that is charted."""

    process: str
    characteristic: str
    unit: str
    chart: ChartKind
    subgroup_size: int
    on_signal: str | None
    points_taken: int
    open_signals: int


class HeldShown(Document):
    """A process, and the reason for which nothing starts there; null where it runs."""

    process: str
    held_reason: str | None
    held_by: str | None
    held_at: datetime | None


class ChartsShown(Document):
    """What is charted, and which processes are held."""

    characteristics: list[ChartListed]
    processes: list[HeldShown]


class SignalShown(Document):
    """A signal of a chart. `points` is what it is made of, as it was judged."""

    id: int
    process: str
    characteristic: str | None
    product_model: str | None
    process_data_id: int | None
    rule: Rule
    chart: str
    points: dict[str, Any]
    raised_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    cause: str | None


class SignalPage(Document):
    """Newest first; `total` is over all pages."""

    signals: list[SignalShown]
    page: int
    page_size: int
    total: int
