"""A rollout over the stations of `scenes.a_busy_morning`: its second wave, with one station that failed."""

from dataclasses import replace
from datetime import timedelta

from andon.fleet.assign import Wish
from andon.fleet.model import Seen
from andon.kernel.ids import RolloutId, StationName, UnitName, Version
from andon.rollouts.model import Stage
from andon.rollouts.steps import FleetPlan, Plan, Step
from andon.testing.scenes import PRODUCTION
from andon.testing.services import FakePlant
from andon.testing.shelves import a_plan, a_rollout
from andon.units.model import StrategyName
from andon_wire.protocol import Phase, UnitState

WAVE = RolloutId("ro-wave-00000000001")
SCREEN = UnitName("screen")
OLD, NEW = Version("2.0.0"), Version("2.1.0")
_LAB = 1 / 3


def a_plan_of_waves() -> Plan:
    """Ring lab, one station, and then ring plant, all three."""
    steps = tuple(
        Step(share, count, 0, timedelta(minutes=10), is_judged=True, max_wait=timedelta(hours=2), ring=ring)
        for share, count, ring in ((_LAB, 1, "lab"), (1.0, 3, "plant"))
    )
    fleet = FleetPlan(stations=3, pinned=0, success=0.9, errors=0.5, deadline=timedelta(hours=8))
    return replace(a_plan(), strategy=StrategyName.WAVES, steps=steps, warm=timedelta(), fleet=fleet)


async def a_second_wave(plant: FakePlant) -> FakePlant:
    """press-1 of the lab has it; of the plant, press-2 could not start it and oven-1 is switched off."""
    now, place = plant.clock.now(), (SCREEN, PRODUCTION)
    plant.rollouts[WAVE] = a_rollout(
        now - timedelta(minutes=30), id=WAVE, unit=SCREEN, stable=OLD, candidate=NEW,
        plan=a_plan_of_waves(), stage=Stage.FILLING, step=1, step_since=None, entered_at=now,
        deadline_at=now + timedelta(hours=8), reason="the stations of share 100.0% are asked",
    )  # fmt: skip
    controller = plant.fleet.controller
    controller.want(place, Wish(OLD, NEW, _LAB, WAVE))
    await controller.tick()
    has_it = UnitState(running="2.1.0", confirmed="2.1.0", wanted="2.1.0")
    failed = UnitState(
        running="2.0.0", confirmed="2.0.0", wanted="2.1.0", phase=Phase.FAILED, reason="2.1.0 does not start"
    )
    for name, state in (("press-1", has_it), ("press-2", failed)):
        seen = Seen(now, "boot", 2, 8, {"screen": state}, "", "10.0.0.4")
        plant.stations.seen[StationName(name)] = seen
        plant.fleet.roster.reported(StationName(name), seen)
    controller.want(place, Wish(OLD, NEW, 1.0, WAVE))
    await controller.tick()
    return plant
