"""Plans: the steps of each strategy, what is judged, notes and the hash."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from andon.gateway.model import EDGES_S
from andon.judge.model import Combine, MetricKind, MetricPolicy
from andon.judge.options import Compared, Direction, Limits, Style, Threshold
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName
from andon.rollouts import codec
from andon.rollouts.plan import Current, plan, plan_rollback
from andon.rollouts.steps import Plan
from andon.testing.rolling import OLD, PRODUCTION, a_manifest, a_plan
from andon.units.model import Manifest, StrategyName


def shape(made: Plan) -> list[tuple[float, int, int, bool]]:
    return [
        (round(step.share, 3), step.candidate_instances, step.stable_instances, step.is_judged)
        for step in made.steps
    ]


@pytest.mark.parametrize(
    ("strategy", "changes", "steps"),
    [
        ("canary", {}, [(0.1, 1, 3, True), (0.5, 2, 3, True), (1.0, 3, 3, True)]),
        ("canary", {"steps": [1.0]}, [(1.0, 3, 3, False)]),
        ("blue-green", {}, [(0.1, 3, 3, True), (0.5, 3, 3, True), (1.0, 3, 3, True)]),
        ("rolling", {}, [(0.333, 1, 3, True), (0.667, 2, 2, True), (1.0, 3, 1, True)]),
        ("recreate", {}, [(1.0, 3, 0, False)]),
    ],
)
def test_the_steps_of_a_strategy(strategy: str, changes: dict[str, Any], steps: list[Any]) -> None:
    assert shape(a_plan(strategy, **changes)) == steps


@pytest.mark.parametrize("strategy", list(StrategyName))
def test_the_first_release_goes_straight_to_everything(strategy: StrategyName) -> None:
    made = a_plan(strategy, stable=None)
    assert shape(made) == [(1.0, 3, 0, False)]
    assert "nothing to return to" in made.notes[0]
    assert not made.needs_gap
    assert made.warm == timedelta()


def test_a_share_gets_the_instances_it_needs_and_no_binary_rest() -> None:
    made = plan(a_manifest(instances=30, steps=[0.01, 0.1, 1.0]), PRODUCTION, Current(OLD, 30))
    assert [each.candidate_instances for each in made.steps] == [1, 3, 30]


@pytest.mark.parametrize(("now", "later"), [(1, 4), (4, 1), (2, 3), (5, 5), (3, 2)])
def test_a_rolling_update_between_sizes_keeps_one_stable_instance_to_the_end(now: int, later: int) -> None:
    made = plan(a_manifest("rolling", instances=later), PRODUCTION, Current(OLD, now))
    assert [each.candidate_instances for each in made.steps] == list(range(1, later + 1))
    kept = [each.stable_instances for each in made.steps]
    assert kept[0] == now
    assert kept == sorted(kept, reverse=True)
    assert kept[-1] >= 1
    assert made.steps[-1].share == 1.0


def test_without_metrics_nothing_is_judged_and_the_plan_says_so() -> None:
    bare = Manifest.model_validate(a_manifest().model_dump() | {"evidence": {}})
    made = plan(bare, PRODUCTION, Current(OLD, 3))
    assert not any(each.is_judged for each in made.steps)
    assert "No evidence is waited for" in made.notes[0]


def test_the_chance_of_a_false_fail_is_split_over_the_metrics() -> None:
    dumped = a_manifest(alpha=0.01).model_dump()
    two = dumped["evidence"] | {"yield": dumped["evidence"]["errors"]}
    made = plan(Manifest.model_validate(dumped | {"evidence": two}), PRODUCTION, Current(OLD, 3))
    assert [each.name for each in made.policy.metrics] == ["errors", "yield"]
    spent = sum(each.alpha for each in made.policy.metrics) + made.policy.ratio_alpha
    assert spent == pytest.approx(0.01)
    assert made.policy.ratio_alpha == 0.001


def test_a_judged_step_waits_at_least_as_long_as_it_soaks() -> None:
    made = a_plan(soak="5m", max_wait="1m")
    assert all(each.max_wait >= each.soak for each in made.steps)


def test_warm_is_for_strategies_that_keep_the_former_release_whole() -> None:
    warm = {each: a_plan(each).warm.total_seconds() for each in StrategyName}
    assert warm == {"canary": 20, "blue-green": 20, "rolling": 0, "recreate": 0}


def test_the_plan_says_what_a_return_cannot_bring_back() -> None:
    dumped = a_manifest("recreate").model_dump()
    dumped["run"]["migrate"] = ["migrate"]
    notes = plan(Manifest.model_validate(dumped), PRODUCTION, Current(OLD, 1)).notes
    assert "there is a gap in service" in notes[0]
    assert "not the data" in notes[1]


def test_a_return_is_one_unjudged_step() -> None:
    made = plan_rollback(a_manifest(), PRODUCTION, Current(OLD, 3))
    assert shape(made) == [(1.0, 3, 3, False)]
    assert made.is_rollback
    assert made.policy.metrics == ()
    assert made.warm == timedelta()
    gap = plan_rollback(a_manifest("recreate"), PRODUCTION, Current(OLD, 3))
    assert shape(gap) == [(1.0, 3, 0, False)]
    assert gap.needs_gap


def test_a_strategy_can_be_chosen_instead_of_the_manifests() -> None:
    made = plan(a_manifest(), PRODUCTION, Current(OLD, 3), StrategyName.BLUE_GREEN)
    assert made.strategy is StrategyName.BLUE_GREEN


def test_an_unknown_environment_names_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="'staging' is not in the manifest of mes") as caught:
        plan(a_manifest(), EnvironmentName("staging"), Current())
    assert "production" in caught.value.hint


def metric(**evidence: Any) -> MetricPolicy:
    dumped = a_manifest().model_dump()
    dumped["evidence"] = {"it": evidence}
    return plan(Manifest.model_validate(dumped), PRODUCTION, Current(OLD, 3)).policy.metrics[0]


CYCLES = {"source": "http", "kind": "latency", "histogram": "cycle_seconds", "edges": [15.0, 60.0]}
PARTS = {"source": "http", "exposure": "parts", "bad": "bad"}


def test_what_the_gateway_times_is_judged_in_its_buckets_with_ten_percent_of_margin() -> None:
    made = metric(source="gateway", kind="latency")
    assert (made.kind, made.edges, made.margin) == (MetricKind.LATENCY, EDGES_S, 1.1)
    assert EDGES_S[-1] == float("inf")


def test_what_the_unit_times_is_judged_in_the_buckets_that_its_manifest_names() -> None:
    made = metric(**CYCLES, acceptable_p95="45s", guardrail_p95="1m")
    assert made.edges == (15.0, 60.0, float("inf"))
    assert (made.acceptable, made.guardrail) == (45.0, 60.0)


@pytest.mark.parametrize(
    ("evidence", "limit"),
    [
        ({"source": "gateway"}, 0.05),
        ({"source": "gateway", "guardrail": 0.2}, 0.2),
        ({"source": "gateway", "acceptable": 0.06}, None),
        (PARTS, None),
        ({"source": "gateway", "kind": "latency"}, 2.0),
        ({"source": "gateway", "kind": "latency", "guardrail_p95": "500ms"}, 0.5),
        ({"source": "gateway", "kind": "latency", "acceptable_p95": "3s"}, None),
        (CYCLES, None),
    ],
)
def test_what_the_gateway_sees_has_the_usual_guardrail_where_none_is_named(
    evidence: dict[str, Any], limit: float | None
) -> None:
    assert metric(**evidence).guardrail == limit


def test_the_plan_says_how_the_metrics_share_alpha() -> None:
    assert a_plan().policy.combine is Combine.SPLIT
    assert a_plan(combine="average").policy.combine is Combine.AVERAGE


def test_a_plan_freezes_the_judge_with_the_options_that_concern_it() -> None:
    assert a_plan().policy.judge == "sequential"
    asked = {"samples": 20, "metrics": {"errors": {"direction": "either", "critical": True}}}
    kayenta = a_plan(judge="mann-whitney", max_wait="1h", **{"mann-whitney": asked}).policy
    assert kayenta.mann_whitney is not None
    assert (kayenta.mann_whitney.samples, kayenta.mann_whitney.interval) == (20, 60.0)
    assert kayenta.mann_whitney.metrics == {"errors": Compared(direction=Direction.EITHER, critical=True)}
    assert kayenta.threshold is None
    limits = {"style": "flagger", "count": 1, "metrics": {"errors": {"most": 0.01}}}
    fixed = a_plan(judge="threshold", threshold=limits).policy
    assert fixed.threshold == Threshold(style=Style.FLAGGER, count=1, metrics={"errors": Limits(most=0.01)})
    assert fixed.mann_whitney is None
    own = a_plan(judge="calm", options={"calm_looks": 3, "a": 1}).policy
    assert (own.judge, list(own.options.items())) == ("calm", [("a", 1.0), ("calm_looks", 3.0)])


def test_options_of_a_judge_that_is_not_chosen_leave_the_plan_as_it_was() -> None:
    assert a_plan().hash == a_plan(**{"mann-whitney": {"samples": 20}}).hash
    assert a_plan().hash != a_plan(judge="calm").hash
    assert codec.decode(Plan, codec.encode(a_plan(judge="calm", options={"a": 1}))) == a_plan(
        judge="calm", options={"a": 1}
    )


def test_the_hash_covers_everything_and_nothing_else() -> None:
    made = a_plan()
    assert made.hash == a_plan().hash == codec.sha256(replace(made, hash=""))
    assert len(made.hash) == 64
    assert made.hash != a_plan(margin=2.0).hash
    assert made.hash != a_plan("blue-green").hash
