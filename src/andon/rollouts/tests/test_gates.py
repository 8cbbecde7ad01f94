"""Named cases at a gate, and what each signature adds to its answers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from andon.access.signatures.model import Action, Document, Signature, Standing
from andon.rollouts import gates
from andon.rollouts.actions import Dismiss, Finish, Freeze, OpenGate, Pause, Wait
from andon.rollouts.decide import decide
from andon.rollouts.gates import Answered, counted
from andon.rollouts.model import UNANSWERED, Answers, Phase, Request, RequestKind, Stage, Trigger
from andon.rollouts.transitions import apply
from andon.testing.rolling import APPROVED, AT, GATE, HALF, NO, TOO_CLOSE, a_plan, a_rollout, obeyed
from andon.testing.signing import Hand

GATED = {"plan": a_plan(gate=GATE), "stage": Stage.GATED}
LATE, DUE = {"now": AT + timedelta(hours=1)}, {"deadline_at": AT + timedelta(seconds=30)}
CORD = {"is_corded": True, "cord_reason": "smoke"}
RETURN = CORD | {"cord_returns": True}
PAUSED, FROZEN = {"paused_at": AT}, {"frozen_at": AT}


def asked(kind: RequestKind) -> dict[str, Any]:
    return {"request": Request(kind, "kim", "I say so")}


CASES: list[tuple[str, dict[str, Any], dict[str, Any], object, str]] = [
    (
        "nobody answered yet",
        GATED,
        {},
        Wait(),
        "waits for 2 of 2 approvals by an approver who neither shipped nor proposed it",
    ),
    ("one yes of two", GATED, {"answers": HALF}, Wait(), "waits for 1 of 2 approvals by an approver"),
    ("those who shipped it", GATED, {"answers": TOO_CLOSE}, Wait(), "waits for 1 of 2 approvals by an"),
    (
        "one gate, one yes",
        GATED | {"plan": a_plan(gate=replace(GATE, approvals=1, approver_role="chief"))},
        {},
        Wait(),
        "waits for 1 of 1 approval by a chief who neither shipped nor proposed it",
    ),
    ("approved", GATED, {"answers": APPROVED}, OpenGate(), "approved by 2 people"),
    (
        "approved by one",
        GATED | {"plan": a_plan(gate=replace(GATE, approvals=1))},
        {"answers": HALF},
        OpenGate(),
        "approved by 1 person",
    ),
    (
        "what does not count is said",
        GATED,
        {"answers": replace(HALF, problem="1 signature does not count any more")},
        Wait(),
        "1 signature does not count any more",
    ),
    (
        "a no",
        GATED,
        {"answers": NO},
        Finish(Phase.RETURNED, Trigger.GATE),
        "rejected by max: not before the shift ends; nothing of 1.1.0 was started",
    ),
    ("a no while paused", GATED | PAUSED, {"answers": NO}, Finish(Phase.RETURNED, Trigger.GATE), "rejected"),
    (
        "a no under the cord",
        GATED | FROZEN,
        CORD | {"answers": NO},
        Finish(Phase.RETURNED, Trigger.GATE),
        "re",
    ),
    (
        "silence",
        GATED | DUE,
        LATE | {"answers": HALF},
        Finish(Phase.RETURNED, Trigger.GATE),
        "not approved in time: it waits for 1 of 2 approvals",
    ),
    ("a yes at the last moment", GATED | DUE, LATE | {"answers": APPROVED}, OpenGate(), "approved"),
    ("no silence while paused", GATED | DUE | PAUSED, LATE, Wait(), "paused until a person resumes it"),
    ("approved while paused", GATED | PAUSED, {"answers": APPROVED}, Wait(), "paused"),
    ("approved under the cord", GATED | FROZEN, CORD | {"answers": APPROVED}, Wait(), "frozen by the cord"),
    ("the cord freezes a gate", GATED, CORD, Freeze(), "the cord is pulled: smoke"),
    ("the cord that returns", GATED, RETURN, Finish(Phase.RETURNED, Trigger.CORD), "nothing of 1.1.0 was"),
    (
        "aborted at the gate",
        GATED | asked(RequestKind.ABORT),
        {"answers": APPROVED},
        Finish(Phase.RETURNED, Trigger.ABORT),
        "aborted by kim: I say so; nothing of 1.1.0 was started",
    ),
    ("paused at the gate", GATED | asked(RequestKind.PAUSE), {"answers": APPROVED}, Pause(), "paused by kim"),
    (
        "a gate cannot be promoted",
        GATED | asked(RequestKind.PROMOTE),
        {"answers": APPROVED},
        Dismiss(),
        "it is gated, there is nothing to skip",
    ),
    (
        "a gate that the plan lost",
        {"stage": Stage.GATED},
        {"answers": APPROVED},
        Wait(),
        "its plan does not say whose",
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


HAND = Hand()
INVOLVED = {"us-kim", "kim", "ada"}


def given(
    who: str, answer: str = "yes", standing: Standing = Standing.VALID, role: str = "approver"
) -> tuple[Signature, Standing]:
    values = {"answer": answer, "gate": {"approver_role": "approver"}, "role": role}
    document = Document(Action.APPROVE, "rollout/ro-1", values)
    return HAND.sign(document, who, AT), standing


COUNTS: list[tuple[list[tuple[Signature, Standing]], Answers]] = [
    ([], UNANSWERED),
    ([given("lee")], Answers(1, is_separated=True)),
    ([given("lee"), given("lee")], Answers(1, is_separated=True)),
    ([given("kim"), given("ada")], Answers(2, is_separated=False)),
    ([given("kim"), given("lee")], Answers(2, is_separated=True)),
    ([given("lee", standing=Standing.UNSIGNED)], Answers(problem="1 signature does not count any more")),
    ([given("lee", standing=Standing.FORGED)], Answers(problem="1 signature does not count any more")),
    ([given("max", "no")], Answers(rejection="rejected by max: I looked at it")),
    ([given("max", "no", Standing.UNSIGNED)], Answers(rejection="rejected by max: I looked at it")),
    ([given("max", "no", Standing.FORGED)], UNANSWERED),
    ([given("max", "perhaps")], UNANSWERED),
    ([given("lee", role="admin")], Answers(problem="1 signature does not count any more")),
    ([given("max", "no", role="admin")], UNANSWERED),
    ([given("max", role="")], Answers(problem="1 signature does not count any more")),
]


@pytest.mark.parametrize(("signatures", "answers"), COUNTS)
def test_a_yes_counts_while_it_is_valid_and_a_no_as_long_as_it_is_genuine(
    signatures: list[tuple[Signature, Standing]], answers: Answers
) -> None:
    assert counted(signatures, INVOLVED) == answers


@pytest.mark.part11("11.10(g)")
@pytest.mark.parametrize("first", ["kim", "ada", "lee"])
@pytest.mark.parametrize("second", ["kim", "ada", "lee", "max"])
@pytest.mark.parametrize("approvals", [1, 2, 3])
def test_a_full_count_always_has_somebody_uninvolved(first: str, second: str, approvals: int) -> None:
    gate = replace(GATE, approvals=approvals)
    made: list[tuple[Signature, Standing]] = []
    for who in (first, second):
        seen = Answered(gate, True, counted(made, INVOLVED), tuple(made), frozenset(INVOLVED))
        if not seen.why_not(f"us-{who}", who, {"approver"}):
            made.append(given(who))
    answers = counted(made, INVOLVED)
    assert answers.is_separated or answers.approvals < approvals
    assert gates.is_open(gate, answers) == (answers.approvals >= approvals)


def test_only_who_holds_the_role_of_the_gate_can_answer() -> None:
    seen = Answered(replace(GATE, approver_role="qa-lead"), True)
    assert seen.why_not("us-lee", "lee", {"admin", "approver"}) == (
        "it asks for the role qa-lead, which lee does not hold there"
    )
    assert not seen.why_not("us-lee", "lee", {"qa-lead"})


@pytest.mark.asvs("2.3.1")
@pytest.mark.part11("11.10(f)")
def test_no_gate_opens_by_itself() -> None:
    assert not gates.is_open(None, APPROVED)
    assert not gates.is_open(replace(GATE, approvals=0), UNANSWERED)
    assert not gates.is_open(GATE, NO)
