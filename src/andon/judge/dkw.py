"""Bands around an empirical distribution that hold at all times at once, and how far two have parted.

From n = m observations on the band is `A sqrt((log(1 + log(n/m)) + C) / n)` wide on both sides: Howard &
Ramdas, arXiv 1906.09712, theorem 2. Lindon, Sanden & Shirikian, arXiv 2205.14762, test stochastic order by
it. docs/design/judge.md derives C from the chance of an error.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

A = 0.85
FROM = 100  # m: observations of an arm from which on its band is finite
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_NARROW, _WIDE = math.log(1e-8), math.log(2.0 * A * A - 1.0)  # logarithms of eta - 1


class Parting(NamedTuple):
    """Where the distributions lie farthest apart, and the widest constant at which the bands do not touch.

    edge: index of the bucket edge; constant: C, at most 0 where there is nothing to say.
    """

    edge: int
    constant: float


NOTHING = Parting(0, 0.0)


def chance(constant: float) -> float:
    """Bound of the chance that one arm ever leaves its band of this constant; may be above 1.

    The least over eta of 4 e^(-g C) (1 + 1/((g - 1) log eta)), g = 2/eta (A - sqrt(2 (eta - 1)/C))^2, by
    golden section: any eta gives a valid bound, so an inexact one is only a little wider.
    """
    low, high = _NARROW, _WIDE
    for _ in range(40):
        width = _GOLDEN * (high - low)
        left, right = high - width, low + width
        if _chance(constant, math.exp(left)) <= _chance(constant, math.exp(right)):
            high = right
        else:
            low = left
    return _chance(constant, math.exp((low + high) / 2.0))


def _chance(constant: float, more: float) -> float:
    eta = 1.0 + more
    root = A - math.sqrt(2.0 * more / constant)
    gamma = 2.0 / eta * root * root
    if root <= 0.0 or gamma <= 1.0:
        return math.inf
    return 4.0 * math.exp(-gamma * constant) * (1.0 + 1.0 / ((gamma - 1.0) * math.log(eta)))


@lru_cache(maxsize=1000)
def constant(error: float) -> float:
    """Return the C with which one arm ever leaves its band with at most this chance.

    error: between 1e-15 and 1.
    """
    low, high = 1.0, 64.0
    while high - low > 1e-9:
        middle = (low + high) / 2.0
        if chance(middle) > error:
            low = middle
        else:
            high = middle
    return high


def radius(count: int, error: float, start: int = FROM) -> float:
    """Half the width of one arm's band: f_n(error; m = start), infinite before the start."""
    if count < start:
        return math.inf
    return A * math.sqrt((math.log1p(math.log(count / start)) + constant(error)) / count)


def parting(stable: Sequence[int], candidate: Sequence[int]) -> Parting:
    """How far the candidate lies to the right of the stable: less of it up to some edge.

    stable, candidate: observations in each bucket. The sum of the radii of both arms at the returned constant
    equals the largest distance; so the bands are apart at every smaller one.
    """
    mine, other = sum(candidate), sum(stable)
    if mine < FROM or other < FROM:
        return NOTHING
    edge, gap, here, there = 0, 0.0, 0, 0
    for index, (one, two) in enumerate(zip(stable, candidate, strict=True)):
        here, there = here + one, there + two
        distance = here * mine - there * other  # whole numbers: exact
        if distance > gap:
            edge, gap = index, distance
    return Parting(edge, _constant_at(gap / (mine * other) / A, other, mine))


def _constant_at(distance: float, stable: int, candidate: int) -> float:
    """Solve sqrt((a + C)/n_s) + sqrt((b + C)/n_c) = distance for C; a quadratic in the first root."""
    a, b = (math.log1p(math.log(n / FROM)) for n in (stable, candidate))
    if distance <= 0.0:
        return 0.0
    inner = candidate * distance * distance + a - b
    under = (candidate * distance) ** 2 + (stable - candidate) * inner
    root = inner / (candidate * distance + math.sqrt(max(0.0, under)))
    if not 0.0 <= root <= distance:
        return 0.0
    return max(0.0, stable * root * root - a)
