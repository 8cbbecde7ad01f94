"""A stored judgement can be read back and repeated, bit for bit."""

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.judge.codec import state_from_json, state_to_json, verdict_to_json
from andon.judge.model import Counts, JudgePolicy, Look, MetricPolicy
from andon.judge.replay import StoredLook, fold, replay
from andon.judge.sequential import judge, observe_ratio, start, update

POLICY = JudgePolicy(
    (
        MetricPolicy("errors", alpha=0.005, acceptable=0.01, guardrail=0.05),
        MetricPolicy("first-pass fails", alpha=0.005, margin=1.3),
    ),
    session_requests=3,
)
COUNTS = st.builds(Counts, st.integers(0, 500), st.integers(0, 40))
LOOKS = st.builds(Look, COUNTS, COUNTS)
STORED = st.builds(
    StoredLook,
    st.dictionaries(st.sampled_from(["errors", "first-pass fails"]), LOOKS),
    st.none() | LOOKS,
    st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)


@given(st.lists(STORED, max_size=10))
def test_a_replay_equals_the_live_judge_through_storage_at_every_look(history):
    state = start(POLICY)
    for stored in history:
        if stored.requests is not None:
            state = observe_ratio(state, stored.requests, stored.share, POLICY)
        state = update(state, stored.looks, POLICY)
        state = state_from_json(json.loads(json.dumps(state_to_json(state))))
    assert judge(state, POLICY) == replay(history, POLICY)


def test_the_memory_survives_json_bit_for_bit():
    noise = random.Random(7)
    state = start(POLICY)
    for _ in range(50):
        bad = Look(Counts(97, noise.randrange(3)), Counts(89, noise.randrange(3)))
        state = fold(state, StoredLook({"errors": bad, "first-pass fails": bad}, bad, 0.5), POLICY)
    assert state_from_json(json.loads(json.dumps(state_to_json(state)))) == state


def test_an_older_memory_without_the_newer_fields_can_be_read():
    data = state_to_json(start(POLICY))
    for name in ("held_stable", "held_candidate", "max_log_e_guardrail"):
        del data["metrics"]["errors"][name]
    assert state_from_json(data) == start(POLICY)


def test_a_verdict_is_plain_json_and_an_open_interval_ends_in_none():
    verdict = replay([StoredLook({"errors": Look(Counts(10, 0), Counts(10, 0))})], POLICY)
    data = json.loads(json.dumps(verdict_to_json(verdict), allow_nan=False))
    assert data["outcome"] == "inconclusive"
    assert data["findings"][0]["interval"] == [0.0, None]
    assert data["findings"][0]["stable"] == {"exposure": 10, "bad": 0}


def test_a_closed_interval_keeps_both_ends():
    verdict = replay([StoredLook({"errors": Look(Counts(9000, 300), Counts(9000, 300))})], POLICY)
    low, high = verdict_to_json(verdict)["findings"][0]["interval"]
    assert (low, high) == verdict.findings[0].interval
    assert math.isfinite(high)


def test_history_of_nothing_is_inconclusive():
    assert replay([], POLICY).reason == (
        "errors: no evidence from the candidate yet; first-pass fails: no evidence from the candidate yet"
    )


def test_another_policy_may_judge_the_same_history_otherwise():
    history = [StoredLook({"errors": Look(Counts(500, 5), Counts(500, 17))})]
    strict = JudgePolicy((MetricPolicy("errors", alpha=0.2),))
    careful = JudgePolicy((MetricPolicy("errors", alpha=0.0001),))
    assert replay(history, strict).outcome == "fail"
    assert replay(history, careful).outcome == "inconclusive"


@pytest.mark.parametrize("name", ["errors", "first-pass fails"])
def test_every_metric_is_remembered_by_its_name(name):
    assert state_to_json(start(POLICY))["metrics"][name]["log_likelihood"][0] == 0.0
