"""The judge `mann-whitney`: when it looks, what it passes, and what it must not."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.judge import mann_whitney
from andon.judge.kayenta import Said
from andon.judge.model import Counts, JudgePolicy, Look, MetricKind, MetricPolicy, Outcome
from andon.judge.options import Compared, Direction, MannWhitney, NoData
from andon.judge.registry import Judges
from andon.kernel.errors import Damaged, InvalidInput

QUICK = MannWhitney(first=5, samples=10, lookback=30)
ERRORS = MetricPolicy("errors", alpha=0.01)


def a_policy(*metrics, how=QUICK, **fields):
    return JudgePolicy(metrics or (ERRORS,), judge="mann-whitney", mann_whitney=how, **fields)


def a_look(stable=(60, 1), candidate=(60, 1)):
    return Look(Counts(*stable), Counts(*candidate))


def fed(policy, minutes, name="errors"):
    """minutes: for each, the look or None; the last one is closed by a look that gained nothing."""
    state = mann_whitney.start(policy)
    for number, look in enumerate([*minutes, None], start=1):
        looks = {} if look is None else {name: look}
        state = mann_whitney.update(state, looks, policy, 60.0 * number)
    return state


def verdict_on(policy, minutes):
    return mann_whitney.judge(fed(policy, minutes), policy)


# Rates that wander a little, so that the samples are not all tied.
ALIKE = [a_look((60, 2 + i % 3), (60, 2 + (i + 1) % 3)) for i in range(30)]
WORSE = [a_look((60, 1 + i % 3), (60, 9 + i % 4)) for i in range(30)]


def test_before_the_first_samples_nothing_is_said():
    verdict = verdict_on(a_policy(), WORSE[:4])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "4 of 5 samples for a first analysis, one every 60 s"
    assert verdict.findings[0].reason.endswith("; 4 of 5 samples for a first analysis")


def test_a_candidate_that_is_worse_fails_at_the_first_analysis_with_its_numbers():
    verdict = verdict_on(a_policy(), WORSE[:5])
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == (
        "score 0 of 100 (fails below 75, passes from 95); errors: 51 of 300 on the candidate against "
        "9 of 300 on the stable, 5.7 times as many; by 5 of 10 samples of 60 s the candidate lies 10 % to "
        "18.3 % above it (98 % confidence): high"
    )
    (finding,) = verdict.findings
    assert finding.outcome is Outcome.FAIL
    assert finding.candidate == Counts(300, 51)
    assert (finding.events_needed, finding.exposure_needed) == (None, None)


def test_a_candidate_that_is_alike_passes_with_the_samples_of_a_whole_analysis():
    early = verdict_on(a_policy(), ALIKE[:9])
    assert early.outcome is early.findings[0].outcome is Outcome.INCONCLUSIVE
    assert "9 of 10 samples" in early.reason
    verdict = verdict_on(a_policy(), ALIKE[:10])
    assert verdict.outcome is verdict.findings[0].outcome is Outcome.PASS
    assert verdict.reason.startswith("score 100 of 100 (fails below 75, passes from 95); errors: ")
    assert verdict.reason.endswith("within the tolerance of 25 %")


def test_samples_that_are_the_same_pass():
    verdict = verdict_on(a_policy(), [a_look()] * 10)
    assert verdict.outcome is Outcome.PASS
    assert verdict.reason.endswith("; the same in 10 of 10 samples of 60 s")


def test_a_failed_candidate_stays_failed_whatever_comes():
    policy = a_policy()
    failed = fed(policy, WORSE[:6])
    said = mann_whitney.judge(failed, policy)
    assert said.outcome is Outcome.FAIL
    for number in range(8, 200):
        failed = mann_whitney.update(failed, {"errors": a_look((60, 6), (60, 0))}, policy, 60.0 * number)
    assert mann_whitney.judge(failed, policy) == said


def test_a_pass_is_no_more_where_a_later_analysis_fails():
    policy = a_policy()
    assert verdict_on(policy, ALIKE[:12]).outcome is Outcome.PASS
    assert verdict_on(policy, [*ALIKE[:12], *WORSE]).outcome is Outcome.FAIL


def test_an_analysis_reads_no_further_back_than_its_lookback():
    policy = a_policy(how=replace(QUICK, lookback=10))
    assert len(fed(policy, ALIKE).series["errors"].stable) == 10


TWO = (ERRORS, MetricPolicy("yield", alpha=0.01))


def both(policy, errors, yields):
    state = mann_whitney.start(policy)
    for number, (one, other) in enumerate(zip([*errors, None], [*yields, None], strict=True), start=1):
        looks = {name: look for name, look in (("errors", one), ("yield", other)) if look is not None}
        state = mann_whitney.update(state, looks, policy, 60.0 * number)
    return mann_whitney.judge(state, policy)


@pytest.mark.parametrize(
    ("weights", "outcome", "score"),
    [
        ({"a": 80.0, "b": 20.0}, Outcome.INCONCLUSIVE, "80"),
        ({"a": 96.0, "b": 4.0}, Outcome.INCONCLUSIVE, "96"),
        ({"a": 50.0, "b": 50.0}, Outcome.FAIL, "50"),
    ],
)
def test_the_score_is_weighed_by_group_and_held_against_both_limits(weights, outcome, score):
    metrics = {"errors": Compared(group="a"), "yield": Compared(group="b")}
    how = replace(QUICK, metrics=metrics, group_weights=weights)
    verdict = both(a_policy(*TWO, how=how), ALIKE[:6], WORSE[:6])
    assert verdict.outcome is outcome
    assert verdict.reason.startswith(f"score {score} of 100")


@pytest.mark.parametrize(
    ("weights", "outcome"),
    [({"a": 80.0, "b": 20.0}, Outcome.FAIL), ({"a": 96.0, "b": 4.0}, Outcome.PASS)],
)
def test_the_last_analysis_needs_the_score_to_pass(weights, outcome):
    metrics = {"errors": Compared(group="a"), "yield": Compared(group="b")}
    how = replace(QUICK, metrics=metrics, group_weights=weights)
    assert both(a_policy(*TWO, how=how), ALIKE[:10], WORSE[:10]).outcome is outcome


def test_a_critical_metric_fails_all_at_once():
    how = replace(QUICK, metrics={"yield": Compared(critical=True, group="b")}, group_weights={"b": 1.0})
    verdict = both(a_policy(*TWO, how=how), ALIKE[:5], WORSE[:5])
    assert verdict.outcome is Outcome.FAIL
    assert "score 0 of 100 (fails below 75, passes from 95): yield is critical" in verdict.reason
    assert verdict.reason.endswith(": high, critically")


NOTHING = a_look((60, 1), (0, 0))


def test_silence_never_promotes_whatever_the_score():
    """Kayenta's 100 for a metric without data, or for zeros in its place, is not a pass here."""
    for fields in ({}, {"nan_strategy": "replace"}):
        how = replace(QUICK, metrics={"errors": Compared(**fields)})
        assert verdict_on(a_policy(how=how), [NOTHING] * 30).outcome is Outcome.INCONCLUSIVE
    verdict = verdict_on(a_policy(), [NOTHING] * 30)
    assert "1 of 1 metrics have no data" in verdict.reason
    assert "no data from one of them in 0 of 10 samples" in verdict.reason


