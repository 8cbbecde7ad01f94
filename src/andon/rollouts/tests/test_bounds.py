"""What a policy makes of what a manifest proposes."""

from datetime import timedelta
from typing import Any

import pytest

from andon.access.policies.model import Bounds
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName
from andon.rollouts.bounds import bounded, sealed
from andon.rollouts.plan import Current, hash_of, plan
from andon.testing.rolling import OLD, PRODUCTION, a_manifest, a_plan
from andon.units.model import StrategyName

LOOSE: dict[str, Any] = {"alpha": 0.05, "margin": 3.0, "require_evidence": False}


def test_a_policy_that_asks_nothing_changes_nothing() -> None:
    manifest = a_manifest(**LOOSE)
    said = bounded(manifest, PRODUCTION, None, Bounds("staging", timedelta(hours=1), is_auto=True))
    assert (said.manifest, said.strategy, said.notes) == (manifest, None, ())
    assert sealed(a_plan(), said) == a_plan()


BOUNDED = [
    (Bounds(alpha_at_most=0.01), "alpha", 0.01, "bounds alpha to 0.01; the manifest asks for 0.05"),
    (Bounds(margin_at_most=1.5), "margin", 1.5, "bounds margin to 1.5; the manifest asks for 3"),
    (Bounds(requires_evidence=True), "require_evidence", True, "requires evidence; the manifest would go on"),
    (Bounds(judge="mann-whitney"), "judge", "mann-whitney", "lets the judge mann-whitney decide"),
]


@pytest.mark.parametrize(("bounds", "name", "value", "words"), BOUNDED, ids=[each[1] for each in BOUNDED])
def test_what_is_looser_is_bounded_and_said(bounds: Bounds, name: str, value: object, words: str) -> None:
    said = bounded(a_manifest(**LOOSE), PRODUCTION, None, bounds)
    assert getattr(said.manifest.environments[PRODUCTION].policy, name) == value
    assert len(said.notes) == 1
    assert words in said.notes[0]
    assert said.notes[0].startswith("The policy of production ")


def test_a_margin_on_durations_is_bounded_too() -> None:
    said = bounded(a_manifest(latency_margin=4.0), PRODUCTION, None, Bounds(margin_at_most=1.5))
    assert said.manifest.environments[PRODUCTION].policy.latency_margin == 1.5
    assert "bounds latency_margin to 1.5; the manifest asks for 4" in said.notes[0]


def test_no_share_goes_on_unjudged_where_evidence_is_required() -> None:
    steps = [
        {"share": 0.1, "judge": False},
        {"hold": True, "name": "look"},
        0.5,
        {"share": 1, "judge": False},
    ]
    manifest = a_manifest(steps=steps)
    said = bounded(manifest, PRODUCTION, None, Bounds(requires_evidence=True))
    made = plan(said.manifest, PRODUCTION, Current(OLD, 3))
    assert all(each.is_judged for each in made.steps)
    assert [each.key for each in made.gates] == ["look"]
    assert said.notes == ("The policy of production has every share judged; the manifest leaves some out.",)
    free = plan(bounded(manifest, PRODUCTION, None, Bounds()).manifest, PRODUCTION, Current(OLD, 3))
    assert [each.is_judged for each in free.steps] == [False, True, False]


def test_what_is_stricter_than_the_policy_stays() -> None:
    manifest = a_manifest(alpha=0.001, margin=1.2)
    said = bounded(manifest, PRODUCTION, None, Bounds(alpha_at_most=0.01, margin_at_most=1.5))
    assert (said.manifest, said.notes) == (manifest, ())


def test_the_plan_names_what_was_bounded_and_its_hash_covers_it() -> None:
    said = bounded(a_manifest(**LOOSE), PRODUCTION, None, Bounds(alpha_at_most=0.01))
    made = plan(said.manifest, PRODUCTION, Current(OLD, 3))
    whole = sealed(made, said, "kim holds it.")
    assert whole.notes == ("kim holds it.", *said.notes, *made.notes)
    assert whole.hash == hash_of(whole) != made.hash
    assert sum(each.alpha for each in whole.policy.metrics) <= 0.01


def test_a_strategy_that_is_not_allowed_is_replaced_by_the_most_careful_one_that_is() -> None:
    bounds = Bounds(strategies=frozenset({"blue-green", "canary"}))
    said = bounded(a_manifest("rolling"), PRODUCTION, None, bounds)
    assert said.strategy is StrategyName.CANARY
    assert said.notes == ("The policy of production asks for canary; the manifest asks for rolling.",)
    assert bounded(a_manifest("blue-green"), PRODUCTION, None, bounds).notes == ()


def test_a_person_who_asks_for_what_is_not_allowed_is_told_so() -> None:
    bounds = Bounds(strategies=frozenset({"canary"}))
    with pytest.raises(InvalidInput, match="allows canary, not rolling"):
        bounded(a_manifest(), PRODUCTION, StrategyName.ROLLING, bounds)
    assert bounded(a_manifest("rolling"), PRODUCTION, StrategyName.CANARY, bounds).notes == ()


@pytest.mark.parametrize(("strategy", "allowed"), [("recreate", "canary"), ("canary", "recreate")])
def test_nobody_else_decides_whether_a_unit_can_run_twice(strategy: str, allowed: str) -> None:
    bounds = Bounds(strategies=frozenset({allowed}))
    with pytest.raises(
        InvalidInput, match=f"asks for {strategy}, and the policy of production allows {allowed}"
    ):
        bounded(a_manifest(strategy), PRODUCTION, None, bounds)


def test_an_environment_that_the_manifest_does_not_name_has_no_bounds() -> None:
    with pytest.raises(InvalidInput, match="not in the manifest"):
        bounded(a_manifest(), EnvironmentName("staging"), None, Bounds())
