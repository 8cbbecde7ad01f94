"""The comparison of counts: exact values, exact guarantees on small looks, and the shape of the interval."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.judge import counts
from andon.judge.model import Counts, Look

NOTHING = (0.0,) * len(counts.GRID)


def a_look(stable=(0, 0), candidate=(0, 0)):
    return Look(stable=Counts(*stable), candidate=Counts(*candidate))


def binomial(n, k, p):
    return math.comb(n, k) * p**k * (1.0 - p) ** (n - k)


def mean_over_one_look(e_value, exposure, rates):
    """Exact mean of an e-value of one look, over every outcome of two independent binomial arms."""
    stable, candidate = exposure
    return math.fsum(
        binomial(stable, xs, rates[0])
        * binomial(candidate, xc, rates[1])
        * e_value(a_look((stable, xs), (candidate, xc)))
        for xs in range(stable + 1)
        for xc in range(candidate + 1)
    )


def harm(look):
    return math.exp(counts.log_e_harm(counts.add(NOTHING, look)))


def safe(look, margin=1.5):
    points = counts.margin_points(margin)
    return math.exp(counts.log_e_safe(counts.add_at(points, (0.0,) * len(points), look)))


def test_the_weights_of_each_mixture_add_up_to_one():
    assert math.fsum(a.weight for a in counts.HARM) == pytest.approx(1.0, abs=1e-12)
    assert math.fsum(a.weight for a in counts.SAFE) == pytest.approx(1.0, abs=1e-12)


def test_the_alternatives_lie_on_the_grid():
    assert [counts.GRID[counts.ZERO + round(a.at / counts.STEP)] for a in counts.HARM] == pytest.approx(
        [a.at for a in counts.HARM]
    )
    assert counts.GRID[counts.ZERO] == 0.0


def test_evidence_is_the_mean_over_alternatives_of_the_product_over_events():
    # The formula of Lindon & Malek, event by event: one candidate event at w = 0.2, two stable ones at 0.5.
    log = counts.add(NOTHING, a_look((80, 0), (20, 1)))
    log = counts.add(log, a_look((50, 2), (50, 0)))
    expected = 0.0
    for delta, weight in counts.HARM:
        first = 0.2 * math.exp(delta) / (0.2 * math.exp(delta) + 0.8)
        second = 0.5 * math.exp(delta) / (0.5 * math.exp(delta) + 0.5)
        expected += weight * (first / 0.2) * ((1 - second) / 0.5) ** 2
    assert math.exp(counts.log_e_harm(log)) == pytest.approx(expected, rel=1e-12)


def test_promotion_evidence_compares_with_the_margin_itself():
    margin = 1.3  # not a point of the grid
    w = 0.4
    theta = [w * math.exp(d) / (w * math.exp(d) + 1 - w) for d in counts.margin_points(margin)]
    expected = math.fsum(
        atom.weight * (t / theta[0]) * ((1 - t) / (1 - theta[0])) ** 3
        for atom, t in zip(counts.SAFE, theta[1:], strict=True)
    )
    assert safe(a_look((60, 3), (40, 1)), margin) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("exposure", [(6, 6), (9, 2), (2, 9), (12, 1)])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("part", [1.0, 0.7, 0.2])
def test_one_look_at_a_harmless_candidate_earns_at_most_one_on_average(exposure, rate, part):
    assert mean_over_one_look(harm, exposure, (rate, rate * part)) <= 1.0 + 1e-12


@pytest.mark.parametrize("exposure", [(6, 6), (9, 2), (2, 9), (12, 1)])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.66])
@pytest.mark.parametrize("ratio", [1.5, 1.51])
def test_one_look_at_a_candidate_worse_by_the_margin_earns_no_promotion_on_average(exposure, rate, ratio):
    assert mean_over_one_look(safe, exposure, (rate, rate * ratio)) <= 1.0 + 1e-12


def test_the_exact_guarantee_would_notice_a_split_that_was_configured_and_not_observed():
    wrong = lambda look: math.exp(  # noqa: E731
        counts.log_e_harm(
            counts.add(NOTHING, a_look((6, look.stable.bad), (6, look.candidate.bad))),
        )
    )
    assert mean_over_one_look(wrong, (2, 9), (0.1, 0.1)) > 1.05


@pytest.mark.parametrize(
    "look",
    [
        a_look((100, 0), (100, 0)),
        a_look((0, 0), (100, 7)),
        a_look((100, 7), (0, 0)),
        a_look((0, 0), (0, 0)),
    ],
    ids=["nothing bad", "no stable", "no candidate", "nothing at all"],
)
def test_a_look_that_cannot_compare_says_nothing(look):
    assert counts.add(NOTHING, look) == NOTHING


def test_without_evidence_every_ratio_is_possible():
    assert counts.interval(NOTHING, math.log(100), math.log(100)) == (0.0, math.inf)


def test_the_interval_brackets_the_ratio_and_closes_with_evidence():
    widths = []
    for scale in (1, 10, 100):
        log = counts.add(NOTHING, a_look((1000 * scale, 10 * scale), (1000 * scale, 20 * scale)))
        low, high = counts.interval(log, math.log(100), math.log(100))
        assert low <= 2.0 <= high
        widths.append(math.log(high) - math.log(low) if low else math.inf)
    assert widths[0] > widths[1] > widths[2]


def test_a_ratio_beyond_the_grid_leaves_the_interval_open():
    log = counts.add(NOTHING, a_look((100_000, 10), (100_000, 20_000)))
    low, high = counts.interval(log, math.log(100), math.log(100))
    assert low > 40.0
    assert high == math.inf
    low, high = counts.interval(
        counts.add(NOTHING, a_look((100_000, 20_000), (100_000, 0))), math.log(100), math.log(100)
    )
    assert low == 0.0
    assert high < 0.03


LOOKS = st.builds(
    lambda ns, nc, xs, xc: a_look((ns, min(ns, xs)), (nc, min(nc, xc))),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.integers(0, 500),
    st.integers(0, 500),
)


@given(st.lists(LOOKS, max_size=6))
def test_evidence_is_always_a_number_and_the_log_likelihood_concave(looks):
    log = NOTHING
    for look in looks:
        log = counts.add(log, look)
    assert all(math.isfinite(x) for x in log)
    assert not math.isnan(counts.log_e_harm(log))
    bends = [log[i - 1] - 2 * log[i] + log[i + 1] for i in range(1, len(log) - 1)]
    scale = max(1.0, *(abs(x) for x in log))
    assert max(bends) <= 1e-11 * scale


@given(st.lists(LOOKS, max_size=6), st.sampled_from([10.0, 100.0, 222.2]))
def test_the_low_bound_reaches_one_exactly_when_the_harm_test_is_at_its_boundary(looks, boundary):
    log = NOTHING
    for look in looks:
        log = counts.add(log, look)
    low, high = counts.interval(log, math.log(boundary), math.log(boundary))
    assert 0.0 <= low < high
    assert (low >= 1.0) == (counts.log_e_harm(log) >= math.log(boundary))


@given(LOOKS, st.integers(1, 50))
def test_more_bad_events_of_the_candidate_never_lower_the_evidence_of_harm(look, more):
    worse = a_look(
        (look.stable.exposure, look.stable.bad), (look.candidate.exposure, look.candidate.bad + more)
    )
    assert (
        counts.log_e_harm(counts.add(NOTHING, worse)) >= counts.log_e_harm(counts.add(NOTHING, look)) - 1e-9
    )
