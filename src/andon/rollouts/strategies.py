"""The strategies: each walks the share from 0 to 1 in its own way. Pure; `plan.py` makes a plan of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from andon.rollouts.steps import Step
from andon.units.model import StrategyName


@dataclass(frozen=True, slots=True)
class Sizes:
    """Instances of the candidate when it has everything, and of the stable release now (0: there is none)."""

    candidate: int
    stable: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a step lasts. can_judge: there is a metric that promotion has to wait for."""

    soak: timedelta
    max_wait: timedelta
    can_judge: bool


def steps(strategy: StrategyName, sizes: Sizes, shares: Sequence[float], pace: Pace) -> tuple[Step, ...]:
    """The steps of `strategy`. `shares` rise to 1; rolling and recreate make their own.

    A first release has nothing to be compared with, and a unit that cannot run twice neither: both go
    straight to 1.
    """
    if sizes.stable == 0:
        return (unjudged(1.0, sizes, pace.soak),)
    match strategy:
        case StrategyName.CANARY:
            return _paced([(s, _enough(s, sizes.candidate), sizes.stable) for s in shares], pace)
        case StrategyName.BLUE_GREEN:
            return _paced([(s, sizes.candidate, sizes.stable) for s in shares], pace)
        case StrategyName.ROLLING:
            return _paced(_rolling(sizes), pace)
        case StrategyName.RECREATE:
            return (unjudged(1.0, Sizes(sizes.candidate, 0), pace.soak),)
        case _ as never:
            assert_never(never)


def unjudged(share: float, sizes: Sizes, soak: timedelta) -> Step:
    """A step that ends with its soak; health, guardrails and harm still end it the other way."""
    return Step(share, sizes.candidate, sizes.stable, soak, is_judged=False, max_wait=soak + _GRACE)


# Beyond its soak an unjudged step waits only for its instances and the gateway.
_GRACE = timedelta(minutes=5)


def _enough(share: float, instances: int) -> int:
    # Rounded first: 0.1 * 30 is a little more than 3 in binary, and must not ask for a fourth instance.
    return min(instances, max(1, math.ceil(round(share * instances, 9))))


def _rolling(sizes: Sizes) -> list[tuple[float, int, int]]:
    """One instance at a time: surge 1, and capacity never falls below the whole.

    While the n-th candidate instance starts, the stable release still has what the share so far leaves to
    it; the last of it is kept until promotion, so that there is always something to return to.
    """
    total = sizes.candidate
    return [
        (n / total, n, max(1, math.ceil(round(sizes.stable * (total - n + 1) / total, 9))))
        for n in range(1, total + 1)
    ]


def _paced(shape: Sequence[tuple[float, int, int]], pace: Pace) -> tuple[Step, ...]:
    """Judge every step from the first on at which both releases have traffic, if anything can be judged."""
    is_compared = False
    made = []
    for share, candidate, stable in shape:
        is_compared = is_compared or share < 1
        sizes = Sizes(candidate, stable)
        if is_compared and pace.can_judge:
            wait = max(pace.max_wait, pace.soak)
            made.append(Step(share, candidate, stable, pace.soak, is_judged=True, max_wait=wait))
        else:
            made.append(unjudged(share, sizes, pace.soak))
    return tuple(made)
