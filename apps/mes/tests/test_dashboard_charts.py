"""The geometry of the charts: where columns, points and limits lie, and that nothing leaves the picture."""

import math
import re

import pytest
from andon_mes.dashboard import charts
from andon_mes.dashboard.floor_pages import colour_of
from andon_mes.dashboard.format import figure, number, percent, seconds
from andon_mes.equipment.model import ResourceState
from hypothesis import given, settings
from hypothesis import strategies as st

_VALUES = st.one_of(st.none(), st.floats(-1e9, 1e9, allow_nan=False))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=8), _VALUES, st.just(("nelson-1",)))), st.lists(_VALUES, max_size=4)
)
def test_every_point_and_limit_lies_within_the_picture(plotted, limits):
    chart = charts.control(plotted, [("limit", each) for each in limits])
    measured = [value for _, value, _ in plotted if value is not None]
    if not measured:
        assert chart is None
        return
    assert len(chart.points) == len(measured)
    for each in chart.points:
        assert charts.LEFT <= each.x <= charts.WIDTH - charts.RIGHT
    for y in [each.y for each in chart.points] + [each.y for each in chart.lines]:
        assert charts.TOP <= y <= charts.HEIGHT - charts.BOTTOM
    assert all(math.isfinite(float(each)) for each in re.findall(r"-?[\d.]+", chart.path))


def test_a_higher_value_lies_higher_and_what_breaks_a_rule_says_which():
    chart = charts.control([("1", 1.0, ()), ("2", 3.0, ("nelson-1",))], [("centre", 2.0)])
    low, high = chart.points
    assert high.y < chart.lines[0].y < low.y
    assert (low.rules, high.rules) == ((), ("nelson-1",))


def test_points_with_limits_of_their_own_have_stairs():
    chart = charts.control([("a", 0.1, ()), ("b", 0.2, ())], [], [(0.0, 0.3), (None, 0.4)])
    assert chart.upper.count("L") == 3
    assert chart.lower.count("L") == 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=5), st.integers(0, 1000)), max_size=30))
def test_a_pareto_counts_everything_once_and_begins_with_the_most_frequent(counts):
    chart = charts.pareto(counts)
    total = sum(count for _, count in counts)
    if chart is None:
        assert total == 0
        return
    shown = [each.count for each in chart.columns]
    assert shown == sorted(shown, reverse=True)
    assert sum(shown) + chart.left_off == total
    assert chart.columns[-1].share == pytest.approx(sum(shown) / total)
    assert all(each.top >= charts.TOP - 0.1 for each in chart.columns)


def test_the_parts_of_a_bar_fill_it_and_leave_out_what_is_not_there():
    parts = charts.stack([("PRD", 3.0), ("SBY", 0.0), ("unknown", 1.0)])
    assert [(each.name, each.left, each.width) for each in parts] == [("PRD", 0, 75), ("unknown", 75, 25)]
    assert charts.stack([("PRD", 0.0)]) == ()


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (percent(None), "–"),
        (percent(0.93333), "93.3%"),
        (percent(1.0), "100%"),
        (number(None), "–"),
        (number(12345), "12,345"),
        (number(0.123456), "0.123"),
        (figure(1.19653), "1.1965"),
        (seconds(None), "–"),
        (seconds(59.94), "59.9 s"),
        (seconds(75, "ko"), "1분 15초"),
        (seconds(7320), "2 h 2 m"),
    ],
)
def test_a_figure_reads_as_people_write_it_and_unknown_is_never_zero(shown, said):
    assert shown == said


@pytest.mark.parametrize("state", [None, *ResourceState])
def test_every_state_of_equipment_has_a_lamp_and_the_unknown_is_grey(state):
    assert colour_of(state) in {"green", "amber", "red", "grey"}
    assert colour_of(None) == "grey"
