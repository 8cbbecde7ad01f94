"""Safety rules over the whole small space of situations, and worlds that obey, stop or restart."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from andon.judge.model import Outcome
from andon.rollouts import codec
from andon.rollouts.actions import (
    Action,
    ConfirmStep,
    Drain,
    Finish,
    Hold,
    OpenGate,
    PassTask,
    Promote,
    RollBack,
    SetShare,
    StartStep,
    StartTask,
    StopCandidate,
    StopStable,
    Wait,
)
from andon.rollouts.decide import decide
from andon.rollouts.model import (
    UNANSWERED,
    GateSeen,
    GateState,
    Observation,
    Phase,
    Request,
    RequestKind,
    Rollout,
    Stage,
    TaskSeen,
    TaskState,
    Trigger,
)
from andon.rollouts.transitions import apply
from andon.rollouts.wanted import desired, wanted
from andon.rollouts.wanted import task as wanted_task
from andon.targets.model import InstanceState
from andon.testing.rolling import (
    APPROVED,
    AT,
    EVERYTHING,
    GATE,
    HALF,
    NEW,
    NO,
    OLD,
    TOO_CLOSE,
    a_plan,
    a_rollout,
    instances,
    obeyed,
    said,
    walk,
)

PLACES: list[dict[str, Any]] = [
    {"phase": Phase.PREPARING, "stage": Stage.SCALING},
    {"phase": Phase.STEPPING, "stage": Stage.SCALING, "step": 1},
    {"phase": Phase.STEPPING, "stage": Stage.ROUTING, "step": 0},
    {"phase": Phase.STEPPING, "stage": Stage.SERVING, "step": 0, "step_since": AT},
    {"phase": Phase.STEPPING, "stage": Stage.SERVING, "step": 2, "step_since": AT},
    {"phase": Phase.FINISHING, "stage": Stage.WARM, "step": 2},
    {"phase": Phase.FINISHING, "stage": Stage.DRAINING, "step": 2},
    {"phase": Phase.FINISHING, "stage": Stage.STOPPING, "step": 2},
    *({"phase": Phase.RETURNING, "stage": s, "trigger": Trigger.JUDGE} for s in list(Stage)[:3]),
    {"phase": Phase.RETURNING, "stage": Stage.VERIFYING, "trigger": Trigger.JUDGE, "back_at": AT},
    {
        "phase": Phase.HELD,
        "stage": Stage.SERVING,
        "held_from": Phase.STEPPING,
        "trigger": Trigger.JUDGE,
        "step": 1,
        "step_since": AT,
    },
    {"phase": Phase.HELD, "stage": Stage.ROUTING, "held_from": Phase.RETURNING, "trigger": Trigger.ABORT},
    {"phase": Phase.HELD, "stage": Stage.STOPPING, "held_from": Phase.FINISHING, "step": 2},
]
GAP_PLACES: list[dict[str, Any]] = [
    *({"phase": Phase.PREPARING, "stage": s} for s in list(Stage)[:4]),
    {"phase": Phase.STEPPING, "stage": Stage.SERVING, "step_since": AT},
    *({"phase": Phase.RETURNING, "stage": s, "trigger": Trigger.JUDGE} for s in list(Stage)[:4]),
    {"phase": Phase.RETURNING, "stage": Stage.RESTORING, "trigger": Trigger.JUDGE},
    {"phase": Phase.RETURNING, "stage": Stage.VERIFYING, "trigger": Trigger.JUDGE, "back_at": AT},
]
GATES: list[dict[str, Any]] = [{"phase": Phase.PREPARING, "stage": Stage.GATED}]
# In the plan of `EVERYTHING`: window and production, smoke test, 10 %, approval and webhook, hold, command.
BETWEEN: dict[str, Any] = {"phase": Phase.STEPPING, "step": 1}
ELEMENTS: list[dict[str, Any]] = [
    *GATES,
    {"phase": Phase.PREPARING, "stage": Stage.SCALING, "at": 2},
    {"phase": Phase.PREPARING, "stage": Stage.CHECKING, "at": 2},
    BETWEEN | {"stage": Stage.GATED},
    BETWEEN | {"stage": Stage.GATED, "at": 2},
    BETWEEN | {"stage": Stage.SCALING, "at": 3},
    BETWEEN | {"stage": Stage.CHECKING, "at": 3},
    BETWEEN | {"stage": Stage.SCALING, "at": 4},
    BETWEEN
    | {"phase": Phase.HELD, "held_from": Phase.STEPPING, "stage": Stage.CHECKING, "at": 3}
    | {"trigger": Trigger.CHECK},
]
GAP_ELEMENTS: list[dict[str, Any]] = [
    *GATES,
    {"phase": Phase.PREPARING, "stage": Stage.ROUTING, "at": 5},
    {"phase": Phase.PREPARING, "stage": Stage.SCALING, "at": 5},
    {"phase": Phase.PREPARING, "stage": Stage.CHECKING, "at": 6},
]
OPEN, SHUT = GateSeen(GateState.OPEN, "is open"), GateSeen(GateState.WAITING, "is shut")
REFUSED = GateSeen(GateState.REFUSED, "was refused")
ANSWERS = [UNANSWERED, HALF, TOO_CLOSE, APPROVED, NO]
SAID: list[dict[str, Any]] = [{"answers": each} for each in ANSWERS]
WORDS: list[dict[str, Any]] = [
    {"answers": answers, "gates": {"night": one, "idle": OPEN, "change": one}, "task": TaskSeen(task, "so")}
    for answers, one, task in (
        (UNANSWERED, SHUT, TaskState.PENDING),
        (APPROVED, SHUT, TaskState.RUNNING),
        (HALF, OPEN, TaskState.LOST),
        (APPROVED, OPEN, TaskState.PASSED),
        (APPROVED, REFUSED, TaskState.FAILED),
        (NO, OPEN, TaskState.PASSED),
    )
]
REQUESTS = [None, *(Request(kind, "kim", "so") for kind in RequestKind)]
CORDS = [{}, {"is_corded": True}, {"is_corded": True, "cord_returns": True}]
VERDICTS = [said(each) for each in Outcome]
CANDIDATES = [None, InstanceState.READY, InstanceState.STARTING, InstanceState.CRASH_LOOP]
BOOLEANS = [False, True]
Situation = tuple[Rollout, Observation]


TIMES = (AT + timedelta(seconds=50), AT + timedelta(seconds=200))
WORLDS = [
    ([] if state is None else instances(NEW, 3, state)) + (instances(OLD, 3) if has_stable else [])
    for state in CANDIDATES
    for has_stable in BOOLEANS
]


def situations(places: list[dict[str, Any]], plan: Any, *, every: int) -> Iterator[Situation]:
    """Every place with every request, cord, verdict, state of both releases, route, deadline and source.

    At a gate, also with every kind of answers, and where there are tasks with every kind of result. Of all
    these only one in `every` is made.
    """
    words = [SAID[0]] if plan.gate is None else SAID
    words = WORDS if plan.tasks else words
    views = list(itertools.product(CORDS, VERDICTS, [*WORLDS, None], TIMES, BOOLEANS, words))
    number = 0
    for place, request, paused, frozen in itertools.product(places, REQUESTS, BOOLEANS, BOOLEANS):
        changes = {
            "request": request,
            "paused_at": AT if paused else None,
            "frozen_at": AT if frozen else None,
            "deadline_at": AT + timedelta(seconds=100),
        }
        rollout = a_rollout(plan, **(changes | place))
        base = obeyed(rollout)
        for view in views[-number % every :: every]:
            yield rollout, _seen(base, *view)
        number += len(views)


def _seen(
    base: Observation,
    cord: dict[str, Any],
    verdict: Any,
    world: Any,
    now: datetime,
    confirmed: bool,
    words: dict[str, Any],
) -> Observation:
    return replace(
        base,
        now=now,
        traffic_at=now,
        verdict=verdict,
        instances=world or [],
        target_problem="" if world is not None else "it is gone",
        acknowledged_revision=7 if confirmed else 6,
        evidence_problems=("dead",) if now == TIMES[1] and verdict.outcome is Outcome.PASS else (),
        **cord,
        **words,
    )


def _ready(seen: Observation, version: object) -> int:
    return sum(each.version == version and each.state is InstanceState.READY for each in seen.instances)


def _breaks(rollout: Rollout, seen: Observation, plan_gap: bool) -> str:
    """The safety rule that the decision breaks; empty when it breaks none."""
    decision = decide(rollout, seen)
    action, after = decision.action, apply(rollout, decision, seen.now)
    onwards = OpenGate | StartStep | StartTask | PassTask | SetShare | Promote | Drain | StopStable
    goes_on = isinstance(action, onwards) and rollout.working_phase is not Phase.RETURNING
    is_back = isinstance(action, RollBack | Hold) or (isinstance(action, Finish) and bool(action.trigger))
    is_confirmed = seen.acknowledged_revision == 7
    asked = rollout.request.kind if rollout.request else None
    can_go_back = rollout.working_phase in {Phase.PREPARING, Phase.STEPPING} or (
        rollout.working_phase is Phase.FINISHING and rollout.stage is not Stage.STOPPING
    )
    more = wanted(after).share > wanted(rollout).share
    rules = {
        "a decision has a reason": bool(decision.reason),
        "nothing advances while corded": not (
            seen.is_corded and (goes_on or (isinstance(action, Finish) and not is_back))
        )
        or rollout.working_phase is Phase.RETURNING,
        "nothing advances while paused": not (rollout.is_paused and goes_on) or asked is RequestKind.PROMOTE,
        "nothing is stopped before its share 0 is confirmed": not isinstance(action, Drain) or is_confirmed,
        "stopping follows draining": not isinstance(action, StopCandidate | StopStable)
        or rollout.stage is Stage.DRAINING,
        "the candidate keeps its instances until it is drained": isinstance(action, StopCandidate)
        or not wanted(rollout).candidate_instances
        or bool(wanted(after).candidate_instances),
        "so does the stable release": isinstance(action, StopStable)
        or not wanted(rollout).stable_instances
        or bool(wanted(after).stable_instances),
        "a share needs ready instances": not more
        or _ready(seen, rollout.candidate) >= wanted(after).candidate_instances,
        "no return to an unready stable": not isinstance(action, RollBack)
        or not rollout.has_users
        or plan_gap
        or _ready(seen, rollout.stable) > 0,
        "a fail is never passed over": seen.verdict.outcome not in {Outcome.FAIL, Outcome.INVALID}
        or not can_go_back
        or rollout.phase is Phase.HELD
        or is_back,
        "an abort goes back or holds": asked is not RequestKind.ABORT
        or not can_go_back
        or is_back
        or (rollout.phase is Phase.HELD and isinstance(action, Wait)),
        "a cord that returns goes back": not seen.cord_returns
        or rollout.phase not in {Phase.PREPARING, Phase.STEPPING}
        or is_back,
        "only a pass, the plan or a person ends a judged step": not (
            isinstance(action, StartStep | Promote) and rollout.stage is Stage.SERVING
        )
        or seen.verdict.outcome is Outcome.PASS
        or asked is RequestKind.PROMOTE
        or not rollout.plan.steps[rollout.step].is_judged,
        "a dead source promotes nothing": not (
            isinstance(action, StartStep | Promote)
            and rollout.stage is Stage.SERVING
            and seen.evidence_problems
        )
        or asked is RequestKind.PROMOTE
        or not rollout.plan.steps[rollout.step].is_judged,
        "only what is confirmed is confirmed": not isinstance(action, ConfirmStep) or is_confirmed,
        "a return ends when it was seen to hold": not isinstance(action, Finish)
        or rollout.working_phase is not Phase.RETURNING
        or (rollout.stage is Stage.VERIFYING and is_confirmed and _ready(seen, rollout.stable) > 0),
        "a target that does not answer ends nothing that runs": not isinstance(action, Finish)
        or not seen.target_problem
        or rollout.is_untouched
        or rollout.stage is Stage.WARM,
        "the end is reached once": after.phase.is_over == isinstance(action, Finish),
        "waiting writes nothing": not isinstance(action, Wait) or after is rollout,
    }
    rules |= _at_gate(rollout, seen, action, after)
    if rollout.plan.tasks:
        rules |= _before_a_share(rollout, seen, action, after)
    return next((rule for rule, holds in rules.items() if not holds), "")


def _before_a_share(rollout: Rollout, seen: Observation, action: Action, after: Rollout) -> dict[str, bool]:
    """What holds of what stands before a share: the rule, and whether it is kept."""
    before, asked = rollout.plan.before(rollout.step), rollout.request.kind if rollout.request else None
    is_back = isinstance(action, RollBack | Hold) or (isinstance(action, Finish) and bool(action.trigger))
    is_free = not (seen.is_corded or rollout.is_paused or asked is RequestKind.ABORT)
    is_tried = rollout.stage is Stage.CHECKING and rollout.phase is not Phase.HELD
    refused = any(
        said == REFUSED for key, said in seen.gates.items() if key in {g.key for g in rollout.gates}
    )
    return {
        "a share is asked for behind all that stands before it": not isinstance(action, SetShare)
        or rollout.at == len(before),
        "a task may run once the instances are ready, and nothing is stopped": not isinstance(
            action, StartTask
        )
        or (is_free and _ready(seen, NEW) >= wanted(rollout).candidate_instances),
        "a task is passed when it passed": not isinstance(action, PassTask)
        or (is_tried and is_free and seen.task.state is TaskState.PASSED),
        "a task that failed takes it back": not (is_tried and seen.task.state is TaskState.FAILED) or is_back,
        "a task that is silent too long takes it back": not (
            is_tried
            and seen.task.state not in {TaskState.PASSED, TaskState.FAILED}
            and seen.now == TIMES[1]
            and is_free
            and rollout.frozen_at is None
            and asked is None
        )
        or is_back,
        "what is refused takes it back": not (refused and rollout.is_gated) or is_back,
        "no task is wanted where none may run": wanted_task(after) is None
        or (after.stage is Stage.CHECKING and not after.phase.is_over),
        "a task that may start is stopped by nothing": not (task := wanted_task(after))
        or task.may_start == (not after.is_paused and after.frozen_at is None),
        "the share stays while something stands before the next": rollout.stage
        not in {Stage.GATED, Stage.CHECKING}
        or is_back
        or rollout.phase is Phase.HELD
        or (wanted(after).share, after.routing.matches) == (wanted(rollout).share, rollout.routing.matches),
    }


def _at_gate(rollout: Rollout, seen: Observation, action: Action, after: Rollout) -> dict[str, bool]:
    """What holds at a gate: the rule, and whether it is kept."""
    opens, answers = isinstance(action, OpenGate), seen.answers
    if not rollout.is_gated:
        return {
            "only a gate opens": not opens,
            "nothing goes back behind its gate": _is_further(rollout, after),
        }
    asked = rollout.request.kind if rollout.request else None
    want, now, is_first = wanted(rollout), wanted(after), rollout.is_untouched
    is_over = after.phase is Phase.RETURNED if is_first else isinstance(action, RollBack | Hold)
    on_hold, approval = rollout.is_on_hold, rollout.approval
    others = [each.key for each in rollout.gates if each is not approval and not on_hold]
    are_open = all(seen.gates.get(key) == OPEN for key in others)
    is_approved = approval is None or answers == APPROVED
    return {
        "nothing of the candidate before its gate is open": opens
        or not is_first
        or (now.candidate_instances, now.share) == (0, 0.0),
        "a shut gate changes nothing of what runs": opens or now == want or (is_over and not is_first),
        "what is stable serves behind the gate": not is_first
        or (
            want.stable_share == (1.0 if rollout.stable else 0.0)
            and want.stable_instances == rollout.plan.stable_instances
        ),
        "a gate opens for enough people, one of them uninvolved, and nobody against it": not opens
        or approval is None
        or (answers.approvals >= GATE.approvals and answers.is_separated and not answers.rejection),
        "gates that stand together are open together": not opens or are_open,
        "a hold ends with a person's word": not (opens and on_hold) or asked is RequestKind.RESUME,
        "a gate does not open while it is stopped, or an abort waits": not opens
        or not (seen.is_corded or rollout.is_paused or asked is RequestKind.ABORT),
        "a no ends it": approval is None or not answers.rejection or is_over,
        "silence ends it": seen.now == TIMES[0]
        or is_over
        or opens
        or (is_approved and are_open and not on_hold)
        or bool(seen.is_corded or rollout.is_paused or rollout.frozen_at or asked),
        "an end at the gate says why": not after.phase.is_over or after.trigger is not None,
    }


def _is_further(rollout: Rollout, after: Rollout) -> bool:
    """Whether it does not come to a gate that it has passed."""
    return not after.is_gated or (after.step, after.at) > (rollout.step, rollout.at)


SPACES = pytest.mark.parametrize(
    ("plan", "places"),
    [
        (a_plan(), PLACES),
        (a_plan("rolling"), PLACES),
        (a_plan("recreate"), GAP_PLACES),
        (a_plan(gate=GATE), GATES),
        (a_plan("recreate", gate=GATE), GATES),
        (a_plan(steps=EVERYTHING), ELEMENTS),
        (a_plan("recreate", steps=EVERYTHING), GAP_ELEMENTS),
    ],
    ids=["canary", "rolling", "recreate", "gate", "gate of a recreate", "elements", "elements in a gap"],
)


def check(plan: Any, places: list[dict[str, Any]], *, every: int) -> int:
    """How many situations were looked at, none of which breaks a rule.

    With elements the space is about ten times as large, and of it a part is looked at.
    """
    every *= 5 if plan.tasks else 1
    count = 0
    for rollout, seen in situations(places, plan, every=every):
        broken = _breaks(rollout, seen, plan.needs_gap)
        assert not broken, (broken, rollout, seen)
        count += 1
    return count


@pytest.mark.asvs("2.3.1")
@pytest.mark.part11("11.10(f)")
@SPACES
def test_no_situation_of_a_sample_breaks_a_safety_rule(plan: Any, places: list[dict[str, Any]]) -> None:
    # Every thirteenth of about a hundred thousand for each plan; the stride shares no factor with them.
    assert check(plan, places, every=13) > 2500


@pytest.mark.simulation
@SPACES
def test_no_situation_at_all_breaks_a_safety_rule(plan: Any, places: list[dict[str, Any]]) -> None:
    """About 5 s for each plan, so it is left to the slower tier."""
    assert check(plan, places, every=1) > 28_000


STRATEGIES = ["canary", "blue-green", "rolling", "recreate"]
WITH_AND_WITHOUT = pytest.mark.parametrize(
    "more",
    [{}, {"gate": GATE}, {"gate": GATE, "steps": EVERYTHING}],
    ids=["no gate", "gate", "everything"],
)


@pytest.mark.parametrize("strategy", STRATEGIES)
@WITH_AND_WITHOUT
def test_in_a_world_that_obeys_a_good_release_is_promoted(strategy: str, more: dict[str, Any]) -> None:
    states = walk(a_rollout(a_plan(strategy, **more)), verdict=said(Outcome.PASS))
    assert states[0].is_gated == bool(more)
    assert states[-1].phase is Phase.PROMOTED
    assert desired(states[-1], 1).instances_of(OLD) == 0
    shares = [each.share for each in states]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("strategy", STRATEGIES)
@WITH_AND_WITHOUT
def test_in_a_world_that_obeys_every_state_finds_its_way_back(strategy: str, more: dict[str, Any]) -> None:
    for state in walk(a_rollout(a_plan(strategy, **more)), verdict=said(Outcome.PASS)):
        if state.phase.is_over or (state.phase is Phase.FINISHING and state.stage is Stage.STOPPING):
            continue
        end = walk(replace(state, request=Request(RequestKind.ABORT, "kim", "no")))[-1]
        assert (end.phase, end.trigger, end.share) == (Phase.RETURNED, Trigger.ABORT, 0.0)
        assert desired(end, 1).instances_of(OLD) == 3
        assert desired(end, 1).share_of(OLD) == 1.0


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.FAIL])
@pytest.mark.parametrize("answers", [None, APPROVED, NO, UNANSWERED])
def test_a_restart_from_any_state_comes_to_the_same_end(
    strategy: str, outcome: Outcome, answers: Any
) -> None:
    """The interrupt test: all that is kept of a state is what is stored. Answers None: without a gate."""
    gate = None if answers is None else replace(GATE, expires_after=timedelta(minutes=1))
    world = {"verdict": said(outcome), "answers": answers or UNANSWERED}
    if outcome is Outcome.FAIL and gate is not None:
        world["verdict"] = said(Outcome.INCONCLUSIVE)  # nothing is judged before the gate is open
    states = walk(a_rollout(a_plan(strategy, gate=gate)), **world)
    for state in states[:-1]:
        revived = codec.decode(Rollout, codec.encode(state))
        assert revived == state
        end = walk(revived, **world)[-1]
        assert (end.phase, end.trigger) == (states[-1].phase, states[-1].trigger)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.FAIL])
def test_a_restart_in_a_plan_of_everything_comes_to_the_same_end(strategy: str, outcome: Outcome) -> None:
    world = {"verdict": said(outcome)}
    first = replace(GATE, expires_after=timedelta(minutes=1))
    states = walk(a_rollout(a_plan(strategy, gate=first, steps=EVERYTHING)), verdict=said(Outcome.PASS))
    for state in states[:-1]:
        revived = codec.decode(Rollout, codec.encode(state))
        assert revived == state
        ends = {(end.phase, end.trigger) for end in (walk(revived, **world)[-1], walk(state, **world)[-1])}
        assert len(ends) == 1


@pytest.mark.parametrize("strategy", ["canary", "blue-green", "rolling"])
@pytest.mark.parametrize("more", [{}, {"steps": EVERYTHING}], ids=["plain", "everything"])
def test_capacity_never_falls_below_the_whole(strategy: str, more: dict[str, Any]) -> None:
    for state in walk(a_rollout(a_plan(strategy, **more)), verdict=said(Outcome.PASS)):
        want = wanted(state)
        assert want.candidate_instances + want.stable_instances >= 3
        if strategy == "rolling":
            assert want.candidate_instances + want.stable_instances <= 4  # max surge 1
        for share, count in (
            (want.share, want.candidate_instances),
            (want.stable_share, want.stable_instances),
        ):
            assert not share or count


def test_the_first_release_serves_alone() -> None:
    plan = a_plan(stable=None)
    for state in walk(a_rollout(plan, stable=None)):
        assert wanted(state).stable_share == 0.0
        assert [each.version for each in desired(state, 1).releases] == [NEW]
    assert desired(walk(a_rollout(plan, stable=None))[-1], 1).stable == NEW


def test_the_candidate_is_stable_from_its_promotion_on() -> None:
    for state in walk(a_rollout(), verdict=said(Outcome.PASS)):
        is_promoted = state.phase in {Phase.FINISHING, Phase.PROMOTED}
        assert desired(state, 1).stable == (NEW if is_promoted else OLD)
