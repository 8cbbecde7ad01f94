"""What the state of a metric that measures says: the finding, and what promotion still needs.

What a look adds to it is in measuring.py; this module stands for both.
"""

import math
from dataclasses import replace

from andon.judge import counted, forecast, late, measured_words, points
from andon.judge.counted import crossed, ratio, undecided
from andon.judge.measuring import (
    acceptable_edge,
    are_apart,
    begin_step,
    beyond,
    guardrail_edge,
    log_bands,
    of,
    start,
    update,
    whole_alpha,
)
from andon.judge.mixture import odds
from andon.judge.model import (
    Counts,
    Finding,
    Measured,
    MetricPolicy,
    MetricState,
    Outcome,
    Percentiles,
    Point,
)
from andon.judge.policy import guardrail_alpha, harm_alpha, log_boundary

__all__ = ["begin_step", "finding", "needed", "outcome", "start", "update"]


def outcome(state: MetricState, policy: MetricPolicy) -> Outcome:
    """Say what `finding` says, without its words and numbers."""
    seen = of(state)
    if are_apart(seen, policy):
        return Outcome.FAIL
    return counted.outcome(state, policy)


def finding(state: MetricState, policy: MetricPolicy, share: float) -> Finding:
    """Say what one metric says; share: the candidate's, or 0 where it is not known."""
    seen = of(state)
    said = _finding(state, policy)
    if policy.guardrail is not None and state.max_log_e_guardrail >= log_boundary(guardrail_alpha(policy)):
        edge = guardrail_edge(policy, policy.guardrail)
        failed = replace(
            crossed(said, state, policy), candidate=beyond(seen.candidate, edge), edge=policy.edges[edge]
        )
        return replace(failed, reason=measured_words.guardrail(failed, policy.guardrail))
    if state.max_log_e_harm >= log_boundary(harm_alpha(policy)):
        failed = _at_point(said, state, policy)
        return replace(failed, outcome=Outcome.FAIL, reason=measured_words.harm(failed))
    if are_apart(seen, policy):
        bands, whole = max(seen.parted, log_bands(seen)), whole_alpha(policy)
        failed = replace(
            _at_edge(said, seen, policy, seen.apart_edge), e_harm=odds(bands), harm_boundary=1.0 / whole
        )
        return replace(failed, outcome=Outcome.FAIL, reason=measured_words.harm(failed))
    if state.max_log_e_safe >= log_boundary(policy.beta):
        reason = measured_words.safe(said, policy)
        return replace(said, outcome=Outcome.PASS, reason=reason, events_needed=0, exposure_needed=0)
    need = needed(state, policy, share)
    return replace(
        said,
        reason=measured_words.unproven(said, policy, need),
        events_needed=need.events if need else None,
        exposure_needed=need.exposure if need else None,
    )


def needed(state: MetricState, policy: MetricPolicy, share: float) -> forecast.Needed | None:
    """Return what promotion still needs at that of its points which needs most; None: not in reach.

    None too while too little is known of the stable release to choose the points, unless a limit is enough.
    """
    seen = of(state)
    own = None if policy.acceptable is None else beyond(seen.candidate, acceptable_edge(policy))
    if seen.tail.edge < 0:
        if own is None:
            return None
        alone = replace(seen.tail, candidate=own, log_margin=(0.0,) * len(points.alternatives(seen.tail)))
        return _needed(state, alone, policy, (1.0, own))
    needs = [
        _needed(state, point, policy, (share, own))
        for point in (seen.tail, seen.half)
        if point.max_log_e_safe < log_boundary(policy.beta)
    ]
    known = [each for each in needs if each is not None]
    return max(known, key=lambda each: each.exposure) if len(known) == len(needs) else None


def _needed(
    state: MetricState, point: Point, policy: MetricPolicy, seen: tuple[float, Counts | None]
) -> forecast.Needed | None:
    """The forecast at a point, as if it were a metric that counts."""
    share, own = seen
    stable = Counts(point.stable.exposure, min(point.stable.exposure, round(point.moved)))
    counted_state = replace(
        state, stable=stable, candidate=point.candidate, log_margin=point.log_margin, measured=None
    )
    limit = None if policy.acceptable is None else points.TAIL
    as_counted = replace(policy, acceptable=limit)
    return forecast.needed(counted_state, as_counted, share, own, points.alternatives(point))


def _finding(state: MetricState, policy: MetricPolicy) -> Finding:
    seen = of(state)
    edge = policy.edges[seen.tail.edge] if seen.tail.edge >= 0 else None
    return replace(undecided(state, policy), edge=edge, percentiles=_percentiles(seen, policy))


def _percentiles(seen: Measured, policy: MetricPolicy) -> Percentiles:
    return Percentiles(
        *(
            points.quantile(arm, policy.edges, part)
            for arm in (seen.stable, seen.candidate)
            for part in (points.HALF, points.TAIL)
        )
    )


def _at_point(said: Finding, state: MetricState, policy: MetricPolicy) -> Finding:
    """The finding at that point which says more."""
    seen = of(state)
    if late.log_e(state.late, state.log_likelihood) >= points.log_e_odds(seen.log_odds):
        return said
    half = seen.half
    return replace(
        said,
        stable=half.stable,
        candidate=half.candidate,
        ratio=ratio(half.stable, half.candidate),
        interval=(0.0, math.inf),
        edge=policy.edges[half.edge],
    )


def _at_edge(said: Finding, seen: Measured, policy: MetricPolicy, edge: int) -> Finding:
    stable, candidate = beyond(seen.stable, edge), beyond(seen.candidate, edge)
    return replace(
        said,
        stable=stable,
        candidate=candidate,
        ratio=ratio(stable, candidate),
        interval=(0.0, math.inf),
        edge=policy.edges[edge],
    )
