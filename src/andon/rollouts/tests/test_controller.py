"""The tick: who may run it, what it leaves behind, and what one rollout may do to the others."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from andon.judge import sequential
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict, Unavailable
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName
from andon.rollouts.controller import Holder, RolloutController
from andon.rollouts.model import Phase, Rollout, Stage
from andon.rollouts.observer import Observer, Seen, Views
from andon.rollouts.rows import store as tables
from andon.rollouts.store import RolloutStore
from andon.store.engine import Database
from andon.store.leases import LeaseStore
from andon.targets.model import Instance
from andon.testing.rolling import AT, NEW, a_manifest, a_plan, a_rollout
from andon.testing.shelf import Shelf, an_authority
from andon.testing.simulation.plant import Plant
from andon.testing.simulation.weather import Weather
from andon.timeline.store import Filter, TimelineStore

STAGING = EnvironmentName("staging")
LONG = timedelta(hours=1)


class MuteStaging(Plant):
    """A target that does not answer for staging."""

    async def instances(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        if environment == STAGING:
            raise Unavailable("target-mute", "the target did not answer")
        return await super().instances(unit, environment)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


class Floor:
    """A database, a plant and controllers over them."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database, self.clock = database, clock
        self.store = RolloutStore(database)
        self.plant = MuteStaging(clock, 1, {}, Weather(gateway_delay=timedelta(0)))
        self.changed: list[str] = []

    def views(self) -> Views:
        gates = an_authority(self.database, Shelf(a_manifest())).approvals
        return Views(self.plant, self.plant, self.plant, self.store, gates)

    def controller(self, name: str = "a", interval: timedelta = timedelta(0)) -> RolloutController:
        return RolloutController(
            self.store,
            LeaseStore(self.database),
            Observer(self.views(), sequential, interval=interval),
            self.clock,
            holder=Holder(name, LONG),
            changed=lambda unit, environment: self.changed.append(f"{unit}/{environment}"),
        )

    async def first(self, **changes: Any) -> Rollout:
        rollout = a_rollout(a_plan(stable=None), stable=None, **changes)
        await self.store.create(rollout, self.clock.now())
        return rollout

    async def turn(self, controller: RolloutController, seconds: float = 1) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        self.plant.turn(await self.store.desired(UnitName("mes"), EnvironmentName("production")))
        await controller.tick()


@pytest.fixture
def floor(database: Database, clock: ManualClock) -> Floor:
    return Floor(database, clock)


async def test_only_the_holder_of_the_lease_ticks(floor: Floor) -> None:
    rollout = await floor.first()
    mine, other = floor.controller("a"), floor.controller("b")
    await floor.turn(mine)
    await floor.turn(other, 10)
    assert (await floor.store.get(rollout.id)).stage is Stage.SCALING
    await floor.turn(mine, 0)
    assert (await floor.store.get(rollout.id)).stage is not Stage.SCALING
    assert set(floor.changed) == {"mes/production"}


async def test_a_tick_that_waits_says_what_for_and_moves_nothing(floor: Floor) -> None:
    rollout = await floor.first()
    controller = floor.controller()
    await floor.turn(controller)
    loaded = await floor.store.load(rollout.id)
    assert loaded.rollout.waiting_for == "0 of 3 instances of 1.1.0 ready"
    assert loaded.revision == 1
    await floor.turn(controller)
    assert await floor.store.load(rollout.id) == loaded
    assert floor.changed == []


async def serving(floor: Floor, controller: RolloutController) -> Rollout:
    rollout = await floor.first()
    for _ in range(30):
        await floor.turn(controller)
        now = await floor.store.get(rollout.id)
        if now.stage is Stage.SERVING:
            return now
    raise AssertionError("it never served")


async def test_evidence_is_stored_without_touching_the_row_that_people_write(floor: Floor) -> None:
    controller = floor.controller()
    rollout = await serving(floor, controller)
    before = await floor.store.load(rollout.id)
    for _ in range(4):
        await floor.turn(controller)
    after = await floor.store.load(rollout.id)
    assert after.revision == before.revision
    looks = await floor.store.looks(rollout.id)
    assert len(looks) >= 3
    assert after.rollout.evidence.seq == looks[-1].seq


