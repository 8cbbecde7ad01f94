"""Bands that hold at all times: published figures, and how far two distributions have parted."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.judge import dkw


@pytest.mark.parametrize(("error", "published"), [(0.05, 8.123), (0.025, 8.623)])
def test_the_published_constants(error, published):
    assert dkw.constant(error) == pytest.approx(published, abs=5e-4)


def test_the_published_radius():
    assert dkw.radius(1000, 0.05, start=100) == pytest.approx(0.0820477, abs=1e-6)


def test_before_its_start_a_band_says_nothing():
    assert dkw.radius(99, 0.05) == math.inf
    assert dkw.radius(100, 0.05) == pytest.approx(dkw.A * math.sqrt(dkw.constant(0.05) / 100))


@pytest.mark.parametrize("error", [0.5, 0.1, 0.01, 0.001, 1e-6, 1e-12])
def test_the_constant_keeps_to_its_chance_and_wastes_nothing(error):
    found = dkw.chance(dkw.constant(error))
    assert found <= error
    assert found >= error * (1 - 1e-6)


@pytest.mark.parametrize("constant", [7.6, 8.623, 12.0, 30.0])
def test_no_other_eta_gives_a_better_bound(constant):
    etas = [1.0 + 10.0 ** (-k / 40) for k in range(20, 240)]
    least = min(_bound(constant, eta) for eta in etas)
    assert dkw.chance(constant) <= least * (1 + 1e-6)


def _bound(constant, eta):
    """The theorem's bound, written out."""
    gamma_squared = 2 / eta * (dkw.A - math.sqrt(2 * (eta - 1) / constant)) ** 2
    if gamma_squared <= 1 or math.sqrt(2 * (eta - 1) / constant) > dkw.A:
        return math.inf
    series = 1 + 1 / ((gamma_squared - 1) * math.log(eta))
    return 4 * math.exp(-gamma_squared * constant) * series


@pytest.mark.parametrize("constant", [4.0, 8.0, 12.0])
def test_the_bound_is_above_the_sum_over_epochs_that_it_stands_for(constant):
    """4 e^(-g C) times the sum over k of (1 + k log eta)^(-g), its first terms added one by one."""
    for eta in (1.005, 1.01, 1.02):
        gamma_squared = 2 / eta * (dkw.A - math.sqrt(2 * (eta - 1) / constant)) ** 2
        if gamma_squared > 1:
            epochs = math.fsum((1 + k * math.log(eta)) ** -gamma_squared for k in range(20_000))
            assert 4 * math.exp(-gamma_squared * constant) * epochs <= _bound(constant, eta)


BUCKETS = st.lists(st.integers(0, 400), min_size=4, max_size=4)


@given(BUCKETS, BUCKETS)
def test_the_bands_of_a_parting_touch_exactly_at_its_constant(stable, candidate):
    found = dkw.parting(stable, candidate)
    if found.constant == 0.0:
        return
    sizes = [sum(arm) for arm in (stable, candidate)]
    gaps = [
        here / sizes[0] - there / sizes[1]
        for here, there in zip(itertools.accumulate(stable), itertools.accumulate(candidate), strict=True)
    ]
    assert max(gaps) == pytest.approx(gaps[found.edge])
    both = math.fsum(
        dkw.A * math.sqrt((math.log1p(math.log(n / dkw.FROM)) + found.constant) / n) for n in sizes
    )
    assert both == pytest.approx(max(gaps), rel=1e-9)


@pytest.mark.parametrize(
    ("stable", "candidate"),
    [
        ((99, 0), (0, 1000)),
        ((1000, 0), (0, 99)),
        ((500, 500), (500, 500)),
        ((100, 900), (900, 100)),
        ((60, 60), (59, 61)),
        ((1000, 90_000), (2, 199)),
    ],
    ids=["few stable", "few candidate", "alike", "faster", "hardly slower", "hardly slower, unlike sizes"],
)
def test_where_there_is_nothing_to_say_nothing_is_said(stable, candidate):
    assert dkw.parting(stable, candidate).constant == 0.0


def test_a_slower_candidate_parts():
    assert dkw.parting((900, 100, 0), (100, 800, 100)) == (0, pytest.approx(220.26, abs=0.01))


def test_bands_are_left_no_more_often_than_promised_and_hold_from_their_start():
    noise, left, runs = random.Random(5), 0, 300
    constant = dkw.constant(0.2)
    for _ in range(runs):
        counts = [0] * 10
        for n in range(1, 1500):
            counts[noise.randrange(10)] += 1
            if n < 100 or n % 3:
                continue
            radius = dkw.A * math.sqrt((math.log1p(math.log(n / 100)) + constant) / n)
            total = itertools.accumulate(counts)
            if any(abs(here / n - (i + 1) / 10) > radius for i, here in enumerate(total)):
                left += 1
                break
    assert left / runs <= 0.2
