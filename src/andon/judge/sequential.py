"""The default judge: anytime-valid, so it may look after every event and stop at any time.

`start`, then `update` and `observe_ratio` for what each look gained, and `judge` whenever a verdict is
wanted. The tests are in counts.py, absolute.py and sample_ratio.py, their proofs in docs/design/judge.md.
Evidence is widened by the noise of the plant in blocks.py. Latency is not judged yet.
"""

from collections.abc import Mapping
from dataclasses import replace

from andon.judge import absolute, blocks, counts, forecast, sample_ratio, wording
from andon.judge.mixture import odds
from andon.judge.model import (
    Counts,
    Finding,
    JudgePolicy,
    JudgeState,
    Look,
    MetricKind,
    MetricPolicy,
    MetricState,
    Outcome,
    Verdict,
)
from andon.judge.policy import check, guardrail_alpha, harm_alpha, log_boundary
from andon.kernel.errors import Damaged


def start(policy: JudgePolicy) -> JudgeState:
    """Return the state of a judge that has seen nothing.

    Raises: InvalidInput when the policy promises nothing (see policy.check).
    """
    check(policy)
    return JudgeState({metric.name: _start_metric(metric) for metric in policy.metrics})


def update(
    state: JudgeState,
    looks: Mapping[str, Look],
    policy: JudgePolicy,
    at: float = 0.0,
) -> JudgeState:
    """Add what each metric gained since the last look. Metrics that the policy does not name are not judged.

    A look must end where the candidate's share changes, so that one look has one split.

    Raises: Damaged when an increment is negative: a counter went backwards and its source did not notice.
    """
    metrics = dict(state.metrics)
    for metric in policy.metrics:
        if metric.name in looks and metric.kind is MetricKind.COUNT:
            metrics[metric.name] = _update_metric(metrics[metric.name], looks[metric.name], metric, at)
    return replace(state, metrics=metrics)


def observe_ratio(state: JudgeState, requests: Look, share: float, policy: JudgePolicy) -> JudgeState:
    """Add the requests of each arm since the last look, made while the candidate's share was `share`.

    Raises: InvalidInput when share is outside 0 to 1; Damaged when an increment is negative.
    """
    _check_increments("requests", requests)
    return replace(state, ratio=sample_ratio.observe(state.ratio, requests, share, policy))


def problem(state: JudgeState, policy: JudgePolicy) -> str:  # noqa: ARG001  the judges' protocol
    """Say why this judge can judge no more. It always can."""
    return state.problem


def judge(state: JudgeState, policy: JudgePolicy) -> Verdict:
    """Say what the evidence says, in order of danger: invalid, fail, pass, inconclusive.

    A broken split makes every comparison meaningless, so it comes before a fail. Pass needs every required
    metric, and at least one: silence never promotes. What was reached once stays reached (Ville's inequality
    bounds the whole path), but a fail always outweighs a pass.
    """
    share = state.ratio.segment_share
    findings = tuple(_finding(state.metrics[metric.name], metric, share) for metric in policy.metrics)
    if sample_ratio.has_fired(state.ratio):
        seen, log_e = sample_ratio.segment(state.ratio), state.ratio.max_log_bayes_factor
        return Verdict(
            Outcome.INVALID, wording.broken_split(*seen, log_e=log_e, chance=policy.ratio_alpha), findings
        )
    failed = [f for f in findings if f.outcome is Outcome.FAIL]
    if failed:
        return Verdict(Outcome.FAIL, _reasons(failed), findings)
    required = [f for f, metric in zip(findings, policy.metrics, strict=True) if metric.required]
    open_ones = [f for f in required if f.outcome is not Outcome.PASS]
    if open_ones:
        return Verdict(Outcome.INCONCLUSIVE, _reasons(open_ones), findings)
    if not required:
        return Verdict(Outcome.INCONCLUSIVE, "the policy requires no metric, so nothing can pass", findings)
    return Verdict(Outcome.PASS, _reasons(required), findings)


def _reasons(findings: list[Finding]) -> str:
    return "; ".join(f.reason for f in findings)


def _start_metric(policy: MetricPolicy) -> MetricState:
    own = 0 if policy.acceptable is None else len(absolute.BELOW)
    state = MetricState(
        log_likelihood=(0.0,) * len(counts.GRID),
        log_margin=(0.0,) * len(counts.margin_points(policy.margin)),
        log_absolute=(0.0,) * own,
    )
    return blocks.start(state, policy.noise)


