"""Seeded rollouts in a simulated plant, with the real decisions, judge, controller and store.

A bounded sample. Every turn is checked against the promises in `andon/testing/world.py`; each of them is
seen to catch a bug that is planted here.
"""

import contextlib
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from andon.access.policies.model import Policy
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict, Forbidden
from andon.rollouts.approvals import Approvals
from andon.rollouts.authority import Authority
from andon.rollouts.model import Answers, Cord, Phase, RequestKind, Rollout, Stage, Trigger
from andon.rollouts.rows.store import rollouts
from andon.targets.model import InstanceState
from andon.testing.plant import Behaviour, Plant, Weather
from andon.testing.rolling import NEW, OLD, a_manifest
from andon.testing.world import ENVIRONMENT, UNIT, AtPoint, ShakyStore, Sometimes, World
from andon.timeline.store import Filter, TimelineStore
from andon.units.desired import DesiredRelease
from andon.units.store import write_desired

S = timedelta(seconds=1)
BROKEN = Behaviour(breaks_after=5 * S, breaks_to=InstanceState.CRASH_LOOP)
SICK = Behaviour(breaks_after=7 * S, breaks_to=InstanceState.UNHEALTHY)
NEVER = Behaviour(starts_in=timedelta(days=1))
BAD, GOOD = Behaviour(error_rate=0.2), Behaviour(error_rate=0.02)


async def a_world(
    new_database: Any, behaviour: Behaviour, strategy: str = "canary", *, seed: int = 1, **policy: Any
) -> World:
    """1.0.0 is stable, 1.1.0 behaves as said."""
    clock = ManualClock()
    plant = Plant(clock, seed, {OLD: GOOD, NEW: behaviour}, Weather(requests_per_second=100))
    manifest = a_manifest(
        strategy, **({"max_wait": "60s", "margin": 3.0, "warm": "5s", "soak": "3s"} | policy)
    )
    world = World(await new_database(), plant, clock, manifest)
    await world.settle(OLD)
    return world


async def deploy(world: World) -> Rollout:
    return await world.commands.deploy(UNIT, ENVIRONMENT, NEW, actor="kim", reason="new")


async def check_end(world: World, end: Rollout) -> None:
    """What holds of every end, whatever happened."""
    await world.check_timeline(end.id)
    await world.check_gate_of(end.id)
    assert world.violations == []
    assert end.phase in {Phase.PROMOTED, Phase.RETURNED, Phase.HELD}, end.reason
    desired = await world.store.desired(UNIT, ENVIRONMENT)
    assert desired is not None
    if end.phase is Phase.RETURNED:
        assert (desired.share_of(NEW), desired.instances_of(NEW), desired.share_of(OLD)) == (0.0, 0, 1.0)
        assert world.plant.weight(NEW) == 0
    if end.phase is Phase.PROMOTED:
        assert (desired.stable, desired.share_of(NEW), desired.instances_of(OLD)) == (NEW, 1.0, 0)
        assert await world.store.stable(UNIT, ENVIRONMENT) == NEW


@pytest.mark.parametrize("strategy", ["canary", "blue-green", "rolling", "recreate"])
@pytest.mark.parametrize(
    ("behaviour", "phase", "triggers"),
    [
        (GOOD, Phase.PROMOTED, {None}),
        (BAD, Phase.RETURNED, {Trigger.JUDGE, Trigger.GUARDRAIL}),
        (BROKEN, Phase.RETURNED, {Trigger.CRASH_LOOP}),
        (SICK, Phase.RETURNED, {Trigger.HEALTH}),
        (NEVER, Phase.RETURNED, {Trigger.NOT_READY}),
    ],
    ids=["good", "bad", "broken", "sick", "never ready"],
)
async def test_a_release_ends_where_its_behaviour_takes_it(
    new_database: Any, strategy: str, behaviour: Behaviour, phase: Phase, triggers: set[Trigger | None]
) -> None:
    world = await a_world(new_database, behaviour, strategy)
    world.pace = 10 * S if behaviour is NEVER else S
    end = await world.run((await deploy(world)).id)
    await check_end(world, end)
    assert (end.phase, end.trigger in triggers) == (phase, True), (end.trigger, end.reason)


