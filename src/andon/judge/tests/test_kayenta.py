"""Kayenta's documented rules, case by case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.judge.kayenta import Comparison, Said, compare, outliers_removed, percentile, score
from andon.judge.options import Compared, Direction, MannWhitney, Measure, NanStrategy

HOW = MannWhitney()
LOW = [10.0 + each / 10 for each in range(20)]
HIGH = [20.0 + each / 10 for each in range(20)]
INCREASE, DECREASE, EITHER = Direction.INCREASE, Direction.DECREASE, Direction.EITHER
NONE = [None] * 20
ZEROS = [0.0] * 20
ONES = [1.0] * 20
CLES = Measure.CLES

CASES = {
    # stable, candidate, how the metric is read, what is said, critical
    "alike": (LOW, list(reversed(LOW)), {}, Said.PASS, False),
    "the same constant, more of it": ([0.0] * 7, [0.0] * 9, {}, Said.PASS, False),
    "higher": (LOW, HIGH, {}, Said.HIGH, False),
    "higher, and only a decrease fails": (LOW, HIGH, {"direction": DECREASE}, Said.PASS, False),
    "higher, and either fails": (LOW, HIGH, {"direction": EITHER}, Said.HIGH, False),
    "lower": (HIGH, LOW, {}, Said.PASS, False),
    "lower, and a decrease fails": (HIGH, LOW, {"direction": DECREASE}, Said.LOW, False),
    "lower, and either fails": (HIGH, LOW, {"direction": EITHER}, Said.LOW, False),
    "higher by less than allowed": (LOW, HIGH, {"allowed_increase": 2.0}, Said.PASS, False),
    "higher by what is allowed": (LOW, HIGH, {"allowed_increase": 1.9}, Said.HIGH, False),
    "lower by less than allowed": (
        HIGH,
        LOW,
        {"direction": DECREASE, "allowed_decrease": 0.5},
        Said.PASS,
        False,
    ),
    "lower by what is allowed": (
        HIGH,
        LOW,
        {"direction": DECREASE, "allowed_decrease": 0.6},
        Said.LOW,
        False,
    ),
    "higher in all pairs": (LOW, HIGH, {"measure": CLES, "allowed_increase": 1.0}, Said.HIGH, False),
    "lower in all pairs": (
        HIGH,
        LOW,
        {"measure": CLES, "direction": EITHER, "allowed_decrease": 0.0},
        Said.LOW,
        False,
    ),
    "an effect that cannot be computed is ignored": (
        ZEROS,
        HIGH,
        {"allowed_increase": 99.0},
        Said.HIGH,
        False,
    ),
    "critical": (LOW, HIGH, {"critical": True}, Said.HIGH, True),
    "critical from a larger effect on": (
        LOW,
        HIGH,
        {"critical": True, "critical_increase": 5.0},
        Said.HIGH,
        False,
    ),
    "critical by a decrease": (
        HIGH,
        LOW,
        {"critical": True, "direction": EITHER, "critical_decrease": 0.6},
        Said.LOW,
        True,
    ),
    "not critical by a small decrease": (
        HIGH,
        LOW,
        {"critical": True, "direction": EITHER, "critical_decrease": 0.1},
        Said.LOW,
        False,
    ),
    "critical and alike": (LOW, LOW, {"critical": True}, Said.PASS, False),
    "no data": (LOW, NONE, {}, Said.NO_DATA, False),
    "no data of the stable": (NONE, LOW, {}, Said.NO_DATA, False),
    "no data, which must be there": (LOW, NONE, {"must_have_data": True}, Said.REQUIRED_DATA_MISSING, False),
    "no data of a critical metric": (LOW, NONE, {"critical": True}, Said.NO_DATA, True),
    "no data of a critical metric that must have it": (
        LOW,
        NONE,
        {"critical": True, "must_have_data": True},
        Said.NO_DATA,
        True,
    ),
    "no data is 0": (ZEROS, NONE, {"nan_strategy": NanStrategy.REPLACE}, Said.PASS, False),
    "no data is 0 and lower": (
        LOW,
        NONE,
        {"nan_strategy": NanStrategy.REPLACE, "direction": EITHER},
        Said.LOW,
        False,
    ),
    "nothing at all, where no data is 0": ([], [], {"nan_strategy": NanStrategy.REPLACE}, Said.PASS, False),
    "some minutes without data": (LOW, [None, *HIGH, None], {}, Said.HIGH, False),
    "two constants are blurred": (ONES, [2.0] * 20, {}, Said.HIGH, False),
    "one sample each": ([1.0], [2.0], {}, Said.ERROR, False),
    "one outlier decides nothing, kept": (LOW, [*LOW[:-1], 900.0], {}, Said.PASS, False),
}


@pytest.mark.parametrize("name", CASES)
def test_a_metric_is(name):
    stable, candidate, fields, said, is_critical = CASES[name]
    found = compare(stable, candidate, Compared(**fields), HOW)
    assert (found.said, found.is_critical) == (said, is_critical)


@pytest.mark.parametrize(("by", "said"), [(0.7, Said.PASS), (0.9, Said.PASS), (1.2, Said.HIGH)])
def test_an_interval_must_stay_clear_of_the_tolerance(by, said):
    # At 0.9 it excludes no difference, but reaches down to less than a quarter of the estimate.
    stable = [each / 10 for each in range(60)]
    found = compare(stable, [each + by for each in stable], Compared(), HOW)
    assert (found.shift.low > 0.0) is (by > 0.75)
    assert found.said is said
    without = compare(stable, [each + by for each in stable], Compared(), MannWhitney(tolerance=0.0))
    assert (without.said is Said.HIGH) is (by > 0.75)


@pytest.mark.parametrize(("by", "said"), [(0.7, Said.PASS), (0.9, Said.PASS), (1.2, Said.LOW)])
def test_an_interval_below_must_stay_clear_of_the_tolerance_too(by, said):
    candidate = [each / 10 for each in range(60)]
    found = compare([each + by for each in candidate], candidate, Compared(direction=DECREASE), HOW)
    assert (found.shift.high < 0.0) is (by > 0.75)
    assert found.said is said


def test_outliers_are_beyond_both_the_quartiles_and_the_last_percent():
    # NIST's example, with Tukey's factor; Kayenta's detector keeps 1 and 99 % whatever the quartiles say.
    values = [*range(100), 1000]
    assert outliers_removed(values, 3.0) == list(range(100))
    assert outliers_removed([1.0, 2.0, 3.0], 3.0) == [1.0, 2.0, 3.0]
    low = [-1000, *range(100)]
    assert outliers_removed(low, 3.0) == list(range(100))


def test_an_outlier_can_be_left_out():
    stable, candidate = [float(each) for each in range(100)], [float(each) for each in range(99)] + [1e6]
    kept = compare(stable, candidate, Compared(), HOW)
    left_out = compare(stable, candidate, Compared(outlier_factor=3.0), HOW)
    assert kept.effect > 100
    assert left_out.effect < 1


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5], 5, 0.175),
        ([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5], 50, 1.75),
        ([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5], 100, 3.5),
        ([1.0], 100, 1.0),
    ],
)
def test_a_percentile_lies_between_neighbours(values, percent, expected):
    assert percentile(values, percent) == pytest.approx(expected)


P, H, L, N, R, E = (
    Comparison(said)
    for said in (Said.PASS, Said.HIGH, Said.LOW, Said.NO_DATA, Said.REQUIRED_DATA_MISSING, Said.ERROR)
)
BAD = Comparison(Said.HIGH, is_critical=True)
SCORES = {
    "one passes": ([("a", P)], {}, 100.0),
    "one fails": ([("a", H)], {}, 0.0),
    "one of two": ([("a", P), ("a", H)], {}, 50.0),
    "one of three": ([("a", P), ("a", H), ("a", L)], {}, 33.33),
    "two groups by weight": ([("a", P), ("a", P), ("b", H)], {"a": 75.0, "b": 25.0}, 75.0),
    "two groups alike": ([("a", P), ("a", H), ("b", H)], {"a": 50.0, "b": 50.0}, 25.0),
    "unequal groups": ([("a", H), ("a", L), ("a", P), ("b", H)], {"a": 15.0, "b": 85.0}, 5.0),
    "a group without data does not count": ([("a", P), ("a", N), ("b", H)], {"a": 50.0, "b": 50.0}, 50.0),
    "a group all without data counts whole": ([("a", P), ("a", P), ("b", N)], {}, 100.0),
    "half without data": ([("a", P), ("b", N)], {}, 0.0),
    "required data missing is a failure": ([("a", P), ("a", R)], {}, 50.0),
    "what cannot be compared does not count": ([("a", H), ("a", E), ("a", P)], {}, 50.0),
    "critical": ([("a", P), ("a", BAD)], {}, 0.0),
    "what is left is shared": ([("a", P), ("b", H), ("c", P)], {"a": 60.0}, 80.0),
}


@pytest.mark.parametrize("name", SCORES)
def test_metrics_together_are(name):
    grouped, weights, expected = SCORES[name]
    found = [(f"m{i}", each) for i, (_, each) in enumerate(grouped)]
    groups = {f"m{i}": group for i, (group, _) in enumerate(grouped)}
    assert score(found, groups, weights).total == expected


def test_a_zero_says_why():
    assert score([("errors", BAD)], {"errors": "a"}, {}).why == "errors is critical"
    silent = score([("errors", N), ("yield", P)], {"errors": "a", "yield": "b"}, {})
    assert (silent.why, silent.lacks_data) == ("1 of 2 metrics have no data", True)


RATES = st.lists(st.one_of(st.none(), st.integers(0, 9).map(lambda n: n / 60)), min_size=1, max_size=20)


@given(RATES, RATES, st.floats(0.0, 0.9), st.floats(0.0, 0.9))
def test_more_tolerance_never_fails_what_less_passes(stable, candidate, one, other):
    less, more = sorted((one, other))
    strict, lenient = (
        compare(stable, candidate, Compared(direction=EITHER), MannWhitney(tolerance=each))
        for each in (less, more)
    )
    assert lenient.said in {strict.said, Said.PASS}


@given(RATES, RATES)
def test_the_same_samples_give_the_same_bits(stable, candidate):
    one, other = (compare(stable, candidate, Compared(), HOW) for _ in range(2))
    assert one == other
