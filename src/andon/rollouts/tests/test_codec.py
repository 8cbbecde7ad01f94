"""Stored values come back exactly, and damage is said rather than guessed."""

import json
import math
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.evidence.increments import Baseline
from andon.evidence.model import Tally
from andon.judge.model import Counts, JudgeState, MetricState, RatioState
from andon.kernel.errors import Damaged
from andon.kernel.ids import Version
from andon.rollouts import codec
from andon.rollouts.model import Evidence, Phase, Rollout, Trigger
from andon.rollouts.steps import Gate, Plan
from andon.testing.rolling import AT, EVERYTHING, a_plan, a_rollout

FLOATS = st.floats(allow_nan=False)
COUNTS = st.builds(Counts, st.integers(0, 10**12), st.integers(0, 10**12))
METRICS = st.builds(
    MetricState,
    stable=COUNTS,
    candidate=COUNTS,
    log_likelihood=st.lists(FLOATS, max_size=5).map(tuple),
    log_margin=st.lists(FLOATS, max_size=5).map(tuple),
    max_log_e_harm=FLOATS,
    max_log_e_safe=FLOATS,
)
STATES = st.builds(
    JudgeState,
    metrics=st.dictionaries(st.sampled_from(["errors", "yield"]), METRICS),
    ratio=st.builds(RatioState, log_bayes_factor=FLOATS, segment_stable=st.integers(0, 10**12)),
)


@settings(deadline=None)
@given(state=STATES, share=FLOATS, at=st.datetimes(timezones=st.just(AT.tzinfo)), seq=st.integers(0, 10**9))
def test_a_rollout_comes_back_bit_for_bit(state: JudgeState, share: float, at: Any, seq: int) -> None:
    baseline = Baseline(at, "epoch", {Version("1.0.0"): Tally(5, 1)})
    evidence = Evidence(state, seq=seq, looked_at=at, baselines={"errors": baseline}, route=(3, share))
    rollout = a_rollout(evidence=evidence, entered_at=at, phase=Phase.HELD, trigger=Trigger.JUDGE)
    text = json.dumps(codec.encode(rollout), allow_nan=False)
    assert codec.decode(Rollout, json.loads(text)) == rollout


@settings(deadline=None)
@given(state=STATES)
def test_equal_values_have_equal_hashes(state: JudgeState) -> None:
    assert codec.sha256(state) == codec.sha256(codec.decode(JudgeState, codec.encode(state)))


def test_infinity_survives_and_json_never_holds_it() -> None:
    state = MetricState(max_log_e_harm=-math.inf)
    data = codec.encode(state)
    assert data["max_log_e_harm"] == "-inf"
    assert codec.decode(MetricState, data) == state


def test_a_key_that_is_missing_takes_its_default_and_an_unknown_one_is_left_out() -> None:
    data = codec.encode(a_rollout())
    del data["held_from"]
    assert codec.decode(Rollout, data | {"from_the_future": 1}) == a_rollout()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("phase", "sleeping"),
        ("step", "2"),
        ("step", True),
        ("entered_at", "yesterday"),
        ("plan", None),
        ("plan", []),
        ("evidence", {"judge": {"metrics": 3}}),
        ("evidence", {"judge": {"metrics": {}}, "route": [1]}),
        ("evidence", {"judge": {"metrics": {}}, "route": 1}),
        ("created_at", 5),
    ],
)
def test_damage_is_named(key: str, value: Any) -> None:
    with pytest.raises(Damaged, match="a stored Rollout cannot be read"):
        codec.decode(Rollout, codec.encode(a_rollout()) | {key: value})


def test_a_missing_key_without_default_is_damage() -> None:
    data = codec.encode(a_rollout())
    del data["id"]
    with pytest.raises(Damaged):
        codec.decode(Rollout, data)


@dataclass(frozen=True, slots=True)
class Thing:
    lasts: timedelta
    names: tuple[str, ...] = ()
    note: str | None = None
    others: dict[str, bool] = field(default_factory=dict)


@pytest.mark.parametrize("lasts", [timedelta(0), timedelta(microseconds=1), timedelta(days=-400, seconds=3)])
def test_durations_are_exact(lasts: timedelta) -> None:
    thing = Thing(lasts, ("a", "b"), None, {"x": True})
    assert codec.decode(Thing, json.loads(codec.canonical(thing))) == thing
    assert codec.decode(Thing, codec.encode(replace(thing, note="n"))).note == "n"


def test_what_is_one_of_several_kinds_is_told_apart_by_its_kind() -> None:
    whole = a_plan(steps=EVERYTHING)
    assert codec.decode(Plan, codec.encode(whole)) == whole
    data = codec.encode(whole)
    data["steps"][0]["before"][2]["kind"] = "divination"
    with pytest.raises(Damaged, match="'divination' is none of its kinds"):
        codec.decode(Plan, data)


def test_a_field_that_came_later_is_written_where_it_says_something() -> None:
    assert "kind" not in codec.encode(Gate(1, "approver"))
    assert codec.encode(Gate(name="x"))["name"] == "x"
    assert codec.decode(Gate, codec.encode(Gate(1, "approver"))) == Gate(1, "approver")