async def an_adventure(new_database: Any, seed: int, fault: Callable[[str], None]) -> tuple[World, Rollout]:
    """A rollout with a release, weather and people drawn from `seed`."""
    dice = random.Random(seed)
    world = await a_world(
        new_database,
        dice.choice([GOOD, GOOD, BAD, BROKEN, SICK]),
        dice.choice(["canary", "blue-green", "rolling", "recreate"]),
        seed=seed,
        require_evidence=dice.random() < 0.7,
    )
    begin = dice.uniform(20, 80)
    windows = [(begin, begin + dice.choice([0, 0, 10, 90])) for _ in range(2)]
    delay = timedelta(seconds=dice.choice([0, 1, 5]))
    world.plant.weather = replace(
        world.plant.weather, gateway_delay=delay, outage=windows[0], gateway_outage=windows[1]
    )
    world.fault = fault
    world.policies = (Policy(ENVIRONMENT, is_production=True, approvals=dice.choice([0, 0, 1, 1, 2])),)
    rollout = await deploy(world)
    plans = {dice.randrange(3, 90): dice.choice(_PEOPLE) for _ in range(dice.randrange(3))}
    answers = {dice.randrange(40): dice.choice(_ANSWERS) for _ in range(dice.randrange(6))}
    for turn in range(400):
        if (await world.store.get(rollout.id)).phase.is_over:
            break
        for each in (plans.get(turn), answers.get(turn)):
            if each is not None:
                await each(world, rollout)
        await world.turn()
    if (await world.store.get(rollout.id)).is_gated:  # those who could answer have left
        _quiet(world)
        world.clock.advance(timedelta(days=8))
        end = await world.run(rollout.id, turns=20)
        assert (end.phase, end.trigger) == (Phase.RETURNED, Trigger.GATE)
    return world, await world.store.get(rollout.id)


def _quiet(world: World) -> None:
    """No requests: days of them would be served one by one."""
    world.plant.weather = replace(world.plant.weather, requests_per_second=0)


async def _answer(world: World, rollout: Rollout, who: str, *, is_yes: bool = True) -> None:
    commands = world.commands
    with contextlib.suppress(Conflict, Forbidden):  # it does not wait any more, or they shipped it
        document = await commands.document_of_answer(rollout.id, is_yes=is_yes)
        signed = world.hand.sign(document, who, world.clock.now())
        await (commands.approve if is_yes else commands.reject)(rollout.id, signed, ("approver",))


async def _lee_approves(world: World, rollout: Rollout) -> None:
    await _answer(world, rollout, "lee")


async def _max_approves(world: World, rollout: Rollout) -> None:
    await _answer(world, rollout, "max")


async def _kim_approves_too(world: World, rollout: Rollout) -> None:
    await _answer(world, rollout, "kim")  # who shipped and proposed it


async def _max_rejects(world: World, rollout: Rollout) -> None:
    await _answer(world, rollout, "max", is_yes=False)


_ANSWERS = [_lee_approves, _lee_approves, _max_approves, _kim_approves_too, _max_rejects]


async def _ask(world: World, rollout: Rollout, kind: RequestKind) -> None:
    with contextlib.suppress(Conflict):  # it may be over, or the cord pulled
        await world.commands.request(rollout.id, kind, "kim", "because")


async def _pause_a_while(world: World, rollout: Rollout) -> None:
    await _ask(world, rollout, RequestKind.PAUSE)
    for _ in range(8):
        await world.turn()
    await _ask(world, rollout, RequestKind.RESUME)


async def _abort(world: World, rollout: Rollout) -> None:
    await _ask(world, rollout, RequestKind.ABORT)


async def _promote(world: World, rollout: Rollout) -> None:
    await _ask(world, rollout, RequestKind.PROMOTE)


async def _cord_a_while(world: World, _rollout: Rollout) -> None:
    await world.commands.pull_cord(None, returns=False, actor="kim", reason="smoke")
    for _ in range(12):
        await world.turn()
    await world.commands.release_cord(None, "kim", "it was toast")


async def _cord_returns(world: World, _rollout: Rollout) -> None:
    await world.commands.pull_cord(ENVIRONMENT, returns=True, actor="kim", reason="smoke")
    for _ in range(30):
        await world.turn()
    await world.commands.release_cord(ENVIRONMENT, "kim", "it was toast")


async def _stable_breaks(world: World, _rollout: Rollout) -> None:
    world.plant.break_down(OLD)


