"""What every target promises, run against the fake and the local target with real processes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from andon.kernel import processes
from andon.kernel.clock import ManualClock, SystemClock
from andon.kernel.errors import NotFound, Untrusted
from andon.kernel.ids import EnvironmentName, InstanceId, UnitName, Version
from andon.releases.model import Role
from andon.targets.detached import MARK
from andon.targets.local import LocalSettings, LocalTarget
from andon.targets.model import Assignment, Instance, InstanceState, Target
from andon.targets.records import Rules
from andon.testing import tiny_unit
from andon.testing.target import FakeTarget
from andon.units.desired import Desired, DesiredRelease

TINY, PRODUCTION, STAGING = UnitName("tiny"), EnvironmentName("production"), EnvironmentName("staging")
ONE, TWO = Version("1.0.0"), Version("1.1.0")
RULES = Rules(
    crash_loop_deaths=3, first_backoff=timedelta(milliseconds=20), drain_grace=timedelta(milliseconds=50)
)


class World(Protocol):
    """A target, and what a test does to the world around it."""

    target: Target

    async def pause(self) -> None: ...
    def crash(self, instance: Instance) -> None: ...
    def make_crash(self) -> None: ...
    def make_sick(self) -> None: ...
    def refuse(self, version: Version) -> None: ...
    async def close(self) -> None: ...


class FakeWorld:
    def __init__(self, _home: Path) -> None:
        self.clock = ManualClock()
        self.fake = FakeTarget(self.clock, rules=RULES)
        self.target: Target = self.fake

    async def pause(self) -> None:
        self.clock.advance(timedelta(milliseconds=20))

    def crash(self, instance: Instance) -> None:
        self.fake.crash(instance.id)

    def make_crash(self) -> None:
        self.fake.crashing |= {ONE, TWO}

    def make_sick(self) -> None:
        self.fake.sick |= {ONE, TWO}

    def refuse(self, version: Version) -> None:
        self.fake.refused[version] = "it was altered"

    async def close(self) -> None:
        return None


class LocalWorld:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.refused: set[Version] = set()
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
        first = 24000 + 300 * (worker % 16)
        settings = LocalSettings(home, first, first + 299, RULES)
        self.target: Target = LocalTarget(settings, self.fetch, SystemClock())
        self.data = home / "data" / PRODUCTION / TINY
        self.data.mkdir(parents=True)

    async def fetch(self, unit: UnitName, version: Version, role: Role, into: Path) -> Path:
        if version in self.refused:
            raise Untrusted("bad-hash", "it was altered")
        return tiny_unit.wheelhouse(into, version)

    async def pause(self) -> None:
        await asyncio.sleep(0.02)

    def crash(self, instance: Instance) -> None:
        os.kill(instance.pid, signal.SIGKILL)

    def make_crash(self) -> None:
        (self.data / "crash").touch()

    def make_sick(self) -> None:
        (self.data / "sick").touch()

    def refuse(self, version: Version) -> None:
        self.refused.add(version)

    async def close(self) -> None:
        await self.target.close()
        for each in (self.home / "instances").glob("*"):
            processes.kill_marked(MARK, InstanceId(each.name))


@pytest.fixture(params=[FakeWorld, LocalWorld], ids=["fake", "local"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    made = request.param(tmp_path)
    yield made
    await made.close()


def wanting(environment: EnvironmentName = PRODUCTION, **counts: int) -> Assignment:
    releases = tuple(
        DesiredRelease({"one": ONE, "two": TWO}[name], count, 1.0 if name == "one" else 0.0)
        for name, count in counts.items()
    )
    manifest = tiny_unit.manifest()
    return Assignment(Desired(TINY, environment, 1, ONE, releases), dict.fromkeys((ONE, TWO), manifest))


async def until(
    world: World, wanted: Assignment, condition: Callable[[Sequence[Instance]], bool]
) -> Sequence[Instance]:
    async with asyncio.timeout(150):
        for _ in range(10_000):
            await world.target.reconcile(wanted)
            seen = await world.target.observe(TINY, wanted.desired.environment)
            if condition(seen):
                return seen
            await world.pause()
    raise AssertionError(f"it never came to that: {seen}")


def ready(count: int) -> Callable[[Sequence[Instance]], bool]:
    return lambda seen: len(seen) == count and all(each.state is InstanceState.READY for each in seen)


def in_state(state: InstanceState) -> Callable[[Sequence[Instance]], bool]:
    return lambda seen: bool(seen) and all(each.state is state for each in seen)


async def test_what_is_wanted_becomes_ready_each_at_its_own_address(world: World):
    seen = await until(world, wanting(one=2), ready(2))
    assert len({each.id for each in seen}) == 2
    assert len({(each.host, each.port) for each in seen}) == 2
    assert all((each.unit, each.environment, each.version) == (TINY, PRODUCTION, ONE) for each in seen)
    assert all(each.restarts == 0 and each.failed_checks == 0 for each in seen)


async def test_what_is_true_already_is_left_alone(world: World):
    before = await until(world, wanting(one=2), ready(2))
    for _ in range(5):
        await world.target.reconcile(wanting(one=2))
    after = await world.target.observe(TINY, PRODUCTION)
    assert [(each.id, each.pid) for each in after] == [(each.id, each.pid) for each in before]


async def test_nothing_is_there_before_it_is_wanted(world: World):
    assert list(await world.target.observe(TINY, PRODUCTION)) == []


async def test_more_are_started_beside_those_that_run(world: World):
    (first,) = await until(world, wanting(one=1), ready(1))
    seen = await until(world, wanting(one=3), ready(3))
    assert first.id in {each.id for each in seen}


async def test_the_newest_goes_first_and_drains_before_it_is_gone(world: World):
    first = await until(world, wanting(one=1), ready(1))
    await until(world, wanting(one=2), ready(2))
    states: set[InstanceState] = set()

    def one_left(seen: Sequence[Instance]) -> bool:
        states.update(each.state for each in seen)
        return len(seen) == 1

    left = await until(world, wanting(one=1), one_left)
    assert [each.id for each in left] == [each.id for each in first]
    assert states == {InstanceState.READY, InstanceState.DRAINING}


async def test_a_release_that_is_not_named_goes(world: World):
    await until(world, wanting(one=1, two=1), ready(2))
    (left,) = await until(world, wanting(two=1), ready(1))
    assert left.version == TWO


async def test_what_is_no_longer_wanted_while_it_is_installed_goes_too(world: World):
    await world.target.reconcile(wanting(one=2))
    await until(world, wanting(), lambda seen: not seen)


async def test_one_that_dies_comes_back_under_its_name(world: World):
    (before,) = await until(world, wanting(one=1), ready(1))
    world.crash(before)
    (after,) = await until(world, wanting(one=1), lambda seen: seen[0].restarts == 1 and ready(1)(seen))
    assert after.id == before.id


async def test_one_that_keeps_dying_is_given_up_and_says_so(world: World):
    world.make_crash()
    (seen,) = await until(world, wanting(one=1), in_state(InstanceState.CRASH_LOOP))
    assert seen.pid is None
    assert f"died {RULES.crash_loop_deaths} times" in seen.detail
    await until(world, wanting(), lambda seen: not seen)


async def test_failing_checks_make_it_unhealthy_and_do_not_end_it(world: World):
    # Beside another release: there the rollout decides what follows.
    before = await until(world, wanting(one=1, two=1), ready(2))
    world.make_sick()
    after = await until(world, wanting(one=1, two=1), in_state(InstanceState.UNHEALTHY))
    assert all(each.failed_checks >= 3 for each in after)
    assert [each.pid for each in after] == [each.pid for each in before]


async def test_a_release_that_does_not_verify_is_refused_and_the_other_goes_on(world: World):
    world.refuse(TWO)
    seen = await until(
        world,
        wanting(one=1, two=1),
        lambda seen: [each.state for each in seen] == [InstanceState.READY, InstanceState.REFUSED],
    )
    assert (seen[1].pid, seen[1].detail) == (None, "it was altered")


async def test_environments_do_not_see_each_other(world: World):
    await until(world, wanting(one=1), ready(1))
    assert list(await world.target.observe(TINY, STAGING)) == []
    (other,) = await until(world, wanting(STAGING, one=1), ready(1))
    (own,) = await world.target.observe(TINY, PRODUCTION)
    assert other.id != own.id


async def test_output_can_be_read_and_an_unknown_instance_is_not_found(world: World):
    (seen,) = await until(world, wanting(one=1), ready(1))
    assert list(await world.target.logs(seen.id, lines=10)) == [f"release {ONE} starts"]
    assert list(await world.target.logs(seen.id, lines=0)) == []
    with pytest.raises(NotFound):
        await world.target.logs(InstanceId("in-nobody"), lines=1)
