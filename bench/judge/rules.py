"""The judges under comparison, as arrays: each says at which of its looks it has failed the candidate.

Every one of them is a judge of `andon.judge`; here many rollouts are played at once. That the arrays say what
the judges say, look by look, is shown in tests/simulation/test_bench_judge.py.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from andon.judge import counts, kayenta, wilcoxon
from andon.judge.dispersion import SUPPOSED
from andon.judge.kayenta import Said
from andon.judge.mixture import Atom
from andon.judge.options import Compared, Limits, MannWhitney, Style, Threshold
from bench.judge import dispersion as widened
from bench.judge.traffic import Numbers, Traffic

Decisions = npt.NDArray[np.bool_]
Rule = Callable[[Traffic], Decisions]
ALPHA, BETA, MARGIN = 0.01, 0.01, 1.5

# Kayenta asked each minute from the fifth on, over everything since the beginning; one metric, its defaults.
KAYENTA = MannWhitney(first=5, samples=50, lookback=1440)
# Argo Rollouts' documented example: interval 5m, successCondition result >= 0.95, failureLimit 3.
ARGO = Threshold(
    Style.ARGO, interval=300.0, count=12, failure_limit=3, metrics={"errors": Limits(most=1 - 0.95)}
)
# Flagger's documented example: interval 1m, threshold 5, success rate at least 99 %, weights from 5 to 50 by
# 5: nine checks that pass, as the first advance is not checked.
FLAGGER = Threshold(
    Style.FLAGGER, interval=60.0, count=9, failure_limit=4, metrics={"errors": Limits(most=1 - 0.99)}
)


@dataclass(frozen=True)
class Contender:
    """A judge in the table: it looks after every bad event, or each minute.

    most_runs, most_minutes: of the same traffic, so much is enough where it takes long; 0 is all.
    """

    name: str
    rule: Rule
    is_by_event: bool = False
    most_runs: int = 0
    most_minutes: int = 0

    def of(self, traffic: Traffic, done: int) -> Traffic:
        """What it reads of traffic, after so many rollouts before."""
        runs = max(0, self.most_runs - done) if self.most_runs else len(traffic.candidate)
        return traffic.first(runs, self.most_minutes or traffic.candidate.shape[1])


def _log_likelihood(traffic: Traffic, delta: float) -> Numbers:
    part = traffic.candidate / np.maximum(traffic.stable + traffic.candidate, 1)
    bad = traffic.bad_stable + traffic.bad_candidate
    gained = traffic.bad_candidate * delta - bad * np.log1p(part * np.expm1(delta))
    both = (traffic.stable > 0) & (traffic.candidate > 0)
    return np.cumsum(np.where(both, gained, 0.0), axis=1)


def _log_mean(logs: Iterable[Numbers]) -> Numbers:
    return reduce(np.logaddexp, logs)


def log_e_harm(traffic: Traffic, atoms: tuple[Atom, ...] = counts.HARM) -> Numbers:
    """Log of the sequential judge's e-value of harm after each look."""
    return _log_mean(_log_likelihood(traffic, a.at) + math.log(a.weight) for a in atoms)


def log_e_safe(traffic: Traffic, margin: float = MARGIN) -> Numbers:
    """Log of the sequential judge's e-value of promotion after each look."""
    top = math.log(margin)
    base = _log_likelihood(traffic, top)
    return _log_mean(_log_likelihood(traffic, top - a.at) - base + math.log(a.weight) for a in counts.SAFE)


def sequential(traffic: Traffic) -> Decisions:
    """Fail at 1 / alpha to 1."""
    return log_e_harm(traffic) >= -math.log(ALPHA)


def unknown_plant(traffic: Traffic) -> Decisions:
    """Fail at 1 / alpha to 1, widened as in a plant without history; looks each minute."""
    return widened.log_e_harm(traffic, SUPPOSED) >= -math.log(ALPHA)


def promotes(traffic: Traffic) -> Decisions:
    """Promote at 1 / beta to 1 against a rate ratio of the margin."""
    return log_e_safe(traffic) >= -math.log(BETA)


def threshold(how: Threshold) -> Rule:
    """Fail at one failed check more than allowed, unless Flagger has advanced to its end before."""

    def rule(traffic: Traffic) -> Decisions:
        bad, seen = _by_window(traffic, round(how.interval / 60))
        limit = how.metrics["errors"].most
        values = bad / np.maximum(seen, 1)
        is_failed = (seen > 0) & (values > limit)
        failed = np.cumsum(is_failed, axis=1)
        decided = failed > how.failure_limit
        if how.style is Style.FLAGGER:
            passed = np.cumsum((seen > 0) & ~is_failed, axis=1)
            decided &= passed < how.count
        every = round(how.interval / 60)
        spread = np.zeros(traffic.candidate.shape, dtype=bool)
        spread[:, every - 1 :: every] = decided
        return spread

    return rule


def _by_window(traffic: Traffic, minutes: int) -> tuple[Numbers, Numbers]:
    runs, length = traffic.candidate.shape
    whole = length // minutes * minutes
    bad, seen = (
        each[:, :whole].reshape(runs, -1, minutes).sum(axis=2)
        for each in (traffic.bad_candidate, traffic.candidate)
    )
    return bad, seen


def mann_whitney(traffic: Traffic, how: MannWhitney = KAYENTA) -> Decisions:
    """Fail when Kayenta's comparison of error rates by minute says high; looks each minute."""
    mine = traffic.bad_candidate / np.maximum(traffic.candidate, 1)
    other = traffic.bad_stable / np.maximum(traffic.stable, 1)
    decided = np.zeros(mine.shape, dtype=bool)
    for run in range(len(mine)):
        of_candidate, of_stable = mine[run].tolist(), other[run].tolist()
        for samples in range(how.first, mine.shape[1] + 1):
            if is_high(of_candidate[:samples], of_stable[:samples], how):
                decided[run, samples - 1] = True
                break
    return decided


def is_high(mine: list[float], other: list[float], how: MannWhitney) -> bool:
    """What `kayenta.compare` calls high, without the ends of the interval that do not matter for it."""
    if len(set(mine)) == len(set(other)) == 1 or sorted(mine) == sorted(other):
        return kayenta.compare(other, mine, Compared(), how).said is Said.HIGH
    if math.fsum(mine) < math.fsum(other):
        return False
    statistic = wilcoxon.Statistic(mine, other)
    across = min(mine) - max(other), max(mine) - min(other)
    ends = statistic(across[0]), statistic(across[1])
    low = wilcoxon.end(statistic, across, ends, NormalDist().inv_cdf((1 + how.confidence) / 2))
    if low <= 0:
        return False
    return low > how.tolerance * abs(wilcoxon.zeroin(statistic, across, ends))


KAYENTA_RUNS, THREE_HOURS = 1000, 180  # it recommends to analyse for three hours
SEQUENTIAL = Contender("sequential, every event", sequential, is_by_event=True)
BY_MINUTE = (
    Contender("sequential, each minute", sequential),
    Contender("sequential, plant unknown", unknown_plant, most_runs=2000),
    Contender("mann-whitney (Kayenta)", mann_whitney, most_runs=KAYENTA_RUNS, most_minutes=THREE_HOURS),
    Contender("threshold (Argo's example)", threshold(ARGO)),
    Contender("threshold (Flagger's example)", threshold(FLAGGER)),
)
