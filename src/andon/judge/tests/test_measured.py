"""Metrics that measure: what is said, by which test, and what a look may do to them."""

import math
import random
import statistics
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.judge import measured, measuring
from andon.judge.measured_words import seconds
from andon.judge.model import (
    Counts,
    JudgePolicy,
    Look,
    MetricKind,
    MetricPolicy,
    MetricState,
    Outcome,
    Percentiles,
)
from andon.judge.policy import bands_alpha, guardrail_alpha, harm_alpha
from andon.judge.sequential import judge, observe_ratio, start, update
from andon.kernel.errors import Damaged

EDGES = (0.1, 0.2, 0.5, 1.0, 2.0, math.inf)
LATENCY = MetricPolicy("latency", alpha=0.01, margin=1.1, kind=MetricKind.LATENCY, edges=EDGES)
# Half up to 100 ms, 95 % up to 500 ms.
USUAL = (50, 30, 15, 5, 0, 0)
SLOWER = (20, 40, 25, 15, 0, 0)
SLOW_TAIL = (50, 30, 3, 15, 2, 0)


def times(buckets, factor):
    return tuple(count * factor for count in buckets)


def a_look(stable, candidate, before=()):
    return Look(Counts(sum(stable)), Counts(sum(candidate)), stable, candidate, before)


BEGINNING = a_look((0,) * 6, (0,) * 6, times(USUAL, 100))


def state_of(policy, *looks):
    made = JudgePolicy((policy,))
    state = start(made)
    for look in looks:
        state = update(state, {policy.name: look}, made)
    return state


def said(policy, *looks):
    return judge(state_of(policy, *looks), JudgePolicy((policy,)))


def test_a_candidate_with_a_slow_tail_fails_with_its_numbers():
    verdict = said(LATENCY, BEGINNING, a_look(times(USUAL, 3), times(SLOW_TAIL, 3)))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == (
        "latency: 51 of 300 took longer than 500 ms on the candidate against 15 of 300 on the stable, "
        "3.4 times as many (at least 1.3 times); evidence 3,488 to 1, limit 133 to 1"
    )
    (finding,) = verdict.findings
    assert finding.edge == 0.5
    assert finding.percentiles == Percentiles(0.1, 0.5, 0.1, 1.0)
    assert finding.harm_boundary == pytest.approx(1 / (0.01 * 0.75))


def test_a_candidate_that_is_slower_in_the_middle_fails_there():
    verdict = said(LATENCY, BEGINNING, a_look(USUAL, (15, 64, 16, 5, 0, 0)))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason.startswith(
        "latency: 85 of 100 took longer than 100 ms on the candidate against 50 of 100 on the stable, "
        "1.7 times as many; evidence "
    )


def test_a_candidate_that_is_slower_between_the_points_fails_by_the_bands():
    # Alike beyond the median and beyond the tail; between them all of it lies in the upper part.
    stable, candidate = (50, 42, 3, 5, 0, 0), (50, 3, 42, 5, 0, 0)
    verdict = said(
        LATENCY,
        replace(BEGINNING, stable_before=times(stable, 100)),
        a_look(times(stable, 6), times(candidate, 6)),
    )
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason.startswith(
        "latency: 282 of 600 took longer than 200 ms on the candidate against 48 of"
    )
    (finding,) = verdict.findings
    assert finding.e_harm > finding.harm_boundary == pytest.approx(1 / (0.01 * 0.25))


FINER = replace(LATENCY, edges=(0.05, 0.1, 0.2, 0.5, 1.0, math.inf))
SPREAD = (20, 30, 30, 15, 5, 0)  # half up to 100 ms, 95 % up to 500 ms, as before


def test_a_candidate_that_is_alike_passes_and_says_how_much_is_missing_until_then():
    beginning = replace(BEGINNING, stable_before=times(SPREAD, 100))
    before = said(FINER, beginning, a_look(times(SPREAD, 5), times(SPREAD, 5)))
    assert before.outcome is Outcome.INCONCLUSIVE
    (open_one,) = before.findings
    assert open_one.exposure_needed is not None
    assert before.reason.startswith(
        "latency: 25 of 500 took longer than 500 ms on the candidate against 25 of 500 on the stable, 1.0 "
        "times as many; proof that it is less than 10 % slower than the stable needs about "
        f"{open_one.exposure_needed:,} more on the candidate: evidence "
    )
    after = said(FINER, beginning, *[a_look(times(SPREAD, 10), times(SPREAD, 10))] * 30)
    assert after.outcome is Outcome.PASS
    assert "less than 10 % slower than the stable: evidence " in after.reason
    assert (after.findings[0].events_needed, after.findings[0].exposure_needed) == (0, 0)


