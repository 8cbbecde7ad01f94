"""Plans: the steps of each strategy, what is judged, notes and the hash."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.gateway.model import EDGES_S
from andon.judge.dispersion import SUPPOSED
from andon.judge.model import INDEPENDENT, Combine, MetricKind, MetricPolicy, Noise, NoiseSource, Outcome
from andon.judge.options import Compared, Direction, Limits, Style, Threshold
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName
from andon.rollouts import codec
from andon.rollouts.plan import Current, plan, plan_rollback
from andon.rollouts.steps import Gate, GateKind, Plan
from andon.rollouts.wanted import wanted
from andon.testing.rolling import EVERYTHING, OLD, PRODUCTION, a_manifest, a_plan, a_rollout, said, walk
from andon.units.desired import Match, MatchKind
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


@pytest.mark.parametrize(
    ("instances", "surge", "unavailable", "steps"),
    [
        (3, 1, 1, [(0.333, 1, 3, True), (0.667, 2, 2, True), (1.0, 3, 1, True)]),
        (3, 1, 0, [(0.333, 1, 3, True), (0.667, 2, 2, True), (1.0, 3, 1, True)]),
        (3, 0, 1, [(0.333, 1, 2, True), (1.0, 2, 1, True)]),
        (4, 2, 0, [(0.5, 2, 4, True), (1.0, 4, 2, True)]),
        (4, 1, 2, [(0.5, 2, 3, True), (1.0, 4, 1, True)]),
        (2, 0, 2, [(1.0, 1, 1, False)]),
    ],
)
def test_a_rolling_update_keeps_within_its_surge_and_what_may_be_unavailable(
    instances: int, surge: int, unavailable: int, steps: list[Any]
) -> None:
    changes = {"max_surge": surge, "max_unavailable": unavailable}
    made = plan(a_manifest("rolling", instances=instances, **changes), PRODUCTION, Current(OLD, instances))
    assert shape(made) == steps


@given(st.integers(1, 12), st.integers(0, 4), st.integers(0, 4))
def test_no_rolling_update_has_more_or_fewer_instances_than_allowed(
    instances: int, surge: int, unavailable: int
) -> None:
    if surge == 0 and (unavailable == 0 or instances == 1):
        return
    changes = {"max_surge": surge, "max_unavailable": unavailable}
    made = plan(a_manifest("rolling", instances=instances, **changes), PRODUCTION, Current(OLD, instances))
    ready = 0
    for step in made.steps:
        assert step.candidate_instances + step.stable_instances <= instances + surge
        assert ready + step.stable_instances >= instances - unavailable
        assert step.candidate_instances >= step.share * (instances - unavailable)
        assert step.stable_instances >= 1
        ready = step.candidate_instances
    assert made.steps[-1].share == 1.0
    states = walk(a_rollout(made), verdict=said(Outcome.PASS))
    totals = [wanted(each).candidate_instances + wanted(each).stable_instances for each in states]
    assert max(totals) <= instances + surge
    assert wanted(states[-1]).candidate_instances == instances


def test_a_rolling_update_of_one_instance_needs_a_surge() -> None:
    manifest = a_manifest("rolling", instances=1, max_surge=0)
    with pytest.raises(InvalidInput, match="needs max_surge = 1 at least") as caught:
        plan(manifest, PRODUCTION, Current(OLD, 1))
    assert "recreate" in caught.value.hint


def standing(made: Plan) -> list[list[str]]:
    return [
        [each.key if isinstance(each, Gate) else each.name for each in step.before] for step in made.steps
    ]


@pytest.mark.parametrize(
    ("strategy", "before"),
    [
        ("canary", [["night", "idle", "front"], ["works-council", "change", "coffee", "warm-up"], []]),
        ("blue-green", [["night", "idle", "front"], ["works-council", "change", "coffee", "warm-up"], []]),
        ("rolling", [["night", "idle", "front", "works-council", "change", "coffee", "warm-up"], [], []]),
        ("recreate", [["night", "idle", "works-council", "change", "coffee", "front", "warm-up"]]),
    ],
)
def test_what_stands_before_a_share_stands_before_it_in_every_strategy(
    strategy: str, before: list[list[str]]
) -> None:
    made = a_plan(strategy, steps=EVERYTHING)
    assert standing(made) == before
    places = [(each.name, each.before_step) for each in made.gates]
    assert ("works-council", 1 if len(before[1:]) and before[1] else 0) in places
    first = a_plan(strategy, steps=EVERYTHING, stable=None)
    assert standing(first)[0][:2] == ["night", "idle"]


def test_a_rolling_update_asks_before_the_first_share_above_the_one_that_the_plan_names() -> None:
    steps = [{"gate": "window"}, 0.4, {"hold": True}, 0.7, {"gate": "window", "name": "late"}, 1.0]
    made = a_plan("rolling", steps=steps)
    asked = {name: made.steps[n].share for n, names in enumerate(standing(made)) for name in names}
    assert asked["hold-3"] > 0.4
    assert asked["late"] > 0.7


def test_what_stands_before_a_group_is_not_asked_again_before_the_first_instances() -> None:
    group = {"share": 0, "match": [{"header": "x", "value": "y"}]}
    steps = [{"gate": "window"}, group, {"hold": True}, 0.5, 1.0]
    assert standing(a_plan("rolling", steps=steps)) == [["window-1"], ["hold-3"], [], []]


def test_a_step_may_have_a_soak_a_wait_and_no_judge_of_its_own() -> None:
    steps = [{"share": 0.1, "soak": "2m", "max_wait": "1h"}, {"share": 0.5, "judge": False}, 1.0]
    made = a_plan(steps=steps)
    assert [each.soak.total_seconds() for each in made.steps] == [120, 10, 10]
    assert [each.max_wait.total_seconds() for each in made.steps] == [3600, 310, 120]
    assert [each.is_judged for each in made.steps] == [True, False, True]
    assert [each.soak.total_seconds() for each in a_plan("rolling", steps=steps).steps] == [10, 10, 10]


def test_smoke_tests_that_no_step_names_come_before_the_first_share() -> None:
    dumped = a_manifest("blue-green").model_dump() | {
        "smoke": {"front": {"path": "/"}, "back": {"path": "/b"}}
    }
    made = plan(Manifest.model_validate(dumped), PRODUCTION, Current(OLD, 3))
    assert standing(made) == [["back", "front"], [], []]
    assert all(each.routing.has_preview for each in made.steps)
    canary = plan(Manifest.model_validate(dumped), PRODUCTION, Current(OLD, 3), StrategyName.CANARY)
    assert [each.routing.has_preview for each in canary.steps] == [True, False, False]


def test_groups_and_mirrors_are_routings_of_a_step() -> None:
    cookie = {"cookie": "beta", "value": "yes"}
    steps = [{"share": 0, "match": [cookie], "preview": True}, {"share": 0.2, "mirror": 0.5}, 1.0]
    for strategy in ("canary", "blue-green", "rolling"):
        made = a_plan(strategy, steps=steps)
        assert made.steps[0].routing.matches == (Match(MatchKind.COOKIE, "beta", "yes"),)
        assert (made.steps[0].share, made.steps[0].is_judged) == (0, False)
        assert "Requests with cookie beta=yes go to it while its share is 0%." in made.notes
    assert made.steps[1].share > 0.3
    assert "50% of the stable release's requests are sent to it as well" in " ".join(
        a_plan(steps=steps).notes
    )
    assert [each.share for each in a_plan("recreate", steps=steps).steps] == [1.0]


def test_what_the_environment_demands_stands_before_what_the_manifest_says() -> None:
    window = Gate(kind=GateKind.WINDOW, name="window")
    made = plan(
        a_manifest(steps=EVERYTHING), PRODUCTION, Current(OLD, 3), gate=Gate(1, "approver"), demands=(window,)
    )
    assert [each.key for each in made.gates][:3] == ["approval", "window", "night"]


@pytest.mark.parametrize(
    ("migration", "words"),
    [
        (None, "brings back the software whole; what was written meanwhile stays"),
        ("expand", "only adds to the data (expand)"),
        ("contract", "1.0.0 must not need them, and no release before it runs"),
        ("unknown", "takes the software back, not the data"),
    ],
)
def test_the_plan_says_what_a_return_brings_back(migration: str | None, words: str) -> None:
    dumped = a_manifest().model_dump()
    if migration is not None:
        dumped["run"] |= {"migrate": ["migrate"], "migration": migration}
    made = plan(Manifest.model_validate(dumped), PRODUCTION, Current(OLD, 3))
    assert words in made.notes[-1]


@pytest.mark.parametrize("strategy", [each for each in StrategyName if each is not StrategyName.WAVES])
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
    warm = {
        each: a_plan(each).warm.total_seconds() for each in StrategyName if each is not StrategyName.WAVES
    }
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


MEASURED = Noise(1.4, 0.12, 1920.0, NoiseSource.MEASURED, 2340)


@pytest.mark.parametrize(
    ("stated", "noises", "noise"),
    [
        ({}, {}, SUPPOSED),
        ({}, {"it": MEASURED}, MEASURED),
        ({}, {"other": MEASURED}, SUPPOSED),
        ({"dispersion": 1.0}, {"it": MEASURED}, INDEPENDENT),
        ({"dispersion": 1.5}, {}, Noise(1.5)),
        ({"dispersion": 1.5, "wander": 0.2}, {}, Noise(1.5, 0.2, 1200.0)),
        ({"dispersion": 1.0, "wander": 0.2, "wander_lasts": "90s"}, {}, Noise(1.0, 0.2, 90.0)),
    ],
)
def test_noise_is_stated_measured_or_supposed(
    stated: dict[str, Any], noises: dict[str, Noise], noise: Noise
) -> None:
    dumped = a_manifest().model_dump() | {"evidence": {"it": PARTS | stated}}
    made = plan(Manifest.model_validate(dumped), PRODUCTION, Current(OLD, 3, noises))
    assert made.policy.metrics[0].noise == noise


def test_what_is_measured_is_widened_only_where_the_manifest_says_so() -> None:
    assert metric(**CYCLES).noise == INDEPENDENT
    assert metric(**CYCLES, dispersion=3.0).noise == Noise(3.0)


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        (PARTS | {"wander": 0.2}, "`wander` needs a stated `dispersion`"),
        (CYCLES | {"wander": 0.2, "dispersion": 1.0}, "`wander` is for kind count"),
        (PARTS | {"dispersion": 0.9}, "greater than or equal to 1"),
    ],
)
def test_noise_that_cannot_be_is_refused(evidence: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        metric(**evidence)


def test_the_plan_says_what_evidence_is_widened_by_and_where_that_is_known_from() -> None:
    dumped = a_manifest().model_dump()
    dumped["evidence"] = dict.fromkeys(("known", "new"), PARTS) | {
        "plain": PARTS | {"dispersion": 1.0},
        "stated": PARTS | {"dispersion": 1.5},
    }
    manifest = Manifest.model_validate(dumped)
    notes = [
        each
        for each in plan(manifest, PRODUCTION, Current(OLD, 3, {"known": MEASURED})).notes
        if "noise" in each
    ]
    usual = "times that of independent events"
    known, new, stated = notes
    assert known == (
        f"known: evidence is widened by noise 1.4 {usual}, with rates 12.7 % off for 32 minutes, as measured "
        "in 2,340 minutes of this plant's good releases."
    )
    assert new == (
        f"new: the noise of this plant is not known yet and taken for 2.0 {usual}; it will be known after "
        "120 minutes of good releases with 50 bad events."
    )
    assert stated == f"stated: evidence is widened by noise 1.5 {usual}, as the manifest states it."
    assert not any("noise" in each for each in plan(manifest, PRODUCTION, Current()).notes)
