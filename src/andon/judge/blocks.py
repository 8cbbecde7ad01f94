"""Noise correlated within one arm, in the comparison of counts: random effects of blocks of time.

In each block of `Noise.lasts_s` seconds the arms' log rate ratio lies off what the releases cause by an
unknown amount, normal with standard deviation `Noise.wander`. The likelihood of a block is therefore its
plain one averaged over that amount, at each point of the grid; blocks multiply. Before that, everything is
divided by `Noise.dispersion`. The proof is in docs/design/judge.md. Estimating the noise is in dispersion.py.
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from andon.judge import counts
from andon.judge.model import Look, MetricPolicy, MetricState, Noise

_REACH = 3.5  # standard deviations of the noise that are averaged over
_TINY = 1e-250


def start(state: MetricState, noise: Noise) -> MetricState:
    """Return the state of a metric before its first look; where nothing wanders there are no blocks."""
    if not noise.wander:
        return state
    return replace(state, log_closed=state.log_likelihood, log_open=_nothing(noise.wander), open_since=-1.0)


def add(state: MetricState, look: Look, policy: MetricPolicy, at: float) -> MetricState:
    """Add a look to the log-likelihoods of a metric. at: seconds since 1970; it says which block this is.

    A block begins with the first look after the one before it is over: known before the look is seen.
    """
    noise = policy.noise
    weight = 1.0 / noise.dispersion
    if not noise.wander:
        points = counts.margin_points(policy.margin)
        return replace(
            state,
            log_likelihood=counts.add(state.log_likelihood, look, weight),
            log_margin=counts.add_at(points, state.log_margin, look, weight),
        )
    state = _at(state, noise, at)
    still_open = counts.add_at(_points(noise.wander), state.log_open, look, weight)
    block = average(still_open, noise.wander)
    together = tuple(a + b for a, b in zip(state.log_closed, block, strict=True))
    return replace(
        state,
        log_open=still_open,
        log_likelihood=together,
        log_margin=counts.at_margin(together, policy.margin),
    )


def _at(state: MetricState, noise: Noise, at: float) -> MetricState:
    """Close the block that is over by then."""
    if state.open_since < 0.0:
        return replace(state, open_since=at)
    if at - state.open_since < noise.lasts_s:
        return state
    return replace(
        state,
        log_closed=state.log_likelihood,
        log_open=_nothing(noise.wander),
        open_since=at,
        blocks=state.blocks + 1,
    )


def average(log_open: Sequence[float], wander: float) -> tuple[float, ...]:
    """Average exp(log_open) over the noise around each point of `counts.GRID`; logarithms in and out.

    log_open: on the grid, `reach` points wider on either side. Averaging keeps it concave (Prekopa).
    """
    if not any(log_open):
        return (0.0,) * len(counts.GRID)  # exactly: a step that brought nothing is none (late.py)
    kernel = _kernel(wander)
    width, top = len(kernel), max(log_open)
    plain = [math.exp(x - top) for x in log_open]
    made = []
    for i in range(len(counts.GRID)):
        total = math.fsum(map(operator.mul, plain[i : i + width], kernel))
        made.append(top + math.log(total) if total > _TINY else _far(log_open[i : i + width], kernel))
    return tuple(made)


def _far(logs: Sequence[float], kernel: Sequence[float]) -> float:
    """The same where all is so far below the highest that its exponentials would vanish."""
    top = max(logs)
    return top + math.log(math.fsum(k * math.exp(x - top) for x, k in zip(logs, kernel, strict=True)))


def own_dispersion(state: MetricState, noise: Noise, rate: float) -> float:
    """By how much the candidate's own count varies more than independent events, at that rate.

    Half of the variance of the log ratio is one arm's; it acts on all that a block counts.
    """
    expected = rate * state.candidate.exposure / (state.blocks + 1)
    return noise.dispersion + 0.5 * noise.wander**2 * expected


def long_run(state: MetricState, noise: Noise, bad: float, part: float) -> float:
    """Dispersion of the comparison over many blocks like those so far, for a forecast.

    bad: bad events of both arms for each exposure of the candidate. part: its part of the exposure.
    """
    each = bad * state.candidate.exposure / (state.blocks + 1)
    return noise.dispersion + noise.wander**2 * part * (1.0 - part) * each


def reach(wander: float) -> int:
    """Return the grid steps on either side that the noise is averaged over."""
    return math.ceil(_REACH * wander / counts.STEP)


def _nothing(wander: float) -> tuple[float, ...]:
    return (0.0,) * len(_points(wander))


@cache
def _points(wander: float) -> tuple[float, ...]:
    far = counts.HALF + reach(wander)
    return tuple(i * counts.STEP for i in range(-far, far + 1))


@cache
def _kernel(wander: float) -> tuple[float, ...]:
    far = reach(wander)
    near = [math.exp(-0.5 * (i * counts.STEP / wander) ** 2) for i in range(-far, far + 1)]
    total = math.fsum(near)
    return tuple(x / total for x in near)
