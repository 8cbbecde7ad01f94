"""Control charts against published examples, and every rule against its own definition.

Sources of the examples: Montgomery, Introduction to Statistical Quality Control, 7th ed.: tables 6.3 (piston
rings) and 7.1 (orange juice cans), appendix VI (factors). NIST/SEMATECH e-Handbook, 6.3.2.2 (flow rate).
"""

import math
from datetime import UTC, datetime, timedelta

import pytest
from andon_mes.spc.capability import capability
from andon_mes.spc.charts import dispersions, estimate, locations, p_limits, subgroups
from andon_mes.spc.constants import c4, d2, d3
from andon_mes.spc.decide import Setup, judge_shifts, new_signals, study
from andon_mes.spc.model import (
    DEFAULT_RULES,
    ChartKind,
    Limits,
    Measured,
    Rule,
    ShiftCount,
    Tolerance,
    Unknown,
    Where,
)
from andon_mes.spc.rules import violations
from hypothesis import given, settings
from hypothesis import strategies as st

T0 = datetime(2025, 11, 10, 3, tzinfo=UTC)
RINGS = """
74.030 74.002 74.019 73.992 74.008  73.995 73.992 74.001 74.011 74.004  73.988 74.024 74.021 74.005 74.002
74.002 73.996 73.993 74.015 74.009  73.992 74.007 74.015 73.989 74.014  74.009 73.994 73.997 73.985 73.993
73.995 74.006 73.994 74.000 74.005  73.985 74.003 73.993 74.015 73.988  74.008 73.995 74.009 74.005 74.004
73.998 74.000 73.990 74.007 73.995  73.994 73.998 73.994 73.995 73.990  74.004 74.000 74.007 74.000 73.996
73.983 74.002 73.998 73.997 74.012  74.006 73.967 73.994 74.000 73.984  74.012 74.014 73.998 73.999 74.007
74.000 73.984 74.005 73.998 73.996  73.994 74.012 73.986 74.005 74.007  74.006 74.010 74.018 74.003 74.000
73.984 74.002 74.003 74.005 73.997  74.000 74.010 74.013 74.020 74.003  73.982 74.001 74.015 74.005 73.996
74.004 73.999 73.990 74.006 74.009  74.010 73.989 73.990 74.009 74.014  74.015 74.008 73.993 74.000 74.010
73.982 73.984 73.995 74.017 74.013
"""
FLOW = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
CANS = [
    12,
    15,
    8,
    10,
    4,
    7,
    16,
    9,
    14,
    10,
    5,
    6,
    17,
    12,
    22,
    8,
    10,
    5,
    13,
    11,
    20,
    18,
    24,
    15,
    9,
    12,
    7,
    13,
    9,
    6,
]


def points(values):
    return [Measured(n, each, T0 + timedelta(minutes=n), n) for n, each in enumerate(values, start=1)]


def rings():
    return subgroups(points([float(each) for each in RINGS.split()]), 5)


def shifts(counts, tried=50):
    return [ShiftCount(str(n), T0 + timedelta(hours=12 * n), tried, each) for n, each in enumerate(counts)]


def test_factors_are_those_of_the_tables():
    published = {
        2: (1.128, 0.853, 0.7979),
        3: (1.693, 0.888, 0.8862),
        5: (2.326, 0.864, 0.9400),
        10: (3.078, 0.797, 0.9727),
        25: (3.931, 0.708, 0.9896),
    }
    for n, (mean, spread, unbiased) in published.items():
        assert d2(n) == pytest.approx(mean, abs=5e-4)
        assert d3(n) == pytest.approx(spread, abs=6e-4)
        assert c4(n) == pytest.approx(unbiased, abs=5e-5)
    assert 3 / (d2(5) * math.sqrt(5)) == pytest.approx(0.577, abs=5e-4)  # A2
    assert 1 + 3 * d3(2) / d2(2) == pytest.approx(3.267, abs=1e-3)  # D4


def test_xbar_and_r_of_the_piston_rings():
    limits = estimate(ChartKind.XBAR_R, rings(), exclude=False)
    assert limits.location.centre == pytest.approx(74.001176, abs=1e-6)
    assert limits.dispersion.centre == pytest.approx(0.581 / 25)
    assert (limits.location.lower, limits.location.upper) == pytest.approx((73.988, 74.014), abs=6e-4)
    assert limits.location.upper - limits.location.centre == pytest.approx(0.577 * 0.581 / 25, rel=1e-3)
    assert (limits.dispersion.lower, limits.dispersion.upper) == pytest.approx((0, 0.0492), abs=1e-4)


def test_xbar_and_s_of_the_piston_rings():
    limits = estimate(ChartKind.XBAR_S, rings(), exclude=False)
    assert limits.dispersion.centre == pytest.approx(0.0094, abs=5e-5)
    assert (limits.location.lower, limits.location.upper) == pytest.approx((73.988, 74.014), abs=6e-4)
    assert limits.location.upper - limits.location.centre == pytest.approx(1.427 * 0.0094, rel=1e-3)
    assert (limits.dispersion.lower, limits.dispersion.upper) == pytest.approx((0, 0.0196), abs=1e-4)


