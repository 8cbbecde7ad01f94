"""A judgement can be repeated from its looks, bit for bit."""

from hypothesis import given
from hypothesis import strategies as st

from andon.judge.model import Counts, JudgePolicy, Look, MetricPolicy
from andon.judge.replay import StoredLook, replay
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
