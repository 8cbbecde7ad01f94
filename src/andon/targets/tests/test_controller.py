from dataclasses import replace
from datetime import timedelta

import pytest

from andon.kernel.clock import ManualClock
from andon.kernel.errors import NotFound, Unavailable, Untrusted
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.targets.controller import Sources, TargetReconciler
from andon.targets.model import InstanceState
from andon.targets.news import news
from andon.targets.records import Rules
from andon.testing import tiny_unit
from andon.testing.target import FakeTarget
from andon.timeline.records import Event, Severity
from andon.units.desired import Desired, DesiredRelease

TINY, OTHER = UnitName("tiny"), UnitName("other")
PRODUCTION = EnvironmentName("production")
ONE, TWO = Version("1.0.0"), Version("1.1.0")
RULES = Rules(crash_loop_deaths=2, first_backoff=timedelta(), drain_grace=timedelta())


class Plant:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.target = FakeTarget(self.clock, rules=RULES)
        self.desired: list[Desired] = []
        self.events: list[Event] = []
        self.manifest_errors: dict[tuple[UnitName, Version], Exception] = {}
        self.reconciler = self.a_reconciler()

    def a_reconciler(self) -> TargetReconciler:
        return TargetReconciler(
            Sources(self.list_desired, self.manifest, {"local": self.target}, self.publish)
        )

    async def list_desired(self) -> list[Desired]:
        return self.desired

    async def manifest(self, unit: UnitName, version: Version):
        if (unit, version) in self.manifest_errors:
            raise self.manifest_errors[unit, version]
        return tiny_unit.manifest()

    async def publish(self, event: Event) -> None:
        self.events.append(event)

    def want(self, unit: UnitName = TINY, **counts: int) -> None:
        names = {"one": ONE, "two": TWO}
        releases = tuple(DesiredRelease(names[name], count, 0.0) for name, count in counts.items())
        others = [each for each in self.desired if each.unit != unit]
        self.desired = [*others, Desired(unit, PRODUCTION, 1, ONE, releases)]

    async def ticks(self, count: int = 12) -> None:
        for _ in range(count):
            await self.reconciler.tick()
            self.clock.advance(timedelta(milliseconds=100))

    async def states(self, unit: UnitName = TINY) -> list[InstanceState]:
        return [each.state for each in await self.target.observe(unit, PRODUCTION)]

    def kinds(self) -> list[str]:
        return [each.kind for each in self.events]


@pytest.fixture
def plant() -> Plant:
    return Plant()


async def test_what_is_desired_runs_and_the_timeline_tells_it(plant):
    plant.want(one=1)
    await plant.ticks()
    assert await plant.states() == [InstanceState.READY]
    assert plant.kinds() == ["instance.started", "instance.ready"]
    event = plant.events[-1]
    assert (event.subject, event.actor, event.unit, event.environment) == (
        "unit/tiny",
        "andon",
        "tiny",
        "production",
    )
    assert event.reason.startswith("1.0.0: ready at port")
    assert event.before == {"state": "starting"}


async def test_nothing_new_is_not_told_again(plant):
    plant.want(one=1)
    await plant.ticks()
    told = len(plant.events)
    await plant.ticks()
    assert len(plant.events) == told


async def test_a_new_andon_does_not_tell_what_was_so_before(plant):
    plant.want(one=1)
    await plant.ticks()
    plant.events.clear()
    plant.reconciler = plant.a_reconciler()
    await plant.ticks(3)
    assert plant.events == []


async def test_a_new_andon_tells_what_happened_while_none_was_there(plant):
    plant.want(one=1)
    await plant.ticks()
    plant.events.clear()
    (instance,) = await plant.target.observe(TINY, PRODUCTION)
    plant.target.crash(instance.id)
    plant.reconciler = plant.a_reconciler()
    await plant.ticks()
    assert plant.kinds() == ["instance.died", "instance.started", "instance.ready"]


async def test_a_death_between_two_looks_is_told_too(plant):
    plant.want(one=1)
    await plant.ticks()
    (before,) = await plant.target.observe(TINY, PRODUCTION)
    after = replace(before, restarts=1, state=InstanceState.STARTING, pid=99)
    kinds = [each.kind for each in news({before.id: before}, {before.id: after})]
    assert kinds == ["instance.died", "instance.started"]


async def test_a_stop_is_told_once(plant):
    plant.want(one=1)
    await plant.ticks()
    plant.events.clear()
    plant.want()
    await plant.ticks()
    assert plant.kinds() == ["instance.stopped"]
    assert plant.events[0].after["state"] == "stopped"


async def test_a_crash_loop_is_an_alert(plant):
    plant.target.crashing.add(ONE)
    plant.want(one=1)
    await plant.ticks()
    alerts = [each for each in plant.events if each.severity is Severity.ALERT]
    assert [each.kind for each in alerts] == ["instance.crash-loop"]


async def test_a_refused_release_is_one_alert_however_many_instances_it_should_have(plant):
    plant.target.refused[TWO] = "it was altered"
    plant.want(one=1, two=3)
    await plant.ticks()
    alerts = [each for each in plant.events if each.severity is Severity.ALERT]
    assert [(each.kind, each.subject) for each in alerts] == [("instance.refused", "release/tiny@1.1.0")]
    assert "it was altered" in alerts[0].reason


async def test_a_manifest_that_does_not_verify_refuses_the_release(plant):
    plant.manifest_errors[TINY, ONE] = Untrusted("bad-hash", "the manifest was altered")
    plant.want(one=1)
    await plant.ticks(3)
    assert await plant.states() == [InstanceState.REFUSED]
    assert "instance.refused" in plant.kinds()


async def test_a_manifest_that_is_not_there_yet_only_delays(plant):
    plant.manifest_errors[TINY, ONE] = NotFound("no-such-release", "there is no release tiny@1.0.0")
    plant.want(one=1)
    await plant.ticks(3)
    assert await plant.states() == [InstanceState.INSTALLING]
    plant.manifest_errors.clear()
    await plant.ticks()
    assert await plant.states() == [InstanceState.READY]


async def test_a_release_that_lost_its_manifest_is_stopped_all_the_same(plant):
    plant.want(one=1)
    await plant.ticks()
    plant.manifest_errors[TINY, ONE] = NotFound("no-such-release", "gone")
    plant.reconciler = plant.a_reconciler()
    plant.want(two=1)
    await plant.ticks()
    assert [each.version for each in await plant.target.observe(TINY, PRODUCTION)] == [TWO]


class Failing(FakeTarget):
    async def reconcile(self, assignment) -> None:
        if assignment.desired.unit == OTHER:
            raise Unavailable("no-free-port", "no port is free")
        await super().reconcile(assignment)


async def test_a_unit_that_cannot_be_seen_to_does_not_keep_the_others_waiting():
    plant = Plant()
    plant.target = Failing(plant.clock, rules=RULES)
    plant.reconciler = plant.a_reconciler()
    plant.want(OTHER, one=1)
    plant.want(one=1)
    await plant.ticks()
    assert await plant.states() == [InstanceState.READY]
    assert plant.reconciler.problems == {(OTHER, PRODUCTION): "no port is free"}
    plant.want(OTHER)
    plant.desired = [each for each in plant.desired if each.unit != OTHER]
    plant.want(one=1)
    await plant.ticks(1)
