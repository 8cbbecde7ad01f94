"""The tests on the candidate's own rate: is it above a guardrail, is it below what is acceptable?

A Bernoulli likelihood needs totals only, so nothing but the totals and the highest e-value is kept. Against a
limit p0 the e-value is a mean over alternatives q of (q/p0)^bad ((1-q)/(1-p0))^good. docs/design/judge.md.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

from andon.judge.mixture import Atom, log_mean
from andon.judge.model import Counts

# Alternatives as parts of the limit. The first stands for "never"; a true zero would be refuted for good by
# the first bad event.
BELOW = (Atom(0.02, 0.35), Atom(0.2, 0.25), Atom(0.5, 0.25), Atom(0.75, 0.15))
# Alternatives above the limit, as multiples of its odds: a disaster is seen in a handful of requests, a rate
# slightly above the limit in thousands.
ABOVE = (Atom(1.3, 0.1), Atom(2.0, 0.2), Atom(4.0, 0.2), Atom(12.0, 0.2), Atom(100.0, 0.3))


@lru_cache(maxsize=1000)
def rates_below(limit: float) -> tuple[float, ...]:
    """Return the alternatives below the limit."""
    return tuple(limit * a.at for a in BELOW)


@lru_cache(maxsize=1000)
def rates_above(limit: float) -> tuple[float, ...]:
    """Return the alternatives above the limit; multiplied odds never pass 1."""
    return tuple(a.at * limit / (1.0 + (a.at - 1.0) * limit) for a in ABOVE)


@lru_cache(maxsize=1000)
def gains(limit: float, rates: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    """Return, for each alternative, the log of the likelihood ratio of one bad and of one good event."""
    return tuple((math.log(q / limit), math.log1p(-q) - math.log1p(-limit)) for q in rates)


def log_likelihood(
    counts: Counts, limit: float, rates: tuple[float, ...], dispersion: float = 1.0
) -> tuple[float, ...]:
    """Log-likelihood of the counts at each alternative, relative to the limit.

    dispersion: variance of the counts as a multiple of that of independent events.
    """
    good = counts.exposure - counts.bad
    return tuple((counts.bad * bad + good * fine) / dispersion for bad, fine in gains(limit, rates))


def log_e_acceptable(log_likelihoods: Sequence[float]) -> float:
    """Log e-value against "the rate is at least the limit", from the likelihoods at `rates_below`."""
    return log_mean(log_likelihoods, BELOW)


def log_e_guardrail(counts: Counts, limit: float, dispersion: float = 1.0) -> float:
    """Log e-value against "the rate is at most the limit". dispersion: as in `log_likelihood`."""
    return log_mean(log_likelihood(counts, limit, rates_above(limit), dispersion), ABOVE)
