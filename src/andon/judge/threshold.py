"""The judge `threshold`: fixed limits over windows, as Argo Rollouts and Flagger have them.

Each window of the candidate is checked once against limits that do not know the stable release. It makes no
promise: what a limit misses or fails depends on the base rate (docs/design/judge.md has figures). Guardrails
are the default judge's, and stay in force. A failed candidate stays so.

Not kept, because silence neither promotes nor kills: windows without an answer are inconclusive where Argo
aborts and Flagger counts a failed check, and nothing passes without measurements. Checks go on after `count`,
as a rollout goes on. (argo-rollouts docs/features/analysis.md; Flagger docs/usage/how-it-works.md)
"""

from collections.abc import Mapping
from dataclasses import replace

from andon.judge import interval_wording as wording
from andon.judge import intervals, sequential
from andon.judge.model import Finding, JudgePolicy, JudgeState, Look, MetricPolicy, Outcome, Series, Verdict
from andon.judge.options import Limits, Style, Threshold
from andon.kernel.errors import InvalidInput

NAME = "threshold"
_KEEP = 20  # values remembered for people; a check reads only the newest


def start(policy: JudgePolicy) -> JudgeState:
    """Return the state of a judge that has seen nothing.

    Raises: InvalidInput naming the option, its value and what it may be; also as `sequential.start`.
    """
    check(_how(policy), policy)
    return replace(sequential.start(policy), series=intervals.begin(policy.metrics))


def update(state: JudgeState, looks: Mapping[str, Look], policy: JudgePolicy, at: float = 0.0) -> JudgeState:
    """Add what each metric gained since the last look; check each window that has ended.

    at: when the look was taken, in seconds since 1970.

    Raises: Damaged when an increment is negative.
    """
    if state.is_final:
        return state
    how = _how(policy)
    state = sequential.update(state, looks, policy, at)
    before = state.series
    frame = intervals.Frame(how.interval, _KEEP, how.quantile)
    state, ended = intervals.gather(state, looks, policy.metrics, at, frame)
    if not ended:
        return state
    series = {
        metric.name: _checked(
            state.series[metric.name], before[metric.name], _limits(how, metric), how, ended
        )
        for metric in policy.metrics
    }
    is_final = any(_outcome(each, how) is Outcome.FAIL for each in series.values())
    return replace(state, series=series, is_final=is_final)


observe_ratio = sequential.observe_ratio
problem = sequential.problem


def judge(state: JudgeState, policy: JudgePolicy) -> Verdict:
    """Say what the checks say, after the guardrails. One metric that failed fails the release.

    The split is not judged: nothing here is compared with the stable release.
    """
    how = _how(policy)
    findings = tuple(
        _finding(found, metric, state.series[metric.name], how)
        for found, metric in zip(sequential.judge(state, policy).findings, policy.metrics, strict=True)
    )
    failed = [each for each in findings if each.outcome is Outcome.FAIL]
    if failed:
        return Verdict(Outcome.FAIL, _reasons(failed), findings)
    required = [each for each, metric in zip(findings, policy.metrics, strict=True) if metric.required]
    open_ones = [each for each in required if each.outcome is not Outcome.PASS]
    if open_ones:
        return Verdict(Outcome.INCONCLUSIVE, _reasons(open_ones), findings)
    if not required:
        return Verdict(Outcome.INCONCLUSIVE, "the policy requires no metric, so nothing can pass", findings)
    return Verdict(Outcome.PASS, _reasons(required), findings)