def _update_metric(state: MetricState, look: Look, policy: MetricPolicy, at: float) -> MetricState:
    _check_increments(policy.name, look)
    stable, held_stable = _due(look.stable, state.held_stable)
    candidate, held_candidate = _due(look.candidate, state.held_candidate)
    due = Look(stable, candidate)
    state = replace(
        state,
        stable=_sum(state.stable, stable),
        candidate=_sum(state.candidate, candidate),
        held_stable=held_stable,
        held_candidate=held_candidate,
    )
    return _remember(blocks.add(state, due, policy, at), policy)


def _remember(state: MetricState, policy: MetricPolicy) -> MetricState:
    """Bring the tests of totals up to date, and every running maximum."""
    log_harm = counts.log_e_harm(state.log_likelihood)
    log_safe = counts.log_e_safe(state.log_margin)
    log_guardrail = state.max_log_e_guardrail
    if policy.acceptable is not None:
        rates = absolute.rates_below(policy.acceptable)
        spread = blocks.own_dispersion(state, policy.noise, policy.acceptable)
        own = absolute.log_likelihood(state.candidate, policy.acceptable, rates, spread)
        state = replace(state, log_absolute=own)
        log_safe = forecast.either(log_safe, absolute.log_e_acceptable(own))
    if policy.guardrail is not None and state.candidate.exposure >= policy.guardrail_min_exposure:
        spread = blocks.own_dispersion(state, policy.noise, policy.guardrail)
        now = absolute.log_e_guardrail(state.candidate, policy.guardrail, spread)
        log_guardrail = max(log_guardrail, now)
    return replace(
        state,
        max_log_e_harm=max(state.max_log_e_harm, log_harm),
        max_log_e_safe=max(state.max_log_e_safe, log_safe),
        max_log_e_guardrail=log_guardrail,
    )


def _due(gained: Counts, held: int) -> tuple[Counts, int]:
    """Split bad events into those whose exposure has come, and those that wait for it.

    Sources count a request when it begins and its error when it ends, so an error may come one look early.
    Inventing the exposure would invent evidence; dropping the event would lose it.
    """
    bad = min(gained.bad + held, gained.exposure)
    return Counts(gained.exposure, bad), gained.bad + held - bad


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(one.exposure + other.exposure, one.bad + other.bad)


def _check_increments(name: str, look: Look) -> None:
    for arm, gained in (("stable", look.stable), ("candidate", look.candidate)):
        if gained.exposure < 0 or gained.bad < 0:
            raise Damaged(
                "judge.negative-increment",
                f"{name}: the {arm} gained {gained.bad} bad of {gained.exposure}; counts only grow",
                hint="the evidence source must start a new epoch when its counters are reset",
            )


def _finding(state: MetricState, policy: MetricPolicy, share: float) -> Finding:
    log_harm, log_safe = log_boundary(harm_alpha(policy)), log_boundary(policy.beta)
    finding = Finding(
        metric=policy.name,
        outcome=Outcome.INCONCLUSIVE,
        reason="",
        stable=state.stable,
        candidate=state.candidate,
        ratio=_ratio(state),
        interval=counts.interval(state.log_likelihood, log_harm, log_safe),
        e_harm=odds(state.max_log_e_harm),
        e_safe=odds(state.max_log_e_safe),
        harm_boundary=1.0 / harm_alpha(policy),
        safe_boundary=1.0 / policy.beta,
    )
    if policy.kind is MetricKind.LATENCY:
        return replace(finding, reason=f"{policy.name}: latency is not judged yet")
    if policy.guardrail is not None and state.max_log_e_guardrail >= log_boundary(guardrail_alpha(policy)):
        return _crossed(finding, state, policy, policy.guardrail)
    if state.max_log_e_harm >= log_harm:
        return replace(finding, outcome=Outcome.FAIL, reason=wording.harm(finding))
    if state.max_log_e_safe >= log_safe:
        reason = wording.safe(finding, policy)
        return replace(finding, outcome=Outcome.PASS, reason=reason, events_needed=0, exposure_needed=0)
    need = forecast.needed(state, policy, share)
    return replace(
        finding,
        reason=wording.unproven(finding, policy, need),
        events_needed=need.events if need else None,
        exposure_needed=need.exposure if need else None,
    )


def _crossed(finding: Finding, state: MetricState, policy: MetricPolicy, limit: float) -> Finding:
    failed = replace(
        finding,
        outcome=Outcome.FAIL,
        e_harm=odds(state.max_log_e_guardrail),
        harm_boundary=1.0 / guardrail_alpha(policy),
        by_guardrail=True,
    )
    return replace(failed, reason=wording.guardrail(failed, limit))


def _ratio(state: MetricState) -> float | None:
    stable, mine = state.stable, state.candidate
    if not (stable.bad and mine.exposure):
        return None
    return (mine.bad / mine.exposure) / (stable.bad / stable.exposure)