async def test_there_is_one_look_per_interval_and_none_when_nothing_changed(floor: Floor) -> None:
    controller = floor.controller(interval=timedelta(seconds=3))
    rollout = await serving(floor, controller)
    for _ in range(7):
        await floor.turn(controller)
    times = [each.at for each in await floor.store.looks(rollout.id)]
    assert times
    assert all(later - earlier >= timedelta(seconds=3) for earlier, later in itertools.pairwise(times))
    floor.plant.weather = replace(floor.plant.weather, requests_per_second=0)
    await floor.turn(controller, 1)
    await floor.turn(controller, 1)
    await floor.turn(controller, 1)
    quiet = await floor.store.looks(rollout.id)
    await floor.turn(controller, 1)
    assert await floor.store.looks(rollout.id) == quiet


async def test_a_damaged_rollout_stops_alone_with_an_alert(floor: Floor, database: Database) -> None:
    broken = await floor.first(id=RolloutId("ro-0"), environment=STAGING)
    rollout = await floor.first()
    async with database.transaction() as tx:
        rows = tables.rollouts
        await tx.execute(update(rows).where(rows.c.id == broken.id).values(document={"phase": "odd"}))
    controller = floor.controller()
    for _ in range(8):
        await floor.turn(controller)
    assert (await floor.store.get(rollout.id)).phase is not Phase.PREPARING
    records = await TimelineStore(database).list(Filter(kind="rollout.damaged"))
    assert [each.event.subject for each in records] == ["rollout/ro-0"]


async def test_a_world_that_does_not_answer_stops_only_its_own_rollout(floor: Floor) -> None:
    mute = await floor.first(id=RolloutId("ro-0"), environment=STAGING)
    rollout = await floor.first()
    controller = floor.controller()
    for _ in range(8):
        await floor.turn(controller)
    said = "the target does not answer: the target did not answer"
    assert (await floor.store.get(mute.id)).waiting_for == said
    assert (await floor.store.get(mute.id)).phase is Phase.PREPARING
    assert (await floor.store.get(rollout.id)).phase is not Phase.PREPARING


class Beaten(Observer):
    """Somebody else writes between the look and the decision."""

    beaten_by: Any = None

    async def observe(self, rollout: Rollout, now: datetime) -> Seen:
        seen = await super().observe(rollout, now)
        await self.beaten_by()
        return seen


async def test_a_conflict_drops_the_tick_and_the_next_one_sees_the_world_anew(floor: Floor) -> None:
    from andon.rollouts.model import Request, RequestKind

    rollout = await floor.first()
    observer = Beaten(floor.views(), sequential)

    async def ask() -> None:
        request = Request(RequestKind.ABORT, "kim", "no")
        await floor.store.ask(await floor.store.load(rollout.id), request, floor.clock.now())

    observer.beaten_by = ask
    leases = LeaseStore(floor.database)
    controller = RolloutController(
        floor.store, leases, observer, floor.clock, holder=Holder("a", LONG), changed=lambda *_: None
    )
    for _ in range(5):
        await floor.turn(controller)
    assert (await floor.store.get(rollout.id)).stage is Stage.SCALING
    await floor.turn(floor.controller("a"))
    after = await floor.store.get(rollout.id)
    assert after.phase in {Phase.RETURNING, Phase.RETURNED}


async def test_what_is_over_is_forgotten(floor: Floor) -> None:
    rollout = await floor.first()
    controller = floor.controller()
    for _ in range(40):
        await floor.turn(controller)
    assert (await floor.store.get(rollout.id)).phase is Phase.PROMOTED
    assert await floor.store.active() == []
    assert await floor.store.stable(UnitName("mes"), EnvironmentName("production")) == NEW
    with pytest.raises(Conflict, match="stable release of mes changed"):
        await floor.first(id=RolloutId("ro-2"))
