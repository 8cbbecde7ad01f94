"""The minutes of every release in the database, and the noise that a new rollout freezes from them."""

import random
from collections.abc import Sequence
from datetime import timedelta

from andon.evidence.model import Reading, Tally
from andon.judge.model import Counts, NoiseSource
from andon.kernel.clock import ManualClock
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts.controller import Holder
from andon.rollouts.noises.model import Minute, Series
from andon.rollouts.noises.recorder import NoiseRecorder, Noises, Sources
from andon.rollouts.noises.store import NoiseStore
from andon.rollouts.stables.store import Stable
from andon.store.engine import Database
from andon.store.leases import LeaseStore
from andon.testing.rolling import AT, NEW, OLD, PRODUCTION, UNIT
from andon.units.desired import Desired, DesiredRelease, Match, MatchKind, Routing

ERRORS = Series(UNIT, PRODUCTION, "errors")
NOW = int(AT.timestamp()) // 60


class World:
    """One unit that serves, and what its source says of it."""

    def __init__(self, database: Database) -> None:
        self.clock = ManualClock(AT)
        self.store = NoiseStore(database)
        self.leases = LeaseStore(database)
        self.tallies = {OLD: Tally(0, 0)}
        self.routing = Routing()
        self.edges: tuple[float, ...] = ()
        self.stable = [Stable(OLD, RolloutId("ro-1"), AT, is_withdrawn=False)]

    async def desired(self) -> Sequence[Desired]:
        return [Desired(UNIT, PRODUCTION, 1, OLD, (DesiredRelease(OLD, 2, 1.0),), self.routing)]

    def readings(self, _unit: UnitName, _environment: EnvironmentName) -> Sequence[Reading]:
        return [Reading("errors", self.clock.now(), dict(self.tallies), edges=self.edges)]

    async def stables(self, _unit: UnitName, _environment: EnvironmentName) -> Sequence[Stable]:
        return self.stable

    def recorder(self, name: str = "one") -> NoiseRecorder:
        sources = Sources(self.desired, self.readings)
        return NoiseRecorder(self.store, self.leases, self.clock, Holder(name), sources)

    async def lives(self, seconds: int, *recorders: NoiseRecorder) -> None:
        for _ in range(seconds // 5):
            self.tallies = {v: Tally(t.exposure + 10, t.bad + 1) for v, t in self.tallies.items()}
            for each in recorders:
                await each.tick()
            self.clock.advance(timedelta(seconds=5))

    async def kept(self, since: int = 0) -> Sequence[Minute]:
        return await self.store.list(ERRORS, since)


async def test_every_whole_minute_is_kept_and_found_again(any_database: Database) -> None:
    world = World(any_database)
    await world.lives(250, world.recorder())
    found = await world.kept()
    assert found == [Minute(OLD, NOW + n, Counts(120, 12)) for n in (1, 2, 3)]
    assert await world.kept(NOW + 3) == found[2:]
    assert await world.store.list(Series(UNIT, PRODUCTION, "yield"), 0) == []


async def test_two_at_once_keep_each_minute_once(any_database: Database) -> None:
    world = World(any_database)
    await world.lives(250, world.recorder("one"), world.recorder("two"))
    assert [each.number - NOW for each in await world.kept()] == [1, 2, 3]


async def test_after_a_restart_only_whole_minutes_are_added(database: Database) -> None:
    world = World(database)
    await world.lives(150, world.recorder())
    await world.lives(150, world.recorder())
    assert [each.number - NOW for each in await world.kept()] == [1, 3]


async def test_a_clock_that_was_set_back_adds_no_minute_twice(database: Database) -> None:
    world = World(database)
    await world.lives(150, world.recorder())
    world.clock = ManualClock(AT)
    await world.lives(150, world.recorder())
    assert [each.number - NOW for each in await world.kept()] == [1]


async def test_what_is_routed_by_a_person_or_measured_is_no_sample(database: Database) -> None:
    world = World(database)
    world.routing = Routing(matches=(Match(MatchKind.HEADER, "x-group", "b"),))
    recorder = world.recorder()
    await world.lives(150, recorder)
    world.routing, world.edges = Routing(), (0.1, float("inf"))
    await world.lives(150, recorder)
    assert await world.kept() == []


async def test_minutes_older_than_a_week_are_forgotten(database: Database) -> None:
    world = World(database)
    await world.lives(150, world.recorder())
    world.clock.advance(timedelta(days=8))
    await world.lives(150, world.recorder())
    assert [each.number for each in await world.kept()] == [int(world.clock.now().timestamp()) // 60 - 2]


async def keep(world: World, version: Version, minutes: int, bad: Sequence[int]) -> None:
    lease = await world.leases.acquire("noise", "test", timedelta(seconds=3))
    assert lease is not None
    ended = [Minute(version, NOW - minutes + i, Counts(300, bad[i])) for i in range(minutes)]
    await world.store.add({ERRORS: ended}, lease)


def poisson(seed: int, minutes: int) -> list[int]:
    noise = random.Random(seed)
    return [sum(noise.random() < 0.01 for _ in range(300)) for _ in range(minutes)]


async def test_noise_is_measured_on_what_good_releases_did(database: Database) -> None:
    world = World(database)
    await keep(world, OLD, 600, poisson(1, 600))
    await keep(world, NEW, 600, [0, 300] * 300)  # it was taken back
    noises = Noises(world.store, world, world.clock)
    found = await noises.of(UNIT, PRODUCTION, ["errors", "yield"])
    assert list(found) == ["errors"]
    assert (found["errors"].source, found["errors"].minutes) == (NoiseSource.MEASURED, 600)
    assert found["errors"].dispersion < 2.0
    withdrawn = Stable(OLD, RolloutId("ro-1"), AT, is_withdrawn=True)
    world.stable = [withdrawn]
    assert await noises.of(UNIT, PRODUCTION, ["errors"]) == {}
