"""The judge `mann-whitney`: Kayenta's, for those who know its behaviour.

One sample a minute of each arm's rate, an analysis at the end of each minute, its score against two limits.
It makes no promise over many looks: each has its own chance of a false fail (docs/design/judge.md has
figures). Guardrails and the sample-ratio check are the default judge's, and stay in force. A failed
candidate stays so.
"""

from collections.abc import Mapping
from dataclasses import replace

from andon.judge import interval_wording as wording
from andon.judge import intervals, kayenta, sequential
from andon.judge.model import Finding, JudgePolicy, JudgeState, Look, MetricPolicy, Outcome, Series, Verdict
from andon.judge.options import Compared, MannWhitney, NoData
from andon.judge.wilcoxon import Shift
from andon.kernel.errors import InvalidInput

NAME = "mann-whitney"


def start(policy: JudgePolicy) -> JudgeState:
    """Return the state of a judge that has seen nothing.

    Raises: InvalidInput naming the option, its value and what it may be; also as `sequential.start`.
    """
    check(_how(policy), [metric.name for metric in policy.metrics])
    return replace(sequential.start(policy), series=intervals.begin(policy.metrics))


def update(state: JudgeState, looks: Mapping[str, Look], policy: JudgePolicy, at: float = 0.0) -> JudgeState:
    """Add what each metric gained since the last look; analyse where an interval has ended.

    at: when the look was taken, in seconds since 1970.

    Raises: Damaged when an increment is negative.
    """
    if state.is_final:
        return state
    how = _how(policy)
    frame = intervals.Frame(how.interval, how.lookback, how.quantile)
    state = sequential.update(state, looks, policy, at)
    state, ended = intervals.gather(state, looks, policy.metrics, at, frame)
    return _analysed(state, policy, how) if ended else state


observe_ratio = sequential.observe_ratio
problem = sequential.problem


def judge(state: JudgeState, policy: JudgePolicy) -> Verdict:
    """Say what the last analysis says, after a broken split and the guardrails.

    It passes with the samples of a whole analysis and the score for it, and never without samples of every
    required metric in both arms, whatever the score: silence never promotes.
    """
    how = _how(policy)
    plain = sequential.judge(state, policy)
    if plain.outcome is Outcome.INVALID:
        return plain
    judged = [(metric, state.series[metric.name]) for metric in policy.metrics]
    findings = tuple(
        _finding(found, metric, series, how)
        for found, (metric, series) in zip(plain.findings, judged, strict=True)
    )
    crossed = [each for each in findings if each.by_guardrail and each.outcome is Outcome.FAIL]
    if crossed:
        return Verdict(Outcome.FAIL, "; ".join(each.reason for each in crossed), findings)
    if not any(series.said for _, series in judged):
        least = min((_samples(series) for _, series in judged), default=0)
        return Verdict(Outcome.INCONCLUSIVE, wording.too_early(least, how), findings)
    score = _score(state, policy, how)
    required = [series for metric, series in judged if metric.required]
    outcome = _outcome(score, required, how)
    if outcome is Outcome.INCONCLUSIVE and not required:
        return Verdict(outcome, "the policy requires no metric, so nothing can pass", findings)
    return Verdict(outcome, wording.scored(score, outcome, how, findings), findings)


def check(how: MannWhitney, metrics: list[str]) -> None:
    """Refuse options that mean nothing.

    Raises: InvalidInput.
    """
    for name, value, is_right, may in (
        ("interval", how.interval, how.interval > 0, "above 0"),
        ("first", how.first, how.first >= 2, "at least 2"),
        ("samples", how.samples, how.first <= how.samples, f"at least `first`, {how.first}"),
        ("lookback", how.lookback, how.samples <= how.lookback <= 1440, f"{how.samples} to 1440"),
        ("confidence", how.confidence, 0.5 < how.confidence < 1, "between 0.5 and 1"),
        ("tolerance", how.tolerance, 0 <= how.tolerance < 1, "0 or more, and below 1"),
        ("quantile", how.quantile, 0 < how.quantile < 1, "between 0 and 1"),
        ("pass", how.pass_score, 0 < how.pass_score <= 100, "above 0, and at most 100"),
        ("marginal", how.marginal_score, 0 <= how.marginal_score <= how.pass_score, "0 to `pass`"),
    ):
        if not is_right:
            raise InvalidInput("judge.policy", f"{NAME}: {name} is {value}; it must be {may}")
    total = sum(how.group_weights.values())
    if min(how.group_weights.values(), default=0) < 0 or total > 100:
        raise InvalidInput("judge.policy", f"{NAME}: group_weights add up to {total:g}; 100 is all")
    unknown = [name for name in how.metrics if name not in metrics]
    if unknown:
        known = ", ".join(metrics) or "none"
        raise InvalidInput("judge.policy", f"{NAME}: there is no metric {unknown[0]}; there are: {known}")


