"""What a manifest may ask of the judges `mann-whitney` and `threshold`. What the words do is in `judge/`."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from andon.units.fields import Interval, Name, Section


class Compared(Section):
    """How mann-whitney reads one metric; the defaults are Kayenta's, but for the direction."""

    direction: Literal["increase", "decrease", "either"] = Field(
        "increase", description="Which change of the metric fails it"
    )
    nan_strategy: Literal["remove", "replace"] = Field(
        "remove", description="What an interval without data is; remove: nothing; replace: a 0"
    )
    critical: bool = Field(False, description="Whether its failure fails the release whatever the score")
    must_have_data: bool = Field(False, description="Whether it fails without data")
    outlier_factor: float = Field(
        0.0, ge=0, le=100, description="Interquartile ranges beyond which a sample is left out; 0 keeps all"
    )
    measure: Literal["meanRatio", "cles"] = Field(
        "meanRatio",
        description="Measure of the effect; meanRatio: candidate's mean to the stable's; cles: part of pairs "
        "in which the candidate is higher",
    )
    allowed_increase: float | None = Field(
        None, ge=0, description="Least effect that fails it as too high; none: any"
    )
    allowed_decrease: float | None = Field(
        None, ge=0, description="Largest effect that fails it as too low; none: any"
    )
    critical_increase: float | None = Field(
        None, ge=0, description="The same for a failure of a critical metric to be critical"
    )
    critical_decrease: float | None = Field(None, ge=0, description="The same for too low")
    group: Name = Field("metrics", description="Metrics of one group have one score")


class MannWhitney(Section):
    """How the judge mann-whitney judges: Kayenta's analysis, whose limits one may know already."""

    interval: Interval = Field(timedelta(minutes=1), description="Time of one sample")
    lookback: int = Field(180, ge=2, le=1440, description="Samples that an analysis reads, the newest")
    first: int = Field(5, ge=2, le=1440, description="Samples before the first analysis; then one each")
    samples: int = Field(50, ge=2, le=1440, description="Samples of each arm before it may pass")
    confidence: float = Field(0.98, gt=0.5, lt=1, description="Confidence of the interval of the shift")
    tolerance: float = Field(
        0.25, ge=0, lt=1, description="Part of the estimated shift from which the interval must stay clear"
    )
    marginal_score: float = Field(75, ge=0, le=100, description="Score below which any analysis fails")
    pass_score: float = Field(95, gt=0, le=100, description="Score that passes, once there are `samples`")
    group_weights: dict[Name, float] = Field(
        {}, description="Weight of each group's score, of 100; groups without one share the rest"
    )
    no_data: Literal["wait", "fail"] = Field(
        "wait", description="What half of the metrics without data mean; fail: Kayenta's rule"
    )
    quantile: float = Field(0.95, gt=0, lt=1, description="Of what is measured: quantile that is the sample")
    metrics: dict[Name, Compared] = Field({}, description="How it reads each metric")


class Limits(Section):
    """What threshold allows one metric: rates from 0 to 1, or the quantile measured."""

    least: float | None = Field(None, ge=0, description="A value below does not succeed")
    most: float | None = Field(None, ge=0, description="A value above does not succeed")
    fail_below: float | None = Field(
        None, ge=0, description="A value below fails; with `least`, between them it is inconclusive"
    )
    fail_above: float | None = Field(
        None, ge=0, description="A value above fails; with `most`, between them it is inconclusive"
    )


class Threshold(Section):
    """How the judge threshold judges: fixed limits over windows, as Argo Rollouts and Flagger have them."""

    style: Literal["argo", "flagger"] = Field(
        "argo",
        description="argo: `count` checks, and a limit for inconclusive ones; flagger: `count` that pass",
    )
    interval: Interval = Field(timedelta(minutes=1), description="Time of one window; each is checked once")
    count: int = Field(5, ge=1, le=10_000, description="Checks until it passes")
    failure_limit: int = Field(
        0, ge=0, le=10_000, description="Failed checks that are still allowed; Flagger's threshold less one"
    )
    inconclusive_limit: int = Field(
        0, ge=0, le=10_000, description="Inconclusive checks with which it may still pass"
    )
    error_limit: int = Field(
        4, ge=0, le=10_000, description="Windows without a value in a row after which nothing passes"
    )
    skip: int = Field(0, ge=0, le=10_000, description="Windows left out at the beginning")
    min_exposure: int = Field(1, ge=1, description="Requests or serials below which a window has no value")
    quantile: float = Field(0.95, gt=0, lt=1, description="Of what is measured: quantile that is checked")
    metrics: dict[Name, Limits] = Field({}, description="Limits of each metric")
