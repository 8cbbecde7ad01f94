"""The sentences of the judges that read values of intervals, in the manner of wording.py."""

from collections.abc import Sequence

from andon.judge.kayenta import Said, Score
from andon.judge.model import Finding, MetricKind, MetricPolicy, Outcome, Series
from andon.judge.options import Limits, MannWhitney, Style, Threshold
from andon.judge.wording import comparison, share_of


def too_early(samples: int, how: MannWhitney) -> str:
    """Say that there has been no analysis yet."""
    return f"{samples} of {how.first} samples for a first analysis, one every {how.interval:g} s"


def scored(score: Score, outcome: Outcome, how: MannWhitney, findings: Sequence[Finding]) -> str:
    """Say the score with its limits, and what each metric says that decided it."""
    limits = f"fails below {how.marginal_score:g}, passes from {how.pass_score:g}"
    why = f": {score.why}" if score.why else ""
    told = findings
    if outcome is not Outcome.PASS:
        wanted = {Outcome.FAIL} if outcome is Outcome.FAIL else set(Outcome) - {Outcome.PASS}
        told = [each for each in findings if each.outcome in wanted] or findings
    return f"score {score.total:g} of 100 ({limits}){why}; {'; '.join(each.reason for each in told)}"


def compared(found: Finding, metric: MetricPolicy, series: Series, samples: int, how: MannWhitney) -> str:
    """Say how the candidate's samples lie to the stable's."""
    text = comparison(found)
    if not series.said:
        return f"{text}; {samples} of {how.first} samples for a first analysis"
    so_far = f"{samples} of {how.samples} samples of {how.interval:g} s"
    if series.said in {Said.NO_DATA, Said.REQUIRED_DATA_MISSING}:
        return f"{text}; {series.said} from one of them in {so_far}"
    if series.said == Said.ERROR:
        return f"{text}; the samples cannot be compared: all of them are alike ({so_far})"
    if series.low == series.high == series.estimate == 0.0:
        return f"{text}; the same in {so_far}"
    low, high = amount(series.low, metric), amount(series.high, metric)
    return (
        f"{text}; by {so_far} the candidate lies {low} to {high} above it "
        f"({share_of(how.confidence)} confidence): {_verdict(series, how)}"
    )


def _verdict(series: Series, how: MannWhitney) -> str:
    is_other = series.said != Said.PASS
    critical = ", critically" if series.is_critical else ""
    return f"{series.said}{critical}" if is_other else f"within the tolerance of {share_of(how.tolerance)}"


def amount(value: float, metric: MetricPolicy) -> str:
    """Write a value of an interval: a rate as a percentage, what is measured as it is."""
    return share_of(value) if metric.kind is MetricKind.COUNT else f"{value:.3g}"


def checked(metric: MetricPolicy, series: Series, limits: Limits, how: Threshold) -> str:
    """Say how many checks went which way, and the last value with its limits."""
    seen = f"{series.passed} passed and {series.failed} failed"
    unclear = f", {series.inconclusive} inconclusive" if series.inconclusive else ""
    last = series.candidate[-1] if series.candidate else None
    now = f"; the last was {amount(last, metric)}" if last is not None else ""
    return (
        f"{metric.name}: {seen}{unclear} of {how.count} checks of {how.interval:g} s on the candidate{now}, "
        f"{allowed(limits, metric)}{_ending(series, how)}"
    )


def _ending(series: Series, how: Threshold) -> str:
    if series.failed > how.failure_limit:
        return f"; {how.failure_limit} failed ones are allowed"
    if how.style is Style.ARGO and series.inconclusive > how.inconclusive_limit:
        return f"; {how.inconclusive_limit} inconclusive ones are allowed"
    if series.silent:
        return f"; no value in the last {series.silent} of them, so nothing is decided"
    return ""


def allowed(limits: Limits, metric: MetricPolicy) -> str:
    """Say the limits of one metric."""
    said = [
        f"{word} {amount(limit, metric)}"
        for word, limit in (
            ("allowed from", limits.least),
            ("allowed up to", limits.most),
            ("failing below", limits.fail_below),
            ("failing above", limits.fail_above),
        )
        if limit is not None
    ]
    return ", ".join(said)