_PEOPLE = [_pause_a_while, _abort, _promote, _cord_a_while, _cord_returns, _stable_breaks]


@pytest.mark.parametrize("seed", [*range(18), 22])
async def test_no_adventure_breaks_a_promise(new_database: Any, seed: int) -> None:
    world, end = await an_adventure(new_database, seed, Sometimes(seed, 0.05))
    await check_end(world, end)


@pytest.mark.parametrize("behaviour", [GOOD, BAD], ids=["good", "bad"])
async def test_a_crash_at_any_written_point_changes_no_outcome(
    new_database: Any, behaviour: Behaviour
) -> None:
    async def ends(fault: AtPoint) -> tuple[list[str], Phase, Trigger | None]:
        world = await a_world(new_database, behaviour, steps=[0.5, 1.0])
        world.fault = fault
        end = await world.run((await deploy(world)).id)
        await check_end(world, end)
        records = await TimelineStore(world.database).list(
            Filter(subject=f"rollout/{end.id}"), newest_first=False
        )
        return [each.event.kind for each in records], end.phase, end.trigger

    counter = AtPoint(0)
    undisturbed = await ends(counter)
    stride = max(1, counter.seen // 5)
    for number in [1, 2, *range(3, counter.seen + 1, stride)]:
        assert await ends(AtPoint(number)) == undisturbed


async def test_a_crash_around_a_gate_changes_no_outcome(new_database: Any) -> None:
    async def ends(fault: AtPoint) -> tuple[list[str], Phase]:
        world = await a_world(new_database, GOOD, "blue-green", steps=[1.0])
        world.fault, world.policies = fault, (Policy(ENVIRONMENT, is_production=True, approvals=2),)
        rollout = await deploy(world)
        for who in ("kim", "lee"):
            await world.turn()
            await _answer(world, rollout, who)
        end = await world.run(rollout.id)
        await check_end(world, end)
        records = await TimelineStore(world.database).list(
            Filter(subject=f"rollout/{end.id}"), newest_first=False
        )
        return [each.event.kind for each in records], end.phase

    counter = AtPoint(0)
    undisturbed = await ends(counter)
    assert undisturbed[0].count("rollout.approved") == 2
    assert undisturbed[0].count("rollout.opened") == 1
    assert undisturbed[1] is Phase.PROMOTED
    for number in range(1, min(counter.seen, 9)):
        assert await ends(AtPoint(number)) == undisturbed


async def test_a_gate_waits_for_days_and_then_it_is_a_no(new_database: Any) -> None:
    world = await a_world(new_database, GOOD)
    world.policies = (Policy(ENVIRONMENT, is_production=True, approvals=2),)
    world.pace = timedelta(hours=8)
    _quiet(world)
    rollout = await deploy(world)
    await _answer(world, rollout, "lee")
    for _ in range(20):
        await world.turn()
    waiting = await world.store.get(rollout.id)
    assert waiting.stage is Stage.GATED
    assert waiting.waiting_for == "waits for 1 of 2 approvals by an approver"
    end = await world.run(rollout.id, turns=3)
    await check_end(world, end)
    assert (end.phase, end.trigger) == (Phase.RETURNED, Trigger.GATE)
    assert end.reason.startswith("not approved in time: it waits for 1 of 2 approvals")


async def test_a_dead_source_neither_promotes_nor_kills_and_the_rollout_comes_back_calmly(
    new_database: Any,
) -> None:
    world = await a_world(new_database, GOOD, require_evidence=False)
    world.plant.weather = replace(world.plant.weather, outage=(0.0, 10_000.0))
    rollout = await deploy(world)
    for _ in range(40):
        await world.turn()
    assert (await world.store.get(rollout.id)).phase is Phase.STEPPING
    end = await world.run(rollout.id)
    assert (end.phase, end.trigger) == (Phase.RETURNED, Trigger.NO_EVIDENCE)
    assert world.violations == []


async def test_a_rollback_goes_to_the_release_that_finished_before(new_database: Any) -> None:
    world = await a_world(new_database, GOOD)
    await world.run((await deploy(world)).id)
    back = await world.commands.rollback(UNIT, ENVIRONMENT, actor="kim", reason="too blue")
    end = await world.run(back.id)
    assert (end.phase, end.candidate, end.plan.is_rollback) == (Phase.PROMOTED, OLD, True)
    assert await world.store.stable(UNIT, ENVIRONMENT) == OLD
    with pytest.raises(Conflict, match="no former release"):
        await world.commands.rollback(UNIT, ENVIRONMENT, actor="kim", reason="further")
    assert world.violations == []


# Planted bugs: each promise that the world checks is seen to be broken by one of them.


async def _sabotaged(new_database: Any, turns: int, behaviour: Behaviour, *releases: DesiredRelease) -> str:
    """Somebody writes a desired state that the rollout does not want, after so many turns."""
    world = await a_world(new_database, behaviour)
    await deploy(world)
    for _ in range(turns):
        await world.turn()
    desired = await world.store.desired(UNIT, ENVIRONMENT)
    assert desired is not None
    async with world.database.transaction() as tx:
        await write_desired(tx, replace(desired, revision=desired.revision + 1, releases=releases))
    assert world.violations == []
    await world.turn()
    return "; ".join(world.violations)


async def test_a_route_to_an_unready_release_would_be_seen(new_database: Any) -> None:
    early = DesiredRelease(OLD, 3, 0.5), DesiredRelease(NEW, 1, 0.5)
    assert "was routed to without a ready instance" in await _sabotaged(new_database, 2, NEVER, *early)


async def test_a_release_that_is_stopped_while_it_serves_would_be_seen(new_database: Any) -> None:
    seen = await _sabotaged(new_database, 9, GOOD, DesiredRelease(OLD, 3, 1.0))
    assert "was stopped while the gateway sent it requests" in seen


async def test_a_share_without_instances_would_be_seen(new_database: Any) -> None:
    hollow = DesiredRelease(OLD, 0, 0.9), DesiredRelease(NEW, 1, 0.1)
    assert "a release with a share has no instances" in await _sabotaged(new_database, 9, GOOD, *hollow)


async def test_a_candidate_behind_a_shut_gate_would_be_seen(new_database: Any) -> None:
    world = await a_world(new_database, GOOD)
    world.policies = (Policy(ENVIRONMENT, is_production=True, approvals=1),)
    await deploy(world)
    await world.turn()
    assert world.violations == []
    desired = await world.store.desired(UNIT, ENVIRONMENT)
    assert desired is not None
    early = (DesiredRelease(OLD, 3, 1.0), DesiredRelease(NEW, 1, 0.0))
    async with world.database.transaction() as tx:
        await write_desired(tx, replace(desired, revision=desired.revision + 1, releases=early))
    await world.turn()
    assert f"{NEW} runs before its gate is open" in world.violations


class Credulous(Approvals):
    """Believes that everybody said yes."""

    async def answers(self, _rollout: Rollout) -> Answers:
        return Answers(9, is_separated=True)


class CredulousWorld(World):
    @property
    def authority(self) -> Authority:
        real = super().authority
        return replace(real, approvals=Credulous(*vars(real.approvals).values()))


async def test_a_gate_that_opens_by_itself_would_be_seen(new_database: Any) -> None:
    honest = await a_world(new_database, GOOD)
    world = CredulousWorld(honest.database, honest.plant, honest.clock, honest.manifest)
    world.policies = (Policy(ENVIRONMENT, is_production=True, approvals=1),)
    end = await world.run((await deploy(world)).id)
    assert end.phase is Phase.PROMOTED
    await world.check_gate_of(end.id)
    assert world.violations == ["a gate was opened without enough people"]


class CordlessStore(ShakyStore):
    """A controller that overlooks the cord."""

    async def cords(self) -> list[Cord]:
        return []


async def test_a_share_that_rises_under_the_cord_would_be_seen(new_database: Any) -> None:
    world = await a_world(new_database, GOOD)
    world.store_of = CordlessStore
    await deploy(world)
    await world.commands.pull_cord(None, returns=False, actor="kim", reason="smoke")
    for _ in range(10):
        await world.turn()
    assert any("while corded" in each for each in world.violations)


async def test_an_event_that_is_missing_would_be_seen(new_database: Any) -> None:
    world = await a_world(new_database, GOOD)
    rollout = await deploy(world)
    for _ in range(10):
        await world.turn()
    await world.check_timeline(rollout.id)
    assert world.violations == []
    async with world.database.transaction() as tx:
        await tx.execute(update(rollouts).values(revision=rollouts.c.revision + 1))
    await world.check_timeline(rollout.id)
    assert "events for" in world.violations[0]
