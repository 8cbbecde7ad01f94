"""Weighted means of likelihood ratios, in logarithms. The weights themselves stand beside their tests."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Atom(NamedTuple):
    """One alternative of a mixture: where it lies, and the weight given to it beforehand."""

    at: float
    weight: float


def log_mean(logs: Sequence[float], atoms: Sequence[Atom]) -> float:
    """Logarithm of the weighted mean of `exp(logs)`: one log per atom, but the last ones may be missing.

    An atom without a log counts as zero, which only makes an e-value smaller. The order of summation is fixed
    by fsum, so a replay gives the same bits.
    """
    top = max(logs, default=-math.inf)
    if top == -math.inf:
        return -math.inf
    exp = math.exp
    return top + math.log(math.fsum([a[1] * exp(x - top) for x, a in zip(logs, atoms, strict=False)]))


def log_sum(*parts: tuple[float, float]) -> float:
    """Logarithm of the sum of `weight * exp(log)`, from pairs of them; at least one of them counts.

    The order of summation is fixed, as in `log_mean`.
    """
    top = max(log for weight, log in parts if weight)
    return top + math.log(math.fsum(weight * math.exp(log - top) for weight, log in parts if weight))


def odds(log_e: float) -> float:
    """Return an e-value for people and for JSON: never infinite."""
    return math.exp(min(log_e, 700.0))
