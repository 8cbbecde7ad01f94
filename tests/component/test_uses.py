"""Who needs a release: what rollouts and stations say of it, and a collection over a real home believes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from typer.testing import CliRunner

from andon import registry_parts
from andon.app import initialise
from andon.cli.main import app
from andon.fleet.field import Field
from andon.fleet.model import Opened, Pin, Recall, Seen
from andon.fleet.reports.model import Taken
from andon.fleet.reports.store import ReportStore
from andon.fleet.stations.store import StationStore
from andon.fleet.wanting.store import Document, WantingStore
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Damaged
from andon.kernel.ids import EnvironmentName, StationName, UnitName, Version
from andon.releases.garbage.model import Use
from andon.rollouts.rows.store import rollouts
from andon.rollouts.sets.model import Member, SetRelease
from andon.rollouts.sets.store import SetStore
from andon.rollouts.stables.store import stables
from andon.rollouts.store import RolloutStore
from andon.rollouts.uses import RolloutUses
from andon.store.engine import Database
from andon.testing.releases import an_application
from andon.testing.rolling import AT, NEW, OLD, PRODUCTION, UNIT, a_rollout
from andon.timeline.records import Event
from andon.units.store import DesiredStore
from andon_wire.protocol import UnitState, Wanted, WantedUnit

pytestmark = pytest.mark.component

TOLD = Event("fleet.test", "station/press-1", "minsu", "because")
SCREEN, LAB = UnitName("screen"), EnvironmentName("lab")


def versions(uses: Sequence[Use]) -> set[str]:
    return {each.release for each in uses}


def of_rollouts(database: Database) -> RolloutUses:
    return RolloutUses(RolloutStore(database), SetStore(database), DesiredStore(database))


def of_fleet(database: Database) -> registry_parts.FleetUses:
    wanting = WantingStore(database)
    return registry_parts.FleetUses(
        Field(ReportStore(database), wanting, StationStore(database), SystemClock()), wanting
    )


async def begun(database: Database) -> None:
    """A rollout of the new release over the old one, which is stable."""
    await was_stable(database, [OLD])
    await RolloutStore(database).create(a_rollout(), AT)


async def was_stable(database: Database, those: Sequence[str]) -> None:
    async with database.transaction() as tx:
        for number, version in enumerate(those, start=1):
            row = {
                "unit": UNIT,
                "environment": PRODUCTION,
                "number": number,
                "version": version.removesuffix("-withdrawn"),
                "rollout": f"ro-{number}",
                "since_at": AT,
                "is_withdrawn": version.endswith("-withdrawn"),
            }
            await tx.execute(insert(stables).values(row))


async def test_a_rollout_needs_both_its_releases(database: Database) -> None:
    assert await of_rollouts(database).in_use() == []
    await begun(database)
    uses = await of_rollouts(database).in_use()
    assert versions(uses) == {f"{UNIT}@{OLD}", f"{UNIT}@{NEW}"}
    assert any(each.why == f"is part of rollout ro-1 to {PRODUCTION}" for each in uses)


async def test_a_rollout_that_cannot_be_read_lets_nothing_go(database: Database) -> None:
    await begun(database)
    async with database.transaction() as tx:
        await tx.execute(update(rollouts).values(document={"nonsense": True}))
    with pytest.raises(Damaged):
        await of_rollouts(database).in_use()


async def test_what_could_be_returned_to_is_needed_but_not_what_was_withdrawn(database: Database) -> None:
    await was_stable(database, ["0.6.0", "0.7.0", "0.8.0", "0.8.5-withdrawn", OLD])
    await RolloutStore(database).create(a_rollout(), AT)
    found = versions(await of_rollouts(database).in_use())
    assert found == {f"{UNIT}@{each}" for each in ("0.7.0", "0.8.0", OLD, NEW)}


async def test_what_belongs_to_one_of_the_newest_sets_is_needed(database: Database) -> None:
    store = SetStore(database)
    for number in range(5):
        members = (Member(UNIT, Version(f"1.{number}.0")), Member(SCREEN, Version(f"2.{number}.0")))
        made = SetRelease("line", Version(f"3.{number}.0"), members)
        await store.publish(made, "{}", "kim", AT + timedelta(days=number))
    found = versions(await of_rollouts(database).in_use())
    assert found == {f"{unit}@{n}.{k}.0" for unit, n in ((UNIT, 1), (SCREEN, 2)) for k in (2, 3, 4)}


async def test_whatever_a_station_has_or_was_told_is_needed(database: Database) -> None:
    state = UnitState(running="1.0.0", confirmed="1.1.0", standby="1.2.0", wanted="1.3.0")
    seen = Seen(at=AT, boot="b", revision=1, seq=1, units={"screen": state}, address="10.0.0.4")
    await ReportStore(database).take([Taken(StationName("press-1"), seen)], AT)
    wanted = Wanted(
        station="press-2", revision=1, issued_at=AT, units={"screen": WantedUnit(version="1.4.0")}
    )
    store = WantingStore(database)
    await store.tell({}, [Document(StationName("press-2"), 1, wanted.model_dump_json())])
    await store.tell({(SCREEN, LAB): Opened(version=Version("1.5.0"))}, [])
    pin = Pin(StationName("press-3"), SCREEN, Version("1.6.0"), "qualified with it", "minsu", AT)
    await store.pin(pin, TOLD)
    await store.recall(
        Recall(SCREEN, LAB, Version("9.0.0"), Version("1.7.0"), False, "why", "minsu", AT), TOLD
    )
    uses = await of_fleet(database).in_use()
    assert versions(uses) == {f"screen@1.{number}.0" for number in range(8)}
    assert Use(SCREEN, Version("1.6.0"), "is pinned on press-3: qualified with it") in uses


async def test_the_command_collects_a_home_and_asks_all_who_know(tmp_path: Path) -> None:
    settings = registry_parts.Settings(home=tmp_path / "home")
    await initialise(settings)
    database = Database.open(settings.database())
    clock = SystemClock()
    try:
        store = registry_parts.ReleaseStore(
            database, settings.home.resolve(), clock, storage=registry_parts.storage_of(settings)
        )
        for number in range(4):
            release, contents = an_application(tmp_path, f"1.{number}.0")
            old = replace(release, created_at=clock.now() - timedelta(days=100 - number))
            await store.publish(old, contents, "kim")
        pin = Pin(StationName("press-3"), UnitName("station"), Version("1.1.0"), "why", "minsu", AT)
        await WantingStore(database).pin(pin, TOLD)
        with_home = registry_parts.collector_of(
            settings.model_copy(update={"registry": settings.registry.model_copy(update={"keep": 1})}),
            database,
            clock,
        )
        tried = await with_home.run(actor="kim", reason="", is_trial=True)
        assert tried.releases == ("station@1.0.0", "station@1.2.0")
        done = await with_home.run(actor="kim", reason="the disk is small")
        assert done.releases == tried.releases
        assert [each.version for each in await store.list()] == ["1.3.0", "1.1.0"]
    finally:
        await database.close()


def test_the_command_says_what_would_go_and_why_the_rest_stays(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    runner = CliRunner()
    runner.invoke(app, ["--home", home, "init"])
    said = runner.invoke(app, ["--home", home, "registry", "gc", "--dry-run"])
    assert "nothing is there that nobody needs" in said.stdout
    asked = runner.invoke(app, ["--home", str(tmp_path / "none"), "registry", "gc", "--dry-run"])
    assert "is not a home of Andon" in str(asked.exception)
