from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.judge import sequential
from andon.judge.model import Counts, JudgePolicy, JudgeState, Look, MetricKind, MetricPolicy, Outcome
from andon.judge.outlook import outlook

POLICY = JudgePolicy((MetricPolicy("errors", alpha=0.01, acceptable=0.02),))


def seen(stable: tuple[int, int], candidate: tuple[int, int], policy: JudgePolicy = POLICY) -> JudgeState:
    look = Look(Counts(*stable), Counts(*candidate))
    return sequential.update(sequential.start(policy), {"errors": look}, policy)


def say(state: JudgeState, look: Look, policy: JudgePolicy = POLICY) -> Outcome:
    return sequential.judge(sequential.update(state, {"errors": look}, policy), policy).outcome


def test_the_bad_events_that_it_names_do_fail_the_candidate_and_one_fewer_do_not():
    state = seen((1000, 10), (200, 2))
    (found,) = outlook(sequential, state, POLICY, 0.5)
    bad = found.bad_to_fail
    assert bad is not None
    assert 2 <= bad <= 20
    assert say(state, Look(Counts(bad, round(bad * 0.01)), Counts(bad, bad))) is Outcome.FAIL
    assert say(state, Look(Counts(bad - 1, 0), Counts(bad - 1, bad - 1))) is Outcome.INCONCLUSIVE


def test_the_good_events_that_it_names_do_pass_the_candidate():
    state = seen((1000, 10), (200, 2))
    (found,) = outlook(sequential, state, POLICY, 0.5)
    good = found.good_to_pass
    assert good is not None
    assert say(state, Look(Counts(good, round(good * 0.01)), Counts(good, 0))) is Outcome.PASS
    less = good * 98 // 100
    assert say(state, Look(Counts(less, round(less * 0.01)), Counts(less, 0))) is Outcome.INCONCLUSIVE


def test_what_is_decided_has_no_outlook():
    assert outlook(sequential, seen((1000, 10), (100, 50)), POLICY, 0.5) == ()
    assert outlook(sequential, seen((10_000, 100), (10_000, 20)), POLICY, 0.5) == ()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_without_a_comparison_nothing_is_said(share):
    assert outlook(sequential, seen((1000, 10), (200, 2)), POLICY, share) == ()


def test_other_judges_and_measured_metrics_are_not_asked():
    timed = replace(POLICY.metrics[0], kind=MetricKind.LATENCY, acceptable=None, edges=(1.0, float("inf")))
    state = seen((1000, 10), (200, 2))
    assert outlook(sequential, state, replace(POLICY, judge="threshold"), 0.5) == ()
    assert outlook(sequential, state, replace(POLICY, metrics=(timed,)), 0.5) == ()


def test_a_stable_release_without_any_exposure_is_no_trouble():
    (found,) = outlook(sequential, sequential.start(POLICY), POLICY, 0.1)
    assert found.good_to_pass is not None
    assert found.bad_to_fail is not None


def test_what_is_out_of_reach_is_not_named():
    policy = JudgePolicy((MetricPolicy("errors", alpha=1e-12, beta=1e-300),))
    (found,) = outlook(sequential, seen((1000, 0), (0, 0), policy), policy, 0.5)
    assert found.good_to_pass is None


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(0, 5), st.sampled_from([0.1, 0.25, 0.5, 0.9]))
def test_a_worse_candidate_needs_fewer_bad_events_and_more_good_ones(bad, more, share):
    less = outlook(sequential, seen((4000, 40), (4000, bad)), POLICY, share)
    worse = outlook(sequential, seen((4000, 40), (4000, bad + more)), POLICY, share)
    if less and worse:
        assert worse[0].bad_to_fail <= less[0].bad_to_fail
        assert worse[0].good_to_pass * 1.01 >= less[0].good_to_pass