def check(how: Threshold, policy: JudgePolicy) -> None:
    """Refuse options that mean nothing, and a metric without a limit.

    Raises: InvalidInput.
    """
    for name, value, least in (
        ("count", how.count, 1),
        ("failure_limit", how.failure_limit, 0),
        ("inconclusive_limit", how.inconclusive_limit, 0),
        ("error_limit", how.error_limit, 0),
        ("skip", how.skip, 0),
        ("min_exposure", how.min_exposure, 1),
    ):
        if value < least:
            raise InvalidInput("judge.policy", f"{NAME}: {name} is {value}; it must be at least {least}")
    if how.interval <= 0:
        raise InvalidInput("judge.policy", f"{NAME}: interval is {how.interval}; it must be above 0")
    if not 0 < how.quantile < 1:
        raise InvalidInput("judge.policy", f"{NAME}: quantile is {how.quantile}; it must be between 0 and 1")
    names = [metric.name for metric in policy.metrics]
    unknown = [name for name in how.metrics if name not in names]
    if unknown:
        known = ", ".join(names) or "none"
        raise InvalidInput("judge.policy", f"{NAME}: there is no metric {unknown[0]}; there are: {known}")
    for metric in policy.metrics:
        limits = _limits(how, metric)
        if metric.required and not (limits.has_success or limits.has_failure):
            raise InvalidInput(
                "judge.policy",
                f"{NAME}: {metric.name} has no limit",
                hint=f"give `most` or `fail_above` for {metric.name}, or the metric a `guardrail`",
            )


def _how(policy: JudgePolicy) -> Threshold:
    return policy.threshold or Threshold()


def _limits(how: Threshold, metric: MetricPolicy) -> Limits:
    """Return the metric's limits; without any, its guardrail is the most that succeeds."""
    return how.metrics.get(metric.name) or Limits(most=metric.guardrail)


def _checked(series: Series, before: Series, limits: Limits, how: Threshold, ended: int) -> Series:
    """Count the windows that ended: the one that was open, and those after it in which nothing came."""
    is_enough = before.open_candidate.exposure >= how.min_exposure and before.seen >= how.skip
    value = series.candidate[-min(ended, _KEEP)] if is_enough else None
    series = replace(series, seen=before.seen + ended)
    if value is None:
        return replace(series, silent=before.silent + ended)
    series = replace(series, silent=ended - 1)
    match measured(value, limits):
        case Outcome.PASS:
            return replace(series, passed=series.passed + 1)
        case Outcome.FAIL:
            return replace(series, failed=series.failed + 1)
        case _:
            return replace(series, inconclusive=series.inconclusive + 1)


def measured(value: float, limits: Limits) -> Outcome:
    """Say what one value is: Argo's table of success and failure conditions.

    Where only one condition is given, the other is its opposite; where both are and neither holds, or none is
    given, it is inconclusive. A failure outweighs a success.
    """
    is_failure = (limits.fail_below is not None and value < limits.fail_below) or (
        limits.fail_above is not None and value > limits.fail_above
    )
    is_success = (limits.least is None or value >= limits.least) and (
        limits.most is None or value <= limits.most
    )
    if is_failure or (limits.has_success and not limits.has_failure and not is_success):
        return Outcome.FAIL
    if (limits.has_success or limits.has_failure) and is_success:
        return Outcome.PASS
    return Outcome.INCONCLUSIVE


def _outcome(series: Series, how: Threshold) -> Outcome:
    if series.failed > how.failure_limit:
        return Outcome.FAIL
    is_unclear = how.style is Style.ARGO and series.inconclusive > how.inconclusive_limit
    if is_unclear or series.silent > how.error_limit:
        return Outcome.INCONCLUSIVE
    return Outcome.PASS if _done(series, how) >= how.count else Outcome.INCONCLUSIVE


def _done(series: Series, how: Threshold) -> int:
    """Return the checks that count: in Argo all that brought a value, in Flagger those that advance it."""
    if how.style is Style.FLAGGER:
        return series.passed
    return series.passed + series.failed + series.inconclusive


def _finding(found: Finding, metric: MetricPolicy, series: Series, how: Threshold) -> Finding:
    """Put this judge's word in place of the default one's, whose counts and evidence stay."""
    if found.by_guardrail and found.outcome is Outcome.FAIL:
        return found
    reason = wording.checked(metric, series, _limits(how, metric), how)
    outcome = _outcome(series, how)
    return replace(found, outcome=outcome, reason=reason, events_needed=None, exposure_needed=None)


def _reasons(findings: list[Finding]) -> str:
    return "; ".join(each.reason for each in findings)