def test_individuals_and_moving_range_of_the_flow_rate():
    groups = subgroups(points(FLOW * 2), 1)  # ten are too few to judge by
    assert estimate(ChartKind.I_MR, groups[:10], exclude=False) is Unknown.TOO_FEW
    ranges = [each for each in dispersions(ChartKind.I_MR, groups[:10]) if each is not None]
    assert sum(ranges) / 9 == pytest.approx(1.8778, abs=1e-4)
    limits = estimate(ChartKind.I_MR, groups, exclude=False)
    reach = (limits.location.upper - limits.location.lower) / 2
    middle = sum(each for each in dispersions(ChartKind.I_MR, groups) if each is not None) / 19
    assert limits.location.centre == pytest.approx(50.81)
    assert reach == pytest.approx(3 * middle / 1.128, rel=1e-3)
    assert limits.dispersion.upper == pytest.approx(3.267 * middle, rel=1e-3)


def test_p_chart_of_the_orange_juice_cans_and_its_shifts_that_are_beyond():
    counted = shifts(CANS)
    limits = p_limits(counted)
    assert limits[0].centre == pytest.approx(0.2313, abs=5e-5)
    assert (limits[0].lower, limits[0].upper) == pytest.approx((0.0524, 0.4102), abs=5e-5)
    found = judge_shifts(counted, limits, [Rule.NELSON_1])
    assert [each.numbers for each in found] == [(14,), (22,)]
    revised = p_limits([each for each in counted if each.failed not in {22, 24}])
    assert (revised[0].centre, revised[0].lower, revised[0].upper) == pytest.approx(
        (0.2150, 0.0407, 0.3893), abs=6e-5
    )


def test_a_p_chart_without_anything_tried_or_failed_knows_nothing():
    assert p_limits(shifts([0, 0, 0])) == [None] * 3
    assert p_limits(shifts([0], tried=0)) == [None]
    counted = [*shifts([5, 6, 4]), ShiftCount("idle", T0, 0, 0)]
    limits = p_limits(counted)
    assert limits[3] is None
    assert judge_shifts(counted, limits, list(Rule)) == []


def test_a_baseline_leaves_out_what_was_beyond_its_limits_until_nothing_is():
    values = [10 + (-1) ** n * 0.5 for n in range(30)]
    values[11], values[20] = 40.0, 14.0  # the second shows only once the first is out
    groups = subgroups(points(values), 1)
    assert estimate(ChartKind.I_MR, groups, exclude=False).excluded == ()
    limits = estimate(ChartKind.I_MR, groups, exclude=True)
    assert limits.excluded == (12, 21)
    assert limits.location.upper == pytest.approx(10 + 3 / d2(2), abs=0.1)


def test_what_never_varies_has_no_limits():
    groups = subgroups(points([1.3] * 30), 1)
    assert estimate(ChartKind.I_MR, groups, exclude=False) is Unknown.NO_VARIATION


def test_a_subgroup_is_the_same_whichever_part_is_looked_at():
    every = subgroups(points(range(1, 101)), 5)
    part = subgroups(points(range(1, 101))[12:], 5)
    assert [each.number for each in part] == list(range(4, 21))
    assert part == every[3:]
    assert subgroups([], 5) == subgroups(points([1, 2]), 5) == []


SIGNALS = [
    (Rule.NELSON_1, [0, 3.1], [2]),
    (Rule.NELSON_1, [0, -3.0], []),
    (Rule.NELSON_2, [0.1] * 9, [9]),
    (Rule.NELSON_2, [0.1] * 8 + [-0.1], []),
    (Rule.NELSON_2, [0.1] * 8 + [0, 0.1], []),
    (Rule.NELSON_3, [-1, -0.5, 0, 0.5, 1, 1.5], [6]),
    (Rule.NELSON_3, [-1, -0.5, 0, 0, 0.5, 1], []),
    (Rule.NELSON_4, [0.5, -0.5] * 7, [14]),
    (Rule.NELSON_4, [0.5, -0.5] * 6 + [0.5, 0.6], []),
    (Rule.NELSON_5, [2.1, 0, 2.1], [3]),
    (Rule.NELSON_5, [2.1, 2.1], [2]),
    (Rule.NELSON_5, [2.1, 2.1, 0], [2]),
    (Rule.NELSON_5, [2.1, 0, -2.1], []),
    (Rule.NELSON_6, [1.1, 1.1, 0, 1.1, 1.1], [5]),
    (Rule.NELSON_6, [1.1, 1.1, 0, -1.1, 1.1], []),
    (Rule.NELSON_7, [0.9, -0.9] * 7 + [0.9], [15]),
    (Rule.NELSON_7, [0.9, -0.9] * 7 + [1.0], []),
    (Rule.NELSON_8, [1.1, -1.1] * 4, [8]),
    (Rule.NELSON_8, [1.1] * 8, []),
    (Rule.NELSON_8, [1.1, -1.1] * 3 + [1.1, 0.9], []),
    (Rule.WESTERN_ELECTRIC_1, [-3.1], [1]),
    (Rule.WESTERN_ELECTRIC_2, [-2.1, 0, -2.1], [3]),
    (Rule.WESTERN_ELECTRIC_3, [-1.1, -1.1, -1.1, 0, -1.1], [5]),
    (Rule.WESTERN_ELECTRIC_4, [-0.1] * 8, [8]),
    (Rule.WESTERN_ELECTRIC_4, [-0.1] * 7 + [0.1], []),
]


