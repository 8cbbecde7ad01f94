"""Whatever is asked for, Envoy takes it: routes of random features, delivered together to one that lives."""

import asyncio
import random
import string
from datetime import timedelta

import pytest

from andon.gateway.aside import is_expressible
from andon.gateway.model import Backend, Endpoint, Features, HealthCheck, Limit, Outliers, Route
from andon.kernel.ids import UnitName, Version
from andon.testing.ports import free_port
from andon.units.desired import Match, MatchKind, Routing
from tests.component.gateway.world import PATIENCE_SECONDS, PRODUCTION, QUICK_HEALTH, Plant

ODD = string.punctuation + string.ascii_letters + string.digits + " "
PATH = "".join(map(chr, range(33, 127)))
OLD, NEW = Version("1.0.0"), Version("2.0.0-rc1+b.5")


class Chance:
    """Values that a manifest or a person may write."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def text(self, letters: str, longest: int) -> str:
        return "".join(self.random.choices(letters, k=self.random.randint(1, longest)))

    def duration(self, longest: float, shortest: float = 0.001) -> timedelta:
        seconds = self.random.uniform(shortest, longest)
        return timedelta(seconds=max(shortest, round(seconds, self.pick((0, 3, 6)))))

    def matches(self) -> tuple[Match, ...]:
        names, longest = string.ascii_letters + string.digits + "-_.", self.pick((3, 40, 1000))
        asked = [
            Match(self.pick(list(MatchKind)), self.text(names, 40), self.text(ODD, longest))
            for _ in range(self.random.randint(0, 8))
        ]
        return tuple(each for each in asked if is_expressible(each))

    def features(self) -> Features:
        prefixes = ["/" + self.text(PATH, 30) for _ in range(3)]
        limit = Limit(self.random.randint(1, 1_000_000), self.duration(3600, 0.05))
        outliers = Outliers(self.random.randint(1, 1000), self.duration(3600), self.pick((0.01, 0.5, 0.99)))
        return Features(
            timeouts=tuple((each, self.duration(86400)) for each in prefixes if self.pick((True, False))),
            retries=self.random.randint(0, 5),
            limit=self.pick((None, limit)),
            outliers=self.pick((None, outliers)),
            compress_above=self.pick((None, 30, 1000, 10_000_000)),
            has_security_headers=self.pick((True, False)),
            allow_origins=self.pick(((), ("https://board.plant", "http://[::1]:80"))),
            cached=tuple(each for each in prefixes if self.pick((True, False))),
            cached_for=self.duration(31_536_000),
            preview_from=self.pick(((), ("127.0.0.0/8", "::1/128"), ("10.0.0.5/32",))),
            mirrors_writes=self.pick((True, False)),
        )

    def health(self) -> HealthCheck:
        tries = self.random.randint(1, 100)
        return HealthCheck("/" + self.text(PATH, 20), self.duration(60), self.duration(60), tries)

    def route(self, unit: str, old: Backend, new: Backend) -> Route:
        mirror = self.pick((0.0, 1e-6, 0.3333333, 1.0))
        return Route(
            UnitName(unit),
            PRODUCTION,
            1,
            "127.0.0.1",
            free_port(),
            (old, new),
            sticky=self.pick((True, False)),
            timeout=self.duration(86400),
            routing=Routing(self.matches(), mirror, has_preview=self.pick((True, False))),
            features=self.features(),
        )

    def served(self, at: int, plant: Plant) -> Route:
        """One whose releases are healthy, so that its weights come into force."""
        weight = self.random.randint(0, 1000)
        old = Backend(OLD, 1000 - weight, (plant.old.endpoint,), health=QUICK_HEALTH)
        new = Backend(NEW, weight, (plant.new.endpoint,), is_candidate=True, health=QUICK_HEALTH)
        return self.route(f"served{at}", old, new)

    def dark(self, at: int) -> Route:
        """One whose releases never answer: their clusters are news to Envoy all the same."""
        ports = [self.random.randint(1, 65535) for _ in range(4)]
        endpoints = tuple(Endpoint(self.pick(("localhost", "10.1.2.3")), each) for each in ports)
        old = Backend(OLD, 1000, endpoints[:2], health=self.health())
        return self.route(f"dark{at}", old, Backend(NEW, 0, endpoints[2:], True, self.health()))


@pytest.mark.parametrize("seed", range(3))
async def test_envoy_takes_any_route(plant, seed):
    chance = Chance(seed)
    served = [chance.served(at, plant) for at in range(10)]
    routes = [*served, *(chance.dark(at) for at in range(10))]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            applied = (await plant.envoy.apply(routes)).check()
            if {each.unit for each in applied.acknowledged if each.revision} == {
                each.unit for each in served
            }:
                break
    weights = {each.unit: each.weights[NEW] for each in applied.acknowledged}
    assert {each.unit: weights[each.unit] for each in served} == {
        each.unit: each.backends[1].weight for each in served
    }
