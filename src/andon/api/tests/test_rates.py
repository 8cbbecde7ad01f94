"""Rates come from differences of cumulative counts; what was not measured is unknown."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from andon.api.rates import UNKNOWN, Window
from andon.gateway.model import ReleaseTraffic, Traffic

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ("mes", "production", "1.0.0")


def traffic(seconds: float, requests: int, errors: int = 0, epoch: str = "a", slow: int = 0) -> Traffic:
    edges = ((10.0, requests - slow), (100.0, requests), (math.inf, requests))
    return Traffic(
        epoch, START + timedelta(seconds=seconds), {KEY: ReleaseTraffic(requests, errors, 0, edges)}
    )


def test_rates_are_the_difference_over_the_window():
    window = Window()
    for second in range(11):
        window.add(traffic(second, 100 + 20 * second, 2 * second))
    rates = window.rates([KEY])
    assert rates.requests_per_s == pytest.approx(20)
    assert rates.error_rate == pytest.approx(0.1)
    assert rates.p95_ms == pytest.approx(9.5)


def test_one_sample_and_an_unknown_release_say_nothing():
    window = Window()
    window.add(traffic(0, 100))
    assert window.rates([KEY]) == UNKNOWN
    window.add(traffic(1, 120))
    assert window.rates([("mes", "production", "9.9.9")]) == UNKNOWN


def test_no_request_has_no_error_rate_and_no_latency():
    window = Window()
    window.add(traffic(0, 100))
    window.add(traffic(5, 100))
    rates = window.rates([KEY])
    assert (rates.requests_per_s, rates.error_rate, rates.p95_ms) == (0, None, None)


def test_a_restarted_gateway_begins_anew():
    window = Window()
    window.add(traffic(0, 1000))
    window.add(traffic(1, 1020))
    window.add(traffic(2, 5, epoch="b"))
    assert window.rates([KEY]) == UNKNOWN


def test_the_window_forgets_what_is_older():
    window = Window(length=timedelta(seconds=10))
    for second in range(100):
        window.add(traffic(second, 10 * second if second < 50 else 500 + 50 * (second - 50)))
    rates = window.rates([KEY])
    assert rates.requests_per_s == pytest.approx(50)
    assert rates.window_s == pytest.approx(10)


def test_frequent_samples_are_thinned_but_the_newest_counts():
    window = Window()
    for tenth in range(21):
        window.add(traffic(tenth / 10, 10 * tenth))
    assert window.rates([KEY]).requests_per_s == pytest.approx(100)


def test_the_quantile_lies_within_its_bucket():
    window = Window()
    window.add(traffic(0, 0))
    window.add(traffic(1, 100, slow=10))
    assert window.rates([KEY]).p95_ms == pytest.approx(55.0)
