"""A judgement can be repeated from its looks, bit for bit."""

import json
import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from andon.judge.model import (
    Combine,
    Counts,
    JudgePolicy,
    JudgeState,
    Look,
    MetricKind,
    MetricPolicy,
)
from andon.judge.options import Limits, Threshold
from andon.judge.replay import StoredLook, fold, replay, settle
from andon.judge.sequential import judge, observe_ratio, outcome, start, update
from andon.rollouts.codec import decode, encode

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
def test_a_replay_equals_the_live_judge_at_every_look(history):
    state = start(POLICY)
    for stored in history:
        if stored.requests is not None:
            state = observe_ratio(state, stored.requests, stored.share, POLICY)
        state = update(state, stored.looks, POLICY)
    assert judge(state, POLICY) == replay(history, POLICY)


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


TIMED = MetricPolicy(
    "latency", alpha=0.005, margin=1.1, kind=MetricKind.LATENCY, edges=(0.1, 0.5, math.inf), guardrail=0.5
)
WITH_LATENCY = replace(POLICY, metrics=(*POLICY.metrics, TIMED), combine=Combine.AVERAGE)
BUCKETS = st.tuples(*[st.integers(0, 40)] * 3)


@st.composite
def timed_looks(draw):
    one, two = draw(BUCKETS), draw(BUCKETS)
    before = draw(st.sampled_from([(), (500, 450, 50)]))
    return Look(Counts(sum(one)), Counts(sum(two)), one, two, before)


MIXED = st.builds(
    lambda counted, timed, share: StoredLook(
        counted | ({"latency": timed} if timed else {}), Look(Counts(50), Counts(50)), share
    ),
    st.dictionaries(st.sampled_from(["errors", "first-pass fails"]), LOOKS),
    st.none() | timed_looks(),
    st.sampled_from([0.1, 0.5, 1.0]),
)


@given(st.lists(MIXED, max_size=8))
def test_the_outcome_alone_is_that_of_the_whole_verdict_at_every_look(history):
    state = start(WITH_LATENCY)
    for stored in history:
        state = fold(state, stored, WITH_LATENCY)
        assert outcome(state, WITH_LATENCY) is judge(state, WITH_LATENCY).outcome


@given(st.lists(MIXED, max_size=8))
def test_a_verdict_is_the_same_bit_for_bit_after_its_state_was_stored_anywhere(history):
    state = start(WITH_LATENCY)
    for stored in history:
        state = decode(JudgeState, json.loads(json.dumps(encode(fold(state, stored, WITH_LATENCY)))))
    assert judge(state, WITH_LATENCY) == replay(history, WITH_LATENCY)


BAD = StoredLook({"errors": Look(Counts(500, 5), Counts(500, 50))}, at=7.0)
ALIKE = StoredLook({"errors": Look(Counts(20_000, 400), Counts(20_000, 400))}, at=8.0)
ONE = JudgePolicy((MetricPolicy("errors", alpha=0.01),))


def test_a_history_is_settled_at_the_look_that_takes_the_candidate_back():
    settled = settle([ALIKE, ALIKE], ONE)
    assert (settled.look, settled.exposure, settled.at) == (1, 20_000, 8.0)  # a pass that stays is the first
    settled = settle([BAD, ALIKE], ONE)
    assert (settled.verdict.outcome, settled.look, settled.exposure, settled.at) == ("fail", 1, 500, 7.0)


def test_a_fail_outweighs_a_pass_before_it():
    worse = StoredLook({"errors": Look(Counts(500, 5), Counts(500, 400))}, at=9.0)
    settled = settle([ALIKE, worse], ONE)
    assert (settled.verdict.outcome, settled.look, settled.exposure) == ("fail", 2, 20_500)


def test_a_history_that_settles_nothing_has_no_look():
    few = StoredLook({"errors": Look(Counts(50, 1), Counts(50, 1))}, at=7.0)
    settled = settle([few], ONE)
    assert settled.verdict.outcome == "inconclusive"
    assert (settled.look, settled.exposure, settled.at) == (0, 50, 0.0)
    assert settle([], JudgePolicy(())).exposure == 0


def test_another_judge_is_asked_for_its_verdict():
    policy = replace(
        ONE, judge="threshold", threshold=Threshold(interval=1.0, metrics={"errors": Limits(fail_above=0.05)})
    )
    assert settle([BAD, ALIKE], policy).verdict == replay([BAD, ALIKE], policy)


def test_a_split_that_is_broken_settles_a_history():
    split = StoredLook({}, Look(Counts(500), Counts(500)), share=0.1, at=3.0)
    settled = settle([split, BAD], ONE)
    assert (settled.verdict.outcome, settled.look, settled.at) == ("invalid", 1, 3.0)
