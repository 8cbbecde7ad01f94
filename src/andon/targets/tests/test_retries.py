"""A person tries again what was given up: it runs again, and the timeline tells who and why."""

from datetime import timedelta

import pytest

from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.targets.model import Assignment, InstanceState
from andon.targets.records import Rules
from andon.targets.retries import Retries
from andon.testing import tiny_unit
from andon.testing.target import FakeTarget
from andon.timeline.records import Event
from andon.units.desired import Desired, DesiredRelease

TINY, PRODUCTION = UnitName("tiny"), EnvironmentName("production")
ONE, TWO = Version("1.0.0"), Version("1.1.0")
RULES = Rules(crash_loop_deaths=2, first_backoff=timedelta(), drain_grace=timedelta())


class Plant:
    """Both releases should run: ONE dies again and again, TWO does not verify."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.target = FakeTarget(self.clock, rules=RULES, crashing={ONE}, refused={TWO: "it was altered"})
        releases = (DesiredRelease(ONE, 1, 1.0), DesiredRelease(TWO, 1, 0.0))
        self.desired = Desired(TINY, PRODUCTION, 1, ONE, releases)
        self.events: list[Event] = []
        self.retries = Retries(self.target, self.wanted, self.publish)

    async def wanted(self) -> list[Desired]:
        return [self.desired]

    async def publish(self, event: Event) -> None:
        self.events.append(event)

    async def states(self) -> dict[Version, InstanceState]:
        for _ in range(12):
            await self.target.reconcile(
                Assignment(self.desired, dict.fromkeys((ONE, TWO), tiny_unit.manifest()))
            )
            self.clock.advance(timedelta(milliseconds=100))
        return {each.version: each.state for each in await self.target.observe(TINY, PRODUCTION)}


@pytest.fixture
async def plant() -> Plant:
    made = Plant()
    assert await made.states() == {ONE: InstanceState.CRASH_LOOP, TWO: InstanceState.REFUSED}
    made.target.crashing.clear()
    made.target.refused.clear()
    assert await made.states() == {ONE: InstanceState.CRASH_LOOP, TWO: InstanceState.REFUSED}
    return made


async def test_all_that_was_given_up_runs_again_and_the_timeline_tells_who_and_why(plant):
    tried = await plant.retries.retry(TINY, PRODUCTION, actor="minji", reason="the disk is back")
    assert [(each.version, each.state) for each in tried] == [
        (ONE, InstanceState.INSTALLING),
        (TWO, InstanceState.INSTALLING),
    ]
    assert await plant.states() == {ONE: InstanceState.READY, TWO: InstanceState.READY}
    (told,) = plant.events
    assert (told.kind, told.subject, told.actor, told.reason) == (
        "instance.retried",
        "unit/tiny",
        "minji",
        "the disk is back",
    )
    assert told.after == {"versions": [ONE, TWO]}


async def test_one_release_alone_may_be_tried_again(plant):
    await plant.retries.retry(TINY, PRODUCTION, ONE, actor="minji", reason="fixed")
    assert await plant.states() == {ONE: InstanceState.READY, TWO: InstanceState.REFUSED}


@pytest.mark.parametrize(
    ("unit", "version", "code"),
    [(UnitName("other"), None, "not-deployed"), (TINY, Version("9.9.9"), "release-not-wanted")],
)
async def test_what_should_not_run_is_not_tried_again(plant, unit, version, code):
    with pytest.raises(NotFound) as refused:
        await plant.retries.retry(unit, PRODUCTION, version, actor="minji", reason="why not")
    assert refused.value.code == code
    assert plant.events == []


async def test_what_was_not_given_up_is_left_alone(plant):
    await plant.retries.retry(TINY, PRODUCTION, actor="minji", reason="fixed")
    with pytest.raises(Conflict, match="was given up"):
        await plant.retries.retry(TINY, PRODUCTION, actor="minji", reason="again")
    assert len(plant.events) == 1
