"""Exact bounds of a chance that was seen so many times in so many runs."""

import math
from collections.abc import Callable


def upper_bound(hits: int, runs: int, confidence: float = 0.95) -> float:
    """Upper Clopper-Pearson bound."""
    return _largest(lambda p: _at_most(hits, runs, p) > 1 - confidence)


def lower_bound(hits: int, runs: int, confidence: float = 0.95) -> float:
    """Lower Clopper-Pearson bound."""
    return _largest(lambda p: hits > 0 and 1 - _at_most(hits - 1, runs, p) < 1 - confidence)


def _largest(holds: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _at_most(k: int, n: int, p: float) -> float:
    log_p, log_q = math.log(p), math.log1p(-p)
    logs = (
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * log_p + (n - i) * log_q
        for i in range(k + 1)
    )
    return math.fsum(math.exp(x) for x in logs)
