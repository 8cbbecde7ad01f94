"""Simulated requests in two arms, as increments between looks. Rows are rollouts, columns looks.

`streams` is the general form: looks each minute, in a `World` that says what varies beside chance. `requests`
draws independent requests one by one, so that judges which look at different times read the same ones.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
DAY = 1440  # minutes


@dataclass(frozen=True)
class Situation:
    """One row of the table: base error rate, the candidate's as a multiple, its share, requests a minute."""

    ratio: float
    share: float = 0.5
    base: float = 0.01
    per_minute: int = 120  # both arms together


@dataclass(frozen=True)
class Drift:
    """A stationary AR(1) process on the logarithm, one value a minute, whose mean factor is 1.

    sd: of the logarithm. phi: correlation of a minute with the one before; 0.9 forgets within ten minutes.
    """

    sd: float = 0.0
    phi: float = 0.9


@dataclass(frozen=True)
class World:
    """What varies beside chance. The default is the world of the published figures: nothing does.

    own: drift of the rate within one arm, each arm its own. This is what a comparison mistakes for harm.
    common: drift of the rate in both arms at once. load: drift of the requests a minute.
    instances, instance: instances of each arm, and how far apart their rates lie for good.
    instance_own: drift of each instance's rate by itself.
    rate_by_day, load_by_day: how far rate and load swing with the hour, as a part of their mean; a rollout
    begins at any hour.
    """

    own: Drift = Drift()
    common: Drift = Drift()
    load: Drift = Drift()
    instances: int = 1
    instance: float = 0.0
    instance_own: Drift = Drift()
    rate_by_day: float = 0.0
    load_by_day: float = 0.0


QUIET = World()
# Correlated within one arm, as the judge must not mistake it for harm: a factor of e^0.5 either way.
SICK = World(own=Drift(sd=0.5, phi=0.9))
# Everything that both arms share: a comparison must not notice it.
SHARED = World(common=Drift(sd=0.5), load=Drift(sd=0.4), rate_by_day=0.5, load_by_day=0.7)


@dataclass(frozen=True)
class Traffic:
    """Exposure and bad events that each arm gained between two looks."""

    stable: Numbers
    candidate: Numbers
    bad_stable: Numbers
    bad_candidate: Numbers

    def first(self, runs: int, looks: int) -> "Traffic":
        """The first so many rollouts and looks of it."""
        rows = max(0, runs)
        return Traffic(
            self.stable[:rows, :looks],
            self.candidate[:rows, :looks],
            self.bad_stable[:rows, :looks],
            self.bad_candidate[:rows, :looks],
        )


@dataclass(frozen=True)
class Blocks:
    """The same by instance: the last axis is the instances of the arm."""

    stable: Numbers
    candidate: Numbers
    bad_stable: Numbers
    bad_candidate: Numbers

    def together(self) -> Traffic:
        """The sums over instances."""
        return Traffic(
            self.stable.sum(axis=2),
            self.candidate.sum(axis=2),
            self.bad_stable.sum(axis=2),
            self.bad_candidate.sum(axis=2),
        )


def by_event(noise: np.random.Generator, situation: Situation, runs: int, looks: int) -> Traffic:
    """Draw requests one by one, with a look right after every bad event."""
    rate = situation.base * situation.ratio
    mine, other = situation.share * rate, (1 - situation.share) * situation.base
    until = noise.geometric(mine + other, size=(runs, looks))
    is_candidate = noise.random((runs, looks)) < mine / (mine + other)
    good_part = situation.share * (1 - rate) / (1 - mine - other)
    candidate = noise.binomial(until - 1, good_part) + is_candidate
    return _traffic(until - candidate, candidate, ~is_candidate, is_candidate)


def by_minute(noise: np.random.Generator, situation: Situation, runs: int, minutes: int) -> Traffic:
    """Draw the same traffic with a look each minute; the share of a minute is drawn, too."""
    candidate = noise.binomial(situation.per_minute, situation.share, size=(runs, minutes))
    stable = situation.per_minute - candidate
    bad_candidate = noise.binomial(candidate, situation.base * situation.ratio)
    bad_stable = noise.binomial(stable, situation.base)
    return _traffic(stable, candidate, bad_stable, bad_candidate)


def streams(
    noise: np.random.Generator, situation: Situation, runs: int, minutes: int, world: World = QUIET
) -> Traffic:
    """Draw traffic of a world with a look each minute. In the quiet one it is what `by_minute` draws."""
    if world == QUIET:
        return by_minute(noise, situation, runs, minutes)
    return streams_by_instance(noise, situation, runs, minutes, world).together()


