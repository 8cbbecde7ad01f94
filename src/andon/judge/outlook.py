"""What would change the verdict: how many bad events would fail the candidate, how many good ones pass it.

The judge itself is asked, over looks that have not happened. A forecast, never part of a verdict; what is
needed at the rates seen so far is in `forecast.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from andon.judge.model import (
    Counts,
    Finding,
    JudgePolicy,
    JudgeState,
    Look,
    MetricKind,
    MetricPolicy,
    Outcome,
)
from andon.judge.registry import DEFAULT, Judge

_MOST_BAD = 100_000
_MOST_GOOD = 10_000_000


@dataclass(frozen=True, slots=True)
class Outlook:
    """One metric that is still open.

    bad_to_fail: so many bad events of the candidate in a row would fail it now. good_to_pass: so much
    exposure of the candidate without a bad event would pass it. None where not even the farthest that is
    looked at does.
    """

    metric: str
    bad_to_fail: int | None
    good_to_pass: int | None


def outlook(judge: Judge, state: JudgeState, policy: JudgePolicy, share: float) -> tuple[Outlook, ...]:
    """What would change the verdict of each metric that is not decided; empty for judges without memory.

    share: the candidate's share in force, above 0; with it comes the stable's exposure, at its rate so far.
    """
    if policy.judge != DEFAULT or not 0.0 < share < 1.0:
        return ()
    counted = [
        each for each in policy.metrics if each.kind is MetricKind.COUNT and each.name in state.metrics
    ]
    found = (_metric(judge, state, policy, each, share) for each in counted)
    return tuple(each for each in found if each is not None)


def _metric(
    judge: Judge, state: JudgeState, policy: JudgePolicy, metric: MetricPolicy, share: float
) -> Outlook | None:
    alone = replace(policy, metrics=(metric,))
    own = replace(state, metrics={metric.name: state.metrics[metric.name]})

    def after(exposure: int, bad: int) -> Outcome:
        """What the metric says after so much more of the candidate, and of the stable beside it."""
        looked = judge.update(own, {metric.name: _look(now, exposure, bad, share)}, alone)
        return judge.judge(looked, alone).findings[0].outcome

    now = judge.judge(own, alone).findings[0]
    if now.outcome is not Outcome.INCONCLUSIVE:
        return None
    return Outlook(
        metric.name,
        _least(lambda count: after(count, count) is Outcome.FAIL, _MOST_BAD),
        _least(lambda count: after(count, 0) is Outcome.PASS, _MOST_GOOD),
    )


def _look(now: Finding, exposure: int, bad: int, share: float) -> Look:
    beside = round(exposure * (1.0 - share) / share)
    rate = now.stable.bad / now.stable.exposure if now.stable.exposure else 0.0
    return Look(Counts(beside, min(beside, round(beside * rate))), Counts(exposure, bad))


def _least(holds: Callable[[int], bool], most: int) -> int | None:
    """The least number that holds, where all larger ones do; None where none up to `most` does."""
    high = 1
    while not holds(high):
        if high >= most:
            return None
        high = min(high * 4, most)
    low = high // 4
    while high - low > max(1, high // 200):
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high
