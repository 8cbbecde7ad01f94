"""What each kind of silence comes to, before its deadline and past it: a table of docs/design/rollouts.md."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from andon.evidence.increments import Baseline, advance
from andon.evidence.model import Reading, Tally
from andon.judge.model import Outcome
from andon.rollouts.actions import (
    Decision,
    Drain,
    Finish,
    Freeze,
    Hold,
    PassTask,
    Promote,
    Reclock,
    RollBack,
    StartStep,
    StopStable,
    Wait,
)
from andon.rollouts.decide import decide
from andon.rollouts.model import Observation, Phase, Rollout, Stage, TaskSeen, TaskState, Trigger
from andon.rollouts.transitions import apply
from andon.testing.rolling import AT, EVERYTHING, GATE, NEW, OLD, a_plan, a_rollout, instances, obeyed, said

ALL, S = a_plan(steps=EVERYTHING), timedelta(seconds=1)
DUE = {"deadline_at": AT + timedelta(seconds=30)}
EARLY, LATE = {"now": AT + timedelta(seconds=20)}, {"now": AT + timedelta(seconds=40)}
SERVING = {"phase": Phase.STEPPING, "stage": Stage.SERVING, "step_since": AT} | DUE
ROUTING = {"phase": Phase.STEPPING, "stage": Stage.ROUTING} | DUE
SCALING = {"phase": Phase.STEPPING, "stage": Stage.SCALING, "step": 1} | DUE
COMMAND = {"plan": ALL, "phase": Phase.STEPPING, "step": 1, "stage": Stage.CHECKING, "at": 3} | DUE
COUNCIL = COMMAND | {"stage": Stage.GATED, "at": 0}
RETURNING = {"phase": Phase.RETURNING, "trigger": Trigger.JUDGE} | DUE
STOPPING, VERIFYING = (
    RETURNING | {"stage": Stage.STOPPING},
    RETURNING | {"stage": Stage.VERIFYING, "back_at": AT},
)
DEAF = {"acknowledged_revision": None, "share": None, "stable_share": None}
DUMB = {"instances": [], "target_problem": "no route to host"}
BLIND = {"evidence_problems": ["errors: the source does not answer"], "verdict": said(Outcome.PASS)}

# What is silent, where, what the silence looks like, then what is decided before its deadline and past it.
TABLE: list[tuple[str, dict[str, Any], dict[str, Any], object, object, str]] = [
    (
        "gateway: a new share",
        ROUTING,
        DEAF,
        Wait(),
        RollBack(Trigger.TIMEOUT),
        "has not confirmed share 10% in time",
    ),
    (
        "gateway: the share in force",
        SERVING,
        DEAF,
        Wait(),
        RollBack(Trigger.TIMEOUT),
        "confirm share 10% any more",
    ),
    (
        "gateway: share 0",
        RETURNING | {"stage": Stage.ROUTING},
        DEAF,
        Wait(),
        Hold(Trigger.JUDGE),
        "share 0 of 1.1.0",
    ),
    (
        "gateway: after a return",
        VERIFYING,
        DEAF,
        Wait(),
        Hold(Trigger.JUDGE),
        "the return does not hold: the gateway",
    ),
    (
        "gateway: what is in flight",
        {"phase": Phase.FINISHING, "stage": Stage.DRAINING, "step": 2} | DUE,
        {"traffic_at": None},
        Wait(),
        StopStable(),
        "the gateway has not counted what is in flight",
    ),
    (
        "gateway: the promotion",
        {"phase": Phase.FINISHING, "stage": Stage.WARM, "step": 2} | DUE,
        DEAF,
        Wait(),
        Wait(),
        "the gateway has not confirmed the promotion",
    ),
    (
        "target: first instances",
        DUE,
        DUMB,
        Wait(),
        RollBack(Trigger.TIMEOUT),
        "the target does not answer: no route",
    ),
    (
        "target: more instances",
        SCALING,
        DUMB,
        Wait(),
        Hold(Trigger.TIMEOUT),
        "nobody knows whether 1.0.0 is ready",
    ),
    (
        "target: while it serves",
        SERVING,
        DUMB,
        Wait(),
        Hold(Trigger.TIMEOUT),
        "the target does not answer: no route",
    ),
    (
        "target: while it stops",
        STOPPING,
        DUMB,
        Wait(),
        Hold(Trigger.JUDGE),
        "1.1.0 is stopping, longer than allowed",
    ),
    (
        "target: after a return",
        VERIFYING,
        DUMB,
        Wait(),
        Hold(Trigger.JUDGE),
        "the target does not answer: no route",
    ),
    ("evidence: dead", SERVING, BLIND, Wait(), RollBack(Trigger.NO_EVIDENCE), "past the step's deadline"),
    (
        "evidence: too little",
        SERVING,
        {},
        Wait(),
        RollBack(Trigger.NO_EVIDENCE),
        "no verdict within 120 s: about 40 more bad events are needed",
    ),
    (
        "gate: nobody answers",
        COUNCIL,
        {},
        Wait(),
        RollBack(Trigger.GATE),
        "not approved in time: it waits for 2 of 2",
    ),
    (
        "gate: a webhook is silent",
        COUNCIL,
        {"gates": {}},
        Wait(),
        RollBack(Trigger.GATE),
        "not approved in time",
    ),
    (
        "hold: nobody resumes",
        COUNCIL | {"at": 2},
        {},
        Wait(),
        RollBack(Trigger.GATE),
        "until a person resumes it",
    ),
    (
        "task: nobody takes it up",
        COMMAND,
        {"task": TaskSeen(TaskState.PENDING)},
        Wait(),
        RollBack(Trigger.TIMEOUT),
        "command warm-up is pending, longer than allowed",
    ),
    (
        "task: lost",
        COMMAND,
        {"task": TaskSeen(TaskState.LOST, "its process is gone")},
        Wait(),
        RollBack(Trigger.TIMEOUT),
        "command warm-up is lost: its process is gone, longer than allowed",
    ),
    (
        "instance: never ready",
        SCALING,
        {"instances": instances(NEW, 1) + instances(OLD, 3)},
        Wait(),
        RollBack(Trigger.NOT_READY),
        "only 1 of 2 instances of 1.1.0 ready in time",
    ),
    (
        "instance: does not stop",
        STOPPING,
        {"instances": instances(NEW, 1)},
        Wait(),
        Hold(Trigger.JUDGE),
        "is stopping",
    ),
]


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_silence_waits_and_past_its_deadline_comes_back_or_is_held(row: Any) -> None:
    _, where, world, early, late, words = row
    rollout = a_rollout(**where)
    before, past = (decide(rollout, obeyed(rollout, **world | when)) for when in (EARLY, LATE))
    assert (before.action, past.action) == (early, late), (before, past)
    assert words in past.reason


def test_a_stop_lets_no_deadline_pass_and_what_was_left_of_it_is_left_afterwards() -> None:
    rollout = a_rollout(**SERVING)
    corded = {"is_corded": True, "cord_reason": "smoke"}
    frozen = apply(rollout, decide(rollout, obeyed(rollout, **corded, **EARLY)), EARLY["now"])
    hours = AT + timedelta(hours=3)
    assert decide(rollout, obeyed(rollout, **corded)).action == Freeze()
    assert decide(frozen, obeyed(frozen, **corded, now=hours)).action == Wait()
    thawed = apply(frozen, decide(frozen, obeyed(frozen, now=hours)), hours)
    assert thawed.deadline_at == hours + timedelta(seconds=10)


def test_a_dead_source_hides_no_harm_that_others_show() -> None:
    rollout = a_rollout(**SERVING)
    harm = obeyed(rollout, **BLIND | {"verdict": said(Outcome.FAIL, "yield: 3 times as many")})
    assert decide(rollout, harm).action == RollBack(Trigger.JUDGE)


def test_a_gateway_that_starts_again_is_waited_for_and_counts_on_when_it_confirms() -> None:
    rollout = a_rollout(**SERVING)
    passed = {"verdict": said(Outcome.PASS)}
    assert decide(rollout, obeyed(rollout, **passed | DEAF | EARLY)).action == Wait()
    assert decide(rollout, obeyed(rollout, **passed | EARLY)).action == StartStep(1)


def set_by(rollout: Rollout, by: timedelta, **world: Any) -> tuple[Rollout, Decision, Observation]:
    seen = obeyed(rollout, now=rollout.entered_at + S + by, clock_step=by, **world)
    decision = decide(rollout, seen)
    return apply(rollout, decision, seen.now), decision, seen


@pytest.mark.parametrize("by", [timedelta(hours=5), timedelta(hours=-5)], ids=["forward", "back"])
@pytest.mark.parametrize(
    "where",
    [SERVING, ROUTING, COUNCIL, COMMAND, STOPPING, VERIFYING, SERVING | {"paused_at": AT, "frozen_at": AT}],
    ids=["serving", "routing", "gate", "task", "stopping", "verifying", "stopped"],
)
def test_a_clock_that_was_set_shortens_and_lengthens_nothing(where: dict[str, Any], by: timedelta) -> None:
    rollout = a_rollout(**where, reason="as before")
    world = {"verdict": said(Outcome.PASS), **DEAF}
    undisturbed = decide(rollout, obeyed(rollout, **world, now=rollout.entered_at + S))
    moved, decision, seen = set_by(rollout, by, **world)
    assert decision.action == Reclock(by)
    assert f"the clock was set {'forward' if by > 0 * S else 'back'} by 18000 s" in decision.reason
    again = decide(moved, replace(seen, clock_step=0 * S))
    assert again == undisturbed
    assert moved.reason == "as before"
    for name in ("deadline_at", "step_since", "paused_at", "frozen_at", "back_at"):
        before, after = getattr(rollout, name), getattr(moved, name)
        assert after == (None if before is None else before + by)


@pytest.mark.parametrize("by", [timedelta(hours=5), timedelta(hours=-5)], ids=["forward", "back"])
def test_evidence_counts_on_under_a_clock_that_was_set(by: timedelta) -> None:
    rollout = a_rollout(**SERVING)
    read = Baseline(AT, "e", {OLD: Tally(100, 1)})
    evidence = replace(
        rollout.evidence, counts_from=AT, looked_at=AT, baselines={"errors": read}, traffic=read
    )
    moved, _, seen = set_by(replace(rollout, evidence=evidence), by)
    assert moved.evidence.counts_from == moved.evidence.looked_at == AT + by
    assert moved.evidence.traffic == moved.evidence.baselines["errors"] == replace(read, at=AT + by)
    _, gained = advance(moved.evidence.traffic, Reading("errors", seen.now, {OLD: Tally(150, 2)}, epoch="e"))
    assert gained == {OLD: Tally(50, 1)}


def test_a_clock_that_went_back_while_nobody_looked_is_seen() -> None:
    rollout = a_rollout(**SERVING)
    seen = obeyed(rollout, now=AT - timedelta(hours=1))
    decision = decide(rollout, seen)
    assert decision.action == Reclock(-timedelta(hours=1))
    moved = apply(rollout, decision, seen.now)
    assert moved.step_since == seen.now
    assert decide(moved, seen).action == Wait()


def test_clocks_of_two_machines_may_differ_a_little() -> None:
    rollout = a_rollout(**SERVING)
    assert decide(rollout, obeyed(rollout, now=AT - 4 * S)).action == Wait()
    assert decide(rollout, obeyed(rollout, now=AT + S, clock_step=4 * S)).action == Wait()


def test_a_return_is_over_when_it_was_seen_to_hold_five_seconds_after_share_0() -> None:
    rollout = a_rollout(**VERIFYING)
    assert rollout.plan.verify_after == 5 * S
    early = decide(rollout, obeyed(rollout, now=AT + 4 * S))
    assert (early.action, early.reason) == (Wait(), "the return is verified: some seconds are left")
    held = decide(rollout, obeyed(rollout, now=AT + 5 * S))
    assert held.action == Finish(Phase.RETURNED)
    assert held.reason == (
        "1.1.0 is stopped; everything is on 1.0.0: verified after 5 s, share 0 is served and "
        "3 of 3 instances ready"
    )


def test_where_stable_had_to_be_started_again_the_seconds_begin_with_its_route() -> None:
    gap = a_rollout(a_plan("recreate"), **RETURNING | {"stage": Stage.ROUTING})
    draining = apply(gap, decide(gap, obeyed(gap)), AT + S)
    assert draining.back_at == AT + S
    late = AT + 50 * S
    restoring = replace(draining, stage=Stage.RESTORING)
    assert apply(restoring, decide(restoring, obeyed(restoring)), late).back_at == late
    beside = replace(draining, stage=Stage.STOPPING, plan=a_plan())
    assert apply(beside, decide(beside, obeyed(beside)), late).back_at == AT + S
    old = replace(beside, back_at=None)  # as a row from before says it
    assert apply(old, decide(old, obeyed(old)), late).back_at == late


@pytest.mark.parametrize(
    ("world", "words"),
    [
        ({"instances": []}, "no instance of 1.0.0 is ready"),
        ({"instances": instances(OLD, 3) + instances(NEW, 1)}, "an instance of 1.1.0 runs again"),
        ({"share": 0.1}, "the gateway does not confirm share 0 of 1.1.0 any more"),
    ],
)
def test_a_return_that_does_not_hold_is_held_with_an_alert(world: dict[str, Any], words: str) -> None:
    rollout = a_rollout(**VERIFYING)
    soon, late = (decide(rollout, obeyed(rollout, **world, now=AT + each * S)) for each in (6, 60))
    assert (soon.action, soon.reason) == (Wait(), f"the return is not verified: {words}")
    assert (late.action, late.reason) == (Hold(Trigger.JUDGE), f"the return does not hold: {words}")
    again = apply(rollout, late, AT + 60 * S)
    assert decide(again, obeyed(again, now=AT + 61 * S)).action == Finish(Phase.RETURNED)


def test_nothing_is_left_where_the_first_release_was_taken_back() -> None:
    first = a_rollout(a_plan(stable=None), stable=None, **VERIFYING)
    end = decide(first, obeyed(first, now=AT + 9 * S))
    assert (end.action, end.reason) == (Finish(Phase.RETURNED), "1.1.0 is stopped; nothing is deployed")


def test_a_passed_task_and_a_drained_release_need_no_deadline() -> None:
    command = a_rollout(**COMMAND)
    assert decide(command, obeyed(command, **LATE)).action == PassTask("warm-up")
    back = a_rollout(**RETURNING | {"stage": Stage.ROUTING})
    assert decide(back, obeyed(back, **LATE)).action == Drain()
    last = a_rollout(**SERVING | {"step": 2})
    assert decide(last, obeyed(last, **LATE, verdict=said(Outcome.PASS))).action == Promote()
    gated = a_rollout(a_plan(gate=GATE))
    assert decide(gated, obeyed(gated, **LATE)).action == Wait()
