"""Seeded rollouts over simulated fleets, with the real decisions, assignment, target, observer and commands.

Stations are off, late, say things twice, lie, fail before and after they switch; the control plane dies in
between. `fleets.py` has what must hold; here bugs are planted that it must see. ANDON_FLEET_STORIES tells how
many stories are told, for a campaign.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from andon.fleet.assign import Wish
from andon.rollouts.actions import ConfirmStep, Decision, Finish, RollBack, Wait
from andon.rollouts.controller import Rules
from andon.rollouts.decide import decide
from andon.rollouts.model import Observation, Phase, Rollout, Stage, Trigger
from andon.targets.fleet import FleetTarget
from andon.targets.stations import Errand, FleetSeen
from andon.testing.rolling import NEW
from andon.testing.simulation.fleets import FleetStory, FleetWorld, Parts
from andon.testing.simulation.people import freeze
from andon.testing.simulation.stations import Fate, Temper

STORIES = int(os.environ.get("ANDON_FLEET_STORIES", "40"))


def a_story(fate: Fate = Fate.WORKS, **others: Any) -> FleetStory:
    rings = others.pop("rings", (1, 2, 2, 3))
    size = sum(rings)
    return FleetStory(1, rings, (fate,) * size, others.pop("tempers", (Temper(),) * size), **others)


@pytest.mark.parametrize(
    ("fate", "phase", "trigger"),
    [
        (Fate.WORKS, Phase.PROMOTED, None),
        (Fate.NOT_INSTALLED, Phase.RETURNED, Trigger.STATIONS),
        (Fate.DOES_NOT_START, Phase.RETURNED, Trigger.STATIONS),
        (Fate.DIES_LATER, Phase.RETURNED, Trigger.STATIONS),
        (Fate.KILLS, Phase.RETURNED, Trigger.NO_EVIDENCE),
    ],
)
async def test_a_release_ends_where_it_takes_its_stations(
    fate: Fate, phase: Phase, trigger: Trigger | None
) -> None:
    world = FleetWorld(a_story(fate))
    end = await world.play()
    assert (end.phase, end.trigger, list(world.broken)) == (phase, trigger, [])


async def test_a_release_that_kills_its_stations_reaches_no_second_ring() -> None:
    world = FleetWorld(a_story(Fate.KILLS))
    await world.play()
    assert {each.station.ring for each in world.stations if each.is_dead} == {"lab"}


async def test_a_fleet_of_which_nobody_answers_is_never_promoted() -> None:
    world = FleetWorld(a_story(tempers=(Temper(off=(0.0, 1e9)),) * 8))
    end = await world.play()
    assert (end.phase, end.trigger, list(world.broken)) == (Phase.RETURNED, Trigger.NO_EVIDENCE, [])


async def test_stations_that_are_off_for_the_whole_rollout_catch_up_afterwards() -> None:
    off = (*(Temper(),) * 6, Temper(off=(0.0, 1e9)), Temper(off=(100.0, 1e9)))
    world = FleetWorld(a_story(tempers=off))
    end = await world.play()
    assert end.phase is Phase.PROMOTED
    assert "2 stations still to come" in end.reason
    assert [each.running for each in world.stations] == [NEW] * 8
    assert list(world.broken) == []


@pytest.mark.parametrize("first", range(0, STORIES, 20))
async def test_no_story_of_a_fleet_breaks_a_promise(first: int) -> None:
    for seed in range(first, min(first + 20, STORIES)):
        world = FleetWorld(FleetStory.of(seed))
        await world.play()
        assert list(world.broken) == [], f"seed {seed}: {world.story}"


async def test_a_crash_between_two_turns_changes_no_end() -> None:
    for seed in range(200, 208):
        story = FleetStory.of(seed)
        ends = []
        for crashes in ((), (90.0, 300.0, 301.0, 1200.0, 2000.0)):
            end = await FleetWorld(replace(story, crashes=crashes)).play()
            ends.append((end.phase, end.trigger, end.step, end.created_at and end.finished_at))
        assert ends[0] == ends[1], seed


# Bugs.


def deciding(wrong: Callable[[Rollout, Observation, Decision], Decision]) -> Parts:
    return Parts(rules=Rules(decide=lambda rollout, seen: wrong(rollout, seen, decide(rollout, seen))))


def fills_by_itself(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    is_waiting = isinstance(made.action, Wait) and rollout.stage is Stage.FILLING
    return Decision(ConfirmStep(), "it was long enough") if is_waiting else made


def lets_earlier_waves_stand_in(rollout: Rollout, seen: Observation, _made: Decision) -> Decision:
    return decide(rollout, replace(seen, fleet=replace(seen.fleet, wave=seen.fleet.everybody)))


def counts_the_silent_as_done(rollout: Rollout, seen: Observation, _made: Decision) -> Decision:
    wave = seen.fleet.wave
    done = replace(wave, confirmed=wave.confirmed + wave.silent, silent=0)
    return decide(rollout, replace(seen, fleet=replace(seen.fleet, wave=done)))


def counts_the_lost_as_switched_off(rollout: Rollout, seen: Observation, _made: Decision) -> Decision:
    def forgiving(counted: Any) -> Any:
        return replace(counted, silent=counted.silent + counted.lost, lost=0)

    fleet = seen.fleet
    kind = replace(fleet, wave=forgiving(fleet.wave), everybody=forgiving(fleet.everybody))
    return decide(rollout, replace(seen, fleet=kind))


def passes_failures_over(rollout: Rollout, seen: Observation, made: Decision) -> Decision:
    if made.action != RollBack(Trigger.STATIONS):
        return made
    wave = replace(seen.fleet.wave, failed=0, asked=seen.fleet.wave.asked - seen.fleet.wave.failed)
    fine = replace(seen.fleet, everybody=replace(seen.fleet.everybody, failed=0), wave=wave)
    return decide(rollout, replace(seen, fleet=fine))


def ends_a_return_at_once(rollout: Rollout, _seen: Observation, made: Decision) -> Decision:
    return Decision(Finish(Phase.RETURNED), "sure") if rollout.phase is Phase.RETURNING else made


@dataclass
class Wishing:
    """The real target, asked for something else."""

    made: FleetTarget
    wrong: Callable[[Wish], Wish]

    async def reconcile(self, assignment: Any) -> None:
        stations = self.made._stations
        real = stations.want

        def want(place: Any, wish: Wish) -> None:
            real(place, self.wrong(wish))

        stations.want = want  # type: ignore[method-assign]
        try:
            await self.made.reconcile(assignment)
        finally:
            stations.want = real  # type: ignore[method-assign]

    async def fleet(self, *place: Any) -> FleetSeen:
        return await self.made.fleet(*place)

    async def told(self, *place: Any) -> Any:
        return await self.made.told(*place)


def wishing(wrong: Callable[[Wish], Wish]) -> Parts:
    return Parts(target=lambda made: Wishing(made, wrong))


@dataclass
class NeverHalted:
    """Does not know of cords and pauses."""

    made: Any

    async def of(self, *place: Any) -> Errand:
        return replace(await self.made.of(*place), halted="")


def asks_everybody(wish: Wish) -> Wish:
    return replace(wish, share=1.0 if wish.candidate else wish.share)


def knows_no_lines(wish: Wish) -> Wish:
    return replace(wish, most_of_a_line=0)


OFF = Temper(off=(0.0, 1e9))
PILOT_IS_OFF = a_story(tempers=(Temper(), OFF, OFF, *(Temper(),) * 5))
PILOT_IS_KILLED = replace(a_story(), fates=(Fate.WORKS, Fate.WORKS, Fate.KILLS, *(Fate.WORKS,) * 5))
PILOT_FAILS = replace(a_story(), fates=(Fate.WORKS, Fate.WORKS, Fate.NOT_INSTALLED, *(Fate.WORKS,) * 5))
ONE_LINE = a_story(rings=(0, 0, 0, 9), of_line=1)
PLANTED: dict[str, tuple[Parts, FleetStory, str]] = {
    "a wave fills by itself": (deciding(fills_by_itself), a_story(), "not full"),
    "earlier waves stand in": (deciding(lets_earlier_waves_stand_in), PILOT_IS_OFF, "not full"),
    "silence counts": (deciding(counts_the_silent_as_done), PILOT_IS_OFF, "not full"),
    "the lost are switched off": (deciding(counts_the_lost_as_switched_off), PILOT_IS_KILLED, "not full"),
    "failures are passed over": (deciding(passes_failures_over), PILOT_FAILS, "past stations that failed"),
    "a return ends at once": (deciding(ends_a_return_at_once), a_story(Fate.DIES_LATER), "a return ended"),
    "everybody is asked": (wishing(asks_everybody), a_story(), "more stations were asked"),
    "a line is no limit": (wishing(knows_no_lines), ONE_LINE, "too many of a line"),
    "a cord stops nobody": (
        Parts(errands=NeverHalted),
        replace(ONE_LINE, deeds=((130.0, freeze),)),
        "began while it was stopped",
    ),
}


@pytest.mark.parametrize("name", list(PLANTED))
async def test_a_planted_bug_is_found_and_nothing_without_it(name: str) -> None:
    parts, story, said = PLANTED[name]
    sound, ill = FleetWorld(story), FleetWorld(story, parts)
    await sound.play()
    await ill.play()
    assert list(sound.broken) == []
    assert any(said in each for each in ill.broken), list(ill.broken)
