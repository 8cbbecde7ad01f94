"""What the judge says of a metric that measures, with the numbers, as wording.py does of one that counts."""

from andon.judge.forecast import Needed
from andon.judge.model import Finding, MetricPolicy
from andon.judge.points import KNOWN
from andon.judge.wording import against, of, share_of, times


def seconds(value: float) -> str:
    """Write a duration as anybody would: 450 ms, 2 s, 3.5 min."""
    if value < 1.0:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} s" if value < 120.0 else f"{value / 60:.3g} min"


def comparison(finding: Finding) -> str:
    """Begin every sentence alike: how many of each arm lay beyond the edge."""
    beyond = "" if finding.edge is None else f" took longer than {seconds(finding.edge)}"
    text = f"{finding.metric}: {of(finding.candidate)}{beyond} on the candidate"
    text = f"{text} against {of(finding.stable)} on the stable"
    return f"{text}, {times(finding.ratio)} times as many" if finding.ratio else text


def harm(finding: Finding) -> str:
    """Say that the candidate is slower than the stable."""
    low = finding.interval[0]
    bound = f" (at least {times(low)} times)" if low > 1.0 else ""
    return f"{comparison(finding)}{bound}; {against(finding.e_harm, finding.harm_boundary)}"


def guardrail(finding: Finding, limit: float) -> str:
    """Say that the candidate's own 95th percentile is above its limit."""
    mine = finding.candidate
    part = share_of(mine.bad / mine.exposure)
    return (
        f"{finding.metric}: {of(mine)} on the candidate, {part}, took longer than the guardrail of "
        f"{seconds(limit)}, where 5 % may; {against(finding.e_harm, finding.harm_boundary)}"
    )


def safe(finding: Finding, policy: MetricPolicy) -> str:
    """Say that the candidate is not slower by the margin, or fast enough by itself."""
    return f"{comparison(finding)}; {_goal(policy)}: {against(finding.e_safe, finding.safe_boundary)}"


def unproven(finding: Finding, policy: MetricPolicy, need: Needed | None) -> str:
    """Say what is missing for promotion."""
    so_far = against(finding.e_safe, finding.safe_boundary)
    if finding.edge is None and need is None:
        more = KNOWN - finding.stable.exposure
        said = f"{KNOWN} on the stable say where its slowest lie; {more} more are needed"
        return f"{finding.metric}: {said}"
    text, goal = comparison(finding), _goal(policy)
    if need is None:
        return f"{text}; proof that it is {goal} is not in reach as it is: {so_far}"
    return f"{text}; proof that it is {goal} needs about {need.exposure:,} more on the candidate: {so_far}"


def _goal(policy: MetricPolicy) -> str:
    text = f"less than {share_of(policy.margin - 1.0)} slower than the stable"
    if policy.acceptable is None:
        return text
    return f"{text} or within {seconds(policy.acceptable)} in 95 of 100"
