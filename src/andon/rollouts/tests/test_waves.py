"""When a wave is full, what takes a fleet back, and what a plan of waves asks whom."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from andon.kernel.errors import InvalidInput
from andon.rollouts import codec
from andon.rollouts.actions import ConfirmStep, Decision, Finish, Hold, RollBack, StopCandidate, Verify, Wait
from andon.rollouts.census import Census
from andon.rollouts.decide import decide
from andon.rollouts.model import Phase, Request, RequestKind, Rollout, Stage, Trigger
from andon.rollouts.plan import Current, plan, plan_rollback
from andon.rollouts.steps import GateKind
from andon.targets.stations import FleetSeen, Heads
from andon.testing.rolling import (
    AT,
    CENSUS,
    NEW,
    OLD,
    PRODUCTION,
    a_fleet_manifest,
    a_fleet_plan,
    a_manifest,
    a_rollout,
    obeyed,
    walk,
)
from andon.units.model import StrategyName


def filling(**changes: Any) -> Rollout:
    """A rollout whose second wave, twelve of a hundred stations, fills."""
    plan_ = changes.pop("plan", None) or a_fleet_plan()
    place = {"phase": Phase.STEPPING, "stage": Stage.FILLING, "step": 1}
    return a_rollout(plan_, **(place | {"deadline_at": AT + timedelta(hours=24)} | changes))


def said(rollout: Rollout, wave: Heads, everybody: Heads | None = None, **changes: Any) -> Decision:
    seen = FleetSeen(100, 0, everybody or wave, wave, wave.confirmed, wave.asked)
    return decide(rollout, obeyed(rollout, fleet=replace(seen, **changes)))


@pytest.mark.parametrize(
    ("wave", "is_full"),
    [
        (Heads(10), False),
        (Heads(10, 9), False),
        (Heads(10, 10), True),
        (Heads(10, 6, silent=4), True),
        (Heads(10, 2, silent=8), False),
        (Heads(10, 3, silent=7), True),
        (Heads(40, 2, silent=38), False),
        (Heads(40, 9, silent=31), False),
        (Heads(40, 10, silent=30), True),
        (Heads(2, 1, silent=1), True),
        (Heads(10, silent=10), False),
        (Heads(10, 9, lost=1), False),
        (Heads(60, 57), True),
        (Heads(60, 56), False),
        (Heads(60, 56, silent=2), True),
        (Heads(60, 58, 1, lost=1), True),
    ],
)
def test_a_wave_is_full_when_enough_of_those_who_can_be_reached_confirmed_it(
    wave: Heads, is_full: bool
) -> None:
    decision = said(filling(), wave, replace(wave, asked=wave.asked + 90, confirmed=wave.confirmed + 90))
    assert isinstance(decision.action, ConfirmStep if is_full else Wait), decision.reason


def test_earlier_waves_do_not_stand_in_for_one_of_which_nobody_answers() -> None:
    decision = said(filling(), Heads(10, silent=10), Heads(12, 2, silent=10))
    assert decision == Decision(
        Wait(),
        "wave 2 fills: 0 of 10 stations (10 switched off) confirmed 1.1.0, 3 are needed (25% of all "
        "that were asked): at least 3 stations more must be switched on",
    )


def test_a_wave_of_which_few_answer_says_how_many_more_must_be_switched_on() -> None:
    few = Heads(40, 2, silent=38)
    assert said(filling(), few).reason == (
        "wave 2 fills: 2 of 40 stations (38 switched off) confirmed 1.1.0, 10 are needed (25% of all "
        "that were asked): at least 8 stations more must be switched on"
    )
    assert said(filling(deadline_at=AT), few).action == RollBack(Trigger.NOT_READY)
    heard = said(filling(), Heads(40, 2, silent=30)).reason
    assert heard.endswith("confirmed 1.1.0, 10 are needed")


def test_the_least_part_of_a_wave_is_the_manifests_and_a_plan_of_before_has_none() -> None:
    half = a_fleet_plan(waves={"least": 0.5})
    assert half.fleet is not None
    assert [half.fleet.least_of(count) for count in (1, 2, 10, 41)] == [1, 1, 5, 21]
    before = replace(half, fleet=replace(half.fleet, least=0.0))
    assert isinstance(said(filling(plan=before), Heads(40, 1, silent=39)).action, ConfirmStep)
    assert "least" not in str(codec.encode(before))
    assert any("of these 5 or more must confirm it" in each for each in half.notes)
    assert any("and 50% of all of them, switched off or not;" in each for each in half.notes)


def test_a_rollback_is_not_kept_up_by_who_is_switched_off() -> None:
    back = plan_rollback(a_fleet_manifest(), PRODUCTION, Current(NEW, 1, census=CENSUS))
    assert back.fleet is not None
    assert back.fleet.least == 0
    assert isinstance(said(filling(plan=back, step=0), Heads(100, 1, silent=99)).action, ConfirmStep)


@pytest.mark.parametrize(
    ("wave", "trigger"),
    [(Heads(10, silent=10), Trigger.NO_EVIDENCE), (Heads(10, 3, lost=7), Trigger.NOT_READY)],
)
def test_a_wave_that_is_not_full_by_its_deadline_comes_back(wave: Heads, trigger: Trigger) -> None:
    late = filling(deadline_at=AT)
    assert said(late, wave).action == RollBack(trigger)


def test_a_rollback_waits_for_its_stations_and_is_never_turned_round_by_them() -> None:
    back = plan_rollback(a_fleet_manifest(), PRODUCTION, Current(NEW, 1, census=CENSUS))
    assert (back.strategy, len(back.steps), back.steps[0].share) == (StrategyName.WAVES, 1, 1.0)
    late = filling(plan=back, step=0, deadline_at=AT)
    assert isinstance(said(late, Heads(100, 60, failed=20, lost=20)).action, Wait)


@pytest.mark.parametrize(
    ("heads", "is_back"),
    [
        (Heads(2, failed=1), True),
        (Heads(12, 5, failed=1), True),
        (Heads(100, 40, failed=2), False),
        (Heads(100, 40, failed=3), True),
        (Heads(1000, 0, failed=3), True),  # of 3 that ended all failed: no chance, though 20 might fail
        (Heads(1000, 200, failed=8), False),
        (Heads(1000, 900, failed=21), True),
    ],
)
def test_more_failed_stations_than_may_take_it_back(heads: Heads, is_back: bool) -> None:
    decision = said(filling(), heads, detail="press-2: does not start")
    assert (decision.action == RollBack(Trigger.STATIONS)) == is_back, decision.reason
    assert "press-2: does not start" in decision.reason or not is_back


@pytest.mark.parametrize("stage", [Stage.SERVING, Stage.WARM])
def test_stations_that_fail_later_take_it_back_too(stage: Stage) -> None:
    phase = Phase.FINISHING if stage is Stage.WARM else Phase.STEPPING
    rollout = filling(phase=phase, stage=stage, step_since=AT)
    assert said(rollout, Heads(12, 11, failed=1)).action == RollBack(Trigger.STATIONS)


def test_a_full_wave_does_not_go_on_while_nobody_of_it_is_heard_of() -> None:
    rollout = filling(stage=Stage.SERVING, step_since=AT - timedelta(minutes=5))
    decision = said(rollout, Heads(12, 12), answering=0)
    assert isinstance(decision.action, Wait)
    assert decision.reason == "none of the 12 stations that confirmed 1.1.0 is heard of"
    late = replace(rollout, deadline_at=AT)
    assert said(late, Heads(12, 12), answering=0).action == RollBack(Trigger.NO_EVIDENCE)


def test_stations_that_come_later_do_not_keep_a_full_wave_from_going_on() -> None:
    rollout = filling(stage=Stage.SERVING, step_since=AT - timedelta(minutes=5))
    assert "evidence" in said(rollout, Heads(12, 8)).reason


def test_a_person_may_skip_the_rest_of_a_wave_of_which_somebody_answers() -> None:
    asked = filling(request=Request(RequestKind.PROMOTE, "kim", "the rest is on holiday"))
    assert "promoted by kim" in said(asked, Heads(10, 4)).reason
    refused = said(asked, Heads(10))
    assert refused.reason.startswith("promotion is refused")


def test_a_return_is_over_when_nobody_who_answers_has_it_and_says_who_is_off() -> None:
    back = filling(phase=Phase.RETURNING, stage=Stage.ROUTING, trigger=Trigger.STATIONS)
    assert said(back, Heads(12, 12)).action == StopCandidate()
    stopping = replace(back, stage=Stage.STOPPING)
    assert said(stopping, Heads(), remaining=3).reason == "3 stations still to leave 1.1.0"
    done = said(stopping, Heads(), remaining=0, remaining_silent=2)
    assert done.action == Verify()
    assert "2 that are switched off go back when they come" in done.reason
    late = replace(stopping, deadline_at=AT)
    assert said(late, Heads(), remaining=3).action == Hold(Trigger.STATIONS)


def test_a_promotion_says_how_many_stations_are_still_to_come() -> None:
    warm = filling(phase=Phase.FINISHING, stage=Stage.WARM, step=3, deadline_at=AT)
    decision = said(warm, Heads(100, 97, silent=3))
    assert decision == Decision(
        Finish(Phase.PROMOTED), "1.1.0 is the stable release; 3 stations still to come"
    )


def test_a_plan_over_rings_counts_the_stations_of_each_wave() -> None:
    made = a_fleet_plan()
    assert [(each.ring, each.candidate_instances) for each in made.steps] == [
        ("lab", 2), ("pilot", 12), ("line", 40), ("", 100),
    ]  # fmt: skip
    assert (
        "Wave 2 (up to ring pilot): 12 of 100 stations, 10 more; of these 3 or more must confirm it."
        in made.notes
    )
    assert "3 pinned stations stay where they are." in made.notes


def test_a_ring_without_stations_has_no_wave_and_what_stands_before_it_is_not_lost() -> None:
    steps = [{"gate": "window"}, {"ring": "lab"}, {"hold": True}, {"ring": "pilot"}, {"gate": "window"}, 1]
    made = a_fleet_plan(steps=steps, census=Census((("lab", 0), ("pilot", 5))))
    assert [(each.ring, each.share) for each in made.steps] == [("pilot", 1.0)]
    kinds = [each.kind for each in made.steps[0].before]
    assert kinds == [GateKind.WINDOW, GateKind.HOLD, GateKind.WINDOW]
    assert "No further station stands in ring lab: no wave of its own." in made.notes


@pytest.mark.parametrize(
    ("share", "stations", "asked"), [(0.1, 5, 1), (0.5, 5, 2), (0.999, 5, 4), (1.0, 5, 5), (0.001, 5, 1)]
)
def test_a_share_of_a_fleet_is_at_least_one_station_and_all_only_at_1(
    share: float, stations: int, asked: int
) -> None:
    census = Census((("plant", stations),))
    assert census.count_of(share) == asked
    assert census.count_of(census.share_of(asked)) == asked


def test_a_ring_that_the_fleet_does_not_have_is_named_with_those_that_it_has() -> None:
    with pytest.raises(InvalidInput, match="no ring 'plot'; it has lab, pilot, line, plant"):
        a_fleet_plan(steps=[{"ring": "plot"}, 1])


def test_nothing_is_planned_for_a_fleet_without_stations() -> None:
    with pytest.raises(InvalidInput, match="no station of production may get a release"):
        plan(a_fleet_manifest(), PRODUCTION, Current(OLD, 1))


def test_a_fleet_is_moved_in_waves_and_nothing_else_is() -> None:
    fleet = Current(OLD, 1, census=CENSUS)
    with pytest.raises(InvalidInput, match="a fleet is moved in waves"):
        plan(a_fleet_manifest(), PRODUCTION, fleet, StrategyName.CANARY)
    with pytest.raises(InvalidInput, match="only a fleet"):
        plan(a_manifest(), PRODUCTION, Current(OLD, 3), StrategyName.WAVES)


def test_a_return_tells_stations_and_waits_for_no_drain() -> None:
    states = walk(replace(filling(), request=Request(RequestKind.ABORT, "kim", "no")))
    assert [each.stage for each in states if each.phase is Phase.RETURNING] == [
        Stage.ROUTING, Stage.STOPPING, Stage.VERIFYING,
    ]  # fmt: skip


def test_a_fleet_has_no_gateway_to_wait_for() -> None:
    routing = filling(stage=Stage.ROUTING)
    decision = decide(routing, obeyed(routing, acknowledged_revision=6))
    assert decision == Decision(Wait(), "not all stations of share 12.0% are asked yet")
