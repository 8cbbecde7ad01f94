"""Seeded rollouts in a simulated plant, with the real decisions, judge, observer, controllers and commands.

A bounded sample of what `python -m bench.simulation` does for as long as one likes. Every transaction is
checked against `andon/testing/simulation/promises.py`; `test_planted.py` shows that it sees what is wrong.
"""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from andon.access.policies.model import Policy
from andon.kernel.errors import Conflict
from andon.rollouts.model import Phase, Rollout, Stage, Trigger
from andon.testing.rolling import NEW, OLD
from andon.testing.simulation.faults import AtPoint
from andon.testing.simulation.people import lee_approves, max_rejects
from andon.testing.simulation.plant import PRODUCTION
from andon.testing.simulation.story import INCOMPARABLE, Story, a_world, play
from andon.testing.simulation.weather import Weather
from andon.testing.simulation.world import Engine, World
from tests.simulation.seeds import FAILED

_CALM = Story(
    seed=1,
    release="good",
    strategy="canary",
    instances=3,
    faults=(),
    approvals=0,
    is_first=False,
    policy={"soak": "3s", "max_wait": "60s", "warm": "5s", "margin": 3.0},
    weather=Weather(requests_per_second=200),
)


def a_calm_world(**changes: object) -> World:
    return a_world(replace(_CALM, **changes), Engine())  # type: ignore[arg-type]


async def end_of(world: World, rollout: Rollout) -> Rollout:
    end = await world.run(rollout.id, until=100_000)
    assert world.broken == []
    return end


@pytest.mark.parametrize("strategy", ["canary", "blue-green", "rolling", "recreate"])
@pytest.mark.parametrize(
    ("release", "phase", "triggers"),
    [
        ("good", Phase.PROMOTED, {None}),
        ("awful", Phase.RETURNED, {Trigger.JUDGE, Trigger.GUARDRAIL}),
        ("crashes", Phase.RETURNED, {Trigger.CRASH_LOOP}),
        ("sick", Phase.RETURNED, {Trigger.HEALTH}),
        ("never ready", Phase.RETURNED, {Trigger.NOT_READY}),
        ("refused", Phase.RETURNED, {Trigger.UNTRUSTED}),
    ],
)
async def test_a_release_ends_where_its_behaviour_takes_it(
    strategy: str, release: str, phase: Phase, triggers: set[Trigger | None]
) -> None:
    played = await play(replace(_CALM, strategy=strategy, release=release))
    assert played.broken == []
    assert (played.end.phase, played.end.trigger in triggers) == (phase, True), played.outcome


@pytest.mark.parametrize("first", range(0, 240, 40))
async def test_no_story_breaks_a_promise(first: int) -> None:
    for seed in range(first, first + 40):
        played = await play(Story.of(seed))
        assert played.broken == [], f"seed {seed}: {played.story}"


@pytest.mark.parametrize("name", FAILED)
async def test_what_failed_once_does_not_fail_again(name: str) -> None:
    assert (await play(FAILED[name])).broken == []


@pytest.mark.parametrize("first", range(0, 60, 20))
async def test_a_crash_at_any_written_point_changes_no_outcome(first: int) -> None:
    """Also not a word of what was told, nor its moment."""
    for seed in range(first, first + 20):
        story = Story.of(seed)
        if INCOMPARABLE & set(story.faults):
            continue
        counter = AtPoint()
        undisturbed = (await play(story, fault=counter)).trace
        points = random.Random(seed).sample(range(1, counter.seen + 1), min(2, counter.seen))
        for number in points:
            assert (await play(story, fault=AtPoint(number))).trace == undisturbed, (seed, number)


async def test_a_crash_at_every_point_of_a_gated_canary_changes_no_outcome() -> None:
    story = next(each for each in map(Story.of, range(10_000)) if _is_gated_and_calm(each))
    counter = AtPoint()
    undisturbed = await play(story, fault=counter)
    kinds = [each.event.kind for each in undisturbed.world.memory.tables.timeline]
    assert {"rollout.approved", "rollout.opened", "rollout.share"} <= set(kinds)
    for number in range(1, counter.seen + 1):
        assert (await play(story, fault=AtPoint(number))).trace == undisturbed.trace, number


def _is_gated_and_calm(story: Story) -> bool:
    deeds = [deed for _, deed in story.deeds]
    is_answered = story.approvals == 1 and lee_approves in deeds and max_rejects not in deeds
    return is_answered and not story.faults and story.strategy == "canary" and story.release == "good"


async def test_a_gate_waits_for_days_and_then_it_is_a_no() -> None:
    world = a_calm_world(weather=Weather(requests_per_second=0))
    world.policies = (Policy(PRODUCTION, is_production=True, approvals=2),)
    rollout = await world.deploy(NEW)
    await world.people(rollout.id).answer("lee")
    await world.run(rollout.id, until=timedelta(days=6).total_seconds())
    waiting = await world.store.get(rollout.id)
    assert waiting.stage is Stage.GATED
    assert waiting.waiting_for == "waits for 1 of 2 approvals by an approver"
    end = await world.run(rollout.id, until=timedelta(days=8).total_seconds())
    assert (end.phase, end.trigger) == (Phase.RETURNED, Trigger.GATE)
    assert end.reason.startswith("not approved in time: it waits for 1 of 2 approvals")
    assert world.broken == []


@pytest.mark.parametrize("needs_evidence", [True, False])
async def test_a_dead_source_neither_promotes_nor_kills_and_the_rollout_comes_back_calmly(
    needs_evidence: bool,
) -> None:
    policy = _CALM.policy | {"require_evidence": needs_evidence}
    world = a_calm_world(policy=policy, weather=Weather(outage=(0, 10_000)))
    rollout = await world.deploy(NEW)
    assert (await world.run(rollout.id, until=40)).phase is Phase.STEPPING
    end = await end_of(world, rollout)
    assert (end.phase, end.trigger) == (Phase.RETURNED, Trigger.NO_EVIDENCE)


async def test_half_an_hour_without_evidence_costs_no_rollout_that_may_wait_so_long() -> None:
    policy = _CALM.policy | {"max_wait": "40m", "require_evidence": True}
    world = a_calm_world(policy=policy, weather=Weather(outage=(20, 1820)))
    rollout = await world.deploy(NEW)
    assert (await world.run(rollout.id, until=1800)).phase is Phase.STEPPING
    assert (await end_of(world, rollout)).phase is Phase.PROMOTED


async def test_a_rollback_goes_to_the_release_that_finished_before() -> None:
    world = a_calm_world()
    await end_of(world, await world.deploy(NEW))
    back = await world.commands.rollback(*world.place, actor="kim", reason="too blue")
    end = await end_of(world, back)
    assert (end.phase, end.candidate, end.plan.is_rollback) == (Phase.PROMOTED, OLD, True)
    assert await world.store.stable(*world.place) == OLD


async def test_two_who_begin_at_once_begin_one() -> None:
    world = a_calm_world()

    async def overtake() -> None:
        await world.deploy(NEW)

    world.store.overtake = overtake
    with pytest.raises(Conflict, match="under way"):
        await world.deploy(NEW)
    assert len(await world.store.list()) == 1