def streams_by_instance(
    noise: np.random.Generator, situation: Situation, runs: int, minutes: int, world: World = QUIET
) -> Blocks:
    """Draw the same, each arm by its instances."""
    shape = (runs, minutes)
    hour = 2 * math.pi * (np.arange(minutes) / DAY + noise.random((runs, 1)))
    load = drift(noise, world.load, shape) * (1 + world.load_by_day * np.sin(hour))
    common = drift(noise, world.common, shape) * (1 + world.rate_by_day * np.sin(hour))
    is_varied = world.load.sd > 0 or world.load_by_day > 0
    total = noise.poisson(situation.per_minute * load) if is_varied else np.full(shape, situation.per_minute)
    candidate = noise.binomial(total, situation.share)
    arms = []
    for exposure, ratio in ((total - candidate, 1.0), (candidate, situation.ratio)):
        rate = situation.base * ratio * common * drift(noise, world.own, shape)
        arms.append(_arm(noise, exposure, rate, world))
    (stable, bad_stable), (mine, bad_candidate) = arms
    return Blocks(stable, mine, bad_stable, bad_candidate)


def drift(noise: np.random.Generator, kind: Drift, shape: tuple[int, ...]) -> Numbers:
    """Factors along the second axis: exp of a stationary AR(1) process, their mean 1."""
    if kind.sd == 0:
        return np.ones(shape)
    fresh = noise.standard_normal(shape)
    level = np.empty(shape)
    level[:, 0] = fresh[:, 0]
    for i in range(1, shape[1]):
        level[:, i] = kind.phi * level[:, i - 1] + math.sqrt(1 - kind.phi**2) * fresh[:, i]
    return np.exp(kind.sd * level - kind.sd**2 / 2)


@dataclass(frozen=True)
class Requests:
    """Single requests in their order: whose each is, and whether it is bad. Rows are rollouts."""

    is_candidate: npt.NDArray[np.bool_]
    is_bad: npt.NDArray[np.bool_]
    per_minute: int

    def by_minute(self) -> Traffic:
        """The same requests with a look each minute."""
        runs = len(self.is_bad)
        mine, bad = (each.reshape(runs, -1, self.per_minute) for each in (self.is_candidate, self.is_bad))
        return _traffic(
            (~mine).sum(axis=2), mine.sum(axis=2), (bad & ~mine).sum(axis=2), (bad & mine).sum(axis=2)
        )

    def by_event(self) -> Traffic:
        """The same requests with a look right after every bad one.

        What follows the last bad one is left out. Rows with fewer bad ones end in looks that gained nothing.
        """
        runs = len(self.is_bad)
        rows, places = np.nonzero(self.is_bad)
        found = self.is_bad.sum(axis=1)
        column = np.arange(len(rows)) - np.repeat(np.cumsum(found) - found, found)
        mine = np.zeros((runs, int(found.max(initial=0)) + 1), dtype=np.int64)
        every, bad_mine, bad = mine.copy(), mine[:, 1:].copy(), mine[:, 1:].copy()
        so_far = np.cumsum(self.is_candidate, axis=1, dtype=np.int32)
        mine[rows, column + 1], every[rows, column + 1] = so_far[rows, places], places + 1
        bad_mine[rows, column], bad[rows, column] = self.is_candidate[rows, places], 1
        mine, every = np.maximum.accumulate(mine, axis=1), np.maximum.accumulate(every, axis=1)
        candidate, total = np.diff(mine, axis=1), np.diff(every, axis=1)
        return _traffic(total - candidate, candidate, bad - bad_mine, bad_mine)


def requests(noise: np.random.Generator, situation: Situation, runs: int, minutes: int) -> Requests:
    """Draw independent requests, each assigned to an arm by chance."""
    shape = (runs, minutes * situation.per_minute)
    mine = noise.random(shape, dtype=np.float32) < situation.share
    rate = np.where(mine, np.float32(situation.base * situation.ratio), np.float32(situation.base))
    return Requests(mine, noise.random(shape, dtype=np.float32) < rate, situation.per_minute)


def _arm(
    noise: np.random.Generator, exposure: npt.NDArray[Any], rate: Numbers, world: World
) -> tuple[Numbers, Numbers]:
    runs, minutes = exposure.shape
    shape = (runs, minutes, world.instances)
    parts = noise.multinomial(exposure, np.full(world.instances, 1 / world.instances))
    sd = world.instance
    lasting = np.exp(sd * noise.standard_normal((runs, 1, world.instances)) - sd**2 / 2)
    rates = np.clip(rate[:, :, None] * lasting * drift(noise, world.instance_own, shape), 0.0, 1.0)
    return parts.astype(np.float64), noise.binomial(parts, rates).astype(np.float64)


def _traffic(*increments: npt.NDArray[Any]) -> Traffic:
    return Traffic(*(gained.astype(np.float64) for gained in increments))
