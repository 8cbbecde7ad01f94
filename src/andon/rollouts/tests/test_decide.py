"""Named cases: where a rollout is, what is seen, what is decided, and the words that operators read."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from andon.judge.model import Counts, Finding, Outcome, Verdict
from andon.rollouts.actions import (
    ConfirmStep,
    Dismiss,
    Drain,
    Finish,
    Freeze,
    Hold,
    Pause,
    Promote,
    Restore,
    Resume,
    RollBack,
    SetShare,
    StartStable,
    StartStep,
    StopCandidate,
    StopStable,
    Thaw,
    Verify,
    Wait,
)
from andon.rollouts.decide import decide
from andon.rollouts.model import Phase, Request, RequestKind, Stage, Trigger
from andon.rollouts.transitions import apply
from andon.targets.model import InstanceState
from andon.testing.rolling import (
    AT,
    NEW,
    OLD,
    a_plan,
    a_rollout,
    instances,
    obeyed,
    said,
)

PASS, FAIL = said(Outcome.PASS, "as good"), said(Outcome.FAIL, "3 times as many errors")
INVALID, OPEN = said(Outcome.INVALID, "the split is broken"), said(Outcome.INCONCLUSIVE, "40 more events")
SERVING = {"phase": Phase.STEPPING, "stage": Stage.SERVING, "step_since": AT}
ROUTING = {"phase": Phase.STEPPING, "stage": Stage.ROUTING}
SCALING = {"phase": Phase.STEPPING, "stage": Stage.SCALING, "step": 1}
LAST = SERVING | {"step": 2}
WARM = {"phase": Phase.FINISHING, "stage": Stage.WARM, "step": 2}
LEAVING = {"phase": Phase.FINISHING, "step": 2}
RETURNING = {"phase": Phase.RETURNING, "trigger": Trigger.JUDGE}
HELD = SERVING | {
    "phase": Phase.HELD,
    "held_from": Phase.STEPPING,
    "trigger": Trigger.HEALTH,
    "reason": "ill",
}
DRAINING, STOPPING = {"stage": Stage.DRAINING}, {"stage": Stage.STOPPING}
SOAKED = {"now": AT + timedelta(seconds=11)}
LATE = {"now": AT + timedelta(hours=1)}
DUE = {"deadline_at": AT + timedelta(seconds=30)}
DEAF = {"acknowledged_revision": 6}
CORD = {"is_corded": True, "cord_reason": "smoke"}
RETURN = CORD | {"cord_returns": True}
PAUSED, FROZEN = {"paused_at": AT}, {"frozen_at": AT}
GAP = {"plan": a_plan("recreate")}
FIRST = {"plan": a_plan(stable=None), "stable": None}


def asked(kind: RequestKind) -> dict[str, Any]:
    return {"request": Request(kind, "kim", "I say so")}


def with_candidate(state: InstanceState, stable: int = 3, **changes: Any) -> dict[str, Any]:
    mine = [replace(each, **changes) for each in instances(NEW, 1, state)]
    return {"instances": mine + instances(OLD, stable)}


def guardrail() -> Verdict:
    finding = Finding(
        "errors", Outcome.FAIL, "above 5 %", Counts(), Counts(), None, (0.0, 1.0), 1.0, 1.0, 1.0, 1.0
    )
    return Verdict(Outcome.FAIL, "above 5 %", (replace(finding, by_guardrail=True),))


CASES: list[tuple[str, dict[str, Any], dict[str, Any], object, str]] = [
    # The way forward
    ("instances start", {}, {"instances": instances(OLD, 3)}, Wait(), "0 of 1 instance of 1.1.0 ready"),
    ("instances are ready", {}, {}, SetShare(0.1), "1 of 1 instance of 1.1.0 ready: share 10%"),
    (
        "the next step scales",
        SCALING,
        {"instances": instances(NEW, 1)},
        Wait(),
        "1 of 2 instances of 1.1.0 ready",
    ),
    ("the gateway is asked", ROUTING, DEAF, Wait(), "the gateway has not confirmed share 10%"),
    ("an old share is no confirmation", ROUTING, {"share": 0.0}, Wait(), "has not confirmed"),
    ("the gateway confirms", ROUTING, {}, ConfirmStep(), "the gateway confirmed share 10%"),
    ("soaking", SERVING, {"now": AT + timedelta(seconds=4)}, Wait(), "soaking: 4 of 10 s"),
    ("inconclusive", SERVING, SOAKED | {"verdict": OPEN}, Wait(), "waiting for evidence: 40 more events"),
    ("passed", SERVING, SOAKED | {"verdict": PASS}, StartStep(1), "as good"),
    ("passed but not soaked", SERVING, {"verdict": PASS}, Wait(), "soaking"),
    ("the last step passed", LAST, SOAKED | {"verdict": PASS}, Promote(), "as good"),
    ("unjudged", SERVING | {"plan": a_plan("rolling", instances=1)}, SOAKED, Promote(), "no harm was seen"),
    (
        "passed, and nobody can judge any more",
        SERVING,
        SOAKED | {"verdict": PASS, "judge_problem": "no judge"},
        Wait(),
        "no judge",
    ),
    (
        "nobody can judge until the deadline",
        SERVING | DUE,
        LATE | {"verdict": PASS, "judge_problem": "no judge"},
        RollBack(Trigger.NO_EVIDENCE),
        "no judge; the step's deadline passed",
    ),
    (
        "nobody can say that no harm was seen",
        SERVING | {"plan": a_plan("rolling", instances=1)},
        SOAKED | {"judge_problem": "no judge"},
        Wait(),
        "no judge",
    ),
    ("kept warm", WARM | DUE, {}, Wait(), "1.0.0 is kept warm"),
    ("warm over", WARM | DUE, LATE, Drain(), "1.0.0 was kept warm for 20 s"),
    ("warm, not confirmed", WARM | DUE, LATE | DEAF, Wait(), "has not confirmed the promotion"),
    (
        "warm, candidate ill",
        WARM | DUE,
        LATE | with_candidate(InstanceState.READY),
        Wait(),
        "stays warm: not all",
    ),
    (
        "first is stable",
        WARM | FIRST | {"step": 0},
        {},
        Finish(Phase.PROMOTED),
        "1.1.0 is the stable release",
    ),
    ("draining", LEAVING | DRAINING, {"stable_active_requests": 1}, Wait(), "draining: 1 request in flight"),
    ("drained", LEAVING | DRAINING, {}, StopStable(), "drained"),
    (
        "an old count drains nothing",
        LEAVING | DRAINING,
        {"traffic_at": AT - timedelta(1)},
        Wait(),
        "not counted",
    ),
    (
        "the drain has an end",
        LEAVING | DRAINING | DUE,
        LATE | {"stable_active_requests": 2},
        StopStable(),
        "the drain deadline passed: 2 requests in flight",
    ),
    ("stopping", LEAVING | STOPPING, {"instances": instances(OLD, 1)}, Wait(), "1.0.0 is stopping"),
    (
        "it does not stop",
        LEAVING | STOPPING | DUE,
        LATE | {"instances": instances(OLD, 1)},
        Hold(),
        "1.0.0 is stopping, longer than allowed",
    ),
    (
        "stopped",
        LEAVING | STOPPING,
        {"instances": instances(NEW, 1)},
        Finish(Phase.PROMOTED),
        "1.0.0 is stopped; 1.1.0 is stable",
    ),
    (
        "stopped, and the new stable release died meanwhile",
        LEAVING | STOPPING,
        {"instances": instances(NEW, 2, InstanceState.CRASH_LOOP)},
        Finish(Phase.PROMOTED, is_alarming=True),
        "1.1.0 is stable, but no instance of it is ready",
    ),
    ("over", {"phase": Phase.PROMOTED}, {"verdict": FAIL}, Wait(), "it is over"),
    # Danger
    (
        "crash loop",
        SERVING,
        with_candidate(InstanceState.CRASH_LOOP),
        RollBack(Trigger.CRASH_LOOP),
        "again and again",
    ),
    (
        "refused",
        {},
        with_candidate(InstanceState.REFUSED, detail="hash differs"),
        RollBack(Trigger.UNTRUSTED),
        "release 1.1.0 does not verify: hash differs",
    ),
    (
        "unhealthy",
        SERVING,
        with_candidate(InstanceState.UNHEALTHY),
        RollBack(Trigger.HEALTH),
        "health checks",
    ),
    (
        "failing checks",
        SERVING,
        with_candidate(InstanceState.READY, failed_checks=3),
        RollBack(Trigger.HEALTH),
        "failed 3 health checks in a row",
    ),
    ("a failed check", SERVING, with_candidate(InstanceState.READY, failed_checks=2), Wait(), "soaking"),
    ("a stable one fails", SERVING, {"instances": instances(NEW, 1)}, Wait(), "soaking"),
    ("judged bad", SERVING, {"verdict": FAIL}, RollBack(Trigger.JUDGE), "3 times as many errors"),
    ("above a guardrail", SERVING, {"verdict": guardrail()}, RollBack(Trigger.GUARDRAIL), "above 5 %"),
    ("a broken split", SERVING, {"verdict": INVALID}, RollBack(Trigger.INVALID), "the split is broken"),
    ("judged bad while warm", WARM, {"verdict": FAIL}, RollBack(Trigger.JUDGE), "3 times"),
    ("bad, but the old one stops", LEAVING | STOPPING, {"verdict": FAIL}, Finish(Phase.PROMOTED), "stopped"),
    (
        "traffic drop",
        SERVING,
        {"step_requests_candidate": 70, "step_requests_stable": 1500},
        RollBack(Trigger.TRAFFIC_DROP),
        "got 70 of 1570 requests, under half of its share of 10%",
    ),
    (
        "too few requests to tell",
        SERVING,
        {"step_requests_candidate": 10, "step_requests_stable": 1300},
        Wait(),
        "soaking",
    ),
    (
        "restarting for too long",
        SERVING,
        LATE | with_candidate(InstanceState.RESTARTING, detail="exit 1"),
        RollBack(Trigger.NOT_READY),
        "is restarting for more than 60 s: exit 1",
    ),
    (
        "no stable one to go back to",
        SERVING,
        {"instances": instances(NEW, 1), "verdict": FAIL},
        Hold(Trigger.JUDGE),
        "3 times as many errors; it cannot return: no instance of 1.0.0 is ready",
    ),
    (
        "the first one fails",
        SERVING | FIRST,
        {"verdict": FAIL},
        Hold(Trigger.JUDGE),
        "there is no release to return to",
    ),
    (
        "the first is aborted",
        SERVING | FIRST | asked(RequestKind.ABORT),
        {},
        RollBack(Trigger.ABORT),
        "aborted by kim",
    ),
    ("nothing is routed yet", {}, {"instances": [], "verdict": FAIL}, RollBack(Trigger.JUDGE), "3 times"),
    # Deadlines
    (
        "not ready in time",
        DUE,
        LATE | {"instances": instances(OLD, 3)},
        RollBack(Trigger.NOT_READY),
        "only 0 of 1",
    ),
    ("not confirmed in time", ROUTING | DUE, LATE | DEAF, RollBack(Trigger.TIMEOUT), "in time"),
    (
        "one instance is missing",
        LAST,
        SOAKED | {"instances": instances(NEW, 1)},
        Wait(),
        "only 1 of 3 instances",
    ),
    ("unconfirmed again", SERVING, SOAKED | DEAF, Wait(), "does not confirm share 10% any more"),
    (
        "missing too long",
        SERVING | DUE,
        LATE | {"instances": instances(OLD, 3)},
        RollBack(Trigger.NOT_READY),
        "only 0",
    ),
    (
        "no verdict in time",
        SERVING | DUE,
        LATE | {"verdict": OPEN},
        RollBack(Trigger.NO_EVIDENCE),
        "40 more events",
    ),
    (
        "no verdict, and the policy accepts that",
        SERVING | DUE | {"plan": a_plan(require_evidence=False)},
        LATE | {"verdict": OPEN},
        StartStep(1),
        "no verdict within 120 s: 40 more events; no harm was seen, and the policy accepts that",
    ),
    (
        "a silent source",
        SERVING,
        SOAKED | {"verdict": PASS, "evidence_problems": ["errors: dead"]},
        Wait(),
        "missing",
    ),
    (
        "silent too long",
        SERVING | DUE | {"plan": a_plan(require_evidence=False)},
        LATE | {"verdict": PASS, "evidence_problems": ["errors: dead"]},
        RollBack(Trigger.NO_EVIDENCE),
        "evidence is missing: errors: dead, past the step's deadline",
    ),
    # The cord
    ("the cord freezes", SERVING, SOAKED | CORD | {"verdict": PASS}, Freeze(), "the cord is pulled: smoke"),
    ("frozen", SERVING | FROZEN, SOAKED | CORD | {"verdict": PASS}, Wait(), "frozen by the cord: smoke"),
    ("frozen, but bad", SERVING | FROZEN, CORD | {"verdict": FAIL}, RollBack(Trigger.JUDGE), "3 times"),
    ("the cord is released", SERVING | FROZEN, {}, Thaw(), "the cord is released"),
    (
        "the cord returns",
        SERVING,
        RETURN,
        RollBack(Trigger.CORD),
        "the cord takes everything to stable: smoke",
    ),
    ("the cord returns a warm one", WARM, RETURN, RollBack(Trigger.CORD), "smoke"),
    ("the first is only frozen", SERVING | FIRST, RETURN, Freeze(), "the cord is pulled"),
    ("a frozen share is confirmed", ROUTING | FROZEN, CORD, ConfirmStep(), "confirmed"),
    # People
    ("pause", SERVING | asked(RequestKind.PAUSE), {}, Pause(), "paused by kim: I say so"),
    ("pause twice", SERVING | PAUSED | asked(RequestKind.PAUSE), {}, Dismiss(), "it is paused already"),
    ("paused", SERVING | PAUSED, SOAKED | {"verdict": PASS}, Wait(), "paused until a person resumes it"),
    ("paused, but bad", SERVING | PAUSED, {"verdict": FAIL}, RollBack(Trigger.JUDGE), "3 times"),
    ("resume", SERVING | PAUSED | asked(RequestKind.RESUME), {}, Resume(), "resumed by kim"),
    ("resume what runs", SERVING | asked(RequestKind.RESUME), {}, Dismiss(), "it is not paused"),
    ("abort", SERVING | asked(RequestKind.ABORT), {}, RollBack(Trigger.ABORT), "aborted by kim: I say so"),
    (
        "alert",
        SERVING | asked(RequestKind.ALERT),
        {},
        RollBack(Trigger.ALERT),
        "alert by kim: I say so",
    ),
    (
        "an alert takes down no first release",
        SERVING | FIRST | asked(RequestKind.ALERT),
        {},
        Hold(Trigger.ALERT),
        "there is no release to return to",
    ),
    ("alert while held", HELD | asked(RequestKind.ALERT), {}, Dismiss(), "it is held; resume or abort it"),
    ("alert too late", LEAVING | STOPPING | asked(RequestKind.ALERT), {}, Dismiss(), "use `andon rollback`"),
    ("abort too late", LEAVING | STOPPING | asked(RequestKind.ABORT), {}, Dismiss(), "use `andon rollback`"),
    ("promote skips the soak", SERVING | asked(RequestKind.PROMOTE), {}, StartStep(1), "promoted by kim"),
    ("promote the last", LAST | PAUSED | asked(RequestKind.PROMOTE), {}, Promote(), "promoted by kim"),
    (
        "promote a bad one",
        SERVING | asked(RequestKind.PROMOTE),
        {"verdict": FAIL},
        RollBack(Trigger.JUDGE),
        "3 times",
    ),
    (
        "promote under the cord",
        SERVING | asked(RequestKind.PROMOTE),
        CORD,
        Dismiss(),
        "while the cord is pulled",
    ),
    (
        "promote unready",
        LAST | asked(RequestKind.PROMOTE),
        {"instances": instances(OLD, 1)},
        Dismiss(),
        "not ready",
    ),
    ("promote unconfirmed", SERVING | asked(RequestKind.PROMOTE), DEAF, Dismiss(), "not ready at its share"),
    ("promote ends the warm time", WARM | asked(RequestKind.PROMOTE), {}, Drain(), "the warm time is ended"),
    ("promote while scaling", SCALING | asked(RequestKind.PROMOTE), {}, Dismiss(), "nothing to skip"),
    # Back
    (
        "share 0 is asked",
        RETURNING | {"stage": Stage.ROUTING},
        DEAF,
        Wait(),
        "has not confirmed share 0 of 1.1.0",
    ),
    ("share 0 is confirmed", RETURNING | {"stage": Stage.ROUTING}, {}, Drain(), "confirmed share 0 of 1.1.0"),
    (
        "share 0 is not confirmed",
        RETURNING | {"stage": Stage.ROUTING} | DUE,
        DEAF | LATE,
        Hold(Trigger.JUDGE),
        "longer than allowed",
    ),
    (
        "back: in flight",
        RETURNING | DRAINING,
        {"candidate_active_requests": 3},
        Wait(),
        "3 requests in flight",
    ),
    ("back: drained", RETURNING | DRAINING, {}, StopCandidate(), "drained"),
    ("back: stopping", RETURNING | STOPPING, {"instances": instances(NEW, 1)}, Wait(), "1.1.0 is stopping"),
    ("back: stopped", RETURNING | STOPPING, {}, Verify(), "it is looked at once more 5 s after the return"),
    ("back: to nothing", RETURNING | STOPPING | FIRST, {}, Verify(), "1.1.0 is stopped"),
    (
        "abort twice",
        RETURNING | STOPPING | asked(RequestKind.ABORT),
        {},
        Dismiss(),
        "it is returning already",
    ),
    # Where the two cannot run at once
    ("gap: route", GAP | {"stage": Stage.ROUTING}, {}, Drain(), "1.0.0 gets nothing new"),
    ("gap: unconfirmed", GAP | {"stage": Stage.ROUTING}, DEAF, Wait(), "that 1.0.0 gets nothing"),
    (
        "gap: late",
        GAP | {"stage": Stage.ROUTING} | DUE,
        DEAF | LATE,
        RollBack(Trigger.TIMEOUT),
        "longer than allowed",
    ),
    ("gap: drained", GAP | DRAINING, {}, StopStable(), "drained"),
    ("gap: stopped", GAP | STOPPING, {}, StartStep(0), "1.0.0 is stopped; 1.1.0 starts"),
    ("gap: serves", GAP | SERVING, {"verdict": FAIL, "instances": []}, RollBack(Trigger.JUDGE), "3 times"),
    ("gap: back", GAP | RETURNING | STOPPING, {}, StartStable(), "1.0.0 starts again"),
    (
        "gap: starting",
        GAP | RETURNING | {"stage": Stage.SCALING},
        {"instances": []},
        Wait(),
        "0 of 3 instances",
    ),
    ("gap: started", GAP | RETURNING | {"stage": Stage.SCALING}, {}, Restore(), "3 of 3 instances of 1.0.0"),
    ("gap: restoring", GAP | RETURNING | {"stage": Stage.RESTORING}, DEAF, Wait(), "route to 1.0.0"),
    ("gap: restored", GAP | RETURNING | {"stage": Stage.RESTORING}, {}, Verify(), "on 1.0.0 again"),
    # Held
    ("held", HELD, {"instances": instances(NEW, 1)}, Wait(), "held: ill"),
    ("the obstacle is gone", HELD, {}, RollBack(Trigger.HEALTH), "it can return now, as it should: ill"),
    ("held, aborted", HELD | asked(RequestKind.ABORT), {}, RollBack(Trigger.ABORT), "aborted by kim"),
    ("held, resumed", HELD | asked(RequestKind.RESUME), {}, Resume(), "resumed by kim"),
    ("held, promoted", HELD | asked(RequestKind.PROMOTE), {}, Dismiss(), "resume or abort"),
    (
        "held on the way back",
        HELD | STOPPING | {"held_from": Phase.RETURNING},
        {"instances": instances(NEW, 1)},
        Wait(),
        "held: ill",
    ),
    (
        "held on the way back, aborted",
        HELD | STOPPING | {"held_from": Phase.RETURNING} | asked(RequestKind.ABORT),
        {},
        Dismiss(),
        "it is held while returning",
    ),
    (
        "it stops after all",
        HELD | STOPPING | {"held_from": Phase.RETURNING},
        {},
        Verify(),
        "stopped",
    ),
    (
        "held at the end, under the cord",
        HELD | LEAVING | STOPPING | {"phase": Phase.HELD, "held_from": Phase.FINISHING, "trigger": None},
        CORD,
        Wait(),
        "held: ill",
    ),
    (
        "held at the end, and it stops",
        HELD | LEAVING | STOPPING | {"phase": Phase.HELD, "held_from": Phase.FINISHING, "trigger": None},
        {},
        Finish(Phase.PROMOTED),
        "1.0.0 is stopped",
    ),
    (
        "held while warm",
        HELD | WARM | {"phase": Phase.HELD, "held_from": Phase.FINISHING},
        {"instances": instances(NEW, 3)},
        Wait(),
        "held: ill",
    ),
]


@pytest.mark.parametrize(
    ("where", "seen", "action", "words"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_case(where: dict[str, Any], seen: dict[str, Any], action: object, words: str) -> None:
    rollout = a_rollout(**({"deadline_at": None} | where))
    decision = decide(rollout, obeyed(rollout, **seen))
    assert decision.action == action, decision.reason
    assert words in decision.reason
    assert apply(rollout, decision, AT).reason == (rollout.reason if action == Wait() else decision.reason)


def test_a_deadline_stands_still_while_paused() -> None:
    rollout = a_rollout(**SERVING, deadline_at=AT + timedelta(seconds=60), paused_at=AT)
    later = AT + timedelta(hours=2)
    request = Request(RequestKind.RESUME, "kim", "coffee is over")
    seen = obeyed(rollout, now=later)
    after = apply(rollout, decide(replace(rollout, request=request), seen), later)
    assert after.deadline_at == later + timedelta(seconds=60)
    assert not after.is_paused


@pytest.mark.parametrize("order", [(Thaw(), Resume()), (Resume(), Thaw())])
def test_pause_and_cord_together_move_the_deadline_once(order: tuple[Any, Any]) -> None:
    from andon.rollouts.actions import Decision

    deadline = AT + timedelta(minutes=5)
    rollout = a_rollout(**SERVING, deadline_at=deadline, paused_at=AT, frozen_at=AT + timedelta(seconds=10))
    for minute, action in enumerate(order, start=1):
        rollout = apply(rollout, Decision(action, "on"), AT + timedelta(minutes=minute))
    assert rollout.deadline_at == deadline + timedelta(minutes=2)
    assert (rollout.paused_at, rollout.frozen_at) == (None, None)


def test_a_share_that_is_confirmed_under_the_cord_starts_its_deadline_when_the_cord_is_released() -> None:
    from andon.rollouts.actions import Decision

    rollout = a_rollout(**ROUTING, frozen_at=AT, paused_at=AT)
    confirmed = apply(rollout, Decision(ConfirmStep(), "yes"), AT + timedelta(minutes=1))
    assert confirmed.frozen_at == confirmed.paused_at == confirmed.step_since == AT + timedelta(minutes=1)


def test_a_confirmed_share_counts_its_requests_anew() -> None:
    from andon.rollouts.actions import Decision

    rollout = a_rollout(**ROUTING)
    counted = replace(rollout.evidence, route=(6, 0.1), step_requests_candidate=9, step_requests_stable=90)
    confirmed = apply(replace(rollout, evidence=counted), Decision(ConfirmStep(), "yes"), AT).evidence
    assert confirmed.route is None
    assert (confirmed.step_requests_candidate, confirmed.step_requests_stable) == (0, 0)


def test_waiting_changes_nothing() -> None:
    from andon.rollouts.actions import Decision

    rollout = a_rollout()
    assert apply(rollout, Decision(Wait(), "later"), AT) is rollout


@pytest.mark.parametrize("stage", [each for each in Stage if each is not Stage.GATED])
def test_a_resumed_hold_gets_its_time_again(stage: Stage) -> None:
    from andon.rollouts.actions import Decision

    rollout = a_rollout(**HELD | {"stage": stage})
    resumed = apply(rollout, Decision(Resume(), "go"), AT)
    assert (resumed.phase, resumed.stage, resumed.held_from, resumed.trigger) == (
        Phase.STEPPING,
        stage,
        None,
        None,
    )
    assert resumed.deadline_at is not None
    assert resumed.deadline_at > AT
    back = apply(replace(rollout, held_from=Phase.RETURNING), Decision(Resume(), "go"), AT)
    assert back.trigger is Trigger.HEALTH


def test_a_request_that_an_action_does_not_answer_stays() -> None:
    from andon.rollouts.actions import Decision

    abort = Request(RequestKind.ABORT, "kim", "no")
    rollout = a_rollout(request=abort)
    assert apply(rollout, Decision(SetShare(0.1), "go"), AT).request == abort
    promote = Request(RequestKind.PROMOTE, "kim", "yes")
    assert apply(replace(rollout, request=promote), Decision(StartStep(1), "go"), AT).request is None


def test_a_return_to_nothing_needs_no_route_that_the_gateway_could_confirm() -> None:
    returning = {"phase": Phase.RETURNING, "stage": Stage.VERIFYING, "trigger": Trigger.ABORT, "back_at": AT}
    rollout = a_rollout(**FIRST, **returning)
    gone = {"acknowledged_revision": None, "share": None, "stable_share": None, "instances": []}
    later = rollout.entered_at + timedelta(seconds=90)
    assert decide(rollout, obeyed(rollout, now=later, **gone)).action == Finish(Phase.RETURNED)
    second = a_rollout(**returning)
    held = decide(second, obeyed(second, now=later, **gone)).action
    assert not isinstance(held, Finish)
