"""Alerts of a station: once when it begins, once when it is over, not again within the pause."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon_agent.rules import DEFAULTS, Standing, gone, judge
from andon_wire.protocol import EdgeRule, EventKind, Sample

pytestmark = pytest.mark.unit

AT = datetime(2026, 1, 2, tzinfo=UTC)
MEMORY = EdgeRule(name="memory", metric="memory", limit=0.85)
_FIELD = {"response": "response_s"}
RESPONSE = EdgeRule(name="response", metric="response", limit=5)


def a_sample(**values: float | None) -> Sample:
    return Sample.model_validate({"at": AT, "cpu": 0, "memory": 0, "disk": 0, **values})


def run(
    rule: EdgeRule, values: list[tuple[float, float | None]], metric: str = "memory"
) -> list[tuple[float, EventKind]]:
    standing: dict[str, Standing] = {}
    told: list[tuple[float, EventKind]] = []
    for now, value in values:
        standing, news = judge([rule], standing, a_sample(**{_FIELD.get(metric, metric): value}), now=now)
        told += [(now, each.kind) for each in news]
    return told


@pytest.mark.parametrize(
    ("metric", "limit", "level"),
    [
        ("cpu", 0.80, "warning"),
        ("memory", 0.85, "warning"),
        ("disk", 0.90, "error"),
        ("response", 5, "warning"),
    ],
)
def test_the_limits_are_those_of_h9(metric: str, limit: float, level: str) -> None:
    rule = next(each for each in DEFAULTS if each.metric == metric)
    assert (rule.limit, rule.level, rule.pause_s) == (limit, level, 300)


def test_the_limit_itself_is_not_beyond_it() -> None:
    assert run(MEMORY, [(0, 0.85)]) == []
    assert run(MEMORY, [(0, 0.8501)]) == [(0, EventKind.ALERT)]


def test_it_is_told_once_and_once_that_it_is_over() -> None:
    values = [(0, 0.9), (30, 0.95), (400, 0.9), (430, 0.84), (460, 0.81), (490, 0.80), (520, 0.7)]
    assert run(MEMORY, values) == [(0, EventKind.ALERT), (490, EventKind.ALERT_OVER)]


def test_a_value_at_the_limit_does_not_ring() -> None:
    assert run(MEMORY, [(each * 30, 0.86 if each % 2 else 0.84) for each in range(100)]) == [
        (30, EventKind.ALERT)
    ]


def test_the_same_is_not_told_again_within_five_minutes_but_afterwards_if_it_lasts() -> None:
    values = [(0, 0.9), (30, 0.5), (60, 0.9), (90, 0.9), (299, 0.9), (300, 0.9), (330, 0.1)]
    assert run(MEMORY, values) == [
        (0, EventKind.ALERT),
        (30, EventKind.ALERT_OVER),
        (300, EventKind.ALERT),
        (330, EventKind.ALERT_OVER),
    ]


def test_what_was_not_told_is_not_told_to_be_over() -> None:
    values = [(0, 0.9), (30, 0.5), (60, 0.9), (90, 0.5)]
    assert run(MEMORY, values) == [(0, EventKind.ALERT), (30, EventKind.ALERT_OVER)]


def test_a_short_peak_is_none() -> None:
    rule = MEMORY.model_copy(update={"for_s": 60})
    assert run(rule, [(0, 0.9), (30, 0.9), (45, 0.1), (60, 0.9), (90, 0.9)]) == []
    assert run(rule, [(0, 0.9), (30, 0.9), (60, 0.9)]) == [(60, EventKind.ALERT)]


def test_no_answer_is_not_a_good_one() -> None:
    values: list[tuple[float, float | None]] = [(0, 6), (30, None), (60, None), (90, 1)]
    assert run(RESPONSE, values, "response") == [(0, EventKind.ALERT), (90, EventKind.ALERT_OVER)]


def test_a_rule_that_is_gone_leaves_no_alert_open() -> None:
    standing, _ = judge([MEMORY], {}, a_sample(memory=0.9), now=0)
    found = gone([MEMORY], [], standing)
    assert [each.kind for each in found] == [EventKind.ALERT_OVER]
    assert gone([MEMORY], [MEMORY], standing) == []


def test_an_alert_says_what_and_how_much() -> None:
    _, (told,) = judge([RESPONSE], {}, a_sample(response_s=7.25), now=0)
    assert told.reason == "response is above its limit: 7.2 s, limit 5.0 s"
    assert told.facts == {
        "rule": "response",
        "metric": "response",
        "level": "warning",
        "value": 7.25,
        "limit": 5.0,
    }


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 1)), max_size=60))
def test_alerts_and_their_ends_alternate_and_keep_the_pause(steps: list[tuple[float, float]]) -> None:
    now, values = 0.0, []
    for later, value in steps:
        now += later
        values.append((now, value))
    told = run(MEMORY, values)
    assert [kind for _, kind in told] == [
        EventKind.ALERT_OVER if each % 2 else EventKind.ALERT for each in range(len(told))
    ]
    begun = [at for at, kind in told if kind is EventKind.ALERT]
    assert all(second - first >= 300 for first, second in itertools.pairwise(begun))
