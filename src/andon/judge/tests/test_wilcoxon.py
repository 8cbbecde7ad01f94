"""The interval of the shift is R's, also where its search ends between ties."""

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from andon.judge.wilcoxon import Shift, Statistic, shift, superiority, zeroin

# Error rates by minute, in percent, most of them 0: the worked example that spinnaker/kayenta ties to R in
# MannWhitneySuite, "Intermediate Values". The order of a sample does not matter, so zeros are only counted.
MINE = [0.0] * 146 + [
    1.234567901234584,
    1.3333333333333286,
    1.3513513513513544,
    1.3698630136986196,
    1.3888888888888857,
    1.4285714285714164,
    1.4285714285714164,
    1.4285714285714448,
    1.4492753623188293,
    1.470588235294116,
    1.5151515151515156,
    1.5151515151515156,
    1.5625,
    1.5625,
    1.5625000000000142,
    1.5873015873015817,
    1.6129032258064484,
    1.6393442622950687,
    1.6393442622950687,
    1.6666666666666572,
    1.6666666666666572,
    1.6666666666666714,
    1.6949152542372872,
    1.7241379310344769,
    1.7241379310344769,
    1.7543859649122737,
    1.754385964912288,
    1.7857142857142776,
    1.818181818181813,
    1.818181818181813,
    1.818181818181813,
    1.818181818181813,
    1.8518518518518476,
    1.8518518518518476,
    1.8518518518518476,
    1.8518518518518619,
    1.8518518518518619,
    1.8867924528301785,
    1.8867924528301927,
    1.8867924528301927,
    1.9230769230769198,
    1.9607843137255117,
    1.9607843137255117,
    2.0000000000000284,
    2.040816326530603,
    2.040816326530603,
    2.439024390243887,
    2.564102564102555,
    2.702702702702709,
    2.8169014084507182,
    2.985074626865682,
    3.0303030303030454,
    3.125000000000014,
    3.1746031746031633,
    3.225806451612911,
    3.333333333333343,
    3.333333333333343,
    3.3898305084745743,
    3.4482758620689538,
    3.5714285714285836,
    3.703703703703681,
    4.081632653061206,
    4.1095890410959015,
    5.555555555555557,
]
OTHER = [0.0] * 193 + [
    1.3888888888888857,
    1.470588235294116,
    1.492537313432834,
    1.492537313432834,
    1.492537313432834,
    1.5384615384615614,
    1.5625000000000142,
    1.5873015873015817,
    1.6393442622950687,
    1.6949152542373014,
    1.7241379310344769,
    1.754385964912288,
    1.7857142857142776,
    1.8518518518518619,
    2.5000000000000284,
    2.9850746268656536,
    3.124999999999986,
]
Z95 = 1.9599639845400536

VALUES = st.lists(st.integers(0, 12).map(lambda n: n / 60), min_size=2, max_size=25)


def test_the_statistic_is_r_s_at_both_ends():
    statistic = Statistic(MINE, OTHER)
    least, most = min(MINE) - max(OTHER), max(MINE) - min(OTHER)
    assert (least, most) == (-3.124999999999986, 5.555555555555557)
    assert statistic(least) - Z95 == pytest.approx(17.090968923762254, abs=1e-12)
    assert statistic(most) - Z95 == pytest.approx(-20.997687930433106, abs=1e-12)
    assert statistic(least) + Z95 == pytest.approx(21.01089689284236, abs=1e-12)
    assert statistic(most) + Z95 == pytest.approx(-17.077759961353, abs=1e-12)


def test_the_search_ends_where_r_s_does_to_the_last_digit():
    assert shift(MINE, OTHER, 0.95) == Shift(
        3.521755377702165e-05, 2.02456461662334e-05, 2.6279243045155653e-05
    )


def test_samples_that_do_not_overlap_are_bounded_by_their_ends():
    # Kayenta's own first example; R's exact distribution gives the same here.
    assert shift([10.0, 20.0, 30.0, 40.0], [1.0, 2.0, 3.0, 4.0], 0.95) == Shift(6.0, 39.0, 22.5)


@pytest.mark.parametrize(("mine", "other"), [([1.0], [2.0]), ([3.0], [3.0]), ([2.0, 2.0], [2.0, 2.0])])
def test_where_all_is_tied_there_is_no_interval(mine, other):
    assert shift(mine, other, 0.98) is None


def by_definition(mine, other, at):
    """The statistic from ranks, as the textbook has it."""
    moved = [each - at for each in mine]
    everything = moved + list(other)
    rank = {v: sum(w < v for w in everything) + (everything.count(v) + 1) / 2 for v in set(everything)}
    n, m = len(mine), len(other)
    away = sum(rank[v] for v in moved) - n * (n + 1) / 2 - n * m / 2
    ties = sum(everything.count(v) ** 3 - everything.count(v) for v in set(everything))
    variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
    half = 0.5 if away > 0 else -0.5 if away < 0 else 0.0
    return (away - half) / math.sqrt(variance)


@given(VALUES, VALUES, st.integers(-12, 12).map(lambda n: n / 60))
def test_the_statistic_is_that_of_the_ranks_also_where_arms_are_tied(mine, other, at):
    assume(len({each - at for each in mine} | set(other)) > 1)
    assert Statistic(mine, other)(at) == pytest.approx(by_definition(mine, other, at), abs=1e-9)


@given(VALUES, VALUES)
def test_the_statistic_falls_as_the_shift_grows(mine, other):
    statistic = Statistic(mine, other)
    least, most = min(mine) - max(other), max(mine) - min(other)
    inside = [least + (most - least) * (i + 0.5) / 17 for i in range(17)]
    assume(len({*mine}) > 1 or len({*other}) > 1)
    found = [statistic(each) for each in inside]
    # Ties between the arms change the variance at single points; between them it is constant.
    assert all(later <= earlier + 0.35 for earlier, later in itertools.pairwise(found))


EXACT = st.lists(st.integers(0, 12).map(lambda n: n / 64), min_size=2, max_size=25)


@given(EXACT, EXACT, st.integers(-50, 50))
def test_moving_both_arms_moves_nothing(mine, other, by):
    one = shift(mine, other, 0.98)
    both = shift([each + by for each in mine], [each + by for each in other], 0.98)
    assert (one is None) == (both is None)
    if one and both:
        assert both.low == pytest.approx(one.low, abs=2e-4)
        assert both.high == pytest.approx(one.high, abs=2e-4)


@given(VALUES, VALUES)
def test_the_ends_lie_in_order_up_to_the_tolerance(mine, other):
    found = shift(mine, other, 0.98)
    assume(found is not None)
    assert found.low <= found.estimate + 1e-4
    assert found.estimate <= found.high + 1e-4


def test_a_root_at_an_end_is_that_end():
    assert zeroin(lambda x: x, (0.0, 1.0), (0.0, 1.0)) == 0.0
    assert zeroin(lambda x: x - 1, (0.0, 1.0), (-1.0, 0.0)) == 1.0


@given(st.floats(-0.9, 0.9))
def test_a_smooth_root_is_found_within_the_tolerance(root):
    f = lambda x: (x - root) ** 3 + (x - root)  # noqa: E731
    assert zeroin(f, (-1.0, 1.0), (f(-1.0), f(1.0))) == pytest.approx(root, abs=1e-4)


def test_the_common_language_effect_is_the_part_of_pairs_that_are_higher():
    assert superiority([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 4.0, 5.0]) == 0.5
    assert superiority([2.3, 2.6, 4.7], [25.3, 22.9]) == 0.0
    assert superiority([3.0, 1.0], [2.0, 1.0]) == (2 + 0.5) / 4
