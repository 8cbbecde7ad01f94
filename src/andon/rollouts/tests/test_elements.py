"""Named cases at gates, holds and tasks that stand before a share, and how a plan is walked through them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from andon.judge.model import Outcome
from andon.rollouts import codec, gates, telling
from andon.rollouts.actions import (
    Decision,
    Dismiss,
    Finish,
    Hold,
    OpenGate,
    PassTask,
    Resume,
    RollBack,
    SetShare,
    StartStep,
    StartTask,
    Wait,
)
from andon.rollouts.decide import decide
from andon.rollouts.model import (
    GateSeen,
    GateState,
    Phase,
    Request,
    RequestKind,
    Rollout,
    Stage,
    TaskSeen,
    TaskState,
    Trigger,
)
from andon.rollouts.plan import hash_of
from andon.rollouts.refusals import no_answer, refusal
from andon.rollouts.steps import Gate, GateKind, Plan, Task, TaskKind, together
from andon.rollouts.transitions import apply
from andon.rollouts.wanted import desired, task, wanted
from andon.targets.model import InstanceState
from andon.testing.rolling import (
    APPROVED,
    AT,
    EVERYTHING,
    GATE,
    NEW,
    NO,
    OLD,
    a_plan,
    a_rollout,
    instances,
    obeyed,
    said,
)
from andon.units.desired import NO_ROUTING, Match, MatchKind

ALL = a_plan(steps=EVERYTHING)
FIRST = {"plan": ALL, "stage": Stage.GATED}
SMOKE = {"plan": ALL, "stage": Stage.CHECKING, "at": 2}
SECOND = {"plan": ALL, "phase": Phase.STEPPING, "step": 1}
COUNCIL, COFFEE = SECOND | {"stage": Stage.GATED}, SECOND | {"stage": Stage.GATED, "at": 2}
COMMAND = SECOND | {"stage": Stage.CHECKING, "at": 3}
LATE, DUE = {"now": AT + timedelta(hours=1)}, {"deadline_at": AT + timedelta(seconds=30)}
CORD = {"is_corded": True, "cord_reason": "smoke"}
PAUSED, FROZEN = {"paused_at": AT}, {"frozen_at": AT}
DEAF = {"acknowledged_revision": 6}
OPEN = GateSeen(GateState.OPEN, "is open")


def shut(**others: GateSeen) -> dict[str, Any]:
    waits = GateSeen(GateState.WAITING, "waits: it opens on Monday at 22:00")
    return {"gates": {"night": waits, "idle": OPEN, "change": waits} | others}


def refused(key: str) -> dict[str, Any]:
    return {"gates": {key: GateSeen(GateState.REFUSED, "was refused by webhook:change: stock-taking")}}


def a_task(state: TaskState, reason: str = "") -> dict[str, Any]:
    return {"task": TaskSeen(state, reason)}


def asked(kind: RequestKind) -> dict[str, Any]:
    return {"request": Request(kind, "kim", "I say so")}


CASES: list[tuple[str, dict[str, Any], dict[str, Any], object, str]] = [
    ("a window is shut", FIRST, shut(), Wait(), "gate night waits: it opens on Monday at 22:00"),
    ("gates that ask nobody", FIRST, {}, OpenGate(), "gate night is open; gate idle is open"),
    ("a gate that nobody looks at", FIRST, {"gates": {}}, Wait(), "gate idle was not looked at yet"),
    (
        "a window that stays shut",
        FIRST | DUE,
        LATE | shut(),
        Finish(Phase.RETURNED, Trigger.GATE),
        "not approved in time: gate night waits: it opens on Monday at 22:00; nothing of 1.1.0 was started",
    ),
    (
        "an outside no",
        FIRST,
        refused("idle"),
        Finish(Phase.RETURNED, Trigger.GATE),
        "gate idle was refused by webhook:change: stock-taking; nothing of 1.1.0 was started",
    ),
    ("no answer counts elsewhere", FIRST, refused("change"), Wait(), "was not looked at yet"),
    ("two gates at once", COUNCIL, {}, Wait(), "waits for 2 of 2 approvals by an approver"),
    (
        "one of two gates",
        COUNCIL,
        shut() | {"answers": APPROVED},
        Wait(),
        "gate change waits: it opens on Monday",
    ),
    (
        "both gates",
        COUNCIL,
        {"answers": APPROVED},
        OpenGate(),
        "approved by 2 people; gate change is open",
    ),
    ("a no between two shares", COUNCIL, {"answers": NO}, RollBack(Trigger.GATE), "rejected by max"),
    ("an outside no between two shares", COUNCIL, refused("change"), RollBack(Trigger.GATE), "stock-taking"),
    ("an outside no while paused", COUNCIL | PAUSED, refused("change"), RollBack(Trigger.GATE), "stock-"),
    (
        "silence between two shares",
        COUNCIL | DUE,
        LATE,
        RollBack(Trigger.GATE),
        "not approved in time: it waits for 2 of 2 approvals",
    ),
    (
        "harm between two shares",
        COUNCIL,
        {"verdict": said(Outcome.FAIL, "3 times as many errors")},
        RollBack(Trigger.JUDGE),
        "3 times",
    ),
    (
        "a drop of traffic between two shares",
        COUNCIL,
        {"step_requests_candidate": 70, "step_requests_stable": 1500},
        RollBack(Trigger.TRAFFIC_DROP),
        "under half of its share of 10%",
    ),
    (
        "no stable one to go back to",
        COUNCIL,
        {"answers": NO, "instances": instances(NEW, 1)},
        Hold(Trigger.GATE),
        "it cannot return: no instance of 1.0.0 is ready",
    ),
    ("frozen at a gate", COUNCIL | FROZEN, CORD | {"answers": APPROVED}, Wait(), "frozen by the cord"),
    ("on hold", COFFEE, {}, Wait(), "waits until a person resumes it, at coffee"),
    ("a hold is resumed", COFFEE | asked(RequestKind.RESUME), {}, OpenGate(), "resumed by kim: I say so"),
    (
        "a hold under the cord",
        COFFEE | FROZEN | asked(RequestKind.RESUME),
        CORD,
        Dismiss(),
        "resuming is refused while the cord is pulled: smoke",
    ),
    ("a word does one thing", COFFEE | PAUSED | asked(RequestKind.RESUME), {}, Resume(), "resumed by"),
    (
        "a hold that nobody ends",
        COFFEE | DUE,
        LATE,
        RollBack(Trigger.GATE),
        "not approved in time: it waits until a person resumes it, at coffee",
    ),
    ("nothing to resume", COUNCIL | asked(RequestKind.RESUME), {}, Dismiss(), "it is not paused"),
    (
        "a smoke test may run",
        FIRST | {"stage": Stage.SCALING, "at": 2},
        {},
        StartTask("front"),
        "1 of 1 instance of 1.1.0 ready: smoke test front may run",
    ),
    (
        "its route is not there yet",
        FIRST | {"stage": Stage.SCALING, "at": 2},
        DEAF,
        Wait(),
        "the gateway has not confirmed the preview of 1.1.0",
    ),
    (
        "its route does not come",
        FIRST | {"stage": Stage.SCALING, "at": 2} | DUE,
        DEAF | LATE,
        RollBack(Trigger.TIMEOUT),
        "the gateway has not confirmed the preview of 1.1.0 in time",
    ),
    (
        "a command needs no route",
        SECOND | {"stage": Stage.SCALING, "at": 3},
        DEAF,
        StartTask("warm-up"),
        "2 of 2 instances of 1.1.0 ready: command warm-up may run",
    ),
    ("a task waits", SMOKE, a_task(TaskState.PENDING), Wait(), "smoke test front is pending"),
    (
        "a task runs",
        COMMAND,
        a_task(TaskState.RUNNING, "try 2 of 2"),
        Wait(),
        "command warm-up is running: try",
    ),
    (
        "a task passed",
        SMOKE,
        a_task(TaskState.PASSED, "200"),
        PassTask("front"),
        "smoke test front passed: 200",
    ),
    (
        "a smoke test failed",
        SMOKE,
        a_task(TaskState.FAILED, "it answered 503"),
        RollBack(Trigger.CHECK),
        "smoke test front failed: it answered 503",
    ),
    (
        "a command failed",
        COMMAND,
        a_task(TaskState.FAILED),
        RollBack(Trigger.CHECK),
        "command warm-up failed",
    ),
    ("it failed while paused", COMMAND | PAUSED, a_task(TaskState.FAILED), RollBack(Trigger.CHECK), "failed"),
    ("it passed while paused", COMMAND | PAUSED, {}, Wait(), "paused until a person resumes it"),
    ("it passed under the cord", COMMAND | FROZEN, CORD, Wait(), "frozen by the cord: smoke"),
    (
        "a task is lost",
        COMMAND,
        a_task(TaskState.LOST, "its process is gone"),
        Wait(),
        "warm-up is lost: its",
    ),
    (
        "harm while a task runs",
        COMMAND,
        a_task(TaskState.RUNNING)
        | {"instances": instances(NEW, 2, InstanceState.CRASH_LOOP) + instances(OLD, 3)},
        RollBack(Trigger.CRASH_LOOP),
        "again and again",
    ),
    ("a task that the plan lost", COMMAND | {"at": 4}, {}, RollBack(Trigger.TIMEOUT), "its plan has no task"),
    ("all is behind", SECOND | {"stage": Stage.SCALING, "at": 4}, {}, SetShare(0.5), "ready: share 50%"),
]


@pytest.mark.parametrize(
    ("where", "world", "action", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_case(where: dict[str, Any], world: dict[str, Any], action: object, words: str) -> None:
    rollout = a_rollout(**where)
    said_ = decide(rollout, obeyed(rollout, **world))
    assert words in said_.reason
    assert said_.action == action, said_


def walked(rollout: Rollout, *actions: Any) -> Rollout:
    for each in actions:
        rollout = apply(rollout, Decision(each, "so"), AT)
    return rollout


def where(rollout: Rollout) -> tuple[Phase, Stage, int, int]:
    return rollout.phase, rollout.stage, rollout.step, rollout.at


def test_what_stands_before_a_share_is_passed_in_the_order_of_the_plan() -> None:
    rollout = a_rollout(a_plan(steps=EVERYTHING, gate=GATE))
    assert [each.key for each in rollout.gates] == ["approval", "night", "idle"]
    scaling = walked(rollout, OpenGate())
    assert where(scaling) == (Phase.PREPARING, Stage.SCALING, 0, 3)
    checking = walked(scaling, StartTask("front"))
    assert (checking.stage, checking.deadline_at) == (Stage.CHECKING, AT + timedelta(seconds=60))
    assert where(walked(checking, PassTask("front"))) == (Phase.PREPARING, Stage.SCALING, 0, 4)
    second = walked(a_rollout(ALL, phase=Phase.STEPPING, stage=Stage.SERVING), StartStep(1))
    assert where(second) == (Phase.STEPPING, Stage.GATED, 1, 0)
    assert [each.key for each in second.gates] == ["works-council", "change"]
    coffee = walked(second, OpenGate())
    assert (where(coffee)[1:], coffee.is_on_hold) == ((Stage.GATED, 1, 2), True)
    resumed = walked(replace(coffee, request=Request(RequestKind.RESUME, "kim", "go")), OpenGate())
    assert (where(resumed)[1:], resumed.request) == ((Stage.SCALING, 1, 3), None)


def test_behind_a_gate_the_instances_stay_as_they_are_and_before_a_task_they_are_the_next_steps() -> None:
    at_gate, at_task = a_rollout(**COUNCIL), a_rollout(**COMMAND)
    assert (wanted(at_gate).candidate_instances, wanted(at_gate).share) == (1, 0.1)
    assert (wanted(at_task).candidate_instances, wanted(at_task).share) == (2, 0.1)
    back = walked(at_gate, RollBack(Trigger.GATE))
    assert (wanted(back).candidate_instances, wanted(back).share) == (1, 0.0)


def test_a_gate_behind_a_task_keeps_the_instances_that_the_task_was_for() -> None:
    plan = a_plan(steps=[{"command": ["x"]}, {"gate": "window"}, 1.0])
    behind = walked(a_rollout(plan), StartTask("command-1"), PassTask("command-1"))
    assert where(behind) == (Phase.PREPARING, Stage.GATED, 0, 1)
    assert not behind.is_untouched
    assert wanted(behind).candidate_instances == 3
    assert walked(behind, OpenGate()).stage is Stage.SCALING
    assert isinstance(decide(behind, obeyed(behind, **refused("window-2"))).action, RollBack)


def test_the_preview_is_there_from_the_first_instances_on_and_gone_on_the_way_back() -> None:
    rollout = a_rollout(ALL)
    assert not rollout.routing.has_preview
    scaling = walked(rollout, OpenGate())
    assert desired(scaling, 1).routing.has_preview
    serving = walked(replace(scaling, at=3), SetShare(0.1))
    assert desired(serving, 1).routing.has_preview
    assert desired(walked(serving, RollBack(Trigger.JUDGE)), 1).routing == NO_ROUTING
    third = replace(serving, step=1, stage=Stage.SERVING)
    assert not desired(third, 1).routing.has_preview


A_B = [
    {"share": 0, "match": [{"header": "x-group", "value": "beta"}], "soak": "1m"},
    {"share": 0.1, "mirror": 0.2, "judge": False},
    1.0,
]


def test_a_group_is_routed_before_any_share_and_is_no_evidence() -> None:
    rollout = walked(a_rollout(a_plan(steps=A_B)), SetShare(0.0))
    assert desired(rollout, 1).routing.matches == (Match(MatchKind.HEADER, "x-group", "beta"),)
    assert (rollout.share, rollout.has_users) == (0.0, True)
    confirmed = apply(rollout, decide(rollout, obeyed(rollout)), AT)
    assert (confirmed.stage, confirmed.evidence.counts_from) == (Stage.SERVING, None)
    unready = obeyed(confirmed, instances=instances(NEW, 1), verdict=said(Outcome.FAIL))
    assert decide(confirmed, unready).action == Hold(Trigger.JUDGE)  # its users cannot go to nothing
    assert not rollout.plan.steps[0].is_judged
    assert not rollout.plan.steps[1].is_judged
    assert rollout.plan.steps[2].is_judged
    mirrored = replace(confirmed, step=1)
    assert (mirrored.routing.mirror, mirrored.routing.matches) == (0.2, ())


def test_who_runs_tasks_asks_a_rollout_which_one_it_wants() -> None:
    checking = a_rollout(**COMMAND | DUE)
    found = task(checking)
    assert found is not None
    assert (found.rollout, found.step, found.task.name, found.may_start) == (checking.id, 1, "warm-up", True)
    assert found.task.longest == timedelta(minutes=2)
    assert found.deadline_at == DUE["deadline_at"]
    for stopped in (PAUSED, FROZEN):
        waits = task(replace(checking, **stopped))
        assert waits is not None
        assert not waits.may_start
    assert task(walked(checking, RollBack(Trigger.ABORT))) is None
    assert task(walked(checking, Hold(Trigger.CHECK))) is None
    assert task(replace(checking, at=4)) is None
    assert task(a_rollout(**COUNCIL)) is None


def test_gates_that_stand_together_are_asked_at_once_and_a_hold_or_a_second_approval_begins_anew() -> None:
    window, hold = Gate(kind=GateKind.WINDOW, name="w"), Gate(kind=GateKind.HOLD, name="h")
    other = replace(GATE, name="council")
    check = Task(TaskKind.COMMAND, "x", timedelta(minutes=1))
    assert together((GATE, window, other)) == (GATE, window)
    assert together((window, other, window)) == (window, other, window)
    assert together((hold, window)) == (hold,)
    assert together((window, hold)) == (window,)
    assert together((window, check, window)) == (window,)
    assert together((check, window)) == together(()) == ()


def test_each_gate_has_its_own_time_and_it_moves_with_the_pause() -> None:
    slow, fast = Gate(kind=GateKind.WINDOW, name="slow"), Gate(kind=GateKind.WEBHOOK, name="fast")
    fast = replace(fast, expires_after=timedelta(hours=1))
    step = replace(a_plan().steps[0], before=(slow, fast))
    rollout = a_rollout(replace(a_plan(), steps=(step,)))
    assert rollout.deadline_at == AT + timedelta(days=7)
    after = {
        hours: decide(rollout, obeyed(rollout, now=AT + timedelta(hours=hours), gates={})) for hours in (0, 1)
    }
    assert isinstance(after[0].action, Wait)
    assert after[1].action == Finish(Phase.RETURNED, Trigger.GATE)
    assert "gate fast was not looked at yet" in after[1].reason


def test_people_answer_the_approval_at_which_it_waits() -> None:
    made = a_plan(steps=EVERYTHING, gate=GATE)
    first, later = a_rollout(made), replace(a_rollout(made), phase=Phase.STEPPING, step=1, stage=Stage.GATED)
    serving = replace(later, stage=Stage.SERVING)
    assert (gates.shown(first), gates.shown(serving)) == (GATE, made.gates[3])
    council = gates.shown(later)
    assert council is not None
    assert (council.name, council.before_step) == ("works-council", 1)
    assert no_answer(later, AT) == ""
    assert no_answer(serving, AT) == "it waits for no approval"
    assert refusal(replace(later, at=2), RequestKind.RESUME) == ""
    assert refusal(later, RequestKind.RESUME) == "it is not paused"


def test_an_old_plan_is_read_and_has_the_hash_that_was_signed() -> None:
    """As release 0.1 wrote it: no field came later than that without the mark."""
    written = codec.encode(a_plan(gate=GATE, verify="0s"))
    assert not {"verify_after", "migration"} & set(written)
    assert set(written["steps"][0]) == {
        "share",
        "candidate_instances",
        "stable_instances",
        "soak",
        "is_judged",
        "max_wait",
    }
    assert set(written["gate"]) == {"approvals", "approver_role", "before_step", "expires_after"}
    read = codec.decode(Plan, written)
    assert read == a_plan(gate=GATE, verify="0s")
    assert hash_of(read) == read.hash
    whole = a_plan(steps=EVERYTHING, gate=GATE)
    assert codec.decode(Plan, codec.encode(whole)) == whole


@pytest.mark.parametrize(
    ("where_", "world", "actor"),
    [
        (COMMAND | asked(RequestKind.ALERT), {}, "kim"),
        (COFFEE | asked(RequestKind.RESUME), {}, "kim"),
        (COMMAND | asked(RequestKind.PAUSE), a_task(TaskState.FAILED), "andon"),
        (COUNCIL, {"answers": APPROVED}, "andon"),
    ],
    ids=["alert", "hold", "a failed task", "gates"],
)
def test_the_timeline_names_who_asked_and_andon_for_what_nobody_asked(
    where_: dict[str, Any], world: dict[str, Any], actor: str
) -> None:
    rollout = a_rollout(**where_)
    decision = decide(rollout, obeyed(rollout, **world))
    assert telling.decided(rollout, apply(rollout, decision, AT), decision).actor == actor
