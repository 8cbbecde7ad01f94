"""A home's registry as pages show it, over real keys and files: what is stored, ends soon, and would go."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from andon import access_parts, parts
from andon.api import registry_views
from andon.kernel.clock import ManualClock, SystemClock
from andon.kernel.errors import Conflict, Untrusted
from andon.kernel.ids import UnitName, Version
from andon.releases import keys
from andon.releases.ceremony import pending, server
from andon.releases.ceremony.server import Ceremonies
from andon.releases.ceremony.status import Worry
from andon.releases.garbage.collector import Collector, Parts
from andon.releases.garbage.model import Rules
from andon.releases.layout import Layout
from andon.releases.publish import Publisher
from andon.releases.stock import Strays
from andon.releases.storage.folder import Folder
from andon.releases.store import ReleaseStore
from andon.releases.upkeep import Terms, Upkeep
from andon.settings import RegistrySettings, Settings
from andon.store import migrate
from andon.store.engine import Database
from andon.testing.holders import a_holder
from andon.testing.releases import an_application
from andon.timeline.records import Event
from andon.timeline.store import Filter

pytestmark = pytest.mark.component

STATION = UnitName("station")
RULES = Rules(keep=1, grace=timedelta(days=7))


class Counted(Folder):
    """A folder that counts how often it was listed."""

    lists = 0

    def list(self, prefix):
        self.lists += 1
        return super().list(prefix)


class Plant:
    def __init__(self, home: Path, database: Database, clock: ManualClock | None = None) -> None:
        self.layout, self.clock = Layout(home), clock or ManualClock(SystemClock().now())
        self.storage = Counted(self.layout.registry)
        self.told: list[Event] = []
        self.store = ReleaseStore(database, home, self.clock, storage=self.storage)
        self.publisher = Publisher(self.layout, self.clock, storage=self.storage)
        parts = Parts(self.layout, self.storage, self.store, self.publisher, ())
        collector = Collector(parts, self.clock, RULES)
        self.upkeep = Upkeep(parts, collector, self.clock, Terms(RULES, is_automatic=True), tell=self._tell)

    async def _tell(self, event: Event) -> None:
        self.told.append(event)

    async def publish(self, folder: Path, version: str, age_days: float) -> None:
        release, contents = an_application(folder, version)
        at = self.clock.now() - timedelta(days=age_days)
        await self.store.publish(replace(release, created_at=at), contents, "kim")

    def revoke(self, version: str, **said: str) -> None:
        self.publisher.revoke(STATION, Version(version), json.dumps(said).encode())


@pytest.fixture
async def plant(tmp_path: Path, database: Database) -> Plant:
    keys.init_development(tmp_path / "home", SystemClock())
    made = Plant(tmp_path / "home", database)
    for number, age in enumerate((100, 90, 80)):
        await made.publish(tmp_path, f"1.{number}.0", age)
    return made


async def test_it_says_what_is_stored_and_what_would_go_without_taking_it(plant: Plant) -> None:
    before = {each.path for each in plant.storage.list("")}
    look = await plant.upkeep.look()
    (unit,) = look.units
    assert (unit.unit, unit.releases, unit.revoked, unit.collected) == ("station", 3, 0, 0)
    stored = list(plant.storage.list("targets/"))
    assert (unit.artifacts, unit.size_bytes) == (len(stored) - 3, sum(each.size_bytes for each in stored))
    assert look.trial is not None
    assert look.trial.releases == ("station@1.0.0", "station@1.1.0")
    assert look.trial.kept == {"station@1.2.0": "is one of the newest 1 of station"}
    assert (look.is_automatic, look.is_following, look.refusal) == (True, False, None)
    assert {each.path for each in plant.storage.list("")} == before
    assert plant.told == []


async def test_keys_of_development_and_their_thresholds_are_said(plant: Plant) -> None:
    standing = (await plant.upkeep.look()).standing
    assert standing is not None
    assert standing.is_development
    assert [each.role for each in standing.roles] == ["root", "targets", "snapshot", "timestamp"]
    assert all(each.threshold == 1 and each.worry is Worry.NONE for each in standing.roles)


async def test_what_ran_out_is_shown_with_what_is_stored_and_nothing_would_go(
    tmp_path: Path, database: Database
) -> None:
    clock = ManualClock(SystemClock().now() - timedelta(days=31))
    keys.init_development(tmp_path / "home", clock)
    plant = Plant(tmp_path / "home", database, clock)
    await plant.publish(tmp_path, "1.0.0", 1)
    clock.advance(timedelta(days=31))
    look = await plant.upkeep.look()
    assert look.standing is not None
    worries = {each.role: each.worry for each in look.standing.roles}
    assert worries["timestamp"] is Worry.OVER
    assert worries["root"] is Worry.NONE
    assert look.units[0].releases == 1
    assert look.trial is None
    assert isinstance(look.refusal, Untrusted)


async def test_the_revoked_stand_there_with_who_and_why_the_newest_first(plant: Plant) -> None:
    plant.revoke("1.0.0", reason="loses serials", by="kim", at="2026-11-01T08:00:00+00:00")
    plant.revoke("1.1.0", reason="loses more", by="lee", at="2026-11-20T08:00:00+00:00")
    plant.revoke("1.2.0", at="yesterday")
    found = (await plant.upkeep.look()).revoked
    assert [(each.version, each.reason, each.by) for each in found] == [
        ("1.1.0", "loses more", "lee"),
        ("1.0.0", "loses serials", "kim"),
        ("1.2.0", "", ""),
    ]
    assert found[-1].at is None


async def test_a_notice_that_was_changed_is_refused(plant: Plant) -> None:
    plant.revoke("1.0.0", reason="loses serials", by="kim")
    (notice,) = plant.layout.targets.rglob("*.revoked.json")
    notice.write_bytes(notice.read_bytes().replace(b"loses", b"finds"))
    with pytest.raises(Untrusted, match="not what was signed"):
        await plant.upkeep.look()


async def test_a_collection_is_told_seen_at_once_and_leaves_its_files_for_the_grace(plant: Plant) -> None:
    assert (await plant.upkeep.look()).strays == Strays()
    done = await plant.upkeep.collect(actor="kim", reason="the disk is small")
    assert done.releases == ("station@1.0.0", "station@1.1.0")
    look = await plant.upkeep.look()
    assert (look.units[0].releases, look.units[0].collected) == (1, 2)
    assert look.strays.files == done.waiting > 0
    assert look.strays.size_bytes == done.freed_bytes
    assert look.trial is not None
    assert look.trial.releases == ()
    (told,) = plant.told
    assert (told.kind, told.actor, told.reason) == ("registry.collected", "kim", "the disk is small")
    assert told.after["releases"] == 2


async def test_with_offline_keys_a_collection_waits_and_the_page_says_for_whose_signature(
    plant: Plant, tmp_path: Path
) -> None:
    holder = a_holder(tmp_path / "medium", "park")
    ceremonies = Ceremonies(plant.layout, plant.clock, storage=plant.storage)
    change = server.Change("targets", add=(holder.public,), remove=(server.HERE,))
    ceremonies.propose(change, reason="offline", by="kim")
    ceremonies.assemble([holder.sign(pending.get(plant.layout))])
    done = await plant.upkeep.collect(actor="kim", reason="the disk is small")
    assert done.is_pending
    assert plant.told[0].after["is_pending"] is True
    view = registry_views.registry(await plant.upkeep.look())
    assert view.releases == 3
    assert view.keys is not None
    targets = next(each for each in view.keys.roles if each.role == "targets")
    assert (targets.is_offline, targets.threshold) == (True, 1)
    assert [(each.holder, each.is_here) for each in targets.keys] == [("park", False)]
    assert view.keys.waiting is not None
    assert "collect 2 releases" in view.keys.waiting.reason
    (missing,) = view.keys.waiting.missing
    assert (missing.part, missing.signed, missing.threshold) == ("targets", 0, 1)
    assert missing.holders == [f"park ({targets.keys[0].key_id[:8]})"]


async def test_those_who_ask_at_once_share_one_look_until_it_is_old(plant: Plant) -> None:
    plant.storage.lists = 0
    looks = await asyncio.gather(*(plant.upkeep.look() for _ in range(5)))
    once = plant.storage.lists
    assert len({id(each) for each in looks}) == 1
    plant.clock.advance(timedelta(seconds=29))
    await plant.upkeep.look()
    assert plant.storage.lists == once
    plant.clock.advance(timedelta(seconds=1))
    await plant.upkeep.look()
    assert plant.storage.lists == 2 * once


async def test_a_home_that_follows_shows_what_was_brought_and_collects_nothing(
    plant: Plant, tmp_path: Path, database: Database
) -> None:
    follower = tmp_path / "follower"
    keys.init_following(follower, plant.layout.pinned_root.read_bytes())
    there = Plant(follower, database)
    look = await there.upkeep.look()
    assert (look.units, look.standing, look.is_following) == ((), None, True)
    for each in list(plant.storage.list("")):
        there.storage.write(each.path, b"".join(plant.storage.pieces(each.path)))
    there.clock.advance(timedelta(days=25))
    look = await there.upkeep.look()
    assert look.units[0].releases == 3
    assert isinstance(look.refusal, Conflict)
    assert look.standing is not None
    timestamp = look.standing.roles[-1]
    assert (timestamp.role, timestamp.worry) == ("timestamp", Worry.SOON)
    assert "andon bundle import" in timestamp.advice
    assert look.standing.roles[0].worry is Worry.NONE
    with pytest.raises(Conflict):
        await there.upkeep.collect(actor="kim", reason="the disk is small")
    assert there.told == []


async def test_a_running_andon_collects_by_its_settings_and_tells_the_timeline(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", registry=RegistrySettings(keep=1))
    keys.init_development(settings.home, SystemClock())
    await migrate.upgrade(settings.database())
    access_parts.make_keys(settings.home, SystemClock())
    async with parts.assembled(settings) as made:
        upkeep, store = made.services.upkeep, made.services.releases
        assert isinstance(store, ReleaseStore)
        for version, age in (("1.0.0", 100), ("1.1.0", 90)):
            release, contents = an_application(tmp_path, version)
            old = replace(release, created_at=SystemClock().now() - timedelta(days=age))
            await store.publish(old, contents, "kim")
        look = await upkeep.look()
        assert (look.rules, look.is_automatic) == (Rules(1, settings.registry.grace), False)
        assert look.trial is not None
        assert look.trial.releases == ("station@1.0.0",)
        assert (await upkeep.collect(actor="kim", reason="the disk is small")).releases == ("station@1.0.0",)
        assert [each.version for each in await store.list()] == ["1.1.0"]
        (told,) = await made.services.timeline.list(Filter(kind="registry.collected"))
        assert (told.event.actor, told.event.reason) == ("kim", "the disk is small")
