"""From manifest, strategy and what runs now to a plan with its hash. Pure: the same inputs, the same plan."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from andon.gateway.model import EDGES_S
from andon.judge.dispersion import SUPPOSED
from andon.judge.model import INDEPENDENT, JudgePolicy, MetricKind, MetricPolicy, Noise
from andon.judge.policy import split
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName, Version
from andon.rollouts import codec, strategies
from andon.rollouts.census import Census
from andon.rollouts.judging import policy_of, ratio_part
from andon.rollouts.legs import legs
from andon.rollouts.notes import notes
from andon.rollouts.steps import FleetPlan, Gate, Migration, Plan, Step
from andon.rollouts.strategies import Sizes
from andon.units.evidence import Evidence
from andon.units.model import Environment, Manifest, Policy, StrategyName

# Absolute limits where the manifest names none, of what the gateway sees.
_ERROR_RATE = 0.05
_RESPONSE_P95_S = 2.0


@dataclass(frozen=True, slots=True)
class Current:
    """What runs now: the stable release, None before the first, and how many instances it has.

    noises: of the metrics, by name, as far as they are known. census: of the fleet, where it is one.
    """

    stable: Version | None = None
    instances: int = 0
    noises: Mapping[str, Noise] = field(default_factory=dict)
    census: Census | None = None


def plan(
    manifest: Manifest,
    environment: EnvironmentName,
    current: Current,
    strategy: StrategyName | None = None,
    gate: Gate | None = None,
    *,
    demands: Sequence[Gate] = (),
) -> Plan:
    """What a deployment of the manifest's release will do. `strategy`: instead of the manifest's.

    gate: who must approve it first. demands: further gates that the environment asks for before the first
    step, whatever the manifest says.

    Raises:
        InvalidInput: the manifest does not name the environment, has no room for the strategy, or no station
            may get it.
    """
    where = environment_of(manifest, environment)
    census = _census(where, environment, current)
    metrics = _metrics(manifest, where, current.noises)
    chosen = _strategy(where, strategy)
    can_judge = any(each.required for each in metrics)
    walk = legs(manifest, where, census)
    walked = strategies.steps(chosen, _sizes(where, current), walk, can_judge=can_judge)
    made = _frame(manifest, where, current, _demanding(walked, demands))
    if made.fleet is not None:
        named = [each.ring for each in where.policy.steps if each.ring is not None]
        left_out = tuple(each for each in named if each not in {leg.ring for leg in walk})
        made = replace(made, fleet=replace(made.fleet, left_out=left_out))
    policy = policy_of(
        metrics, ratio_part(where.policy.alpha), manifest.gateway.session_requests, where.policy
    )
    keeps_warm = chosen in _KEEP_WARM and current.stable is not None
    whole = replace(
        made,
        strategy=chosen,
        policy=policy,
        needs_gap=chosen is StrategyName.RECREATE and current.stable is not None,
        warm=where.policy.warm if keeps_warm else timedelta(),
        gate=gate,
    )
    return _sealed(whole, current)


def plan_rollback(
    manifest: Manifest, environment: EnvironmentName, current: Current, gate: Gate | None = None
) -> Plan:
    """Back to a former release in one step to 1, beside what runs now; only its health is watched.

    It is not judged: what it would be compared with is what a person wants to get away from. gate: who must
    approve it first, where the release never finished a rollout there.

    Raises:
        InvalidInput: the manifest does not name the environment.
    """
    where = environment_of(manifest, environment)
    _census(where, environment, current)
    needs_gap = where.strategy is StrategyName.RECREATE
    sizes = _sizes(where, current)
    step = strategies.unjudged(
        1.0, Sizes(sizes.candidate, 0) if needs_gap else sizes, min(where.policy.soak, _ROLLBACK_SOAK)
    )
    strategy = where.strategy if where.strategy in _ONE_STEP_BACK else StrategyName.BLUE_GREEN
    made = _frame(manifest, where, current, (step,))
    if made.fleet is not None:
        made = replace(made, fleet=replace(made.fleet, least=0.0))
    whole = replace(made, strategy=strategy, needs_gap=needs_gap, is_rollback=True, gate=gate)
    return _sealed(whole, current)


def _demanding(steps: tuple[Step, ...], demands: Sequence[Gate]) -> tuple[Step, ...]:
    first = steps[0]
    return (replace(first, before=(*demands, *first.before)), *steps[1:])


_KEEP_WARM = {StrategyName.CANARY, StrategyName.BLUE_GREEN, StrategyName.WAVES}
_ONE_STEP_BACK = {StrategyName.RECREATE, StrategyName.WAVES}
# A return is an emergency: long enough to see it crash, short enough not to keep the environment busy.
_ROLLBACK_SOAK = timedelta(seconds=10)


def environment_of(manifest: Manifest, environment: EnvironmentName) -> Environment:
    """The environment as the manifest has it.

    Raises:
        InvalidInput: it does not name it.
    """
    found = manifest.environments.get(environment)
    if found is None:
        known = ", ".join(sorted(manifest.environments))
        raise InvalidInput(
            "no-such-environment",
            f"environment {environment!r} is not in the manifest of {manifest.unit.name}",
            hint=f"use one of: {known}; or add [environments.{environment}] to andon.toml",
        )
    return found


def _census(where: Environment, environment: EnvironmentName, current: Current) -> Census | None:
    """Of the fleet that `where` is; None for a service."""
    if where.target != "fleet":
        return None
    if current.census is None or not current.census.stations:
        raise InvalidInput(
            "no-stations",
            f"no station of {environment} may get a release: none is enrolled there that is not pinned",
            hint="andon fleet list; andon fleet enrol-token makes a token by which a station enrols",
        )
    return current.census


def _strategy(where: Environment, asked: StrategyName | None) -> StrategyName:
    chosen = asked or where.strategy
    if (where.target == "fleet") != (chosen is StrategyName.WAVES):
        is_fleet = where.target == "fleet"
        said = "a fleet is moved in waves" if is_fleet else "only a fleet is moved in waves"
        raise InvalidInput("not-its-strategy", said, hint="leave --strategy out")
    return chosen


def _sizes(where: Environment, current: Current) -> Sizes:
    if where.target == "fleet" and current.census is not None:
        stations = current.census.stations
        return Sizes(stations, 0 if current.stable is None else stations)
    return Sizes(
        where.instances,
        max(1, current.instances) if current.stable is not None else 0,
        where.policy.max_surge,
        where.policy.max_unavailable,
    )


def _frame(manifest: Manifest, where: Environment, current: Current, steps: tuple[Step, ...]) -> Plan:
    fleet = _fleet(where, current.census)
    made = _frame_of_a_service(manifest, where, current, steps)
    if fleet is None:
        return made
    # Nothing is in flight at a station: it goes at its own safe point, and the deadline of a wave counts.
    return replace(
        made, fleet=fleet, drain_timeout=timedelta(), stop_deadline=fleet.deadline, memory_limit=None
    )


def _fleet(where: Environment, census: Census | None) -> FleetPlan | None:
    if where.target != "fleet" or census is None:
        return None
    asked = where.policy.waves
    return FleetPlan(
        stations=census.stations,
        pinned=census.pinned,
        success=asked.success,
        errors=asked.errors,
        deadline=asked.deadline,
        least=asked.least,
    )


def _frame_of_a_service(
    manifest: Manifest, where: Environment, current: Current, steps: tuple[Step, ...]
) -> Plan:
    return Plan(
        strategy=where.strategy,
        steps=steps,
        instances=_sizes(where, current).candidate,
        require_evidence=where.policy.require_evidence,
        ready_deadline=manifest.ready.deadline,
        drain_timeout=manifest.drain.timeout,
        warm=timedelta(),
        health_failures=manifest.health.failures,
        memory_limit=where.policy.memory if where.policy.memory < 1 else None,
        policy=JudgePolicy(()),
        hash="",
        stable_instances=_sizes(where, current).stable,
        # The target waits for the drain once more, for the process, before it ends it by force.
        stop_deadline=manifest.drain.timeout + timedelta(seconds=30),
        verify_after=where.policy.verify,
        migration=Migration(manifest.run.migration) if manifest.run.migrate else Migration.NONE,
    )


def _metrics(manifest: Manifest, where: Environment, noises: Mapping[str, Noise]) -> tuple[MetricPolicy, ...]:
    metrics = [
        replace(_metric(name, each, where.policy), noise=_noise(each, noises.get(name, SUPPOSED)))
        for name, each in sorted(manifest.evidence.items())
    ]
    return split(where.policy.alpha - ratio_part(where.policy.alpha), metrics) if metrics else ()


def _metric(name: str, wanted: Evidence, policy: Policy) -> MetricPolicy:
    metric = MetricPolicy(name, policy.alpha, policy.beta, required=wanted.required)
    at_gateway = wanted.source == "gateway"
    if wanted.kind == "latency":
        return replace(
            metric,
            kind=MetricKind.LATENCY,
            edges=EDGES_S if at_gateway else (*wanted.edges, math.inf),
            margin=policy.latency_margin,
            acceptable=_seconds(wanted.acceptable_p95),
            guardrail=_guardrail(wanted, _seconds(wanted.guardrail_p95), _RESPONSE_P95_S),
        )
    guardrail = _guardrail(wanted, wanted.guardrail, _ERROR_RATE)
    return replace(metric, margin=policy.margin, acceptable=wanted.acceptable, guardrail=guardrail)


def _noise(wanted: Evidence, known: Noise) -> Noise:
    """As the manifest states it, else as the plant's own history says, of what is measured there."""
    if wanted.dispersion == "auto":
        return INDEPENDENT if wanted.kind == "latency" else known
    lasts = wanted.wander_lasts if wanted.wander else timedelta()
    return Noise(wanted.dispersion, wanted.wander, lasts.total_seconds())


def _guardrail(wanted: Evidence, named: float | None, usual: float) -> float | None:
    """As the manifest says; else the usual limit of what the gateway sees, unless as much is acceptable."""
    acceptable = wanted.acceptable or _seconds(wanted.acceptable_p95)
    is_usual = named is None and wanted.source == "gateway" and (acceptable is None or acceptable < usual)
    return usual if is_usual else named


def _seconds(limit: timedelta | None) -> float | None:
    return None if limit is None else limit.total_seconds()


def hash_of(made: Plan) -> str:
    """SHA-256 of all of a plan but its hash, worked out anew."""
    return codec.sha256(replace(made, hash=""))


def _sealed(made: Plan, current: Current) -> Plan:
    told = replace(made, notes=notes(made, current.stable))
    return replace(told, hash=hash_of(told))