def test_one_of_two_metrics_silent_waits():
    verdict = both(a_policy(*TWO), ALIKE[:12], [None] * 12)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    not_required = (ERRORS, replace(TWO[1], required=False), MetricPolicy("boots", alpha=0.01))
    state = mann_whitney.start(a_policy(*not_required))
    assert mann_whitney.judge(state, a_policy(*not_required)).outcome is Outcome.INCONCLUSIVE


def test_a_metric_that_is_not_required_may_be_silent():
    third = MetricPolicy("boots", alpha=0.01)
    policy = a_policy(ERRORS, replace(TWO[1], required=False), third)
    state = mann_whitney.start(policy)
    for number in range(1, 13):
        looks = {"errors": ALIKE[number], "boots": ALIKE[number]}
        state = mann_whitney.update(state, looks, policy, 60.0 * number)
    assert mann_whitney.judge(state, policy).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "fields", [{"no_data": NoData.FAIL}, {"metrics": {"errors": Compared(critical=True)}}]
)
def test_who_wants_kayenta_s_rule_of_missing_data_gets_it(fields):
    assert verdict_on(a_policy(how=replace(QUICK, **fields)), [NOTHING] * 6).outcome is Outcome.FAIL


def test_a_metric_that_must_have_data_fails_without():
    how = replace(QUICK, metrics={"errors": Compared(must_have_data=True)})
    verdict = verdict_on(a_policy(how=how), [NOTHING] * 6)
    assert verdict.outcome is verdict.findings[0].outcome is Outcome.FAIL
    assert "required data missing" in verdict.reason


