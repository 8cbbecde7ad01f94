"""A metric that counts: what a look adds to its state, and what the state says.

The tests are in counts.py, late.py and absolute.py; the sentences in wording.py.
"""

import math
from dataclasses import replace

from andon.judge import absolute, blocks, counts, forecast, late, wording
from andon.judge.mixture import log_sum, odds
from andon.judge.model import Counts, Finding, Look, MetricPolicy, MetricState, Outcome
from andon.judge.policy import guardrail_alpha, harm_alpha, log_boundary


def start(policy: MetricPolicy) -> MetricState:
    """Return the state of a metric of which nothing was seen."""
    own = 0 if policy.acceptable is None else len(absolute.BELOW)
    state = MetricState(
        log_likelihood=(0.0,) * len(counts.GRID),
        log_margin=(0.0,) * len(counts.margin_points(policy.margin)),
        log_absolute=(0.0,) * own,
    )
    return blocks.start(state, policy.noise)


def begin_step(state: MetricState, _policy: MetricPolicy) -> MetricState:
    """The candidate's share changes: a new bet on a late turn begins."""
    return replace(state, late=late.begin_step(state.late, state.log_likelihood))


def update(state: MetricState, look: Look, policy: MetricPolicy, at: float = 0.0) -> MetricState:
    """Add what one look gained, and bring every running maximum up to date. at: seconds since 1970."""
    stable, held_stable = _due(look.stable, state.held_stable)
    candidate, held_candidate = _due(look.candidate, state.held_candidate)
    state = replace(
        state,
        stable=state.stable.plus(stable),
        candidate=state.candidate.plus(candidate),
        held_stable=held_stable,
        held_candidate=held_candidate,
    )
    return _remember(blocks.add(state, Look(stable, candidate), policy, at), policy)


def _remember(state: MetricState, policy: MetricPolicy) -> MetricState:
    """Bring the tests of totals up to date, and every running maximum."""
    log_harm = late.log_e(state.late, state.log_likelihood)
    log_safe, own = counts.log_e_safe(state.log_margin), state.log_absolute
    if policy.acceptable is not None:
        rates = absolute.rates_below(policy.acceptable)
        spread = blocks.own_dispersion(state, policy.noise, policy.acceptable)
        own = absolute.log_likelihood(state.candidate, policy.acceptable, rates, spread)
        log_safe = forecast.either(log_safe, absolute.log_e_acceptable(own))
    log_guardrail = -math.inf
    if policy.guardrail is not None:
        spread = blocks.own_dispersion(state, policy.noise, policy.guardrail)
        log_guardrail = guardrail_now(state.candidate, policy, policy.guardrail, spread)
    return replace(
        state,
        log_absolute=own,
        max_log_e_harm=max(state.max_log_e_harm, log_harm),
        max_log_e_safe=max(state.max_log_e_safe, log_safe),
        max_log_e_guardrail=max(state.max_log_e_guardrail, log_guardrail),
        log_e=log_sum(
            (harm_alpha(policy) / policy.alpha, log_harm),
            (guardrail_alpha(policy) / policy.alpha, log_guardrail),
        ),
    )


def guardrail_now(seen: Counts, policy: MetricPolicy, limit: float, spread: float) -> float:
    """Log e-value against "the candidate's rate is at most the limit"; nothing (log 0) before it may speak.

    Nothing, and not 1: who waits until it speaks in one's favour has chosen.
    """
    if seen.exposure < policy.guardrail_min_exposure:
        return -math.inf
    return absolute.log_e_guardrail(seen, limit, spread)


def outcome(state: MetricState, policy: MetricPolicy) -> Outcome:
    """Say what `finding` says, without its words and numbers."""
    is_crossed = policy.guardrail is not None and state.max_log_e_guardrail >= log_boundary(
        guardrail_alpha(policy)
    )
    if is_crossed or state.max_log_e_harm >= log_boundary(harm_alpha(policy)):
        return Outcome.FAIL
    return Outcome.PASS if state.max_log_e_safe >= log_boundary(policy.beta) else Outcome.INCONCLUSIVE


def undecided(state: MetricState, policy: MetricPolicy) -> Finding:
    """Say the numbers of one metric, without an outcome and words."""
    log_harm, log_safe = log_boundary(harm_alpha(policy)), log_boundary(policy.beta)
    return Finding(
        metric=policy.name,
        outcome=Outcome.INCONCLUSIVE,
        reason="",
        stable=state.stable,
        candidate=state.candidate,
        ratio=ratio(state.stable, state.candidate),
        interval=counts.interval(state.log_likelihood, log_harm, log_safe),
        e_harm=odds(state.max_log_e_harm),
        e_safe=odds(state.max_log_e_safe),
        harm_boundary=1.0 / harm_alpha(policy),
        safe_boundary=1.0 / policy.beta,
    )


def finding(state: MetricState, policy: MetricPolicy, share: float) -> Finding:
    """Say what one metric says; share: the candidate's, or 0 where it is not known."""
    log_harm, log_safe = log_boundary(harm_alpha(policy)), log_boundary(policy.beta)
    said = undecided(state, policy)
    if policy.guardrail is not None and state.max_log_e_guardrail >= log_boundary(guardrail_alpha(policy)):
        failed = crossed(said, state, policy)
        return replace(failed, reason=wording.guardrail(failed, policy.guardrail))
    if state.max_log_e_harm >= log_harm:
        return replace(said, outcome=Outcome.FAIL, reason=wording.harm(said))
    if state.max_log_e_safe >= log_safe:
        reason = wording.safe(said, policy)
        return replace(said, outcome=Outcome.PASS, reason=reason, events_needed=0, exposure_needed=0)
    need = forecast.needed(state, policy, share)
    return replace(
        said,
        reason=wording.unproven(said, policy, need),
        events_needed=need.events if need else None,
        exposure_needed=need.exposure if need else None,
    )


def crossed(said: Finding, state: MetricState, policy: MetricPolicy) -> Finding:
    """The finding of a candidate that is above the guardrail, but for its words."""
    return replace(
        said,
        outcome=Outcome.FAIL,
        e_harm=odds(state.max_log_e_guardrail),
        harm_boundary=1.0 / guardrail_alpha(policy),
        by_guardrail=True,
    )


def ratio(stable: Counts, candidate: Counts) -> float | None:
    """How many times as often it happens on the candidate; None where nothing happened on the stable."""
    if not (stable.bad and candidate.exposure):
        return None
    return (candidate.bad / candidate.exposure) / (stable.bad / stable.exposure)


def _due(gained: Counts, held: int) -> tuple[Counts, int]:
    """Split bad events into those whose exposure has come, and those that wait for it.

    Sources count a request when it begins and its error when it ends, so an error may come one look early.
    Inventing the exposure would invent evidence; dropping the event would lose it.
    """
    bad = min(gained.bad + held, gained.exposure)
    return Counts(gained.exposure, bad), gained.bad + held - bad
