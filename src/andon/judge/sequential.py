"""The default judge: anytime-valid, so it may look after every event and stop at any time.

`start`, then `update` and `observe_ratio` for what each look gained, and `judge` whenever a verdict is
wanted. What counts is judged in counted.py, what measures in measured.py, the split in sample_ratio.py; the
proofs are in docs/design/judge.md. Evidence is widened by the noise of the plant in blocks.py.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol, assert_never

from andon.judge import counted, measured, sample_ratio, wording
from andon.judge.mixture import log_sum
from andon.judge.model import (
    Combine,
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
from andon.judge.policy import check, log_boundary
from andon.kernel.errors import Damaged


def start(policy: JudgePolicy) -> JudgeState:
    """Return the state of a judge that has seen nothing.

    Raises: InvalidInput when the policy promises nothing (see policy.check).
    """
    check(policy)
    return JudgeState({metric.name: _kind(metric).start(metric) for metric in policy.metrics})


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
        if metric.name in looks:
            _check_increments(metric.name, looks[metric.name])
            before, look = metrics[metric.name], looks[metric.name]
            metrics[metric.name] = _kind(metric).update(before, look, metric, at)
    log_mean = max(state.max_log_mean, _log_mean(metrics, policy))
    return replace(state, metrics=metrics, max_log_mean=log_mean)


def observe_ratio(state: JudgeState, requests: Look, share: float, policy: JudgePolicy) -> JudgeState:
    """Add the requests of each arm since the last look, made while the candidate's share was `share`.

    Another share than before begins another step of the rollout, also for the metrics.

    Raises: InvalidInput when share is outside 0 to 1; Damaged when an increment is negative.
    """
    _check_increments("requests", requests)
    ratio, metrics = sample_ratio.observe(state.ratio, requests, share, policy), state.metrics
    if state.ratio.segment_share not in {0.0, share}:
        metrics = {each.name: _kind(each).begin_step(metrics[each.name], each) for each in policy.metrics}
    return replace(state, metrics=metrics, ratio=ratio)


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
    findings = tuple(
        _widened(_kind(metric).finding(state.metrics[metric.name], metric, share), metric)
        for metric in policy.metrics
    )
    if sample_ratio.has_fired(state.ratio):
        seen, log_e = sample_ratio.segment(state.ratio), state.ratio.max_log_bayes_factor
        return Verdict(
            Outcome.INVALID, wording.broken_split(*seen, log_e=log_e, chance=policy.ratio_alpha), findings
        )
    failed = [f for f in findings if f.outcome is Outcome.FAIL]
    if failed:
        return Verdict(Outcome.FAIL, _reasons(failed), findings)
    if _is_mean_too_high(state, policy):
        return Verdict(Outcome.FAIL, wording.together(findings, state.max_log_mean, _alpha(policy)), findings)
    required = [f for f, metric in zip(findings, policy.metrics, strict=True) if metric.required]
    open_ones = [f for f in required if f.outcome is not Outcome.PASS]
    if open_ones:
        return Verdict(Outcome.INCONCLUSIVE, _reasons(open_ones), findings)
    if not required:
        return Verdict(Outcome.INCONCLUSIVE, "the policy requires no metric, so nothing can pass", findings)
    return Verdict(Outcome.PASS, _reasons(required), findings)


def outcome(state: JudgeState, policy: JudgePolicy) -> Outcome:
    """Say what `judge` says, without its findings: for who asks at every look of a long history."""
    if sample_ratio.has_fired(state.ratio):
        return Outcome.INVALID
    found = [_kind(each).outcome(state.metrics[each.name], each) for each in policy.metrics]
    if Outcome.FAIL in found or _is_mean_too_high(state, policy):
        return Outcome.FAIL
    required = [each for each, metric in zip(found, policy.metrics, strict=True) if metric.required]
    is_proven = bool(required) and all(each is Outcome.PASS for each in required)
    return Outcome.PASS if is_proven else Outcome.INCONCLUSIVE


class _Kind(Protocol):
    """What a kind of metric can do: the modules `counted` and `measured`."""

    def start(self, policy: MetricPolicy) -> MetricState: ...
    def begin_step(self, state: MetricState, policy: MetricPolicy, /) -> MetricState: ...
    def update(
        self, state: MetricState, look: Look, policy: MetricPolicy, at: float = ..., /
    ) -> MetricState: ...
    def outcome(self, state: MetricState, policy: MetricPolicy) -> Outcome: ...
    def finding(self, state: MetricState, policy: MetricPolicy, share: float) -> Finding: ...


def _kind(metric: MetricPolicy) -> _Kind:
    match metric.kind:
        case MetricKind.COUNT:
            return counted
        case MetricKind.LATENCY:
            return measured
        case _:
            assert_never(metric.kind)


def _reasons(findings: Sequence[Finding]) -> str:
    return "; ".join(f.reason for f in findings)


def _alpha(policy: JudgePolicy) -> float:
    return math.fsum(metric.alpha for metric in policy.metrics)


def _log_mean(metrics: Mapping[str, MetricState], policy: JudgePolicy) -> float:
    """Logarithm of the mean of the present e-values of all metrics, each by its part of alpha."""
    whole = _alpha(policy)
    parts = [(each.alpha / whole, metrics[each.name].log_e) for each in policy.metrics]
    return log_sum(*parts) if parts else 0.0


def _is_mean_too_high(state: JudgeState, policy: JudgePolicy) -> bool:
    return policy.combine is Combine.AVERAGE and state.max_log_mean >= log_boundary(_alpha(policy))


def _check_increments(name: str, look: Look) -> None:
    for arm, gained in (("stable", look.stable), ("candidate", look.candidate)):
        if gained.exposure < 0 or gained.bad < 0:
            raise Damaged(
                "judge.negative-increment",
                f"{name}: the {arm} gained {gained.bad} bad of {gained.exposure}; counts only grow",
                hint="the evidence source must start a new epoch when its counters are reset",
            )


def _widened(finding: Finding, policy: MetricPolicy) -> Finding:
    if not finding.candidate.exposure:
        return finding
    return replace(finding, reason=wording.widened(finding.reason, policy.noise))
