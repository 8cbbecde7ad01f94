"""What a policy must satisfy, and how it spends its chance of a false fail. The manifest is `units`."""

import math
from collections.abc import Sequence
from dataclasses import replace

from andon.judge.dispersion import WANDER_MOST
from andon.judge.model import JudgePolicy, MetricKind, MetricPolicy
from andon.kernel.errors import InvalidInput

# A metric with a guardrail has two ways to fail a candidate; together they keep to alpha. A tenth costs the
# guardrail few requests, because it looks for disasters, and the comparison next to nothing.
GUARDRAIL_PART = 0.1
# Of a metric that measures, a quarter of the rest is for the bands, which see what lies between the points.
BANDS_PART = 0.25


def split(alpha: float, metrics: Sequence[MetricPolicy]) -> tuple[MetricPolicy, ...]:
    """Share the chance of a false fail of a whole release out equally over its metrics.

    By the union bound the chance that any metric ever fails a harmless candidate is then at most alpha. beta
    needs no split: promotion wants every required metric, so it is wrong only where that one metric is wrong.
    """
    return tuple(replace(metric, alpha=alpha / len(metrics)) for metric in metrics)


def harm_alpha(policy: MetricPolicy) -> float:
    """Return the chance that the comparison with the stable may use; where it measures, that at points."""
    left = policy.alpha - guardrail_alpha(policy)
    return left * (1.0 - BANDS_PART) if policy.kind is MetricKind.LATENCY else left


def bands_alpha(policy: MetricPolicy, step: int) -> float:
    """Return the chance that the bands of a metric that measures may use in a step, the first being 0.

    1/2 + 1/6 + 1/12 + ... of their part: all steps together use no more than it, however many there are.
    """
    return (policy.alpha - guardrail_alpha(policy)) * BANDS_PART / ((step + 1) * (step + 2))


def guardrail_alpha(policy: MetricPolicy) -> float:
    """Return the chance that the guardrail may use."""
    return 0.0 if policy.guardrail is None else policy.alpha * GUARDRAIL_PART


def log_boundary(chance: float) -> float:
    """Return the logarithm that an e-value must reach for an error of at most this chance (Ville)."""
    return -math.log(chance)


def check(policy: JudgePolicy) -> None:
    """Refuse a policy that promises nothing.

    Raises: InvalidInput naming the metric, the field, the value and what it may be.
    """
    _within("ratio_alpha", policy.ratio_alpha)
    if policy.session_requests < 1:
        raise InvalidInput(
            "judge.policy", f"session_requests is {policy.session_requests}; it must be at least 1"
        )
    names = [metric.name for metric in policy.metrics]
    if len(set(names)) < len(names):
        raise InvalidInput("judge.policy", f"two metrics have the same name: {', '.join(names)}")
    for metric in policy.metrics:
        _check_metric(metric)


def _check_metric(metric: MetricPolicy) -> None:
    _within(f"{metric.name}: alpha", metric.alpha)
    _within(f"{metric.name}: beta", metric.beta)
    if not 1.0 < metric.margin < math.inf:
        raise InvalidInput("judge.policy", f"{metric.name}: margin is {metric.margin}; it must be above 1")
    _check_noise(metric)
    if metric.kind is MetricKind.LATENCY:
        _check_measure(metric)
        return
    if metric.acceptable is not None:
        _within(f"{metric.name}: acceptable", metric.acceptable)
    if metric.guardrail is not None:
        _within(f"{metric.name}: guardrail", metric.guardrail)


def _check_noise(metric: MetricPolicy) -> None:
    noise = metric.noise
    if not 1.0 <= noise.dispersion < math.inf:
        raise InvalidInput(
            "judge.policy", f"{metric.name}: dispersion is {noise.dispersion}; it must be at least 1"
        )
    if not 0.0 <= noise.wander <= WANDER_MOST:
        raise InvalidInput(
            "judge.policy", f"{metric.name}: wander is {noise.wander}; it must be from 0 to {WANDER_MOST:g}"
        )
    if noise.wander and not 0.0 < noise.lasts_s < math.inf:
        raise InvalidInput(
            "judge.policy", f"{metric.name}: wander lasts {noise.lasts_s} s; it must be above 0"
        )


def _check_measure(metric: MetricPolicy) -> None:
    """A limit between two edges cannot be seen, so each needs an edge on its safe side."""
    edges = metric.edges
    if len(edges) < 2 or edges[-1] != math.inf or list(edges) != sorted(set(edges)) or edges[0] <= 0.0:
        raise InvalidInput(
            "judge.policy", f"{metric.name}: the edges must be above 0 and rise, the last infinite"
        )
    if metric.acceptable is not None and metric.acceptable < edges[0]:
        raise InvalidInput(
            "judge.policy",
            f"{metric.name}: acceptable is {metric.acceptable:g} s, below the first edge, {edges[0]:g} s",
        )
    if metric.guardrail is not None and metric.guardrail > edges[-2]:
        raise InvalidInput(
            "judge.policy",
            f"{metric.name}: guardrail is {metric.guardrail:g} s, above the last edge, {edges[-2]:g} s",
        )


def _within(name: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise InvalidInput("judge.policy", f"{name} is {value}; it must be between 0 and 1")
