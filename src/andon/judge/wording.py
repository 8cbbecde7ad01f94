"""The judge's sentences. One each, with the numbers, for somebody who runs a plant and not a laboratory."""

import math
from collections.abc import Sequence

from andon.judge.dispersion import EVENTS_LEAST, MINUTES_LEAST
from andon.judge.forecast import Needed
from andon.judge.mixture import odds
from andon.judge.model import INDEPENDENT, Counts, Finding, MetricPolicy, Noise, NoiseSource

# Below, the candidate is on its way to prove itself by what went well, and waits for no bad event.
_WORTH_SAYING = 5


def share_of(value: float) -> str:
    """Write a part of the whole as a percentage: 0.05 is "5 %"."""
    return f"{value * 100:.3g} %"


def times(ratio: float) -> str:
    """Write a rate ratio with as many digits as anybody reads."""
    if ratio < 1.0:
        return f"{ratio:.2g}"
    return f"{ratio:.1f}" if ratio < 100.0 else f"{ratio:,.0f}"


def evidence(e_value: float) -> str:
    """Write an e-value as odds."""
    if e_value >= 1e6:
        return "more than a million to 1"
    return f"{e_value:,.0f} to 1" if e_value >= 10.0 else f"{e_value:.1f} to 1"


def of(counts: Counts) -> str:
    """Write counts as "41 of 212"."""
    return f"{counts.bad:,} of {counts.exposure:,}"


def comparison(finding: Finding) -> str:
    """Begin every sentence alike: both arms' counts, and their ratio where there is one."""
    mine, other = of(finding.candidate), of(finding.stable)
    text = f"{finding.metric}: {mine} on the candidate against {other} on the stable"
    return f"{text}, {times(finding.ratio)} times as many" if finding.ratio else text


def harm(finding: Finding) -> str:
    """Say that the candidate is worse than the stable."""
    low = finding.interval[0]
    bound = f" (at least {times(low)} times)" if low > 1.0 else ""
    return f"{comparison(finding)}{bound}; {against(finding.e_harm, finding.harm_boundary)}"


def guardrail(finding: Finding, limit: float) -> str:
    """Say that the candidate's own rate is above its limit."""
    mine = finding.candidate
    return (
        f"{finding.metric}: {of(mine)} on the candidate, {share_of(mine.bad / mine.exposure)}, "
        f"above the guardrail of {share_of(limit)}; {against(finding.e_harm, finding.harm_boundary)}"
    )


def safe(finding: Finding, policy: MetricPolicy) -> str:
    """Say that the candidate is not worse by the margin, or good enough by itself."""
    high = finding.interval[1]
    bound = f" (at most {times(high)} times)" if high <= policy.margin else ""
    return f"{comparison(finding)}{bound}; {_goal(policy)}: {against(finding.e_safe, finding.safe_boundary)}"


def unproven(finding: Finding, policy: MetricPolicy, need: Needed | None) -> str:
    """Say what is missing for promotion."""
    goal = _goal(policy)
    if not finding.candidate.exposure:
        needs = f"; proof that it is {goal} needs about {need.exposure:,}" if need else ""
        return f"{finding.metric}: no evidence from the candidate yet{needs}"
    text = comparison(finding)
    so_far = against(finding.e_safe, finding.safe_boundary)
    if need is None:
        return f"{text}; proof that it is {goal} is not in reach at these rates: {so_far}"
    bad = f" (some {need.events:,} bad ones in all)" if need.events >= _WORTH_SAYING else ""
    return (
        f"{text}; proof that it is {goal} needs about {need.exposure:,} more on the candidate{bad}: {so_far}"
    )


def together(findings: Sequence[Finding], log_mean: float, alpha: float) -> str:
    """Say that the metrics together are too much, where none is by itself."""
    each = ", ".join(f"{f.metric} {evidence(f.e_harm)}" for f in findings)
    return f"together too much to be chance ({each}): {against(odds(log_mean), 1.0 / alpha)}"


def broken_split(share: float, stable: Counts, candidate: Counts, log_e: float, chance: float) -> str:
    """Say that the arms did not get what their shares promise."""
    total = stable.exposure + candidate.exposure
    got = f"{candidate.exposure:,} of {total:,} requests, {share_of(candidate.exposure / total)}"
    return (
        f"traffic is not split as intended: the candidate received {got}, at a share of {share_of(share)}; "
        f"{against(odds(log_e), 1.0 / chance)}; nothing can be compared"
    )


def noise(known: Noise) -> str:
    """Say what the plant's noise is, where it is known from, and what follows; empty where there is none."""
    if known.source is NoiseSource.SUPPOSED:
        return (
            f"the noise of this plant is not known yet and taken for {times(known.dispersion)} times that of "
            f"independent events; it will be known after {MINUTES_LEAST} minutes of good releases with "
            f"{EVENTS_LEAST} bad events"
        )
    if known == INDEPENDENT:
        return ""
    widening = f"evidence is widened by {_size(known)}"
    if known.source is NoiseSource.STATED:
        return f"{widening}, as the manifest states it"
    return f"{widening}, as measured in {known.minutes:,} minutes of this plant's good releases"


def widened(reason: str, known: Noise) -> str:
    """Add to a finding what its evidence was widened by."""
    return reason if known == INDEPENDENT else f"{reason} (widened by {_size(known)})"


def _size(known: Noise) -> str:
    text = f"noise {times(known.dispersion)} times that of independent events"
    if not known.wander:
        return text
    return (
        f"{text}, with rates {share_of(math.expm1(known.wander))} off for {known.lasts_s / 60:,.0f} minutes"
    )


def _goal(policy: MetricPolicy) -> str:
    text = f"below {times(policy.margin)} times the stable"
    return text if policy.acceptable is None else f"{text} or below {share_of(policy.acceptable)}"


def against(e_value: float, boundary: float) -> str:
    """Write evidence beside the limit that it must reach."""
    return f"evidence {evidence(e_value)}, limit {evidence(boundary)}"
