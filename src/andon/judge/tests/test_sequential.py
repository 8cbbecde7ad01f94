"""Verdicts: their order, their words, and what a look may do to them."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.judge import absolute
from andon.judge.model import Combine, Counts, JudgePolicy, Look, MetricPolicy, Outcome
from andon.judge.sequential import judge, observe_ratio, start, update
from andon.kernel.errors import Damaged


def a_metric(name="errors", **fields):
    return MetricPolicy(name=name, **{"alpha": 0.01} | fields)


def a_policy(*metrics, **fields):
    return JudgePolicy(metrics=metrics or (a_metric(),), **fields)


def a_look(stable=(0, 0), candidate=(0, 0)):
    return Look(stable=Counts(*stable), candidate=Counts(*candidate))


def verdict_on(policy, *looks, name="errors"):
    state = start(policy)
    for look in looks:
        state = update(state, {name: look}, policy)
    return judge(state, policy)


WORSE = a_look((1904, 38), (212, 41))
ALIKE = a_look((20_000, 400), (20_000, 400))


def test_a_candidate_that_is_worse_fails_with_its_numbers():
    verdict = verdict_on(a_policy(), WORSE)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == (
        "errors: 41 of 212 on the candidate against 38 of 1,904 on the stable, 9.7 times as many "
        "(at least 4.3 times); evidence more than a million to 1, limit 100 to 1"
    )
    (finding,) = verdict.findings
    assert finding.ratio == pytest.approx((41 / 212) / (38 / 1904))
    assert finding.interval[0] < finding.ratio < finding.interval[1]
    assert finding.e_harm >= finding.harm_boundary == 100.0
    assert (finding.events_needed, finding.exposure_needed) == (None, None)
    assert not finding.by_guardrail


def test_a_candidate_that_is_alike_passes_once_there_is_enough():
    assert verdict_on(a_policy(), a_look((2000, 40), (2000, 40))).outcome is Outcome.INCONCLUSIVE
    verdict = verdict_on(a_policy(), ALIKE)
    assert verdict.outcome is Outcome.PASS
    assert verdict.reason.startswith(
        "errors: 400 of 20,000 on the candidate against 400 of 20,000 on the stable, 1.0 times as many "
        "(at most 1.3 times); below 1.5 times the stable: evidence "
    )
    (finding,) = verdict.findings
    assert (finding.events_needed, finding.exposure_needed) == (0, 0)
    assert finding.e_safe >= finding.safe_boundary


def test_silence_never_promotes():
    verdict = verdict_on(a_policy(a_metric(acceptable=0.5)), a_look((5000, 10), (0, 0)))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "errors: no evidence from the candidate yet"


def test_nothing_required_is_nothing_proven():
    verdict = verdict_on(a_policy(a_metric(required=False)), ALIKE)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "the policy requires no metric, so nothing can pass"
    assert judge(start(JudgePolicy(())), JudgePolicy(())).outcome is Outcome.INCONCLUSIVE


def test_a_metric_that_is_not_required_can_fail_but_not_delay():
    policy = a_policy(a_metric(), a_metric("crashes", required=False))
    state = update(start(policy), {"errors": ALIKE}, policy)
    assert judge(state, policy).outcome is Outcome.PASS
    state = update(state, {"crashes": WORSE}, policy)
    verdict = judge(state, policy)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason.startswith("crashes: ")


def test_promotion_waits_for_every_required_metric_and_names_those_missing():
    policy = a_policy(a_metric(), a_metric("fails"))
    state = update(start(policy), {"errors": ALIKE}, policy)
    verdict = judge(state, policy)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "fails: no evidence from the candidate yet"
    assert judge(update(state, {"fails": ALIKE}, policy), policy).outcome is Outcome.PASS


def test_an_inconclusive_verdict_says_how_much_is_missing():
    verdict = verdict_on(a_policy(), a_look((2000, 40), (2000, 40)))
    (finding,) = verdict.findings
    assert 100 < finding.events_needed < 250
    assert finding.exposure_needed == pytest.approx(finding.events_needed * 25, rel=0.1)
    assert f"needs about {finding.exposure_needed:,} more on the candidate" in verdict.reason
    assert f"(some {finding.events_needed:,} bad ones in all)" in verdict.reason
    assert "proof that it is below 1.5 times the stable" in verdict.reason


def test_it_says_how_much_is_missing_before_the_candidate_got_anything():
    policy = a_policy()
    state = observe_ratio(start(policy), a_look((900, 0), (100, 0)), 0.1, policy)
    verdict = judge(update(state, {"errors": a_look((2000, 40), (0, 0))}, policy), policy)
    (finding,) = verdict.findings
    assert verdict.reason == (
        "errors: no evidence from the candidate yet; proof that it is below 1.5 times the stable needs about "
        f"{finding.exposure_needed:,}"
    )


def test_an_inconclusive_verdict_says_when_promotion_is_not_in_reach():
    verdict = verdict_on(a_policy(a_metric(alpha=1e-6)), a_look((2000, 20), (2000, 40)))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "is not in reach at these rates" in verdict.reason
    assert verdict.findings[0].events_needed is None


def test_few_bad_events_pass_by_what_is_acceptable():
    metric = a_metric(acceptable=0.01)
    verdict = verdict_on(a_policy(metric), a_look((1000, 1), (1000, 0)))
    assert verdict.outcome is Outcome.PASS
    assert "below 1.5 times the stable or below 1 %" in verdict.reason
    assert verdict_on(a_policy(), a_look((1000, 1), (1000, 0))).outcome is Outcome.INCONCLUSIVE


def test_a_guardrail_fails_a_candidate_that_is_as_bad_as_the_stable():
    metric = a_metric(guardrail=0.05)
    verdict = verdict_on(a_policy(metric), a_look((100, 60), (100, 60)))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.findings[0].by_guardrail
    assert verdict.reason == (
        "errors: 60 of 100 on the candidate, 60 %, above the guardrail of 5 %; "
        "evidence more than a million to 1, limit 1,000 to 1"
    )


def test_a_guardrail_waits_for_its_least_exposure():
    metric = a_metric(guardrail=0.05, guardrail_min_exposure=20)
    assert verdict_on(a_policy(metric), a_look((0, 0), (19, 19))).outcome is Outcome.INCONCLUSIVE
    assert verdict_on(a_policy(metric), a_look((0, 0), (20, 20))).outcome is Outcome.FAIL


def test_a_guardrail_does_not_fire_by_chance_on_a_few_events():
    metric = a_metric(guardrail=0.05)
    assert verdict_on(a_policy(metric), a_look((20, 0), (20, 2))).outcome is Outcome.INCONCLUSIVE


def test_a_guardrail_may_use_only_its_part_of_alpha():
    metric = a_metric(guardrail=0.05)
    almost = verdict_on(a_policy(metric), a_look((0, 0), (100, 15)))
    assert 100.0 < math.exp(absolute.log_e_guardrail(Counts(100, 15), 0.05)) < 1000.0
    assert almost.outcome is Outcome.INCONCLUSIVE
    assert verdict_on(a_policy(metric), a_look((0, 0), (100, 20))).outcome is Outcome.FAIL


def test_guardrail_and_comparison_together_keep_to_alpha():
    finding = verdict_on(a_policy(a_metric(guardrail=0.05)), ALIKE).findings[0]
    crossed = verdict_on(a_policy(a_metric(guardrail=0.05)), a_look((0, 0), (40, 40))).findings[0]
    assert 1 / finding.harm_boundary + 1 / crossed.harm_boundary == pytest.approx(0.01)


def test_a_broken_split_is_invalid_before_anything_is_bad():
    policy = a_policy()
    state = update(start(policy), {"errors": WORSE}, policy)
    state = observe_ratio(state, a_look((500, 0), (500, 0)), 0.1, policy)
    verdict = judge(state, policy)
    assert verdict.outcome is Outcome.INVALID
    assert verdict.reason.startswith(
        "traffic is not split as intended: the candidate received 500 of 1,000 requests, 50 %, "
        "at a share of 10 %; evidence "
    )
    assert verdict.reason.endswith("limit 1,000 to 1; nothing can be compared")
    assert verdict.findings[0].outcome is Outcome.FAIL


def test_a_fail_outweighs_an_earlier_pass_and_stays():
    policy = a_policy()
    state = update(start(policy), {"errors": ALIKE}, policy)
    assert judge(state, policy).outcome is Outcome.PASS
    state = update(state, {"errors": a_look((2000, 40), (2000, 900))}, policy)
    assert judge(state, policy).outcome is Outcome.FAIL
    state = update(state, {"errors": a_look((50_000, 1000), (50_000, 250))}, policy)
    verdict = judge(state, policy)
    assert verdict.outcome is Outcome.FAIL
    assert "at least" not in verdict.reason


def test_a_pass_stays_without_claiming_a_bound_that_no_longer_holds():
    policy = a_policy()
    state = update(start(policy), {"errors": a_look((7500, 150), (7500, 150))}, policy)
    assert "at most" in judge(state, policy).reason
    state = update(state, {"errors": a_look((2500, 50), (2500, 70))}, policy)
    verdict = judge(state, policy)
    assert verdict.outcome is Outcome.PASS
    assert "at most" not in verdict.reason


def test_a_bad_event_waits_for_its_exposure():
    policy = a_policy()
    state = update(start(policy), {"errors": a_look((100, 0), (0, 3))}, policy)
    assert state.metrics["errors"].held_candidate == 3
    assert state.metrics["errors"].candidate == Counts(0, 0)
    assert judge(state, policy).findings[0].e_harm == 1.0
    state = update(state, {"errors": a_look((100, 0), (100, 0))}, policy)
    assert state.metrics["errors"].held_candidate == 0
    assert state.metrics["errors"].candidate == Counts(100, 3)
    assert state.metrics["errors"].max_log_e_harm > 0.0


def test_a_counter_that_goes_backwards_stops_the_judge():
    policy = a_policy()
    with pytest.raises(Damaged, match="errors: the candidate gained 0 bad of -1"):
        update(start(policy), {"errors": a_look((1, 0), (-1, 0))}, policy)
    with pytest.raises(Damaged, match="requests: the stable gained -1 bad of 1"):
        observe_ratio(start(policy), a_look((1, -1), (1, 0)), 0.5, policy)


def test_a_metric_that_the_policy_does_not_name_is_not_judged():
    policy = a_policy()
    assert update(start(policy), {"weather": WORSE}, policy) == start(policy)


def test_a_candidate_without_any_bad_event_shows_no_ratio():
    verdict = verdict_on(a_policy(), a_look((100, 0), (100, 2)))
    assert verdict.findings[0].ratio is None
    assert verdict_on(a_policy(), a_look((100, 2), (100, 0))).findings[0].ratio == 0.0
    assert "times as many" not in verdict_on(a_policy(), a_look((100, 2), (100, 0))).reason


LOOKS = st.builds(
    lambda ns, nc, xs, xc: a_look((ns, xs), (nc, xc)),
    st.integers(0, 3000),
    st.integers(0, 3000),
    st.integers(0, 60),
    st.integers(0, 60),
)
METRIC = a_metric(acceptable=0.01, guardrail=0.2)


@given(st.lists(LOOKS, max_size=8))
def test_no_verdict_ever_contains_something_that_is_not_a_number(looks):
    (finding,) = verdict_on(a_policy(METRIC), *looks).findings
    numbers = [finding.e_harm, finding.e_safe, *finding.interval]
    assert not any(math.isnan(x) for x in numbers)
    assert math.isfinite(finding.e_harm)
    assert math.isfinite(finding.e_safe)
    assert finding.reason


@given(st.lists(LOOKS, max_size=6), st.integers(0, 6), st.integers(0, 5000))
def test_a_look_without_a_bad_event_changes_no_comparison_wherever_it_comes(looks, place, exposure):
    quiet = a_look((exposure, 0), (exposure, 0))
    within = [replace(x, stable=Counts(x.stable.exposure + 60, x.stable.bad)) for x in looks]
    within = [replace(x, candidate=Counts(x.candidate.exposure + 60, x.candidate.bad)) for x in within]
    plain = verdict_on(a_policy(), *within).findings[0]
    mixed = verdict_on(a_policy(), *within[:place], quiet, *within[place:]).findings[0]
    assert (plain.e_harm, plain.e_safe, plain.interval) == (mixed.e_harm, mixed.e_safe, mixed.interval)


@given(st.lists(LOOKS, min_size=1, max_size=6))
def test_evidence_once_reached_is_never_taken_back(looks):
    policy = a_policy(METRIC)
    state, last = start(policy), (1.0, 1.0)
    for look in looks:
        state = update(state, {"errors": look}, policy)
        (finding,) = judge(state, policy).findings
        if not finding.by_guardrail:
            assert (finding.e_harm, finding.e_safe) >= last
            last = (finding.e_harm, finding.e_safe)


def two(combine, **fields):
    metrics = (a_metric("errors", alpha=0.005, **fields), a_metric("fails", alpha=0.005, **fields))
    return a_policy(*metrics, combine=combine)


# 71 and 158 to 1: each too little for 200 to 1 by itself.
WEAK = a_look((1000, 10), (1000, 31))
STRONG = a_look((1000, 10), (1000, 33))


def both(policy, *looks):
    state = start(policy)
    for look in looks:
        state = update(state, {"errors": look, "fails": look}, policy)
    return state


def test_averaged_evidence_fails_where_no_metric_does_by_itself():
    split, average = two(Combine.SPLIT), two(Combine.AVERAGE)
    apart, together = judge(both(split, STRONG), split), judge(both(average, STRONG), average)
    assert apart.outcome is Outcome.INCONCLUSIVE
    assert together.outcome is Outcome.FAIL
    assert [f.outcome for f in together.findings] == [Outcome.INCONCLUSIVE] * 2
    assert together.reason == (
        "together too much to be chance (errors 158 to 1, fails 158 to 1): evidence 158 to 1, limit 100 to 1"
    )
    assert judge(both(average, WEAK), average).outcome is Outcome.INCONCLUSIVE


def test_averaged_evidence_is_that_of_one_moment_and_not_of_the_best_of_each():
    policy = two(Combine.AVERAGE)
    state = update(start(policy), {"errors": a_look((1000, 10), (1000, 32))}, policy)
    state = update(state, {"errors": a_look((1000, 32), (1000, 10))}, policy)
    state = update(state, {"fails": a_look((1000, 10), (1000, 32))}, policy)
    apart = state.metrics["errors"].max_log_e_harm, state.metrics["fails"].max_log_e_harm
    assert math.fsum(math.exp(each) for each in apart) / 2 > 100
    assert judge(state, policy).outcome is Outcome.INCONCLUSIVE


@given(
    st.lists(st.tuples(*[st.tuples(st.integers(50, 300), st.integers(0, 20))] * 4), min_size=1, max_size=6),
    st.sampled_from([None, 0.05]),
)
def test_whatever_fails_by_itself_also_fails_by_the_average(looks, guardrail):
    split, average = two(Combine.SPLIT, guardrail=guardrail), two(Combine.AVERAGE, guardrail=guardrail)
    states = start(split), start(average)
    for one, two_, three, four in looks:
        gained = {"errors": a_look(one, two_), "fails": a_look(three, four)}
        states = update(states[0], gained, split), update(states[1], gained, average)
    if judge(states[0], split).outcome is Outcome.FAIL:
        assert judge(states[1], average).outcome is Outcome.FAIL
        assert states[1].max_log_mean >= math.log(100) - 1e-9


def test_a_guardrail_that_may_not_speak_yet_weighs_nothing():
    policy = two(Combine.AVERAGE, guardrail=0.05)
    state = update(start(policy), {"errors": a_look((0, 0), (19, 19))}, policy)
    assert state.metrics["errors"].log_e == pytest.approx(math.log(0.9))
    assert judge(state, policy).outcome is Outcome.INCONCLUSIVE
