"""The tests of the candidate's own rate."""

import math

import pytest

from andon.judge import absolute
from andon.judge.model import Counts


def binomial(n, k, p):
    return math.comb(n, k) * p**k * (1.0 - p) ** (n - k)


def acceptable(counts, limit):
    return absolute.log_e_acceptable(absolute.log_likelihood(counts, limit, absolute.rates_below(limit)))


def mean(e_value, n, rate):
    return math.fsum(binomial(n, k, rate) * math.exp(e_value(Counts(n, k))) for k in range(n + 1))


def test_the_weights_of_each_mixture_add_up_to_one():
    assert math.fsum(a.weight for a in absolute.BELOW) == pytest.approx(1.0, abs=1e-12)
    assert math.fsum(a.weight for a in absolute.ABOVE) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("limit", [0.001, 0.05, 0.5, 0.95])
def test_alternatives_stay_on_their_side_of_the_limit(limit):
    assert all(0.0 < q < limit for q in absolute.rates_below(limit))
    assert all(limit < q < 1.0 for q in absolute.rates_above(limit))


def test_evidence_is_the_mean_likelihood_ratio():
    limit, n, bad = 0.02, 120, 1
    expected = math.fsum(
        weight * (limit * part / limit) ** bad * ((1 - limit * part) / (1 - limit)) ** (n - bad)
        for part, weight in absolute.BELOW
    )
    assert math.exp(acceptable(Counts(n, bad), limit)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rate", [0.02, 0.03, 0.5, 1.0])
def test_an_unacceptable_rate_earns_no_promotion_on_average(rate):
    assert mean(lambda c: acceptable(c, 0.02), 200, rate) <= 1.0 + 1e-9


@pytest.mark.parametrize("rate", [0.05, 0.04, 0.01, 0.0])
def test_a_rate_within_the_guardrail_earns_no_fail_on_average(rate):
    assert mean(lambda c: absolute.log_e_guardrail(c, 0.05), 200, rate) <= 1.0 + 1e-9


def test_no_bad_event_in_enough_exposure_proves_an_acceptable_rate():
    limit = 0.01
    enough = next(n for n in range(1, 5000) if acceptable(Counts(n, 0), limit) >= math.log(100))
    assert 458 < enough < 650  # 458 is the least possible: 0.99^-458 = 100


def test_a_disaster_crosses_the_guardrail_in_a_handful_of_requests():
    assert absolute.log_e_guardrail(Counts(4, 4), 0.05) >= math.log(1000)
    assert absolute.log_e_guardrail(Counts(20, 2), 0.05) < math.log(10)
