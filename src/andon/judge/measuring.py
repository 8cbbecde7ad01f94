"""A metric that measures, such as latency: what a look adds to its state.

Less is better. The arms are compared anywhere (dkw.py), beyond the stable release's slowest twentieth and
beyond its median (points.py, counts.py), and with absolute limits (absolute.py). What it says is in
measured.py.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from operator import add, sub

from andon.judge import absolute, counts, dkw, forecast, late, points
from andon.judge.counted import guardrail_now
from andon.judge.mixture import log_sum
from andon.judge.model import (
    Counts,
    Look,
    Measured,
    MetricPolicy,
    MetricState,
    Point,
)
from andon.judge.policy import bands_alpha, guardrail_alpha, harm_alpha, log_boundary
from andon.kernel.errors import Damaged

_TAIL_WEIGHT = 0.55  # of the evidence at the points; the rest is for the median


def start(policy: MetricPolicy) -> MetricState:
    """Return the state of a metric of which nothing was seen."""
    size, own = len(policy.edges), 0 if policy.acceptable is None else len(absolute.BELOW)
    none = (0,) * size
    return MetricState(
        log_likelihood=(0.0,) * len(counts.GRID),
        log_absolute=(0.0,) * own,
        measured=Measured(none, none, none, none, none, log_odds=(0.0,) * len(points.ODDS)),
    )


def begin_step(state: MetricState, policy: MetricPolicy) -> MetricState:
    """The candidate's share changes: points are chosen anew from what is known, and the bands begin anew.

    A load that both arms share may differ between steps, and so may the arms' parts in it: the bands compare
    whole distributions, so they must not be mixed over steps. The points compare look by look.
    """
    seen = of(state)
    closed = replace(
        seen,
        stable_closed=seen.stable,
        candidate_closed=seen.candidate,
        steps=seen.steps + 1,
        apart=0.0,
        parted=max(seen.parted, log_bands(seen)),
    )
    return replace(
        state,
        late=late.begin_step(state.late, state.log_likelihood),
        measured=_chosen(closed, policy),
    )


def update(state: MetricState, look: Look, policy: MetricPolicy, _at: float = 0.0) -> MetricState:
    """Add what one look gained, and bring every running maximum up to date.

    Raises: Damaged when its buckets are not those of the policy, or do not sum to the exposure.
    """
    _check(look, policy)
    seen = of(state)
    if look.stable_before:
        seen = replace(seen, before=_plus(seen.before, look.stable_before))
    if seen.tail.edge < 0:
        seen = _chosen(seen, policy)
    seen = _widened(
        replace(
            seen,
            stable=_plus(seen.stable, look.stable_buckets),
            candidate=_plus(seen.candidate, look.candidate_buckets),
        )
    )
    likelihood, weight = state.log_likelihood, 1.0 / policy.noise.dispersion
    if seen.tail.edge >= 0:
        tail, half = points.seen_at(seen.tail.edge, look), points.seen_at(seen.half.edge, look)
        likelihood = counts.add(likelihood, tail, weight)
        seen = replace(
            seen,
            tail=points.add(seen.tail, look, weight),
            half=points.add(seen.half, look, weight),
            log_odds=points.add_odds(seen.log_odds, half, seen.half.beyond, weight),
        )
    own = _own(seen, policy)
    seen = replace(seen, tail=_remembered(seen.tail, own, policy), half=_remembered(seen.half, own, policy))
    return _remember(replace(state, log_likelihood=likelihood, log_absolute=own, measured=seen), policy)


def of(state: MetricState) -> Measured:
    """Return the buckets of a state.

    Raises: Damaged when it is that of a metric that counts.
    """
    if state.measured is None:
        raise Damaged("judge.not-measured", "the state of a metric that measures has no buckets")
    return state.measured


def _chosen(seen: Measured, policy: MetricPolicy) -> Measured:
    """Choose the points from all that the stable release had until now."""
    pool = _plus(seen.before, seen.stable)
    return replace(
        seen,
        tail=points.choose(seen.tail, pool, policy.edges, points.TAIL, policy.margin),
        half=points.choose(seen.half, pool, policy.edges, points.HALF, policy.margin),
    )


def _widened(seen: Measured) -> Measured:
    """Compare the whole distributions of this step."""
    parting = dkw.parting(
        _minus(seen.stable, seen.stable_closed), _minus(seen.candidate, seen.candidate_closed)
    )
    if parting.constant <= seen.apart:
        return seen
    return replace(seen, apart=parting.constant, apart_edge=parting.edge)


def _own(seen: Measured, policy: MetricPolicy) -> tuple[float, ...]:
    """Log-likelihoods of the candidate's own part beyond what is acceptable; empty where nothing is."""
    if policy.acceptable is None:
        return ()
    slow = beyond(seen.candidate, acceptable_edge(policy))
    return absolute.log_likelihood(
        slow, points.TAIL, absolute.rates_below(points.TAIL), policy.noise.dispersion
    )


