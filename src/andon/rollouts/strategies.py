"""The strategies: each walks the share from 0 to 1 in its own way. Pure; `plan.py` makes a plan of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from andon.kernel.errors import InvalidInput
from andon.rollouts.legs import Leg, between, covering
from andon.rollouts.steps import Element, Gate, Step, Task, TaskKind
from andon.units.desired import NO_ROUTING
from andon.units.model import StrategyName


@dataclass(frozen=True, slots=True)
class Sizes:
    """Instances of the candidate when it has everything, and of the stable release now (0: there is none).

    surge, unavailable: of a rolling update, how many instances there may be above and below the whole.
    """

    candidate: int
    stable: int
    surge: int = 1
    unavailable: int = 1


def steps(strategy: StrategyName, sizes: Sizes, walk: Sequence[Leg], *, can_judge: bool) -> tuple[Step, ...]:
    """The steps of `strategy` along the legs of the plan; rolling and recreate make shares of their own.

    A first release has nothing to be compared with, and a unit that cannot run twice neither: both go
    straight to 1. A fleet takes its first release in waves, too. can_judge: there is a metric that promotion
    has to wait for.

    Raises:
        InvalidInput: a rolling update has no room to replace anything.
    """
    if strategy is StrategyName.WAVES:
        return _waves(walk, sizes, can_judge=can_judge and sizes.stable > 0)
    if sizes.stable == 0:
        return (_all_at_once(walk, sizes),)
    match strategy:
        case StrategyName.CANARY:
            shape = [_Shape(each, _enough(each.share, sizes.candidate), sizes.stable) for each in walk]
        case StrategyName.BLUE_GREEN:
            shape = [_Shape(_with_preview(each), sizes.candidate, sizes.stable) for each in walk]
        case StrategyName.ROLLING:
            shape = _rolling(walk, sizes)
        case StrategyName.RECREATE:
            return (_all_at_once(walk, replace(sizes, stable=0)),)
        case _ as never:
            assert_never(never)
    return _paced(shape, can_judge=can_judge)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A leg with its instances."""

    leg: Leg
    candidate: int
    stable: int


def unjudged(share: float, sizes: Sizes, soak: timedelta) -> Step:
    """A step that ends with its soak; health, guardrails and harm still end it the other way."""
    return Step(share, sizes.candidate, sizes.stable, soak, is_judged=False, max_wait=soak + _GRACE)


# Beyond its soak an unjudged step waits only for its instances and the gateway.
_GRACE = timedelta(minutes=5)


def _with_preview(leg: Leg) -> Leg:
    return replace(leg, routing=replace(leg.routing, has_preview=True))


def _with_smoke_route(leg: Leg) -> Leg:
    """While smoke tests ask the instances, people reach the candidate through the gateway."""
    is_smoked = any(isinstance(each, Task) and each.kind is TaskKind.SMOKE for each in leg.before)
    return _with_preview(leg) if is_smoked else leg


def _enough(share: float, instances: int) -> int:
    # Rounded first: 0.1 * 30 is a little more than 3 in binary, and must not ask for a fourth instance.
    return min(instances, max(1, math.ceil(round(share * instances, 9))))


def _all_at_once(walk: Sequence[Leg], sizes: Sizes) -> Step:
    """One step to 1. All gates come first: nobody should have to answer while nothing serves."""
    every = [each for leg in walk for each in leg.before]
    gates = [each for each in every if isinstance(each, Gate)]
    tasks = {(each.kind, each.name): each for each in every if isinstance(each, Task)}
    leg = _with_smoke_route(replace(walk[-1], routing=NO_ROUTING, before=(*gates, *tasks.values())))
    made = unjudged(1.0, sizes, leg.soak)
    return replace(made, before=leg.before, routing=leg.routing)


def _waves(walk: Sequence[Leg], sizes: Sizes, *, can_judge: bool) -> tuple[Step, ...]:
    """One step for each wave; stations that are not asked yet stay with the stable release.

    Where nobody answers any more while it soaks, it waits for them as long as a judged one.
    """
    shape = [_Shape(each, n := _exactly(each.share, sizes.candidate), sizes.stable - n) for each in walk]
    paced = _paced([replace(each, stable=max(0, each.stable)) for each in shape], can_judge=can_judge)
    return tuple(
        replace(step, max_wait=max(leg.max_wait, leg.soak), ring=leg.ring)
        for step, leg in zip(paced, walk, strict=True)
    )


def _exactly(share: float, stations: int) -> int:
    return max(1, round(share * stations))


def _rolling(walk: Sequence[Leg], sizes: Sizes) -> list[_Shape]:
    """Instances are replaced a few at a time: first beside those that leave, as far as the surge goes.

    What the surge does not allow for leaves before its replacement comes, at most `unavailable`. The last
    stable instance is kept until promotion, so that there is always something to return to; without a
    surge the candidate's last instance comes after it.
    """
    total, batch = sizes.candidate, max(sizes.surge, sizes.unavailable)
    top = total if sizes.surge else total - 1
    if top < 1:
        raise InvalidInput(
            "no-room",
            "a rolling update of one instance needs max_surge = 1 at least",
            hint="raise max_surge in the environment's policy, or use the strategy recreate",
        )
    apart = [each for each in walk if each.share == 0]
    made = [_Shape(each, min(top, batch), _kept(sizes, batch)) for each in apart]
    have, share, passed = 0, 0.0, [each for leg in apart for each in leg.before]
    while have < top:
        kept = _kept(sizes, have + batch)
        have = min(top, have + batch)
        before, share = share, 1.0 if have == top else have / total
        stands = tuple(each for each in between(walk, before, share) if each not in passed)
        made.append(_Shape(replace(covering(walk, share), share=share, before=stands), have, kept))
    return made


def _kept(sizes: Sizes, coming: int) -> int:
    """Stable instances while the candidate's go up to `coming`: what the surge does not carry has left."""
    left = (sizes.candidate - coming + sizes.surge) / sizes.candidate
    return min(sizes.stable, max(1, math.ceil(round(sizes.stable * left, 9))))


def _paced(shape: Sequence[_Shape], *, can_judge: bool) -> tuple[Step, ...]:
    """Judge every step from the first on at which both releases have traffic, if anything can be judged."""
    is_compared, made = False, []
    for index, each in enumerate(shape):
        leg = _with_smoke_route(each.leg)
        is_compared = is_compared or 0 < leg.share < 1
        step = unjudged(leg.share, Sizes(each.candidate, each.stable), leg.soak)
        if is_compared and can_judge and leg.may_judge:
            step = replace(step, is_judged=True, max_wait=max(leg.max_wait, leg.soak))
        before = tuple(_numbered(stands, index) for stands in leg.before)
        made.append(replace(step, before=before, routing=leg.routing))
    return tuple(made)


def _numbered(element: Element, step: int) -> Element:
    return replace(element, before_step=step) if isinstance(element, Gate) else element
