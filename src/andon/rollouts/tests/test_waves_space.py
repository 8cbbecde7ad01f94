"""Safety rules of a fleet's rollouts over the whole space of situations, and fleets that obey or fail."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from andon.judge.model import Outcome
from andon.rollouts import codec
from andon.rollouts.actions import (
    ConfirmStep,
    Fill,
    Finish,
    Hold,
    OpenGate,
    Promote,
    RollBack,
    SetShare,
    StartStep,
    StartTask,
    Wait,
)
from andon.rollouts.decide import decide
from andon.rollouts.model import Observation, Phase, Request, RequestKind, Rollout, Stage, Trigger
from andon.rollouts.transitions import apply
from andon.rollouts.wanted import desired, wanted
from andon.targets.stations import FleetSeen, Heads
from andon.testing.rolling import AT, GATE, NEW, OLD, a_fleet_plan, a_rollout, obeyed, said, walk

STEPPING: dict[str, Any] = {"phase": Phase.STEPPING, "step": 1}
PLACES: list[dict[str, Any]] = [
    {"phase": Phase.PREPARING, "stage": Stage.SCALING},
    STEPPING | {"stage": Stage.SCALING},
    STEPPING | {"stage": Stage.ROUTING},
    STEPPING | {"stage": Stage.FILLING},
    STEPPING | {"stage": Stage.SERVING, "step_since": AT},
    STEPPING | {"stage": Stage.SERVING, "step": 3, "step_since": AT},
    {"phase": Phase.FINISHING, "stage": Stage.WARM, "step": 3},
    *(
        {"phase": Phase.RETURNING, "stage": stage, "step": 1, "trigger": Trigger.STATIONS}
        for stage in (Stage.ROUTING, Stage.STOPPING)
    ),
    {"phase": Phase.RETURNING, "stage": Stage.VERIFYING, "trigger": Trigger.JUDGE, "back_at": AT},
    STEPPING
    | {"phase": Phase.HELD, "held_from": Phase.STEPPING, "stage": Stage.FILLING}
    | {"trigger": Trigger.STATIONS},
]
SILENT = Heads(12, silent=12)
FLEETS: list[tuple[Heads, Heads, int, int]] = [  # everybody, the wave, answering, remaining
    (Heads(), Heads(), 0, 0),
    (SILENT, Heads(10, silent=10), 0, 0),
    (Heads(12, 2, silent=10), Heads(10, silent=10), 2, 2),
    (Heads(12, 2), Heads(10), 2, 12),
    (Heads(12, 11), Heads(10, 9), 11, 12),
    (Heads(12, 11, lost=1), Heads(10, 9, lost=1), 11, 11),
    (Heads(12, 11, failed=1), Heads(10, 9, failed=1), 11, 11),
    (Heads(12, 10, silent=2), Heads(10, 8, silent=2), 10, 10),
    (Heads(12, 4, silent=8), Heads(10, 2, silent=8), 4, 4),
    (Heads(12, 12), Heads(10, 10), 0, 0),
    (Heads(12, 12), Heads(10, 10), 12, 12),
]
REQUESTS = [None, *(Request(kind, "kim", "so") for kind in RequestKind)]
CORDS: list[dict[str, Any]] = [{}, {"is_corded": True}, {"is_corded": True, "cord_returns": True}]
TIMES = (AT + timedelta(seconds=50), AT + timedelta(seconds=200))


def situations() -> Iterator[tuple[Rollout, Observation]]:
    """Every place with every request, cord, verdict, fleet, deadline, silence and acknowledgement."""
    made = a_fleet_plan()
    for place, request, paused in itertools.product(PLACES, REQUESTS, (False, True)):
        changes = {"request": request, "paused_at": AT if paused else None}
        rollout = a_rollout(made, **(changes | place), deadline_at=AT + timedelta(seconds=100))
        base = obeyed(rollout)
        for cord, outcome, fleet, now, confirmed, problem in itertools.product(
            CORDS, Outcome, FLEETS, TIMES, (False, True), ("", "it is gone")
        ):
            everybody, wave, answering, remaining = fleet
            yield (
                rollout,
                replace(
                    base,
                    now=now,
                    verdict=said(outcome),
                    acknowledged_revision=7 if confirmed else 6,
                    target_problem=problem,
                    fleet=FleetSeen(100, 0, everybody, wave, answering, remaining),
                    **cord,
                ),
            )


def is_full_enough(wave: Heads) -> bool:
    """In other words than the engine's: a quarter of all did, and of who is there at most 5 % did not."""
    others = wave.asked - wave.silent - wave.confirmed
    return 4 * wave.confirmed >= wave.asked > 0 and others <= 0.05 * (wave.asked - wave.silent)


