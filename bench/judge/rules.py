"""The judges under comparison, as arrays: each says at which looks it has failed the candidate.

The sequential one is `andon.judge` itself, its weights imported and its values compared with the real code
before anything is measured. The others follow the documented examples of the tools that are named; they are
likenesses, not those tools.
"""

import math
from collections.abc import Callable, Iterable
from functools import reduce

import numpy as np
import numpy.typing as npt

from andon.judge import counts
from andon.judge.mixture import Atom
from bench.judge.traffic import Numbers, Traffic

Decisions = npt.NDArray[np.bool_]
Rule = Callable[[Traffic], Decisions]


def _log_likelihood(traffic: Traffic, delta: float) -> Numbers:
    part = traffic.candidate / (traffic.stable + traffic.candidate)
    bad = traffic.bad_stable + traffic.bad_candidate
    gained = traffic.bad_candidate * delta - bad * np.log1p(part * np.expm1(delta))
    both = (traffic.stable > 0) & (traffic.candidate > 0)
    return np.cumsum(np.where(both, gained, 0.0), axis=1)


def _log_mean(logs: Iterable[Numbers]) -> Numbers:
    return reduce(np.logaddexp, logs)


def log_e_harm(traffic: Traffic, atoms: tuple[Atom, ...] = counts.HARM) -> Numbers:
    """Log of the sequential judge's e-value of harm after each look."""
    return _log_mean(_log_likelihood(traffic, a.at) + math.log(a.weight) for a in atoms)


def log_e_safe(traffic: Traffic, margin: float) -> Numbers:
    """Log of the sequential judge's e-value of promotion after each look."""
    top = math.log(margin)
    base = _log_likelihood(traffic, top)
    return _log_mean(_log_likelihood(traffic, top - a.at) - base + math.log(a.weight) for a in counts.SAFE)


def sequential(traffic: Traffic) -> Decisions:
    """Fail at 100 to 1."""
    return log_e_harm(traffic) >= math.log(100)


def promotes(traffic: Traffic) -> Decisions:
    """Promote at 100 to 1 against a rate ratio of 1.5."""
    return log_e_safe(traffic, 1.5) >= math.log(100)


def flagger_like(traffic: Traffic) -> Decisions:
    """Fail at five failed checks of "success rate at least 99 % in this minute", unless ten passed before.

    Flagger's documented example: interval 1m, threshold 5, stepWeight 5, maxWeight 50.
    """
    rate = 1 - traffic.bad_candidate / np.maximum(traffic.candidate, 1)
    failed = np.cumsum(rate < 0.99, axis=1)
    passed = np.cumsum(rate >= 0.99, axis=1)
    return (failed >= 5) & (passed < 10)


def argo_like(traffic: Traffic) -> Decisions:
    """Fail at more than three measurements of "success rate at least 95 % in the last 5 minutes".

    Argo Rollouts' documented example: interval 5m, successCondition result[0] >= 0.95, failureLimit 3.
    """
    bad, seen = np.cumsum(traffic.bad_candidate, axis=1), np.cumsum(traffic.candidate, axis=1)
    ends = np.arange(4, bad.shape[1], 5)
    bad_window = np.diff(bad[:, ends], axis=1, prepend=0)
    seen_window = np.diff(seen[:, ends], axis=1, prepend=0)
    failed = np.cumsum(1 - bad_window / np.maximum(seen_window, 1) < 0.95, axis=1)
    decided = np.zeros(bad.shape, dtype=bool)
    decided[:, ends] = failed > 3
    return decided


def kayenta_like(traffic: Traffic) -> Decisions:
    """Fail when a Mann-Whitney test over error rates by minute calls the candidate high; looks each minute.

    Kayenta's defaults: 98 % confidence, tolerance 0.25 of the estimated shift. The first look is at minute 5.
    """
    mine = traffic.bad_candidate / np.maximum(traffic.candidate, 1)
    other = traffic.bad_stable / np.maximum(traffic.stable, 1)
    decided = np.zeros(mine.shape, dtype=bool)
    for minute in range(5, mine.shape[1] + 1):
        shifts = (mine[:, :minute, None] - other[:, None, :minute]).reshape(len(mine), -1)
        spread = math.sqrt(minute * minute * (2 * minute + 1) / 12)
        rank = max(0, round(minute * minute / 2 - 2.326 * spread))
        middle = minute * minute // 2
        ordered = np.partition(shifts, (rank, middle), axis=1)
        decided[:, minute - 1] = ordered[:, rank] > 0.25 * np.abs(ordered[:, middle])
    return decided
