"""How the judges `mann-whitney` and `threshold` judge: values that are frozen with the plan.

Names and defaults are those of Kayenta, Argo Rollouts and Flagger. What they mean is in the judges' modules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Direction(StrEnum):
    """Which change fails a metric."""

    INCREASE = "increase"
    DECREASE = "decrease"
    EITHER = "either"


class NanStrategy(StrEnum):
    """What an interval without data is: nothing, or a 0."""

    REMOVE = "remove"
    REPLACE = "replace"


class Measure(StrEnum):
    """How an effect is measured: ratio of the means, or part of pairs where the candidate is higher."""

    MEAN_RATIO = "meanRatio"
    CLES = "cles"


class NoData(StrEnum):
    """What half of the metrics without data mean: Kayenta fails; Andon by itself waits."""

    WAIT = "wait"
    FAIL = "fail"


class Style(StrEnum):
    """Whose rule counts the checks."""

    ARGO = "argo"
    FLAGGER = "flagger"


@dataclass(frozen=True, slots=True)
class Compared:
    """How `mann-whitney` reads one metric; Kayenta's analysis configuration.

    allowed_*, critical_*: effect that a failure, a critical failure needs; None is no effect at all (1 as a
    ratio, 0.5 as a part of pairs). outlier_factor: how many interquartile ranges away is an outlier; 0 keeps
    all. group: the metrics of one group have one score.
    """

    direction: Direction = Direction.INCREASE
    nan_strategy: NanStrategy = NanStrategy.REMOVE
    critical: bool = False
    must_have_data: bool = False
    outlier_factor: float = 0.0
    measure: Measure = Measure.MEAN_RATIO
    allowed_increase: float | None = None
    allowed_decrease: float | None = None
    critical_increase: float | None = None
    critical_decrease: float | None = None
    group: str = "metrics"


@dataclass(frozen=True, slots=True)
class MannWhitney:
    """How `mann-whitney` judges a release.

    interval: seconds of one sample. lookback: samples that an analysis reads, the newest. first: samples
    before the first analysis; samples: before one may pass. marginal_score, pass_score: 0 to 100; below the
    first every analysis fails, from the second on the last one passes. group_weights: of 100, by group;
    groups without one share what is left. quantile: of a measured metric, which quantile is the sample.
    """

    interval: float = 60.0
    lookback: int = 180
    first: int = 5
    samples: int = 50
    confidence: float = 0.98
    tolerance: float = 0.25
    marginal_score: float = 75.0
    pass_score: float = 95.0
    group_weights: Mapping[str, float] = field(default_factory=dict)
    no_data: NoData = NoData.WAIT
    quantile: float = 0.95
    metrics: Mapping[str, Compared] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What `threshold` allows one metric: bad events as a part of the exposure, or the quantile measured.

    least, most: a value within succeeds. fail_below, fail_above: a value beyond fails. Where both are given,
    one that does neither is inconclusive; where one is, the other follows from it.
    """

    least: float | None = None
    most: float | None = None
    fail_below: float | None = None
    fail_above: float | None = None

    @property
    def has_success(self) -> bool:
        """Whether success is defined."""
        return self.least is not None or self.most is not None

    @property
    def has_failure(self) -> bool:
        """Whether failure is defined."""
        return self.fail_below is not None or self.fail_above is not None


@dataclass(frozen=True, slots=True)
class Threshold:
    """How `threshold` judges a release.

    interval: seconds of one window, each checked once. count: checks until a metric succeeds. failure_limit:
    failed checks that are still allowed; inconclusive_limit: the same for checks that are neither.
    error_limit: windows in a row without a value that are still allowed. skip: windows left out at the
    beginning. min_exposure: requests or serials below which a window has no value.
    """

    style: Style = Style.ARGO
    interval: float = 60.0
    count: int = 5
    failure_limit: int = 0
    inconclusive_limit: int = 0
    error_limit: int = 4
    skip: int = 0
    min_exposure: int = 1
    quantile: float = 0.95
    metrics: Mapping[str, Limits] = field(default_factory=dict)
