"""What a policy may say."""

import math
from dataclasses import replace

import pytest

from andon.judge.model import JudgePolicy, MetricKind, MetricPolicy, Noise
from andon.judge.policy import check, split
from andon.kernel.errors import InvalidInput

LATENCY = MetricPolicy(
    "latency", alpha=0.01, margin=1.1, kind=MetricKind.LATENCY, edges=(0.1, 0.5, 2.0, math.inf), guardrail=2.0
)
METRIC = MetricPolicy("errors", alpha=0.01, acceptable=0.01, guardrail=0.05)


def test_alpha_is_shared_out_over_the_metrics():
    metrics = split(0.01, [METRIC, replace(METRIC, name="fails"), replace(METRIC, name="crashes")])
    assert math.fsum(m.alpha for m in metrics) == pytest.approx(0.01)
    assert [m.name for m in metrics] == ["errors", "fails", "crashes"]
    assert {m.beta for m in metrics} == {METRIC.beta}


def test_no_metrics_share_nothing():
    assert split(0.01, []) == ()


def test_a_sound_policy_is_accepted():
    check(JudgePolicy((METRIC, MetricPolicy("fails", alpha=0.01), LATENCY, replace(LATENCY, name="cycles"))))
    check(JudgePolicy((replace(LATENCY, acceptable=0.1, guardrail=None),)))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"edges": ()}, "latency: the edges must be above 0 and rise, the last infinite"),
        ({"edges": (math.inf,)}, "latency: the edges"),
        ({"edges": (0.1, 2.0)}, "latency: the edges"),
        ({"edges": (2.0, 0.1, math.inf)}, "latency: the edges"),
        ({"edges": (0.1, 0.1, math.inf)}, "latency: the edges"),
        ({"edges": (0.0, 2.0, math.inf)}, "latency: the edges"),
        ({"acceptable": 0.09}, "latency: acceptable is 0.09 s, below the first edge, 0.1 s"),
        ({"guardrail": 2.1}, "latency: guardrail is 2.1 s, above the last edge, 2 s"),
        ({"margin": 1.0}, "latency: margin is 1.0"),
    ],
)
def test_a_measure_that_its_edges_cannot_show_is_refused(fields, says):
    with pytest.raises(InvalidInput, match=says):
        check(JudgePolicy((replace(LATENCY, **fields),)))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"alpha": 0.0}, "errors: alpha is 0.0; it must be between 0 and 1"),
        ({"alpha": 1.0}, "errors: alpha is 1.0"),
        ({"alpha": math.nan}, "errors: alpha is nan"),
        ({"beta": -0.1}, "errors: beta is -0.1"),
        ({"margin": 1.0}, "errors: margin is 1.0; it must be above 1"),
        ({"margin": math.inf}, "errors: margin is inf"),
        ({"acceptable": 0.0}, "errors: acceptable is 0.0"),
        ({"guardrail": 1.0}, "errors: guardrail is 1.0"),
        ({"noise": Noise(0.9)}, "errors: dispersion is 0.9; it must be at least 1"),
        ({"noise": Noise(math.inf)}, "errors: dispersion is inf"),
        ({"noise": Noise(1.0, -0.1, 60.0)}, "errors: wander is -0.1; it must be from 0 to 2"),
        ({"noise": Noise(1.0, 2.1, 60.0)}, "errors: wander is 2.1"),
        ({"noise": Noise(1.0, 0.1)}, "errors: wander lasts 0.0 s; it must be above 0"),
    ],
)
def test_a_metric_that_promises_nothing_is_refused_by_field_and_value(fields, says):
    with pytest.raises(InvalidInput, match=says):
        check(JudgePolicy((replace(METRIC, **fields),)))


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (JudgePolicy((), ratio_alpha=0.0), "ratio_alpha is 0.0"),
        (JudgePolicy((), session_requests=0), "session_requests is 0; it must be at least 1"),
        (JudgePolicy((METRIC, METRIC)), "two metrics have the same name: errors, errors"),
    ],
)
def test_a_policy_that_promises_nothing_is_refused(policy, says):
    with pytest.raises(InvalidInput, match=says):
        check(policy)