def test_what_is_missing_is_right_within_a_factor_of_two():
    state = state_of(FINER, replace(BEGINNING, stable_before=times(SPREAD, 100)))
    state = update(state, {"latency": a_look(times(SPREAD, 5), times(SPREAD, 5))}, JudgePolicy((FINER,)))
    need = judge(state, JudgePolicy((FINER,))).findings[0].exposure_needed
    noise, taken = random.Random(3), []
    for _ in range(12):
        now, used = state, 0
        while judge(now, JudgePolicy((FINER,))).outcome is not Outcome.PASS:
            drawn = [Counter(noise.choices(range(6), SPREAD, k=100)) for _ in range(2)]
            arms = [tuple(each[i] for i in range(6)) for each in drawn]
            now, used = update(now, {"latency": a_look(*arms)}, JudgePolicy((FINER,))), used + 100
        taken.append(used)
    assert need / 2 < statistics.fmean(taken) < need * 2


def test_where_the_first_bucket_holds_half_of_it_the_margin_cannot_be_proven():
    verdict = said(LATENCY, BEGINNING, a_look(times(USUAL, 5), times(USUAL, 5)))
    assert verdict.findings[0].exposure_needed is None


def test_promotion_needs_both_points():
    # At the tail there is enough, at the median there is not: a better tail, a median a little worse.
    look = a_look(times(USUAL, 40), times((45, 54, 1, 0, 0, 0), 40))
    state = state_of(LATENCY, BEGINNING, look).metrics["latency"]
    assert state.measured is not None
    assert state.measured.tail.max_log_e_safe > math.log(100) > state.measured.half.max_log_e_safe
    assert state.max_log_e_safe == state.measured.half.max_log_e_safe
    assert measured.finding(state, LATENCY, 0.5).outcome is not Outcome.PASS


def test_where_the_median_is_worse_than_the_margin_proof_is_not_in_reach():
    verdict = said(LATENCY, BEGINNING, a_look(USUAL, (38, 56, 6, 0, 0, 0)))
    assert verdict.findings[0].exposure_needed is None
    assert "is not in reach as it is" in verdict.reason


@pytest.mark.parametrize("limit", [2.0, 1.5])
def test_above_the_guardrail_it_fails_whatever_the_stable_does(limit):
    policy = replace(LATENCY, guardrail=limit)
    slow = (10, 10, 0, 0, 0, 20)
    verdict = said(policy, BEGINNING, a_look(slow, slow))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.findings[0].by_guardrail
    assert verdict.reason.startswith(
        "latency: 20 of 40 on the candidate, 50 %, took longer than the guardrail of "
        f"{seconds(limit)}, where 5 % may; evidence "
    )
    assert said(policy, a_look((0,) * 6, (5, 5, 0, 0, 0, 9))).outcome is not Outcome.FAIL  # too few
    assert said(policy, a_look((0,) * 6, (5, 5, 0, 0, 0, 10))).outcome is Outcome.FAIL
    assert said(replace(policy, guardrail=None), BEGINNING, a_look(slow, slow)).outcome is not Outcome.FAIL


def test_what_is_acceptable_promotes_sooner():
    looks = (BEGINNING, a_look(times(USUAL, 5), (290, 210, 0, 0, 0, 0)))
    assert said(LATENCY, *looks).outcome is Outcome.INCONCLUSIVE
    verdict = said(replace(LATENCY, acceptable=1.0), *looks)
    assert verdict.outcome is Outcome.PASS
    assert "than the stable or within 1 s in 95 of 100" in verdict.reason


def test_an_acceptable_limit_between_two_edges_is_taken_at_the_lower_one():
    look = a_look(times(USUAL, 5), (290, 130, 80, 0, 0, 0))
    assert said(replace(LATENCY, acceptable=0.5), BEGINNING, look).outcome is Outcome.PASS
    assert said(replace(LATENCY, acceptable=0.4), BEGINNING, look).outcome is Outcome.INCONCLUSIVE


def test_without_a_stable_release_only_absolute_limits_speak():
    alone = a_look((0,) * 6, times(USUAL, 3))
    verdict = said(LATENCY, alone)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "latency: 100 on the stable say where its slowest lie; 100 more are needed"
    policy = replace(LATENCY, acceptable=1.0)
    need = said(policy, a_look((0,) * 6, (30, 0, 0, 0, 0, 0))).findings[0].exposure_needed
    assert need is not None
    assert 60 < need < 240
    assert said(policy, a_look((0,) * 6, (150, 0, 0, 0, 0, 0))).outcome is Outcome.PASS


def test_the_points_are_chosen_from_what_came_before_the_look_that_uses_them():
    few = a_look(USUAL, times(SLOW_TAIL, 3))
    state = state_of(LATENCY, few).metrics["latency"]
    assert state.measured is not None
    assert state.measured.tail.edge == -1
    assert state.max_log_e_harm == 0.0
    state = state_of(LATENCY, few, few).metrics["latency"]
    assert state.measured is not None
    assert (state.measured.tail.edge, state.measured.half.edge) == (2, 0)
    assert state.stable == Counts(100, 5)


