"""The garbage collection: what is needed stays, what goes leaves no reader alone, and no cut does harm."""

import itertools
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from andon.kernel.clock import ManualClock, SystemClock
from andon.kernel.errors import AndonError, Conflict, Damaged, NotFound, Unavailable, Untrusted
from andon.kernel.ids import UnitName, Version
from andon.releases import keys
from andon.releases.ceremony import pending, server
from andon.releases.ceremony.server import Ceremonies
from andon.releases.client import Client
from andon.releases.garbage.collector import Collector, Parts
from andon.releases.garbage.model import Collected, Rules, Use
from andon.releases.garbage.sweep import sweep
from andon.releases.layout import Layout
from andon.releases.mirroring import state
from andon.releases.mirroring.mirror import Mirror
from andon.releases.model import Role
from andon.releases.publish import Publisher
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import Storage
from andon.releases.store import ReleaseStore
from andon.store.engine import Database
from andon.testing.holders import a_holder
from andon.testing.releases import an_application
from andon.testing.storages import CutStorage, PowerCut
from andon.timeline.store import Filter, TimelineStore

pytestmark = pytest.mark.component

STATION = UnitName("station")
GRACE = timedelta(days=7)


class Needs:
    """Who knows what is needed; a test fills it."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.error: AndonError | None = None
        self.then: Callable[[], None] = lambda: None

    async def in_use(self) -> Sequence[Use]:
        if self.error is not None:
            raise self.error
        found = list(self.uses)
        self.then()
        return found


class Plant:
    def __init__(self, folder: Path, database: Database, storage: Storage | None = None) -> None:
        self.folder, self.database = folder, database
        self.layout = Layout(folder / "home")
        self.clock = ManualClock(SystemClock().now())
        self.storage = storage or Folder(self.layout.registry)
        if not self.layout.pinned_root.exists():
            keys.init_development(self.layout.home, self.clock, storage=self.storage)
        self.store = ReleaseStore(database, self.layout.home, self.clock, storage=self.storage)
        self.publisher = Publisher(self.layout, self.clock, storage=self.storage)
        self.needs = Needs()
        self.client = Client(self.layout, self.storage)

    async def publish(self, version: str, *bases: str, age_days: float = 100) -> None:
        release, contents = an_application(self.folder, version, base=bases[0] if bases else None)
        at = self.clock.now() - timedelta(days=age_days)
        await self.store.publish(replace(release, created_at=at), contents, "kim")

    def use(self, version: str, why: str = "runs on press-3") -> None:
        self.needs.uses.append(Use(STATION, Version(version), why))

    async def collect(self, *, keep: int = 1, is_trial: bool = False) -> Collected:
        parts = Parts(self.layout, self.storage, self.store, self.publisher, [self.needs])
        collector = Collector(parts, self.clock, Rules(keep, GRACE))
        return await collector.run(actor="kim", reason="the disk is small", is_trial=is_trial)

    def signed(self) -> list[str]:
        return [version for _, version in self.client.releases()]

    def files(self, version: str) -> set[str]:
        found = self.storage.list(f"targets/station/{version}/")
        return {each.path.rpartition("/")[2][65:] for each in found}


@pytest.fixture
async def plant(tmp_path: Path, database: Database) -> Plant:
    made = Plant(tmp_path, database)
    await made.publish("1.0.0", age_days=100)
    await made.publish("1.1.0", "1.0.0", age_days=90)
    await made.publish("1.2.0", "1.1.0", age_days=80)
    return made


async def test_what_nobody_needs_leaves_the_signed_metadata_and_later_the_disk(plant: Plant) -> None:
    plant.use("1.1.0")
    done = await plant.collect()
    assert (done.releases, done.removed) == (("station@1.0.0",), 0)
    assert done.kept["station@1.1.0"] == "runs on press-3"
    assert plant.signed() == ["1.1.0", "1.2.0"]
    with pytest.raises(NotFound):
        plant.client.release(STATION, Version("1.0.0"))
    assert "wheelhouse.tar" in plant.files("1.0.0")
    plant.clock.advance(GRACE - timedelta(minutes=1))
    assert (await plant.collect()).removed == 0
    plant.clock.advance(timedelta(minutes=1))
    done = await plant.collect()
    assert done.removed >= 10
    assert plant.files("1.0.0") == {"collected.json"}
    assert plant.client.read(STATION, Version("1.1.0"), Role.WHEELHOUSE) == b"station 1.1.0"


async def test_a_delta_goes_when_nobody_has_where_it_begins(plant: Plant) -> None:
    plant.use("1.2.0")
    plant.use("1.1.0")
    done = await plant.collect()
    assert done.deltas == (
        "station@1.1.0/delta-linux-x86_64-from-1.0.0.andon",
        "station@1.1.0/delta-windows-amd64-from-1.0.0.andon",
    )
    plant.clock.advance(GRACE)
    await plant.collect()
    assert "delta-linux-x86_64-from-1.0.0.andon" not in plant.files("1.1.0")
    assert "delta-linux-x86_64-from-1.1.0.andon" in plant.files("1.2.0")
    assert plant.client.read(STATION, Version("1.1.0"), Role.MANIFEST)  # the release is as good as before


async def test_a_trial_changes_nothing(plant: Plant) -> None:
    before = {each.path for each in plant.storage.list("")}
    done = await plant.collect(is_trial=True)
    assert done.releases == ("station@1.0.0", "station@1.1.0")
    assert done.freed_bytes > 0
    assert {each.path for each in plant.storage.list("")} == before
    assert plant.signed() == ["1.0.0", "1.1.0", "1.2.0"]
    assert not plant.layout.leftovers.exists()


async def test_it_is_told_once_and_leaves_the_table(plant: Plant) -> None:
    for _ in range(2):
        await plant.collect(keep=2)
    told = await TimelineStore(plant.database).list(Filter(kind="release.collected"))
    assert [(each.event.subject, each.event.actor) for each in told] == [("release/station@1.0.0", "kim")]
    assert [each.version for each in await plant.store.list()] == ["1.2.0", "1.1.0"]
    assert await plant.store.reindex() == 0


async def test_a_version_is_never_used_twice(plant: Plant) -> None:
    await plant.collect(keep=2)
    with pytest.raises(Conflict) as refused:
        await plant.publish("1.0.0")
    assert refused.value.code == "release-collected"
    plant.clock.advance(GRACE)
    await plant.collect(keep=2)
    with pytest.raises(Conflict):
        await plant.publish("1.0.0")


async def test_nothing_goes_while_somebody_who_knows_does_not_answer(plant: Plant) -> None:
    plant.needs.error = Unavailable("database-away", "the fleet's table does not answer")
    with pytest.raises(Unavailable):
        await plant.collect()
    assert plant.signed() == ["1.0.0", "1.1.0", "1.2.0"]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "damage",
    ["metadata/timestamp.json", "metadata/*.targets.json", "targets/station/1.2.0/*.release.json", "lost"],
)
async def test_nothing_goes_while_anything_does_not_verify(plant: Plant, damage: str) -> None:
    if damage == "lost":
        next(plant.layout.registry.glob("targets/station/1.2.0/*.wheelhouse.tar")).unlink()
    else:
        for each in plant.layout.registry.glob(damage):
            flip(each)
    before = {each.path for each in plant.storage.list("")}
    with pytest.raises((Untrusted, Damaged)):
        await plant.collect()
    assert {each.path for each in plant.storage.list("")} == before
    alerts = await TimelineStore(plant.database).list(Filter(kind="release.refused"))
    assert len(alerts) == 1


async def test_what_is_used_in_the_moment_in_which_it_goes_comes_back(plant: Plant) -> None:
    plant.needs.then = lambda: plant.use("1.0.0", "is part of a rollout that began just now")
    await plant.collect()
    assert plant.signed() == ["1.0.0", "1.2.0"]
    assert plant.client.read(STATION, Version("1.0.0"), Role.WHEELHOUSE) == b"station 1.0.0"
    assert [each.version for each in await plant.store.list()] == ["1.2.0", "1.0.0"]


async def test_what_comes_back_may_go_again(plant: Plant) -> None:
    plant.needs.then = lambda: plant.use("1.0.0")
    await plant.collect()
    plant.needs.then, plant.needs.uses = lambda: None, []
    assert (await plant.collect()).releases == ("station@1.0.0",)


async def test_with_offline_keys_the_holders_are_asked_and_nothing_goes_before_they_signed(
    plant: Plant,
) -> None:
    shutil.rmtree(plant.layout.keys / "targets")
    done = await plant.collect()
    assert done.is_pending
    assert done.releases == ("station@1.0.0", "station@1.1.0")
    assert plant.signed() == ["1.0.0", "1.1.0", "1.2.0"]
    assert len(await plant.store.list()) == 3
    plant.clock.advance(GRACE)
    await plant.collect()
    assert "wheelhouse.tar" in plant.files("1.0.0")


async def test_holders_who_were_asked_once_are_not_asked_anew_by_each_run(plant: Plant) -> None:
    """Else what one of them has signed would count for nothing by the next day."""
    shutil.rmtree(plant.layout.keys / "targets")
    await plant.collect()
    first = pending.get(plant.layout)
    plant.clock.advance(timedelta(days=1))
    assert (await plant.collect()).is_pending
    assert pending.get(plant.layout).fingerprint == first.fingerprint


async def test_what_is_used_again_before_the_holders_signed_is_not_taken_when_they_do(
    plant: Plant, tmp_path: Path
) -> None:
    ceremonies = Ceremonies(plant.layout, plant.clock, storage=plant.storage)
    holder = a_holder(tmp_path / "medium", "park")
    change = server.Change("targets", add=(holder.public,), remove=(server.HERE,))
    ceremonies.propose(change, reason="offline", by="kim")
    ceremonies.assemble([holder.sign(pending.get(plant.layout))])
    await plant.collect()
    plant.use("1.0.0", "was deployed while the holder was away")
    assert (await plant.collect()).releases == ("station@1.1.0",)
    outcome = ceremonies.assemble([holder.sign(pending.get(plant.layout))])
    assert not outcome.missing
    assert plant.signed() == ["1.0.0", "1.2.0"]
    assert plant.client.read(STATION, Version("1.0.0"), Role.WHEELHOUSE) == b"station 1.0.0"


async def test_what_waits_for_the_holders_of_offline_keys_is_no_garbage(plant: Plant) -> None:
    shutil.rmtree(plant.layout.keys / "targets")
    with pytest.raises(Conflict) as waits:
        await plant.publish("2.0.0")
    assert waits.value.code == "targets-wait"
    for _ in range(2):
        await plant.collect(keep=9)
        plant.clock.advance(GRACE)
    assert "wheelhouse.tar" in plant.files("2.0.0")


async def test_a_reader_in_the_middle_gets_what_it_began_with(plant: Plant, tmp_path: Path) -> None:
    root = plant.layout.pinned_root.read_bytes()
    seen = state.verified(plant.storage, tmp_path / "reader", root)
    await plant.collect()
    for each in seen.files:
        assert len(b"".join(plant.storage.pieces(each.path))) == each.size_bytes


async def test_what_a_crash_left_behind_goes_too_and_what_is_being_written_does_not(plant: Plant) -> None:
    stray = plant.layout.targets / "station" / "9.9.9"
    stray.mkdir()
    (stray / f".{'ab' * 32}.wheelhouse.tar.1234.tmp").write_bytes(b"half")
    (plant.layout.metadata / ".timestamp.json.12.tmp").write_bytes(b"half")
    assert (await plant.collect(keep=9)).waiting == 2
    plant.clock.advance(GRACE)
    assert (await plant.collect(keep=9)).removed == 2
    assert not stray.exists()
    assert plant.signed() == ["1.0.0", "1.1.0", "1.2.0"]


async def test_a_cut_anywhere_leaves_a_registry_that_verifies_and_the_next_run_finishes(
    tmp_path: Path, database: Database
) -> None:
    seed = Plant(tmp_path / "seed", database)
    for version, age in (("1.0.0", 100), ("1.1.0", 90)):
        await seed.publish(version, age_days=age)
    await seed.collect(keep=1)  # first half: files wait for their grace
    await seed.publish("1.2.0", age_days=80)
    for cut, is_done in itertools.product(range(60), (False, True)):
        folder = tmp_path / f"cut-{cut}-{is_done}"
        shutil.copytree(seed.folder, folder)
        storage = CutStorage(Folder(folder / "home" / "registry"))
        plant = Plant(folder, database, storage)
        plant.clock.advance(seed.clock.now() + GRACE - plant.clock.now())
        storage.left, storage.is_done = cut, is_done
        try:
            await plant.collect(keep=1)
        except PowerCut:
            finished = False
        else:
            finished = True
        storage.left = None
        assert plant.signed() in (["1.1.0", "1.2.0"], ["1.2.0"])
        assert plant.client.read(STATION, Version("1.2.0"), Role.WHEELHOUSE) == b"station 1.2.0"
        await plant.collect(keep=1)
        assert plant.signed() == ["1.2.0"]
        assert plant.files("1.0.0") == {"collected.json"}
        assert "wheelhouse.tar" in plant.files("1.1.0")
        if finished:
            break
    assert finished


def test_the_ledger_is_there_before_anything_goes_and_without_it_all_waits_anew(tmp_path: Path) -> None:
    place, ledger, now = Folder(tmp_path / "place"), tmp_path / "ledger.json", SystemClock().now()
    place.write("targets/mes/1.0.0/a", b"x")
    assert sweep(place, set(), ledger, GRACE, now).waiting == 1
    assert list(json.loads(ledger.read_bytes())) == ["targets/mes/1.0.0/a"]
    ledger.unlink()
    assert sweep(place, set(), ledger, GRACE, now + GRACE).waiting == 1
    ledger.write_text("{garbage")
    assert sweep(place, set(), ledger, GRACE, now + 2 * GRACE).waiting == 1
    assert sweep(place, {"targets/mes/1.0.0/a"}, ledger, GRACE, now + 4 * GRACE).removed == 0
    assert sweep(place, set(), ledger, GRACE, now + 5 * GRACE).waiting == 1  # named meanwhile: anew
    assert sweep(place, set(), ledger, GRACE, now + 6 * GRACE).removed == 1


async def test_a_mirror_follows_and_removes_what_is_named_no_more_after_its_own_grace(
    plant: Plant, tmp_path: Path
) -> None:
    into = Folder(tmp_path / "mirror")
    root = plant.layout.pinned_root.read_bytes()

    def mirrored() -> Any:
        return Mirror(tmp_path / "memory", root, clock=plant.clock).run(plant.storage, into)

    mirrored()
    await plant.collect(keep=2)
    assert mirrored().removed == 0
    assert list(into.list("targets/station/1.0.0/"))
    plant.clock.advance(GRACE)
    assert mirrored().removed >= 10
    assert {each.path[-14:] for each in into.list("targets/station/1.0.0/")} == {"collected.json"}
    assert state.verified(into, tmp_path / "reader", root).releases == {"station@1.1.0", "station@1.2.0"}
