"""What a policy makes of what a manifest proposes. Pure; the plan says each thing that was bounded."""

from dataclasses import dataclass, replace
from typing import Any

from andon.access.policies.model import Bounds
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName
from andon.rollouts.plan import environment_of, hash_of
from andon.rollouts.steps import Plan
from andon.units.model import Environment, Manifest, StrategyName

# From the most careful on: what is chosen where the manifest's own is not allowed.
_ORDER = (StrategyName.CANARY, StrategyName.BLUE_GREEN, StrategyName.ROLLING)


@dataclass(frozen=True, slots=True)
class Bounded:
    """A manifest and a strategy within the bounds. notes: what was bounded, one sentence each."""

    manifest: Manifest
    strategy: StrategyName | None
    notes: tuple[str, ...] = ()


def bounded(
    manifest: Manifest, environment: EnvironmentName, strategy: StrategyName | None, bounds: Bounds
) -> Bounded:
    """What `manifest` and a person's `strategy` come to under the policy of `environment`.

    Raises:
        InvalidInput: the manifest does not name the environment, a person asks for a strategy that is not
            allowed, or the unit cannot run twice and may only be replaced.
    """
    where = environment_of(manifest, environment)
    chosen, said = _strategy(where, environment, strategy, bounds)
    changes, more = _strictness(where, bounds)
    notes = [f"The policy of {environment} {each}." for each in (*said, *more)]
    if changes:
        policy = where.policy.model_copy(update=changes)
        there = {**manifest.environments, environment: where.model_copy(update={"policy": policy})}
        manifest = manifest.model_copy(update={"environments": there})
    return Bounded(manifest, chosen, tuple(notes))


def sealed(made: Plan, said: Bounded, *notes: str) -> Plan:
    """The plan with what else a person should know, hashed anew."""
    if not (notes or said.notes):
        return made
    whole = replace(made, notes=(*notes, *said.notes, *made.notes))
    return replace(whole, hash=hash_of(whole))


def _strategy(
    where: Environment, environment: EnvironmentName, strategy: StrategyName | None, bounds: Bounds
) -> tuple[StrategyName | None, tuple[str, ...]]:
    allowed = bounds.strategies
    if not allowed or (strategy or where.strategy) in allowed:
        return strategy, ()
    words = " or ".join(sorted(allowed))
    if strategy is not None:
        raise InvalidInput(
            "strategy-not-allowed",
            f"the policy of {environment} allows {words}, not {strategy}",
            hint="leave --strategy out",
        )
    instead = next((each for each in _ORDER if each in allowed), None)
    if where.strategy is StrategyName.RECREATE or instead is None:
        # Nobody but its maker knows that two of it can run at once.
        raise InvalidInput(
            "strategy-not-allowed",
            f"the manifest asks for {where.strategy}, and the policy of {environment} allows {words}",
            hint="choose another strategy in andon.toml, or change the policy: andon policy set",
        )
    return instead, (f"asks for {instead}; the manifest asks for {where.strategy}",)


def _strictness(where: Environment, bounds: Bounds) -> tuple[dict[str, Any], list[str]]:
    """What changes of the manifest's judging, and what to say of it. It only ever becomes stricter."""
    own, changes, said = where.policy, dict[str, Any](), list[str]()
    loosest = {
        "alpha": bounds.alpha_at_most,
        "margin": bounds.margin_at_most,
        "latency_margin": bounds.margin_at_most,
    }
    for name, most in loosest.items():
        value = getattr(own, name)
        if most is not None and value > most:
            changes[name] = most
            said.append(f"bounds {name} to {most:g}; the manifest asks for {value:g}")
    if bounds.requires_evidence and not own.require_evidence:
        changes["require_evidence"] = True
        said.append("requires evidence; the manifest would go on without")
    if bounds.requires_evidence and any(each.is_leg and not each.judge for each in own.steps):
        changes["steps"] = [
            each.model_copy(update={"judge": True}) if each.is_leg else each for each in own.steps
        ]
        said.append("has every share judged; the manifest leaves some out")
    if bounds.judge and bounds.judge != own.judge:
        changes["judge"] = bounds.judge
        said.append(f"lets the judge {bounds.judge} decide; the manifest asks for {own.judge}")
    return changes, said