def test_samples_that_cannot_be_compared_do_not_pass():
    # One minute with requests in each arm is all there is; Kayenta calls that an error and scores it 100.
    minutes = [a_look((60, 1), (60, 2)), *[a_look((0, 0), (0, 0))] * 5]
    how = replace(QUICK, first=2, samples=2, lookback=30)
    verdict = verdict_on(a_policy(how=how), minutes)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "the samples cannot be compared: all of them are alike" in verdict.reason


def test_an_error_is_no_pass_even_with_samples_enough():
    how = replace(QUICK, first=2, samples=2)
    state = fed(a_policy(how=how), ALIKE[:6])
    series = {"errors": replace(state.series["errors"], said=Said.ERROR)}
    verdict = mann_whitney.judge(replace(state, series=series), a_policy(how=how))
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_without_a_required_metric_nothing_passes():
    policy = a_policy(replace(ERRORS, required=False))
    verdict = verdict_on(policy, ALIKE[:20])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "the policy requires no metric, so nothing can pass"
    empty = JudgePolicy((), judge="mann-whitney")
    assert mann_whitney.judge(mann_whitney.start(empty), empty).outcome is Outcome.INCONCLUSIVE


def test_a_guardrail_fails_whatever_the_samples_say():
    policy = a_policy(replace(ERRORS, guardrail=0.05))
    verdict = verdict_on(policy, [a_look((60, 30), (60, 30))] * 3)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.findings[0].by_guardrail
    assert "guardrail of 5 %" in verdict.reason


def test_a_broken_split_is_invalid_whatever_the_samples_say():
    policy = a_policy()
    state = fed(policy, WORSE[:6])
    state = mann_whitney.observe_ratio(state, a_look((9000, 0), (1000, 0)), 0.5, policy)
    assert mann_whitney.judge(state, policy).outcome is Outcome.INVALID


def test_a_counter_that_falls_is_damage():
    policy = a_policy()
    with pytest.raises(Damaged):
        mann_whitney.update(mann_whitney.start(policy), {"errors": a_look((60, -1), (60, 1))}, policy, 60.0)


def test_what_is_measured_is_compared_by_its_quantile():
    slow = MetricPolicy("duration", alpha=0.01, kind=MetricKind.LATENCY, edges=(0.1, 0.5, 1.0, float("inf")))
    policy = a_policy(slow)
    look = Look(Counts(20), Counts(20), (20, 0, 0, 0), (0, 20, 0, 0))
    state = mann_whitney.start(policy)
    for number in range(1, 8):
        state = mann_whitney.update(state, {"duration": look}, policy, 60.0 * number)
    verdict = mann_whitney.judge(state, policy)
    assert verdict.outcome is Outcome.FAIL
    assert "the candidate lies 0.385 to 0.385 above it" in verdict.reason


REFUSED = {
    "interval": {"interval": 0.0},
    "first": {"first": 1},
    "samples": {"samples": 3},
    "lookback": {"lookback": 2000},
    "confidence": {"confidence": 1.0},
    "tolerance": {"tolerance": 1.0},
    "quantile": {"quantile": 0.0},
    "pass": {"pass_score": 101.0},
    "marginal": {"marginal_score": 99.0},
    "group_weights": {"group_weights": {"a": 60.0, "b": 50.0}},
    "there is no metric": {"metrics": {"erors": Compared()}},
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_option_that_means_nothing_is_refused_by_its_name(name):
    with pytest.raises(InvalidInput, match=name):
        mann_whitney.start(a_policy(how=replace(QUICK, **REFUSED[name])))


LOOKS = st.one_of(
    st.none(),
    st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda bad: a_look((60, bad[0]), (60, bad[1]))),
    st.just(NOTHING),
)


@settings(max_examples=60)
@given(st.lists(LOOKS, max_size=40))
def test_it_replays_bit_for_bit_and_stays_small(minutes):
    policy = a_policy(how=replace(QUICK, metrics={"errors": Compared(direction=Direction.EITHER)}))
    one, other = fed(policy, minutes), fed(policy, minutes)
    assert one == other
    assert mann_whitney.judge(one, policy) == mann_whitney.judge(other, policy)
    assert len(one.series["errors"].stable) <= QUICK.lookback


@settings(max_examples=60)
@given(st.lists(LOOKS, max_size=40))
def test_it_never_passes_without_samples_enough_of_both_arms(minutes):
    verdict = verdict_on(a_policy(), minutes)
    whole = sum(each is not None and each is not NOTHING for each in minutes)
    assert verdict.outcome is not Outcome.PASS or whole >= QUICK.samples


def test_the_registry_knows_it():
    policy = a_policy()
    assert Judges().start(policy) == mann_whitney.start(policy)