def breaks(rollout: Rollout, seen: Observation) -> str:
    """The safety rule that the decision breaks; empty when it breaks none."""
    decision = decide(rollout, seen)
    action, after = decision.action, apply(rollout, decision, seen.now)
    asked = rollout.request.kind if rollout.request else None
    goes_on = isinstance(action, StartStep | StartTask | SetShare | Promote | OpenGate)
    is_back = isinstance(action, RollBack | Hold)
    is_forward = rollout.phase in {Phase.PREPARING, Phase.STEPPING, Phase.FINISHING}
    is_confirmed = seen.acknowledged_revision == 7 and not seen.target_problem
    by_person = asked is RequestKind.PROMOTE
    want = wanted(after)
    rules = {
        "a decision has a reason": bool(decision.reason),
        "waiting writes nothing": not isinstance(action, Wait) or after is rollout,
        "nobody more is asked while it is corded": not seen.is_corded
        or want.share <= wanted(rollout).share
        or rollout.phase is Phase.HELD,
        "nothing advances while corded or paused": not goes_on
        or not (seen.is_corded or (rollout.is_paused and not by_person)),
        "only a full wave is full": not isinstance(action, ConfirmStep)
        or (rollout.stage is Stage.FILLING and is_full_enough(seen.fleet.wave) and is_confirmed),
        "what is not asked does not fill": not isinstance(action, Fill) or seen.acknowledged_revision == 7,
        "a wave that fills asks no next one but by a person's word": rollout.stage is not Stage.FILLING
        or not goes_on
        or (by_person and seen.fleet.answering > 0),
        "silence promotes nothing": not isinstance(action, StartStep | Promote)
        or (seen.fleet.answering > 0 and is_confirmed),
        "a wave of which nobody answers at its deadline comes back": not (
            rollout.stage is Stage.FILLING
            and rollout.phase is Phase.STEPPING
            and seen.now == TIMES[1]
            and seen.fleet.wave == Heads(10, silent=10)
            and asked is None
            and not seen.is_corded
            and not rollout.is_paused
        )
        or is_back,
        "a station that failed in a small wave takes it back": not (
            seen.fleet.everybody.failed and is_forward
        )
        or is_back,
        "a fail is never passed over": seen.verdict.outcome not in {Outcome.FAIL, Outcome.INVALID}
        or not is_forward
        or is_back,
        "an abort goes back": asked is not RequestKind.ABORT
        or not is_forward
        or isinstance(action, RollBack),
        "only a pass or a person ends a judged step": not (
            isinstance(action, StartStep | Promote) and rollout.stage is Stage.SERVING
        )
        or seen.verdict.outcome is Outcome.PASS
        or by_person
        or not rollout.plan.steps[rollout.step].is_judged,
        "a return ends when nobody who answers has it": not isinstance(action, Finish)
        or after.phase is not Phase.RETURNED
        or (rollout.stage is Stage.VERIFYING and not seen.fleet.remaining and is_confirmed),
        "shares sum to 1": want.share + want.stable_share in {0.0, 1.0},
        "the end is reached once": after.phase.is_over == isinstance(action, Finish),
    }
    return next((rule for rule, holds in rules.items() if not holds), "")


def test_no_situation_of_a_sample_breaks_a_safety_rule() -> None:
    count = 0
    for rollout, seen in itertools.islice(situations(), 0, None, 31):
        broken = breaks(rollout, seen)
        assert not broken, (broken, rollout, seen)
        after = apply(rollout, decide(rollout, seen), seen.now)
        assert codec.decode(Rollout, codec.encode(after)) == after
        count += 1
    assert count > 4000


@pytest.mark.simulation
def test_no_situation_at_all_breaks_a_safety_rule() -> None:
    for rollout, seen in situations():
        broken = breaks(rollout, seen)
        assert not broken, (broken, rollout, seen)


def test_in_a_fleet_that_obeys_a_good_release_is_promoted_ring_after_ring() -> None:
    states = walk(a_rollout(a_fleet_plan(gate=GATE)), verdict=said(Outcome.PASS))
    assert [each.share for each in states if each.stage is Stage.FILLING] == [0.02, 0.12, 0.4, 1.0]
    assert states[-1].phase is Phase.PROMOTED
    assert desired(states[-1], 1).instances_of(NEW) == 100


def test_every_state_of_a_fleet_finds_its_way_back() -> None:
    for state in walk(a_rollout(a_fleet_plan()), verdict=said(Outcome.PASS))[:-1]:
        end = walk(replace(state, request=Request(RequestKind.ABORT, "kim", "no")))[-1]
        assert (end.phase, end.trigger, end.share) == (Phase.RETURNED, Trigger.ABORT, 0.0)
        assert desired(end, 1).share_of(OLD) == 1.0


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.FAIL])
def test_a_restart_from_any_state_comes_to_the_same_end(outcome: Outcome) -> None:
    states = walk(a_rollout(a_fleet_plan()), verdict=said(outcome))
    for state in states[:-1]:
        revived = codec.decode(Rollout, codec.encode(state))
        assert revived == state
        end = walk(revived, verdict=said(outcome))[-1]
        assert (end.phase, end.trigger) == (states[-1].phase, states[-1].trigger)


def test_a_fleet_takes_its_first_release_in_waves_and_holds_when_a_station_fails() -> None:
    states = walk(a_rollout(a_fleet_plan(stable=None), stable=None))
    assert [each.share for each in states if each.stage is Stage.FILLING] == [0.02, 0.12, 0.4, 1.0]
    filling = next(each for each in states if each.stage is Stage.FILLING)
    decision = decide(filling, obeyed(filling, fleet=FleetSeen(100, 0, Heads(2, 0, 1), Heads(2, 0, 1))))
    assert isinstance(decision.action, Hold)
    assert "there is no release to return to" in decision.reason
