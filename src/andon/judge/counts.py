"""The test on counts with exposure: is the candidate's rate of bad events higher than the stable's?

Given a bad event, the odds that it came from the candidate are w e^delta : 1 - w, where w is the candidate's
part of the exposure of that look and delta the logarithm of the rate ratio. A load common to both arms
cancels. Lindon & Malek, arXiv 2011.03567; the proof for whole looks, and for rates that are not small, is in
docs/design/judge.md. The candidate's own rate, without the stable, is in absolute.py.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

from andon.judge.mixture import Atom, log_mean
from andon.judge.model import Look

# Tuned on bench/judge so that rate ratios from 2 to 10 are all found soon. The two small distances give the
# test power, late, against any lasting harm of 1.2 times and more. What lies at 0 is not bet: it keeps the
# measured chance of a false fail at 0.6 % where 1 % is promised.
HARM = (
    Atom(0.0, 0.150),
    Atom(0.3, 0.008),
    Atom(0.5, 0.011),
    Atom(0.7, 0.077),
    Atom(0.9, 0.080),
    Atom(1.1, 0.071),
    Atom(1.4, 0.082),
    Atom(1.8, 0.042),
    Atom(2.3, 0.178),
    Atom(2.8, 0.245),
    Atom(3.4, 0.037),
    Atom(4.0, 0.019),
)
# Distances below a margin of 1.5. An equal candidate stands log 1.5 = 0.4 below it.
_USUAL_MARGIN = math.log(1.5)
SAFE = (Atom(0.2, 0.15), Atom(0.4, 0.50), Atom(0.7, 0.20), Atom(1.2, 0.10), Atom(2.0, 0.05))

STEP = 0.05
HALF = 80  # the grid reaches rate ratios of e^-4 to e^4, 1/55 to 55
GRID = tuple(i * STEP for i in range(-HALF, HALF + 1))
ZERO = HALF
_GRID_GROWTH = tuple(math.expm1(delta) for delta in GRID)
_HARM_STEPS = tuple(round(a.at / STEP) for a in HARM)
_SAFE_STEPS = tuple(round(a.at / STEP) for a in SAFE)


@lru_cache(maxsize=1000)
def margin_points(margin: float) -> tuple[float, ...]:
    """Return log margin, then each safe alternative below it; they need not lie on the grid.

    They keep their places between the margin and "no difference": a margin of 1.05 has nearer ones.
    """
    top = math.log(margin)
    return (top, *(top - a.at * (top / _USUAL_MARGIN) for a in SAFE))


def add(log_likelihood: Sequence[float], look: Look, weight: float = 1.0) -> tuple[float, ...]:
    """Add one look to the log-likelihood at each point of the grid, relative to "no difference".

    weight: what an event counts for, below 1 where events come together.
    """
    return _add(log_likelihood, GRID, _GRID_GROWTH, look, weight)


def add_at(
    points: Sequence[float], log_likelihood: Sequence[float], look: Look, weight: float = 1.0
) -> tuple[float, ...]:
    """Do the same as `add` at points that are not on the grid."""
    return _add(log_likelihood, points, [math.expm1(p) for p in points], look, weight)


def at_margin(log_likelihood: Sequence[float], margin: float) -> tuple[float, ...]:
    """Read off the grid what `margin_points` names: at the point just below the margin, and below that.

    A lower margin is the harder one to prove to be below, so the promise stays.
    """
    at = min(ZERO + math.floor(math.log(margin) / STEP + 1e-9), len(GRID) - 1)
    steps = (max(1, round(a.at / STEP * ((at - ZERO) * STEP / _USUAL_MARGIN))) for a in SAFE)
    return (log_likelihood[at], *(log_likelihood[max(0, at - s)] for s in steps))


def _add(
    log_likelihood: Sequence[float],
    points: Sequence[float],
    growth: Sequence[float],
    look: Look,
    weight: float,
) -> tuple[float, ...]:
    """Add x_c delta - x log(1 + w (e^delta - 1)): the log of theta/w and (1-theta)/(1-w), over all events.

    Where one arm had no exposure, or nothing bad happened, a look says nothing about the ratio.
    """
    bad = look.stable.bad + look.candidate.bad
    if not (bad and look.stable.exposure and look.candidate.exposure):
        return tuple(log_likelihood)
    w = look.candidate.exposure / (look.stable.exposure + look.candidate.exposure)
    mine, log1p = look.candidate.bad, math.log1p
    # A list first, and no weight where it is 1: the same bits, in half of the time.
    if weight == 1.0:
        added = [
            old + (mine * p - bad * log1p(w * g))
            for old, p, g in zip(log_likelihood, points, growth, strict=True)
        ]
    else:
        added = [
            old + weight * (mine * p - bad * log1p(w * g))
            for old, p, g in zip(log_likelihood, points, growth, strict=True)
        ]
    return tuple(added)


def at_bets(log_likelihood: Sequence[float]) -> tuple[float, ...]:
    """Log-likelihood ratio of each alternative of `HARM` but the first, which is not bet."""
    return tuple(log_likelihood[ZERO + step] - log_likelihood[ZERO] for step in _HARM_STEPS[1:])


def log_e_harm(log_likelihood: Sequence[float], at: int = ZERO) -> float:
    """Log e-value against "the log ratio is at most `GRID[at]`"."""
    logs = [log_likelihood[at + s] - log_likelihood[at] for s in _HARM_STEPS if at + s < len(GRID)]
    return log_mean(logs, HARM)


def log_e_below(log_likelihood: Sequence[float], at: int) -> float:
    """Log e-value against "the log ratio is at least `GRID[at]`"."""
    logs = [log_likelihood[at - s] - log_likelihood[at] for s in _SAFE_STEPS if at >= s]
    return log_mean(logs, SAFE)


def log_e_safe(log_margin: Sequence[float]) -> float:
    """Log e-value against "the ratio is at least the margin"."""
    return log_mean([x - log_margin[0] for x in log_margin[1:]], SAFE)


def interval(
    log_likelihood: Sequence[float], log_harm_boundary: float, log_safe_boundary: float
) -> tuple[float, float]:
    """Return the ratios that neither test rejects, rounded outwards to the grid: a confidence sequence.

    The log-likelihood is concave, so `log_e_harm` falls and `log_e_below` rises along the grid: each bound is
    found by bisection. The low bound is at least 1 exactly when the harm test stands at its boundary.
    """
    low = _first(lambda i: log_e_harm(log_likelihood, i) < log_harm_boundary)
    high = _first(lambda i: log_e_below(log_likelihood, i) >= log_safe_boundary)
    return (
        math.exp(GRID[low - 1]) if low > 0 else 0.0,
        math.exp(GRID[high]) if high < len(GRID) else math.inf,
    )


def _first(holds: Callable[[int], bool]) -> int:
    """Return the first index of the grid where a condition holds that stays true from there on."""
    low, high = 0, len(GRID)
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