def test_a_change_of_share_chooses_the_points_anew_and_begins_the_bands_anew():
    policy = JudgePolicy((LATENCY,))
    state = start(policy)
    requests = Look(Counts(900), Counts(100))
    state = update(observe_ratio(state, requests, 0.1, policy), {"latency": BEGINNING}, policy)
    heavy = (5, 5, 10, 30, 45, 5)  # a heavier load in both arms
    state = update(state, {"latency": a_look(times(heavy, 300), heavy)}, policy)
    before = state.metrics["latency"].measured
    state = observe_ratio(state, requests, 0.5, policy)
    after = state.metrics["latency"].measured
    assert before is not None
    assert after is not None
    assert (before.tail.edge, after.tail.edge) == (2, 4)
    assert (after.steps, after.apart, after.stable_closed) == (1, 0.0, after.stable)
    # All of the candidate's came under the heavier load, most of the stable's under the lighter one.
    alike = a_look(times(heavy, 20), times(heavy, 20))
    state = update(state, {"latency": alike}, policy)
    assert judge(state, policy).outcome is not Outcome.FAIL


def test_what_the_bands_said_in_a_former_step_stays_said():
    policy = JudgePolicy((LATENCY,))
    stable, candidate = (50, 42, 3, 5, 0, 0), (50, 3, 42, 5, 0, 0)
    state = observe_ratio(start(policy), Look(Counts(9), Counts(1)), 0.1, policy)
    state = update(state, {"latency": replace(BEGINNING, stable_before=times(stable, 100))}, policy)
    state = update(state, {"latency": a_look(times(stable, 6), times(candidate, 6))}, policy)
    state = observe_ratio(state, Look(Counts(5), Counts(5)), 0.5, policy)
    state = update(state, {"latency": a_look(stable, stable)}, policy)
    assert judge(state, policy).outcome is Outcome.FAIL
    metric = state.metrics["latency"]
    assert metric.log_e >= math.log(1 / LATENCY.alpha)
    assert measured.outcome(metric, LATENCY) is Outcome.FAIL


def test_the_parts_of_alpha_add_up():
    policy = replace(LATENCY, guardrail=2.0)
    steps = math.fsum(bands_alpha(policy, step) for step in range(100_000))
    parts = harm_alpha(policy) + guardrail_alpha(policy) + steps
    assert parts == pytest.approx(policy.alpha, rel=1e-5)
    assert parts <= policy.alpha


@pytest.mark.parametrize(
    "look",
    [
        Look(Counts(5), Counts(0), (5, 0), (0, 0)),
        Look(Counts(5), Counts(0), (4, 0, 0, 0, 0, 0), (0,) * 6),
        Look(Counts(5), Counts(0), (6, -1, 0, 0, 0, 0), (0,) * 6),
        Look(Counts(0), Counts(5), (0,) * 6, (4, 0, 0, 0, 0, 0)),
    ],
    ids=["other edges", "not their sum", "negative", "the candidate's"],
)
def test_buckets_that_cannot_be_are_damage(look):
    with pytest.raises(Damaged, match=r"latency: the (stable|candidate) gained 5 in buckets"):
        state_of(LATENCY, look)


def test_the_state_of_a_metric_that_counts_is_not_read_as_one_that_measures():
    with pytest.raises(Damaged, match="has no buckets"):
        measuring.of(MetricState())


BUCKETS = st.lists(st.integers(0, 40), min_size=6, max_size=6).map(tuple)
LOOKS = st.lists(st.tuples(BUCKETS, BUCKETS), min_size=1, max_size=6)


@given(LOOKS, st.sampled_from([None, 1.0]), st.sampled_from([None, 2.0]))
def test_totals_are_those_of_the_looks_and_evidence_is_never_nan(looks, acceptable, guardrail):
    policy = replace(LATENCY, acceptable=acceptable, guardrail=guardrail)
    state = state_of(policy, BEGINNING, *[a_look(*each) for each in looks]).metrics["latency"]
    assert state.measured is not None
    assert state.measured.candidate == tuple(map(sum, zip(*(each[1] for each in looks), strict=True)))
    assert state.stable.exposure == sum(sum(each[0]) for each in looks)
    finding = measured.finding(state, policy, 0.5)
    assert not any(map(math.isnan, (state.log_e, finding.e_harm, finding.e_safe, *finding.interval)))


@given(LOOKS)
def test_exchanged_arms_never_fail_both_ways(looks):
    one = said(LATENCY, BEGINNING, *[a_look(*each) for each in looks])
    other = said(LATENCY, BEGINNING, *[a_look(*reversed(each)) for each in looks])
    assert [one.outcome, other.outcome] != [Outcome.FAIL, Outcome.FAIL] or len(looks) > 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.45, "450 ms"), (0.0045, "4.5 ms"), (2.0, "2 s"), (90.0, "90 s"), (210.0, "3.5 min")],
)
def test_durations_are_written_as_anybody_would(value, text):
    assert seconds(value) == text
