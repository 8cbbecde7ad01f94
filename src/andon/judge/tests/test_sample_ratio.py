"""The sample-ratio test: published figures, segments, sessions."""

import math

import numpy as np
import pytest

from andon.judge.model import Counts, JudgePolicy, Look, RatioState
from andon.judge.sample_ratio import has_fired, log_bayes_factor, observe, segment
from andon.kernel.errors import InvalidInput

POLICY = JudgePolicy(metrics=())


def requests(stable, candidate):
    return Look(Counts(stable), Counts(candidate))


def first_stop(assignments, shares, chance):
    """Return n, p and the counts where the sequential p-value first reaches the chance, looking each time."""
    counts = np.zeros(len(shares), dtype=int)
    for n, assignment in enumerate(assignments, start=1):
        counts += assignment
        p = math.exp(-log_bayes_factor(counts.tolist(), shares))
        if p <= chance:
            return n, p, counts.tolist()
    raise AssertionError("never stopped")


def test_the_published_example_of_a_broken_split_stops_at_402():
    # savvi's example for Lindon & Malek: three arms at 0.1, 0.3, 0.6, tested against 0.1, 0.4, 0.5.
    drawn = np.random.RandomState(1).multinomial(1, [0.1, 0.3, 0.6], size=1000)
    n, p, counts = first_stop(drawn, [0.1, 0.4, 0.5], 0.05)
    assert (n, counts) == (402, [40, 129, 233])
    assert p == pytest.approx(0.0484559, abs=5e-8)


def test_the_published_example_of_a_canary_stops_at_210():
    # The same source's software canary: two Poisson processes, shares 0.8 and 0.2, log intensities 1.5 and 2.
    intensity = np.array([0.8, 0.2]) * np.exp([1.5, 2.0])
    drawn = np.random.RandomState(1).multinomial(1, intensity / intensity.sum(), size=1500)
    n, p, counts = first_stop(drawn, [0.8, 0.2], 0.05)
    assert (n, counts) == (210, [148, 62])
    assert p == pytest.approx(0.0455796, abs=5e-8)


def test_the_published_counts_alone_give_the_published_values():
    assert math.exp(-log_bayes_factor([40, 129, 233], [0.1, 0.4, 0.5])) == pytest.approx(0.0484559, abs=5e-8)
    assert math.exp(-log_bayes_factor([148, 62], [0.8, 0.2])) == pytest.approx(0.0455796, abs=5e-8)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_bayes_factor_is_a_fair_bet_under_the_shares(share):
    n = 40
    mean = math.fsum(
        math.comb(n, k)
        * share**k
        * (1 - share) ** (n - k)
        * math.exp(log_bayes_factor([n - k, k], [1 - share, share]))
        for k in range(n + 1)
    )
    assert mean == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("size", [0.1, 0.5, 0.9])
def test_sessions_smaller_than_the_largest_only_weaken_the_evidence(size):
    n, share = 30, 0.3
    mean = math.fsum(
        math.comb(n, k)
        * share**k
        * (1 - share) ** (n - k)
        * math.exp(log_bayes_factor([(n - k) * size, k * size], [1 - share, share]))
        for k in range(n + 1)
    )
    assert mean <= 1.0


def test_a_split_as_promised_never_fires():
    state = RatioState()
    for _ in range(100):
        state = observe(state, requests(90, 10), 0.1, POLICY)
    assert not has_fired(state)
    assert (state.segment_stable, state.segment_candidate) == (9000, 1000)


def test_a_broken_split_fires_and_keeps_what_it_saw():
    state = observe(RatioState(), requests(500, 500), 0.1, POLICY)
    assert has_fired(state)
    assert segment(state) == (0.1, Counts(500), Counts(500))
    state = observe(state, requests(9000, 100), 0.1, POLICY)
    assert segment(state) == (0.1, Counts(500), Counts(500))
    assert state.segment_stable == 9500


def test_the_split_is_broken_at_its_own_boundary_and_not_before():
    chance = math.exp(-log_bayes_factor([70, 130], [0.5, 0.5]))
    assert 0.001 < chance < 0.1
    for ratio_alpha, fires in ((chance * 0.999, False), (chance * 1.001, True)):
        policy = JudgePolicy(metrics=(), ratio_alpha=ratio_alpha)
        assert has_fired(observe(RatioState(), requests(70, 130), 0.5, policy)) is fires


def test_a_changed_share_starts_a_segment_and_keeps_the_evidence():
    state = observe(RatioState(), requests(80, 20), 0.1, POLICY)
    first = log_bayes_factor([80, 20], [0.9, 0.1])
    state = observe(state, requests(60, 40), 0.5, POLICY)
    assert state.log_bayes_factor == pytest.approx(first)
    assert (state.segment_share, state.segment_stable, state.segment_candidate) == (0.5, 60, 40)
    state = observe(state, requests(1, 1), 0.9, POLICY)
    assert state.log_bayes_factor == pytest.approx(first + log_bayes_factor([60, 40], [0.5, 0.5]))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_at_share_0_and_1_there_is_nothing_to_compare(share):
    state = observe(RatioState(), requests(1000, 1000), share, POLICY)
    assert not has_fired(state)
    assert (state.segment_stable, state.segment_candidate) == (0, 0)
    assert observe(state, requests(50, 50), 0.5, POLICY).log_bayes_factor == 0.0


def test_a_few_large_sessions_are_no_evidence_of_a_broken_split():
    seven_stations = JudgePolicy(metrics=(), session_requests=1000)
    state = observe(RatioState(), requests(4000, 3000), 0.1, seven_stations)
    assert not has_fired(state)
    assert has_fired(observe(RatioState(), requests(4000, 3000), 0.1, POLICY))


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        observe(RatioState(), requests(1, 1), share, POLICY)
