"""The forecast of what promotion still needs: right within a factor of two, or silent."""

import math
import random
import statistics

import pytest

from andon.judge import forecast
from andon.judge.model import Counts, JudgePolicy, Look, MetricPolicy
from andon.judge.sequential import start, update


def a_state(policy, stable=(0, 0), candidate=(0, 0)):
    judge_policy = JudgePolicy((policy,))
    look = Look(Counts(*stable), Counts(*candidate))
    return update(start(judge_policy), {policy.name: look}, judge_policy).metrics[policy.name]


def exposure_until_proven(state, policy, rates, noise):
    """Play traffic on at the given rates until promotion; return the candidate exposure that it took."""
    judge_policy = JudgePolicy((policy,))
    judged, goal = start(judge_policy), 1 / policy.beta
    judged.metrics[policy.name] = state
    size, used = 25, 0
    stable_size = round(size * (1 - rates.part) / rates.part)
    while True:
        bad = sum(noise.random() < rates.candidate for _ in range(size))
        other = sum(noise.random() < rates.stable for _ in range(stable_size))
        look = Look(Counts(stable_size, other), Counts(size, bad))
        judged = update(judged, {policy.name: look}, judge_policy)
        used += size
        if judged.metrics[policy.name].max_log_e_safe >= math.log(goal):
            return used


PLAIN = MetricPolicy("errors", alpha=0.01)
EASY = MetricPolicy("errors", alpha=0.01, acceptable=0.02)


@pytest.mark.parametrize(
    ("policy", "stable", "candidate"),
    [
        (PLAIN, (2000, 40), (2000, 40)),
        (PLAIN, (9000, 450), (1000, 50)),
        (PLAIN, (1000, 50), (1000, 40)),
        (EASY, (100, 0), (100, 0)),
        (EASY, (1000, 10), (400, 3)),
    ],
    ids=["alike", "a tenth of the traffic", "better", "nothing bad", "acceptable"],
)
def test_the_forecast_is_right_within_a_factor_of_two(policy, stable, candidate):
    state = a_state(policy, stable, candidate)
    rates = forecast.estimate(state, 0.0)
    need = forecast.needed(state, policy, 0.0)
    noise = random.Random(11)
    taken = statistics.fmean(exposure_until_proven(state, policy, rates, noise) for _ in range(20))
    assert taken / 2 < need.exposure < taken * 2
    per_exposure = rates.candidate + rates.stable * (1 - rates.part) / rates.part
    assert need.events == pytest.approx(need.exposure * per_exposure, abs=2)


def test_two_ways_to_be_safe_count_as_their_mean():
    assert forecast.either(math.log(4.0), math.log(2.0)) == pytest.approx(math.log(3.0))
    assert forecast.either(-2000.0, math.log(2.0)) == pytest.approx(0.0)


def test_nothing_is_forecast_from_nothing():
    assert forecast.needed(a_state(PLAIN), PLAIN, 0.5) is None
    assert forecast.needed(a_state(PLAIN, (100, 1), (0, 0)), PLAIN, 0.0) is None


def test_the_share_in_force_counts_more_than_the_exposure_so_far():
    state = a_state(PLAIN, (9000, 90), (1000, 10))
    assert forecast.needed(state, PLAIN, 0.5).exposure > 1.5 * forecast.needed(state, PLAIN, 0.1).exposure


def test_a_share_is_enough_before_the_candidate_saw_anything():
    assert forecast.needed(a_state(PLAIN, (1000, 50), (0, 0)), PLAIN, 0.1) is not None


def test_a_candidate_at_the_margin_is_never_in_reach():
    state = a_state(PLAIN, (10_000, 200), (10_000, 300))
    assert forecast.needed(state, PLAIN, 0.0) is None


def test_all_traffic_on_the_candidate_leaves_only_what_is_acceptable():
    state = a_state(EASY, (100, 0), (100, 0))
    assert forecast.needed(state, EASY, 1.0) is not None
    assert forecast.needed(a_state(PLAIN, (100, 0), (100, 0)), PLAIN, 1.0) is None


def test_without_a_stable_only_what_is_acceptable_can_be_proven():
    assert forecast.needed(a_state(EASY, (0, 0), (50, 0)), EASY, 0.0) is not None
    assert forecast.needed(a_state(PLAIN, (0, 0), (50, 0)), PLAIN, 0.0) is None
