"""What a unit is made of is asked once for many, and what is new or gone is seen soon."""

from collections import Counter
from datetime import timedelta

import pytest

from andon.fleet.tests.worlds import NEW, NOW, OLD, UNIT
from andon.kernel.clock import ManualClock
from andon.kernel.errors import NotFound
from andon.kernel.ids import RunId, Sha256, UnitName, Version
from andon.made import Made
from andon.releases.model import Artifact, Release, Role
from andon.releases.notes import Notes

LINUX = "bundle-linux-x86_64.andon"


class Registry:
    """Releases of one file each; asked: how often."""

    def __init__(self) -> None:
        self.there: dict[tuple[UnitName, Version], Release] = {}
        self.asked: Counter[str] = Counter()

    def add(self, version: Version, name: str = LINUX) -> None:
        artifact = Artifact(Role.BUNDLE, name, Sha256("a" * 64), 7)
        self.there[UNIT, version] = Release(UNIT, version, (artifact,), "tree", RunId("run-1"), NOW)

    async def notes(self, unit: UnitName, version: Version) -> Notes:
        return Notes("what is new") if (unit, version) in self.there else Notes(fault="away")

    async def installable(self, unit: UnitName, version: Version) -> Release:
        self.asked["installable"] += 1
        if (unit, version) not in self.there:
            raise NotFound("release-revoked", f"{unit}@{version} was revoked", hint="look")
        return self.there[unit, version]

    async def list(self, unit: UnitName | None = None) -> list[Release]:
        self.asked["list"] += 1
        return [each for each in self.there.values() if each.unit == unit]


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    made.add(OLD)
    return made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def made(registry: Registry, clock: ManualClock) -> Made:
    return Made(registry, clock)


async def test_what_is_there_is_verified_once_a_minute(
    made: Made, registry: Registry, clock: ManualClock
) -> None:
    for _ in range(3):
        assert (await made.files(UNIT, OLD))[LINUX].path.endswith(f"{'a' * 64}.{LINUX}")
    assert registry.asked["installable"] == 1
    del registry.there[UNIT, OLD]
    clock.advance(timedelta(seconds=60))
    with pytest.raises(NotFound):
        await made.files(UNIT, OLD)


async def test_what_is_not_there_is_looked_for_once_in_some_seconds_and_found_when_it_comes(
    made: Made, registry: Registry, clock: ManualClock
) -> None:
    for _ in range(3):
        with pytest.raises(NotFound, match="was revoked") as caught:
            await made.files(UNIT, NEW)
        assert (caught.value.code, caught.value.hint) == ("release-revoked", "look")
    assert registry.asked["installable"] == 1
    registry.add(NEW)
    clock.advance(timedelta(seconds=5))
    assert LINUX in await made.files(UNIT, NEW)


async def test_a_client_that_asks_for_ever_other_versions_does_not_fill_the_memory(
    made: Made, registry: Registry, clock: ManualClock
) -> None:
    for number in range(1200):
        with pytest.raises(NotFound):
            await made.files(UNIT, Version(f"9.{number}.0"))
    before = registry.asked["installable"]
    clock.advance(timedelta(seconds=5))
    for _ in range(2):  # what was remembered is old by now, and makes room for what is asked today
        with pytest.raises(NotFound):
            await made.files(UNIT, NEW)
    assert registry.asked["installable"] == before + 1


async def test_a_platform_is_known_when_any_release_has_something_for_it(
    made: Made, registry: Registry, clock: ManualClock
) -> None:
    assert await made.is_for(UNIT, "linux-x86_64")
    assert await made.is_for(UNIT, "linux-x86_64")
    assert registry.asked["list"] == 1
    assert not await made.is_for(UNIT, "windows-amd64")
    assert not await made.is_for(UnitName("nothing"), "linux-x86_64")
    registry.add(NEW, "bundle-windows-amd64.andon")
    clock.advance(timedelta(seconds=5))
    assert await made.is_for(UNIT, "windows-amd64")
    assert await made.is_for(UNIT, "linux-x86_64")


async def test_notes_that_cannot_be_shown_are_none(made: Made) -> None:
    assert await made.notes(UNIT, OLD) == "what is new"
    assert not await made.notes(UNIT, Version("9.9.9"))