def _how(policy: JudgePolicy) -> MannWhitney:
    return policy.mann_whitney or MannWhitney()


def _compared(how: MannWhitney, metric: MetricPolicy) -> Compared:
    return how.metrics.get(metric.name, Compared())


def _analysed(state: JudgeState, policy: JudgePolicy, how: MannWhitney) -> JudgeState:
    """Compare every metric, once there are samples enough for a first analysis."""
    if all(len(series.stable) < how.first for series in state.series.values()):
        return state
    series = {
        metric.name: _told(state.series[metric.name], _compared(how, metric), how)
        for metric in policy.metrics
    }
    state = replace(state, series=series)
    required = [state.series[metric.name] for metric in policy.metrics if metric.required]
    outcome = _outcome(_score(state, policy, how), required, how)
    return replace(state, is_final=outcome is Outcome.FAIL)


def _told(series: Series, one: Compared, how: MannWhitney) -> Series:
    found = kayenta.compare(series.stable, series.candidate, one, how)
    apart = found.shift or Shift(0.0, 0.0, 0.0)
    return replace(
        series,
        said=found.said.value,
        is_critical=found.is_critical,
        low=apart.low,
        high=apart.high,
        estimate=apart.estimate,
        effect=found.effect,
    )


def _score(state: JudgeState, policy: JudgePolicy, how: MannWhitney) -> kayenta.Score:
    found = [
        (metric.name, kayenta.Comparison(kayenta.Said(each.said), each.is_critical))
        for metric in policy.metrics
        for each in (state.series[metric.name],)
    ]
    groups = {metric.name: _compared(how, metric).group for metric in policy.metrics}
    return kayenta.score(found, groups, how.group_weights)


def _outcome(score: kayenta.Score, required: list[Series], how: MannWhitney) -> Outcome:
    if score.lacks_data and how.no_data is NoData.WAIT:
        return Outcome.INCONCLUSIVE
    if score.total < how.marginal_score:
        return Outcome.FAIL
    is_whole = min((_samples(series) for series in required), default=0) >= how.samples
    if not is_whole or any(series.said == kayenta.Said.ERROR for series in required):
        return Outcome.INCONCLUSIVE
    return Outcome.PASS if score.total >= how.pass_score else Outcome.FAIL


def _samples(series: Series) -> int:
    """Return the samples of the arm that has fewer."""
    return min(len(intervals.values(series.stable)), len(intervals.values(series.candidate)))


def _finding(found: Finding, metric: MetricPolicy, series: Series, how: MannWhitney) -> Finding:
    """Put this judge's word in place of the default one's, whose counts and evidence stay."""
    if found.by_guardrail and found.outcome is Outcome.FAIL:
        return found
    reason = wording.compared(found, metric, series, _samples(series), how)
    outcome = _OUTCOMES.get(series.said, Outcome.INCONCLUSIVE)
    if outcome is Outcome.PASS and _samples(series) < how.samples:
        outcome = Outcome.INCONCLUSIVE
    return replace(found, outcome=outcome, reason=reason, events_needed=None, exposure_needed=None)


_OUTCOMES: Mapping[str, Outcome] = {
    kayenta.Said.PASS: Outcome.PASS,
    kayenta.Said.HIGH: Outcome.FAIL,
    kayenta.Said.LOW: Outcome.FAIL,
    kayenta.Said.REQUIRED_DATA_MISSING: Outcome.FAIL,
}
