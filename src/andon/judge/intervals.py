"""Looks to values of intervals of time, for judges that read one value a minute. The time comes with the
look.

Intervals follow the clock (a minute begins at :00), whatever the looks' rhythm. A look belongs to the
interval in which it was taken, so an interval's edge is as sharp as looks are frequent.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from andon.judge.model import Counts, JudgeState, Look, MetricKind, MetricPolicy, Series


@dataclass(frozen=True, slots=True)
class Frame:
    """seconds: length of an interval. keep: values that are remembered. quantile: of what is measured."""

    seconds: float
    keep: int
    quantile: float


def begin(metrics: Sequence[MetricPolicy]) -> dict[str, Series]:
    """Return the series of a judge that has seen nothing."""
    return {metric.name: Series() for metric in metrics}


def gather(
    state: JudgeState, looks: Mapping[str, Look], metrics: Sequence[MetricPolicy], at: float, frame: Frame
) -> tuple[JudgeState, int]:
    """Add a look taken at `at`; return also how many intervals ended before it.

    An interval in which nothing was seen has no value. Of a long silence only as many are kept as are read.
    """
    ended, closes_at = _ended(state.closes_at, at, frame.seconds)
    series = {}
    for metric in metrics:
        one = state.series[metric.name]
        if ended:
            one = _closed(one, metric, frame, min(ended, frame.keep))
        series[metric.name] = _added(one, looks[metric.name]) if metric.name in looks else one
    return replace(state, series=series, closes_at=closes_at), ended


def values(series: Sequence[float | None]) -> tuple[float, ...]:
    """Return the values that are there."""
    return tuple(each for each in series if each is not None)


def _ended(closes_at: float, at: float, seconds: float) -> tuple[int, float]:
    """Return how many intervals ended before `at`, and when the one that holds it ends."""
    if closes_at <= 0.0:
        return 0, math.ceil(at / seconds) * seconds
    if at <= closes_at:
        return 0, closes_at
    ended = math.ceil((at - closes_at) / seconds)
    return ended, closes_at + ended * seconds


def _closed(one: Series, metric: MetricPolicy, frame: Frame, ended: int) -> Series:
    silence: tuple[None, ...] = (None,) * (ended - 1)
    stable, held_stable = _value(one.open_stable, one.open_stable_buckets, metric, frame.quantile)
    mine, held_mine = _value(one.open_candidate, one.open_candidate_buckets, metric, frame.quantile)
    return replace(
        one,
        stable=(*one.stable, stable, *silence)[-frame.keep :],
        candidate=(*one.candidate, mine, *silence)[-frame.keep :],
        open_stable=Counts(0, held_stable),
        open_candidate=Counts(0, held_mine),
        open_stable_buckets=(),
        open_candidate_buckets=(),
    )


def _value(
    gained: Counts, buckets: Sequence[int], metric: MetricPolicy, quantile: float
) -> tuple[float | None, int]:
    """Return an interval's value, and bad events whose exposure has not come yet: they count in the next."""
    if not gained.exposure:
        return None, gained.bad
    if metric.kind is MetricKind.LATENCY:
        return quantile_of(buckets, metric.edges, quantile), 0
    bad = min(gained.bad, gained.exposure)
    return bad / gained.exposure, gained.bad - bad


def quantile_of(buckets: Sequence[int], edges: Sequence[float], quantile: float) -> float | None:
    """Return a quantile of what was measured, evenly spread within its bucket; None of nothing.

    Above the last finite edge it is that edge. (Prometheus' histogram_quantile does the same)
    """
    wanted = quantile * sum(buckets)
    if not wanted:
        return None
    below, at = 0, 0
    while below + buckets[at] < wanted:
        below, at = below + buckets[at], at + 1
    low, high = edges[at - 1] if at else 0.0, edges[at]
    return low if math.isinf(high) else low + (high - low) * (wanted - below) / buckets[at]


def _added(one: Series, look: Look) -> Series:
    return replace(
        one,
        open_stable=_sum(one.open_stable, look.stable),
        open_candidate=_sum(one.open_candidate, look.candidate),
        open_stable_buckets=_sums(one.open_stable_buckets, look.stable_buckets),
        open_candidate_buckets=_sums(one.open_candidate_buckets, look.candidate_buckets),
    )


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(one.exposure + other.exposure, one.bad + other.bad)


def _sums(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    if not (one and other):
        return one or other
    return tuple(a + b for a, b in zip(one, other, strict=True))
