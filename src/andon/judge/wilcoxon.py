"""How far two samples lie apart: the Mann-Whitney interval of the shift, as R's wilcox.test gives it.

The normal approximation with continuity and tie correction, its ends found by Brent's zeroin at R's tolerance
of 1e-4. Kayenta computes it so, whatever the size of the samples, and where values are tied its classes hang
on the very point at which the search ends, so the search is R's step for step. R itself would use the exact
distribution below 50 untied values. (Bauer 1972; R's wilcox.test.default; Brent 1973, chapter 4)
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

_TOLERANCE = 1e-4
_EPSILON = 2.220446049250313e-16


@dataclass(frozen=True, slots=True)
class Shift:
    """Bounds and estimate of x - y, in the unit of the values."""

    low: float
    high: float
    estimate: float


class Statistic:
    """The standardized rank sum of x moved by a shift, against y."""

    def __init__(self, x: Sequence[float], y: Sequence[float]) -> None:
        self._x, self._y = _grouped(x), sorted(y)
        self._sizes = dict(_grouped(y))
        self._n, self._m = len(x), len(y)
        self._ties_y = sum(_tie(count) for count in self._sizes.values())

    def __call__(self, shift: float) -> float:
        """(U - nm/2, corrected towards 0 by a half) / its standard deviation; it falls as the shift grows.

        Raises: ZeroDivisionError where everything is tied.
        """
        above, ties = 0.0, self._ties_y
        last, size = math.nan, 0
        for value, count in self._x:
            moved = value - shift
            left = bisect_left(self._y, moved)
            right = bisect_right(self._y, moved, left)
            above += count * (left + (right - left) / 2.0)
            # Moved values that round to the same number are tied, as their ranks would be.
            known = size if moved == last else 0
            tied = right - left
            size = known + count
            ties += _tie(size + tied) - _tie(known + tied)
            last = moved
        away = above - self._n * self._m / 2.0
        both = self._n + self._m
        variance = self._n * self._m / 12.0 * ((both + 1) - ties / (both * (both - 1)))
        return (away - math.copysign(0.5, away) * (away != 0)) / math.sqrt(variance)


def shift(x: Sequence[float], y: Sequence[float], confidence: float) -> Shift | None:
    """Return the interval of x - y at this confidence; None where ties leave nothing to compare.

    x, y: at least one value each, none of them NaN.
    """
    statistic = Statistic(x, y)
    least, most = min(x) - max(y), max(x) - min(y)
    z = -NormalDist().inv_cdf((1.0 - confidence) / 2.0)
    try:
        ends = statistic(least), statistic(most)
        low, high = (end(statistic, (least, most), ends, each) for each in (z, -z))
        middle = zeroin(statistic, (least, most), ends)
    except (ZeroDivisionError, ValueError):
        return None
    return Shift(low, high, middle)


def end(
    statistic: Callable[[float], float], across: tuple[float, float], ends: tuple[float, float], z: float
) -> float:
    """Return an end of the interval: where the statistic passes `z`, or where the arms cease to overlap.

    across: the least and the largest difference; ends: the statistic there.
    """
    if ends[0] - z <= 0:
        return across[0]
    if ends[1] - z >= 0:
        return across[1]
    return zeroin(lambda at: statistic(at) - z, across, (ends[0] - z, ends[1] - z))


def zeroin(f: Callable[[float], float], across: tuple[float, float], values: tuple[float, float]) -> float:
    """Return a zero of `f` between two points at which its sign differs, as R's uniroot does.

    values: of `f` at the two points. On a step function the result lies within half the tolerance of a step.
    """
    (a, b), (fa, fb) = across, values
    c, fc = a, fa
    if fa == 0.0:
        return a
    while True:
        before = b - a
        if abs(fc) < abs(fb):
            a, b, c = b, c, b
            fa, fb, fc = fb, fc, fb
        least = 2.0 * _EPSILON * abs(b) + _TOLERANCE / 2.0
        step = (c - b) / 2.0
        if abs(step) <= least or fb == 0.0:
            return b
        if abs(before) >= least and abs(fa) > abs(fb):
            step = _interpolated((a, b, c), (fa, fb, fc), before, least, step)
        if abs(step) < least:
            step = least if step > 0 else -least
        a, fa = b, fb
        b += step
        fb = f(b)
        if (fb > 0 and fc > 0) or (fb < 0 and fc < 0):
            c, fc = a, fa


def _interpolated(
    points: tuple[float, float, float],
    values: tuple[float, float, float],
    before: float,
    least: float,
    bisection: float,
) -> float:
    """Return the secant's or the inverse parabola's step where it stays inside; else the bisection's."""
    (a, b, c), (fa, fb, fc) = points, values
    across = c - b
    ratio = fb / fa
    if a == c:
        p, q = across * ratio, 1.0 - ratio
    else:
        q, t = fa / fc, fb / fc
        p = ratio * (across * q * (q - t) - (b - a) * (t - 1.0))
        q = (q - 1.0) * (t - 1.0) * (ratio - 1.0)
    if p > 0.0:
        q = -q
    else:
        p = -p
    is_inside = p < 0.75 * across * q - abs(least * q) / 2.0 and p < abs(before * q / 2.0)
    return p / q if is_inside else bisection


def superiority(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the part of pairs in which x is higher, ties by halves: 0.5 is no difference.

    The common language effect size of Vargha & Delaney (2000); Kayenta's measure `cles`.
    """
    ordered = sorted(y)
    above = math.fsum((bisect_left(ordered, v) + bisect_right(ordered, v)) / 2.0 for v in x)
    return above / (len(x) * len(y))


def _grouped(values: Sequence[float]) -> list[tuple[float, int]]:
    """Each value once, with how often it occurs; rising."""
    counted: dict[float, int] = {}
    for value in sorted(values):
        counted[value] = counted.get(value, 0) + 1
    return list(counted.items())


def _tie(count: int) -> int:
    return count * count * count - count