def _remembered(point: Point, own: Sequence[float], policy: MetricPolicy) -> Point:
    """Bring the running maximum of the promotion test at a point up to date."""
    log_safe = counts.log_e_safe(point.log_margin) if point.log_margin else 0.0
    if policy.acceptable is not None:
        log_safe = forecast.either(log_safe, absolute.log_e_acceptable(own))
    return replace(point, max_log_e_safe=max(point.max_log_e_safe, log_safe))


def _remember(state: MetricState, policy: MetricPolicy) -> MetricState:
    """Bring the metric's own maxima up to date from those of its parts."""
    seen = of(state)
    log_harm = _log_points(state)
    log_guardrail = -math.inf
    if policy.guardrail is not None:
        slow = beyond(seen.candidate, guardrail_edge(policy, policy.guardrail))
        log_guardrail = guardrail_now(slow, policy, points.TAIL, policy.noise.dispersion)
    return replace(
        state,
        stable=seen.tail.stable if seen.tail.edge >= 0 else Counts(sum(seen.before) + sum(seen.stable)),
        candidate=seen.tail.candidate if seen.tail.edge >= 0 else Counts(sum(seen.candidate)),
        max_log_e_harm=max(state.max_log_e_harm, log_harm),
        max_log_e_safe=min(seen.tail.max_log_e_safe, seen.half.max_log_e_safe),
        max_log_e_guardrail=max(state.max_log_e_guardrail, log_guardrail),
        log_e=log_sum(
            (harm_alpha(policy) / policy.alpha, log_harm),
            (guardrail_alpha(policy) / policy.alpha, log_guardrail),
            (1.0, -math.log(policy.alpha) if are_apart(seen, policy) else -math.inf),
        ),
    )


def _log_points(state: MetricState) -> float:
    seen = of(state)
    return log_sum(
        (_TAIL_WEIGHT, late.log_e(state.late, state.log_likelihood)),
        (1.0 - _TAIL_WEIGHT, points.log_e_odds(seen.log_odds)),
    )


def are_apart(seen: Measured, policy: MetricPolicy) -> bool:
    """Return whether the bands did not touch, in this step or in one before."""
    alpha = bands_alpha(policy, seen.steps)
    return seen.apart > dkw.constant(alpha / 2.0) or seen.parted >= log_boundary(whole_alpha(policy))


def log_bands(seen: Measured) -> float:
    """Return what the bands say in this step, as the logarithm of odds against the whole of their chance."""
    if not seen.apart:
        return 0.0
    chance = 2.0 * dkw.chance(seen.apart) * (seen.steps + 1) * (seen.steps + 2)
    return max(0.0, -math.log(chance))


def whole_alpha(policy: MetricPolicy) -> float:
    """Return the chance that the bands may use in all steps together."""
    return bands_alpha(policy, 0) * 2.0  # 1/2 of it is for the first step


def guardrail_edge(policy: MetricPolicy, limit: float) -> int:
    """Return the first edge that is not below the limit: what lies beyond it lies beyond the limit."""
    return bisect_left(policy.edges, limit)


def acceptable_edge(policy: MetricPolicy) -> int:
    """Return the last edge that is not above what is acceptable: what lies up to it is."""
    return bisect_right(policy.edges, policy.acceptable or 0.0) - 1


def beyond(buckets: Sequence[int], edge: int) -> Counts:
    """Return the observations in buckets, those beyond an edge as bad."""
    return Counts(sum(buckets), sum(buckets[edge + 1 :]))


def _plus(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(map(add, one, other))


def _minus(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(map(sub, one, other))


def _check(look: Look, policy: MetricPolicy) -> None:
    for arm, gained, buckets in (
        ("stable", look.stable, look.stable_buckets),
        ("candidate", look.candidate, look.candidate_buckets),
    ):
        if len(buckets) != len(policy.edges) or sum(buckets) != gained.exposure or min(buckets) < 0:
            raise Damaged(
                "judge.bad-buckets",
                f"{policy.name}: the {arm} gained {gained.exposure} in buckets {list(buckets)}; they must be "
                f"{len(policy.edges)}, none below 0, and sum to it",
                hint="the evidence source must count in the buckets of the plan",
            )
