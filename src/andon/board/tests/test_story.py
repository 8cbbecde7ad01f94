"""What a rollout page says, for every place that a rollout can be in."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from andon.api import views
from andon.api.model import OutlookView
from andon.board import story, words
from andon.judge.model import Counts, Finding, JudgeState, Outcome, Percentiles, Verdict
from andon.rollouts.model import Evidence, Phase, Stage, Trigger
from andon.testing.shelves import a_rollout

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_finding(**changes) -> Finding:
    values = {
        "metric": "yield", "outcome": Outcome.INCONCLUSIVE, "reason": "more", "stable": Counts(100, 3),
        "candidate": Counts(50, 2), "ratio": 1.3, "interval": (0.4, 3.0), "e_harm": 1.0, "e_safe": 2.0,
        "harm_boundary": 100.0, "safe_boundary": 100.0, "events_needed": 23, "exposure_needed": 1150,
    }  # fmt: skip
    return Finding(**(values | changes))


def judged(outcome: Outcome) -> Evidence:
    return Evidence(JudgeState(metrics={}), Verdict(outcome, f"it is {outcome}", (a_finding(),)))


def view(**changes):
    return views.rollout(a_rollout(NOW, **changes), [])


@pytest.mark.parametrize(
    ("changes", "tone", "key"),
    [
        ({}, "open", "verdict.none"),
        ({"evidence": judged(Outcome.INCONCLUSIVE)}, "open", "verdict.inconclusive"),
        ({"evidence": judged(Outcome.PASS)}, "good", "verdict.pass"),
        ({"evidence": judged(Outcome.FAIL)}, "bad", "verdict.fail"),
        ({"evidence": judged(Outcome.INVALID)}, "warn", "verdict.invalid"),
        ({"phase": Phase.PREPARING, "stage": Stage.GATED}, "warn", "verdict.gated"),
        ({"phase": Phase.PROMOTED}, "good", "verdict.promoted"),
        ({"phase": Phase.RETURNED, "trigger": Trigger.JUDGE}, "bad", "verdict.returned"),
        ({"phase": Phase.RETURNING}, "bad", "verdict.returning"),
        ({"phase": Phase.HELD, "held_from": Phase.STEPPING}, "bad", "verdict.held"),
    ],
)
def test_the_banner_says_the_verdict_or_the_end(changes, tone, key):
    banner = story.banner(view(**changes))
    assert (banner.tone, banner.title.key) == (tone, key)


def test_what_was_taken_back_says_what_the_judge_saw():
    taken = view(phase=Phase.RETURNED, trigger=Trigger.JUDGE, evidence=judged(Outcome.FAIL), reason="off")
    banner = story.banner(taken)
    assert (banner.because, banner.reason) == ("it is fail", "off")
    aborted = view(phase=Phase.RETURNED, trigger=Trigger.ABORT, evidence=judged(Outcome.INCONCLUSIVE))
    assert story.banner(aborted).because == ""


@pytest.mark.parametrize(
    ("changes", "later", "key", "clock", "after"),
    [
        (
            {"phase": Phase.PREPARING, "stage": Stage.SCALING},
            0,
            "next.preparing",
            "clock.deadline",
            "then.share",
        ),
        (
            {"phase": Phase.PREPARING, "stage": Stage.GATED},
            0,
            "next.gate.approval",
            "clock.deadline",
            "then.share",
        ),
        ({"stage": Stage.ROUTING, "step_since": None}, 0, "next.routing", "clock.deadline", "then.share"),
        ({"stage": Stage.SCALING, "step_since": None}, 0, "next.scaling", "clock.deadline", "then.share"),
        ({}, 30, "next.soaking", "clock.soak", "then.share"),
        ({}, 61, "next.judging", "clock.deadline", "then.share"),
        ({"step": 2}, 61, "next.judging", "clock.deadline", "then.warm"),
        ({"paused_at": NOW}, 0, "next.paused", None, "then.share"),
        ({"frozen_at": NOW}, 0, "next.corded", None, None),
        ({"phase": Phase.FINISHING, "stage": Stage.WARM}, 0, "next.finishing", "clock.warm", None),
        ({"phase": Phase.RETURNING}, 0, "next.returning", None, None),
        ({"phase": Phase.HELD}, 0, "next.held", None, None),
        ({"phase": Phase.PROMOTED}, 0, "next.promoted", None, None),
    ],
)
def test_what_comes_next_names_its_clock(changes, later, key, clock, after):
    said = story.following(view(**changes), now=NOW + timedelta(seconds=later), is_corded=False)
    assert (said.now.key, said.clock and said.clock.key, said.after and said.after.key) == (key, clock, after)
    assert (said.until is None) == (clock is None)
    for phrase in (said.now, said.clock, said.after):
        if phrase:
            assert words.say("ko", phrase.key, **phrase.values)


def test_a_pulled_cord_stops_what_comes_next():
    assert story.following(view(), now=NOW, is_corded=True).now.key == "next.corded"


@pytest.mark.parametrize(
    ("changes", "verbs"),
    [
        ({}, ["promote", "pause", "abort"]),
        ({"paused_at": NOW}, ["promote", "resume", "abort"]),
        ({"stage": Stage.ROUTING}, ["pause", "abort"]),
        ({"phase": Phase.HELD}, ["resume", "abort"]),
        ({"phase": Phase.PREPARING, "stage": Stage.GATED}, ["pause", "abort"]),
        ({"phase": Phase.FINISHING, "stage": Stage.STOPPING}, ["pause"]),
        ({"phase": Phase.RETURNING}, []),
        ({"phase": Phase.PROMOTED}, []),
    ],
)
def test_only_what_makes_sense_is_offered(changes, verbs):
    assert story.verbs(view(**changes)) == verbs


@pytest.mark.parametrize(
    ("changes", "effect", "needs"),
    [
        ({}, "effect.words", "needs"),
        ({"exposure_needed": None}, "effect.words", "needs.events"),
        ({"events_needed": None}, "effect.words", "needs.unknown"),
        ({"ratio": None}, "effect.unknown", "needs"),
        ({"ratio": None, "interval": (0.0, float("inf"))}, None, "needs"),
        ({"stable": Counts(100, 0), "candidate": Counts(50, 0), "ratio": None}, "effect.nothing", "needs"),
        ({"outcome": Outcome.PASS}, "effect.words", None),
        ({"outcome": Outcome.FAIL}, "effect.words", None),
    ],
)
def test_a_metric_says_its_effect_and_what_it_still_needs(changes, effect, needs):
    found = views.finding(a_finding(**changes))
    said = (story.effect(found), story.needs(found))
    assert tuple(each and each.key for each in said) == (effect, needs)
    for phrase in filter(None, said):
        assert words.say("en", phrase.key, **phrase.values)


def test_what_would_turn_a_metric_is_said_where_it_is_in_reach():
    seen = view(evidence=judged(Outcome.INCONCLUSIVE))
    both = OutlookView(metric="yield", bad_to_fail=7, good_to_pass=1240)
    told = story.turning(seen.model_copy(update={"outlook": [both]}), "yield")
    assert [words.say("en", each.key, **each.values) for each in told] == [
        "7 bad ones of the candidate in a row would take it back",
        "1,240 good ones in a row would let it go on",
    ]
    none = OutlookView(metric="yield", bad_to_fail=None, good_to_pass=None)
    assert story.turning(seen.model_copy(update={"outlook": [none]}), "yield") == []
    assert story.turning(seen, "yield") == []


@pytest.mark.parametrize("kind", ["window", "production", "webhook", "hold"])
def test_a_gate_says_what_it_waits_for_and_a_hold_may_be_resumed(kind):
    seen = view(stage=Stage.GATED, step=1).model_copy(update={"waits_at": [kind]})
    assert story.banner(seen).title.key == "verdict.gate"
    comes = story.following(seen, now=NOW, is_corded=False)
    assert comes.now.key == f"next.gate.{kind}"
    assert comes.after == story.Phrase("then.share", {"share": "50%", "candidate": "1.1.0"})
    assert ("resume" in story.verbs(seen)) == (kind == "hold")


def test_an_approval_among_the_gates_is_what_people_are_told_of():
    seen = view(stage=Stage.GATED, step=1).model_copy(update={"waits_at": ["window", "approval"]})
    assert story.banner(seen).title.key == "verdict.gated"
    assert story.following(seen, now=NOW, is_corded=False).now.key == "next.gate.approval"


def test_a_task_that_runs_is_said():
    seen = view(stage=Stage.CHECKING, step=1)
    assert story.following(seen, now=NOW, is_corded=False).now.key == "next.checking"


def test_a_metric_that_measures_says_how_many_are_slow_and_its_percentiles():
    seen = views.finding(a_finding(edge=0.25, percentiles=Percentiles(0.1, 0.2, 0.12, math.inf)))
    assert story.counted(seen, seen.candidate) == story.Phrase(
        "slow_of", {"bad": "2", "exposure": "50", "edge": "250 ms"}
    )
    assert story.effect(seen).key == "effect.slow"
    assert [each.values for each in story.percentiles(seen)] == [
        {"name": "p50", "stable": "100 ms", "candidate": "120 ms"},
        {"name": "p95", "stable": "200 ms", "candidate": "–"},
    ]
    counts = views.finding(a_finding())
    assert story.counted(counts, counts.stable).key == "bad_of"
    assert story.percentiles(counts) == []
