"""Looks to values of intervals: what belongs where, and what silence is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.judge.intervals import Frame, begin, gather, quantile_of
from andon.judge.model import Counts, JudgeState, Look, MetricKind, MetricPolicy

ERRORS = MetricPolicy("errors", alpha=0.01)
EDGES = (0.1, 0.5, 1.0, math.inf)
SLOW = MetricPolicy("duration", alpha=0.01, kind=MetricKind.LATENCY, edges=EDGES)
MINUTE = Frame(seconds=60.0, keep=5, quantile=0.95)


def a_state(*metrics):
    return JudgeState({}, series=begin(metrics or (ERRORS,)))


def fed(looks, metric=ERRORS, frame=MINUTE):
    """looks: (at, stable, candidate) each; a look is (exposure, bad)."""
    state, ended = a_state(metric), []
    for at, stable, candidate in looks:
        look = {} if stable is None else {metric.name: Look(Counts(*stable), Counts(*candidate))}
        state, count = gather(state, look, (metric,), at, frame)
        ended.append(count)
    return state, ended


def test_a_minute_ends_with_the_first_look_after_it():
    state, ended = fed(
        [
            (1000.0, (10, 1), (20, 1)),  # 16:40; the minute ends at 1020
            (1020.0, (10, 0), (20, 0)),
            (1021.0, (7, 7), (9, 9)),
        ]
    )
    assert ended == [0, 0, 1]
    assert state.closes_at == 1080.0
    series = state.series["errors"]
    assert (series.stable, series.candidate) == ((1 / 20,), (1 / 40,))
    assert (series.open_stable, series.open_candidate) == (Counts(7, 7), Counts(9, 9))


def test_an_interval_without_a_look_has_no_value():
    state, ended = fed([(60.0, (10, 1), (10, 0)), (200.0, (10, 0), (10, 0))])
    assert ended == [0, 3]
    assert state.series["errors"].stable == (0.1, None, None)
    assert state.series["errors"].candidate == (0.0, None, None)


def test_a_metric_that_said_nothing_has_no_value_while_the_others_have():
    state = a_state(ERRORS, SLOW)
    for at in (60.0, 120.0):
        state, _ = gather(state, {"errors": Look(Counts(5, 1), Counts(5, 1))}, (ERRORS, SLOW), at, MINUTE)
    assert state.series["errors"].candidate == (0.2,)
    assert state.series["duration"].candidate == (None,)


def test_an_arm_without_exposure_has_no_value():
    state, _ = fed([(60.0, (10, 1), (0, 0)), (61.0, (0, 0), (0, 0))])
    assert (state.series["errors"].stable, state.series["errors"].candidate) == ((0.1,), (None,))


def test_a_bad_event_that_comes_before_its_exposure_counts_with_it():
    state, _ = fed([(60.0, (10, 0), (2, 3)), (120.0, (10, 0), (4, 0)), (121.0, (0, 0), (0, 0))])
    assert state.series["errors"].candidate == (1.0, 1 / 4)


def test_a_bad_event_without_exposure_waits():
    state, _ = fed([(60.0, (10, 0), (0, 1)), (120.0, (10, 0), (4, 0)), (121.0, (0, 0), (0, 0))])
    assert state.series["errors"].candidate == (None, 1 / 4)


def test_only_what_is_read_is_kept():
    state, ended = fed([(60.0 * i, (10, 1), (10, 0)) for i in range(1, 20)])
    assert len(state.series["errors"].stable) == 5
    state, ended = gather(state, {}, (ERRORS,), 1e9, MINUTE)
    assert ended > 1e7
    assert state.series["errors"].candidate == (0.0, None, None, None, None)


def test_a_clock_that_is_set_back_adds_to_the_open_interval():
    state, ended = fed([(100.0, (10, 0), (10, 0)), (40.0, (10, 0), (10, 5))])
    assert ended == [0, 0]
    assert state.series["errors"].open_candidate == Counts(20, 5)


def test_looks_without_a_time_end_no_interval():
    state, ended = fed([(0.0, (10, 0), (10, 0))] * 3)
    assert ended == [0, 0, 0]
    assert state.closes_at == 0.0


def test_what_is_measured_has_its_quantile_as_value():
    state = a_state(SLOW)
    look = Look(Counts(20), Counts(20), stable_buckets=(20, 0, 0, 0), candidate_buckets=(10, 10, 0, 0))
    for at in (59.0, 60.0, 61.0):
        state, _ = gather(state, {"duration": look}, (SLOW,), at, MINUTE)
    series = state.series["duration"]
    assert series.stable == (pytest.approx(0.095),)
    assert series.candidate == (pytest.approx(0.1 + 0.4 * 0.9),)
    assert series.open_candidate_buckets == (10, 10, 0, 0)


@pytest.mark.parametrize(
    ("buckets", "quantile", "expected"),
    [
        ((0, 0, 0, 0), 0.95, None),
        ((4, 0, 0, 0), 0.5, 0.05),
        ((0, 0, 4, 0), 0.5, 0.75),
        ((1, 0, 0, 3), 0.95, 1.0),
        ((2, 2, 0, 0), 0.5, 0.1),
    ],
)
def test_a_quantile_lies_evenly_within_its_bucket(buckets, quantile, expected):
    found = quantile_of(buckets, EDGES, quantile)
    assert found is None if expected is None else found == pytest.approx(expected)


COUNTS = st.integers(0, 50).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(st.lists(st.tuples(st.floats(0.1, 40.0), COUNTS, COUNTS), min_size=1, max_size=30))
def test_nothing_is_lost_and_no_value_is_impossible(looks):
    at, fed_in = 0.0, []
    for gap, stable, candidate in looks:
        at += gap
        fed_in.append((at, stable, candidate))
    state, ended = fed(fed_in, frame=Frame(60.0, 1000, 0.95))
    series = state.series["errors"]
    assert len(series.stable) == len(series.candidate) == sum(ended)
    assert all(each is None or 0.0 <= each <= 1.0 for each in (*series.stable, *series.candidate))
