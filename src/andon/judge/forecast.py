"""How much more evidence promotion needs, at the rates seen so far. A forecast, never part of a verdict."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from andon.judge import absolute, blocks, counts
from andon.judge.mixture import log_mean
from andon.judge.model import Counts, MetricPolicy, MetricState

_FARTHEST = 1e9  # candidate exposure beyond which "not in reach" is the honest answer


class Needed(NamedTuple):
    """Bad events of both arms, and candidate exposure, still expected until promotion."""

    events: int
    exposure: int


class Rates(NamedTuple):
    """What the forecast believes: bad events per exposure, and the candidate's part of the exposure.

    own: rate of the candidate's events that are not acceptable, where those are others than its bad ones.
    """

    stable: float
    candidate: float
    part: float
    own: float


def needed(
    state: MetricState,
    policy: MetricPolicy,
    share: float,
    own: Counts | None = None,
    points: Sequence[float] | None = None,
) -> Needed | None:
    """Return what promotion still needs if everything goes on as now; None when it is not in reach.

    share: the candidate's share in force, or 0 where it is not known; then the exposure so far says it. own:
    the candidate's events that are not acceptable, where those are others than its bad ones. points: the log
    ratios of `state.log_margin`, where they are not those of the policy's margin.
    The e-value is walked along its expected path: exact in the long run, and within a factor of two before.
    """
    rates = estimate(state, share, own)
    if rates is None:
        return None
    goal, at = -math.log(policy.beta), points or counts.margin_points(policy.margin)
    reach = 1.0
    while log_e_after(state, policy, rates, reach, at) < goal:
        reach *= 2.0
        if reach > _FARTHEST:
            return None
    low = 0.0
    while reach - low > 0.001 * reach:
        middle = (low + reach) / 2.0
        if log_e_after(state, policy, rates, middle, at) < goal:
            low = middle
        else:
            reach = middle
    events = reach * (rates.candidate + rates.stable * (1.0 - rates.part) / rates.part)
    return Needed(math.ceil(events), math.ceil(reach))


def estimate(state: MetricState, share: float, own: Counts | None = None) -> Rates | None:
    """Estimate the rates, each drawn to the common one by the weight of a single bad event.

    None while nothing can be said: no exposure at all, or none of the candidate and no share known.
    """
    stable, mine = state.stable, state.candidate
    exposure = stable.exposure + mine.exposure
    if not exposure:
        return None
    part = share if 0.0 < share <= 1.0 else mine.exposure / exposure
    if not part:
        return None
    common = min(1.0, (stable.bad + mine.bad + 0.5) / (exposure + 1.0))
    candidate = _drawn(mine, common)
    return Rates(
        stable=_drawn(stable, common),
        candidate=candidate,
        part=part,
        own=candidate if own is None else _drawn(own, min(1.0, (own.bad + 0.5) / (own.exposure + 1.0))),
    )


def _drawn(seen: Counts, common: float) -> float:
    """The rate of what was seen, drawn to a common one by the weight of a single bad event."""
    return min(1.0, (seen.bad + 1.0) / (seen.exposure + 1.0 / common))


def log_e_after(
    state: MetricState, policy: MetricPolicy, rates: Rates, exposure: float, points: Sequence[float]
) -> float:
    """Log of the promotion e-value after that much more candidate exposure, along the expected path."""
    each = rates.candidate + rates.stable * (1.0 - rates.part) / rates.part
    spread = blocks.long_run(state, policy.noise, each, rates.part)
    bad, total = exposure * rates.candidate / spread, exposure * each / spread
    margin = [
        old + bad * point - total * math.log1p(rates.part * math.expm1(point))
        for old, point in zip(state.log_margin, points, strict=True)
    ]
    ratio = counts.log_e_safe(margin)
    if policy.acceptable is None:
        return ratio
    gains = absolute.gains(policy.acceptable, absolute.rates_below(policy.acceptable))
    spread = blocks.own_dispersion(state, policy.noise, policy.acceptable)
    bad = exposure * rates.own / spread
    good = exposure / spread - bad
    own = [
        old + bad * worse + good * better
        for old, (worse, better) in zip(state.log_absolute, gains, strict=True)
    ]
    return either(ratio, log_mean(own, absolute.BELOW))


def either(log_e: float, other: float) -> float:
    """Log of the mean of two e-values: evidence against what both deny."""
    top = max(log_e, other)
    return top + math.log((math.exp(log_e - top) + math.exp(other - top)) / 2.0)
