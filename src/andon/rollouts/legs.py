"""From what a manifest says of steps to legs: one share, and what stands before it. Pure.

A leg knows nothing of instances; `strategies.py` makes steps of legs, each strategy in its own way.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from andon.rollouts.census import Census
from andon.rollouts.steps import Element, Gate, GateKind, Task, TaskKind
from andon.units.desired import NO_ROUTING, Match, MatchKind, Routing
from andon.units.model import Environment, Manifest, Policy
from andon.units.stepping import PlanStep, Smoke, name_of


@dataclass(frozen=True, slots=True)
class Leg:
    """Up to `share`: how long it lasts, whether it may be judged, what is routed beside and stands before.

    ring: of a fleet, the ring that the manifest names instead of a share.
    """

    share: float
    soak: timedelta
    max_wait: timedelta
    may_judge: bool = True
    routing: Routing = NO_ROUTING
    before: tuple[Gate | Task, ...] = ()
    ring: str = ""


def legs(manifest: Manifest, where: Environment, census: Census | None = None) -> tuple[Leg, ...]:
    """The legs of a rollout into `where`, in order; the last is share 1.

    Smoke tests that no step names stand before the first. census: of the fleet, where there is one; a wave
    that would ask nobody further is left out, and what stands before it comes before the next.

    Raises:
        InvalidInput: a step names a ring that the fleet does not have.
    """
    if census is not None:
        return _waves(manifest, where.policy, census)
    policy, found = where.policy, list[Leg]()
    named = {each.smoke for each in policy.steps}
    waiting: list[Element] = [_smoke(n, each) for n, each in sorted(manifest.smoke.items()) if n not in named]
    for number, step in enumerate(policy.steps, 1):
        if step.share is None:
            waiting.append(_element(name_of(number, step), step, manifest))
            continue
        soak = policy.soak if step.soak is None else step.soak
        wait = policy.max_wait if step.max_wait is None else step.max_wait
        found.append(Leg(step.share, soak, wait, step.judge, _routing(step), tuple(waiting)))
        waiting = []
    return tuple(found)


def _waves(manifest: Manifest, policy: Policy, census: Census) -> tuple[Leg, ...]:
    found, waiting, reached = list[Leg](), list[Element](), 0
    for number, step in enumerate(policy.steps, 1):
        if not step.is_leg:
            waiting.append(_element(name_of(number, step), step, manifest))
            continue
        count = census.up_to(step.ring) if step.ring is not None else census.count_of(step.share or 0.0)
        if count <= reached:
            continue
        soak = policy.soak if step.soak is None else step.soak
        wait = policy.max_wait if step.max_wait is None else step.max_wait
        share = census.share_of(count)
        found.append(Leg(share, soak, wait, step.judge, NO_ROUTING, tuple(waiting), step.ring or ""))
        waiting, reached = [], count
    if waiting:
        found[-1] = replace(found[-1], before=(*found[-1].before, *waiting))
    return tuple(found)


def covering(walk: Sequence[Leg], share: float) -> Leg:
    """The leg in which a strategy with shares of its own has `share`: the first that reaches it."""
    return next((each for each in walk if each.share >= share), walk[-1])


def between(walk: Sequence[Leg], low: float, high: float) -> tuple[Element, ...]:
    """What stands before the legs that begin in [low, high), so that no share above them comes before it."""
    found: list[Element] = []
    begins = 0.0
    for each in walk:
        if low <= begins < high:
            found += each.before
        begins = each.share
    return tuple(found)


def _element(name: str, step: PlanStep, manifest: Manifest) -> Element:
    if step.smoke is not None:
        return _smoke(step.smoke, manifest.smoke[step.smoke])
    if step.command is not None:
        return Task(TaskKind.COMMAND, name, step.timeout, step.retries, command=tuple(step.command))
    if step.hold:
        return Gate(kind=GateKind.HOLD, name=name, expires_after=step.expires)
    kind = GateKind(step.gate or GateKind.APPROVAL)
    if kind is GateKind.APPROVAL:
        return Gate(step.approvals, step.role, expires_after=step.expires, name=name)
    return Gate(kind=kind, name=name, asks=step.asks, expires_after=step.expires)


def _smoke(name: str, test: Smoke) -> Task:
    return Task(
        TaskKind.SMOKE,
        name,
        test.timeout,
        test.retries,
        path=test.path,
        status=test.status,
        contains=test.contains,
        value_at=test.field or "",
        equals="" if test.equals is None else json.dumps(test.equals),
    )


def _routing(step: PlanStep) -> Routing:
    matches = tuple(
        Match(MatchKind.HEADER, each.header, each.value)
        if each.header is not None
        else Match(MatchKind.COOKIE, each.cookie or "", each.value)
        for each in step.match
    )
    return Routing(matches, step.mirror, step.preview)