@pytest.mark.parametrize(("rule", "deviations", "at"), SIGNALS)
def test_a_rule_signals_at_the_point_that_completes_it(rule, deviations, at):
    found = violations(range(1, len(deviations) + 1), deviations, [rule], Where.LOCATION)
    assert [each.numbers[-1] for each in found] == at


@settings(max_examples=60)
@given(st.lists(st.floats(-4, 4), max_size=40), st.integers(0, 40))
def test_a_point_is_judged_by_itself_and_what_came_before(deviations, cut):
    def upto(end):
        return {
            (each.rule, each.numbers)
            for each in violations(range(end), deviations[:end], list(Rule), Where.LOCATION)
        }

    part = min(cut, len(deviations))
    assert upto(part) == {each for each in upto(len(deviations)) if each[1][-1] < part}


@settings(max_examples=60)
@given(st.lists(st.floats(-4, 4), max_size=40))
def test_rules_know_no_side(deviations):
    def of(values):
        return {
            (each.rule, each.numbers)
            for each in violations(range(len(values)), values, list(Rule), Where.LOCATION)
        }

    assert of(deviations) == of([-each for each in deviations])


RING_SETUP = Setup(ChartKind.XBAR_R, 5, DEFAULT_RULES, Tolerance(73.95, 74.05))


def test_capability_of_the_stable_piston_rings():
    limits = estimate(ChartKind.XBAR_R, rings(), exclude=False)
    judged = study(RING_SETUP, rings(), limits)
    assert judged.violations == ()
    said = judged.capability
    assert (said.values, said.why) == (125, None)
    assert said.cp == pytest.approx(1.68, abs=0.02)  # the book's, of a rounded sigma
    assert said.cpk == pytest.approx((74.05 - 74.001176) / (3 * 0.581 / 25 / 2.326), rel=1e-3)
    assert said.cpk_at_least < said.cpk < said.cp
    assert said.ppk <= said.pp


def test_an_unstable_process_has_no_capability_and_says_so():
    values = [float(each) for each in RINGS.split()]
    values[60:65] = [74.05] * 5
    groups = subgroups(points(values), 5)
    judged = study(RING_SETUP, groups, estimate(ChartKind.XBAR_R, rings(), exclude=False))
    assert [(each.rule, each.numbers) for each in judged.violations] == [(Rule.NELSON_1, (13,))]
    said = judged.capability
    assert (said.cp, said.cpk, said.pp, said.ppk, said.why) == (None, None, None, None, Unknown.NOT_STABLE)
    assert new_signals(judged, 12) == list(judged.violations)
    assert new_signals(judged, 13) == []


@pytest.mark.parametrize(
    ("tolerance", "groups", "why"),
    [
        (Tolerance(None, None), 25, Unknown.NO_LIMITS),
        (Tolerance(73.95, 74.05), 24, Unknown.TOO_FEW),
        (Tolerance(73.95, None), 25, None),
    ],
)
def test_capability_says_what_it_cannot_say(tolerance, groups, why):
    limits = estimate(ChartKind.XBAR_R, rings(), exclude=False)
    said = capability(rings()[:groups], limits, tolerance, is_stable=True)
    assert said.why is why
    assert said.cp is None or tolerance.upper is not None
    assert (said.cpk is None) == (why is not None)


def test_capability_without_limits_of_the_chart_is_unknown():
    said = capability(rings()[:5], Unknown.TOO_FEW, Tolerance(1, 2), is_stable=True)
    assert (said.cpk, said.why) == (None, Unknown.TOO_FEW)
    assert study(RING_SETUP, rings(), Unknown.TOO_FEW).violations == ()


def test_a_dispersion_beyond_its_limits_signals_too():
    values = [float(each) for each in RINGS.split()]
    values[60:65] = [73.95, 74.05, 74.0, 74.0, 74.0]
    judged = study(
        RING_SETUP, subgroups(points(values), 5), estimate(ChartKind.XBAR_R, rings(), exclude=False)
    )
    assert [(each.where, each.numbers) for each in judged.violations] == [(Where.DISPERSION, (13,))]


def test_locations_and_limits_are_those_that_are_plotted():
    judged = study(RING_SETUP, rings(), estimate(ChartKind.XBAR_R, rings(), exclude=False), asked=list(Rule))
    assert judged.locations == tuple(locations(rings()))
    assert isinstance(judged.limits.location, Limits)
