"""The release store on both databases: what is published is listed, fetched and told."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from andon.kernel.clock import ManualClock, SystemClock
from andon.kernel.errors import Conflict, NotFound, Untrusted
from andon.kernel.ids import UnitName, Version
from andon.releases import keys
from andon.releases.describe import describe
from andon.releases.layout import Layout
from andon.releases.model import Role
from andon.releases.notes import Notes
from andon.releases.publish import Publisher
from andon.releases.sign import IN_TOTO
from andon.releases.store import ReleaseStore, releases
from andon.store.engine import Database
from andon.testing.releases import a_release
from andon.timeline.records import Severity
from andon.timeline.store import Filter, TimelineStore

MES, FIRST, SECOND = UnitName("mes"), Version("1.0.0"), Version("1.1.0")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    keys.init_development(tmp_path / "home", SystemClock())
    return tmp_path / "home"


@pytest.fixture
def store(any_database: Database, home: Path) -> ReleaseStore:
    return ReleaseStore(any_database, home, SystemClock())


async def test_a_release_is_listed_told_and_fetched(
    store: ReleaseStore, any_database: Database, tmp_path: Path
) -> None:
    release, contents = a_release(tmp_path)
    assert await store.publish(release, contents, "kim") == release
    assert await store.get(MES, FIRST) == release
    assert await store.list() == [release]
    assert await store.list(UnitName("other")) == []
    assert await store.find(MES, SECOND) is None
    assert (await store.manifest(MES, FIRST)).unit.name == "mes"
    got = await store.fetch(MES, FIRST, Role.WHEELHOUSE, tmp_path / "slot")
    assert got.read_bytes() == b"wheels " * 1000
    (told,) = await TimelineStore(any_database).list(Filter(subject="release/mes@1.0.0"))
    assert (told.event.kind, told.event.actor, told.event.unit) == ("release.published", "kim", "mes")
    assert told.event.severity is Severity.INFO


async def test_notes_are_shown_as_they_were_signed_also_of_a_revoked_release(
    store: ReleaseStore, home: Path, tmp_path: Path
) -> None:
    await store.publish(*a_release(tmp_path, notes=b"- <b>the first</b>\n\x1b[2J"), "kim")
    await store.publish(*a_release(tmp_path, "1.1.0"), "kim")
    Publisher(Layout(home), SystemClock()).revoke(MES, FIRST, b"{}")
    assert await store.notes(MES, FIRST) == Notes("- <b>the first</b>\n[2J")
    assert await store.notes(MES, SECOND) == Notes()
    assert await store.notes(MES, Version("9.9.9")) == Notes()


async def test_notes_that_somebody_changed_are_not_shown_and_an_alert(
    store: ReleaseStore, any_database: Database, home: Path, tmp_path: Path
) -> None:
    await store.publish(*a_release(tmp_path, notes=b"- the first\n"), "kim")
    (file,) = (home / "registry" / "targets" / "mes" / "1.0.0").glob("*.notes.md")
    signed = file.read_bytes()
    file.write_bytes(b"- the worst\n")
    shown = await store.notes(MES, FIRST)
    assert (shown.text, bool(shown.fault)) == ("", True)
    (alert,) = await TimelineStore(any_database).list(Filter(kind="release.refused"))
    assert alert.event.severity is Severity.ALERT
    file.unlink()
    assert (await store.notes(MES, FIRST)).fault != shown.fault
    file.write_bytes(signed)
    assert await store.notes(MES, FIRST) == Notes("- the first")


async def test_publishing_twice_is_told_once(
    store: ReleaseStore, any_database: Database, tmp_path: Path
) -> None:
    for _ in range(2):
        await store.publish(*a_release(tmp_path), "kim")
    assert len(await TimelineStore(any_database).list(Filter(kind="release.published"))) == 1
    with pytest.raises(Conflict):
        await store.publish(*a_release(tmp_path / "again", content=b"other"), "kim")


async def test_a_release_that_a_crash_kept_from_the_table_is_found_again(
    store: ReleaseStore, any_database: Database, tmp_path: Path
) -> None:
    release, contents = a_release(tmp_path)
    await store.publish(release, contents, "kim")
    async with any_database.transaction() as tx:
        await tx.execute(delete(releases))
    assert await store.list() == []
    await store.refresh()
    assert await store.reindex() == 0
    assert await store.list() == [release]


async def test_many_may_fetch_at_the_same_time(
    store: ReleaseStore, any_database: Database, home: Path, tmp_path: Path
) -> None:
    other = ReleaseStore(any_database, home, SystemClock())  # such as another process on this home
    await store.publish(*a_release(tmp_path), "kim")
    got = await asyncio.gather(
        *((store, other)[n % 2].fetch(MES, FIRST, Role.WHEELHOUSE, tmp_path / f"slot-{n}") for n in range(8)),
        store.publish(*a_release(tmp_path, "1.1.0"), "kim"),
    )
    assert {each.read_bytes() for each in got[:8]} == {b"wheels " * 1000}
    assert (await other.fetch(MES, SECOND, Role.SBOM, tmp_path)).exists()


async def test_what_was_never_published_is_not_found(store: ReleaseStore, tmp_path: Path) -> None:
    await store.publish(*a_release(tmp_path), "kim")
    with pytest.raises(NotFound) as missing:
        await store.get(MES, SECOND)
    assert missing.value.code == "no-such-release"
    with pytest.raises(NotFound):
        await store.fetch(MES, SECOND, Role.WHEELHOUSE, tmp_path)
    with pytest.raises(NotFound) as missing:
        await store.fetch(MES, FIRST, Role.PROVENANCE, tmp_path)
    assert missing.value.code == "no-such-artifact"


async def test_a_row_in_the_table_alone_installs_nothing(
    store: ReleaseStore, any_database: Database, tmp_path: Path
) -> None:
    forged, _ = a_release(tmp_path, "9.9.9", content=b"evil")
    await store._index(forged, "mallory")
    assert await store.find(MES, Version("9.9.9")) == forged
    with pytest.raises(NotFound):
        await store.fetch(MES, Version("9.9.9"), Role.WHEELHOUSE, tmp_path)
    with pytest.raises(NotFound):
        await store.manifest(MES, Version("9.9.9"))


async def test_the_same_fault_is_one_alert_a_minute(database: Database, home: Path, tmp_path: Path) -> None:
    clock = ManualClock(SystemClock().now())
    store = ReleaseStore(database, home, clock)
    await store.publish(*a_release(tmp_path), "kim")
    stored = next((home / "registry" / "targets").rglob("*.wheelhouse.tar"))
    stored.write_bytes(b"evil")

    async def refused() -> None:
        with pytest.raises(Untrusted):
            await store.fetch(MES, FIRST, Role.WHEELHOUSE, tmp_path / "slot")

    async def alerts() -> int:
        return len(await TimelineStore(database).list(Filter(severity=Severity.ALERT)))

    for _ in range(3):
        await refused()
    assert await alerts() == 1
    clock.advance(timedelta(minutes=1))
    await refused()
    assert await alerts() == 2
    stored.write_bytes(b"wheels " * 1000 + b"more")  # another fault is told at once
    await refused()
    assert await alerts() == 3
    assert not (tmp_path / "slot" / "wheelhouse.tar").exists()


async def test_what_was_revoked_is_known_in_seconds_and_kept_while_the_registry_cannot_be_read(
    database: Database, home: Path, tmp_path: Path
) -> None:
    clock = ManualClock(SystemClock().now())
    store = ReleaseStore(database, home, clock)
    for version in ("1.0.0", "1.1.0"):
        await store.publish(*a_release(tmp_path, version), "kim")
    assert await store.revoked() == frozenset()
    Publisher(Layout(home), SystemClock()).revoke(MES, FIRST, b"loses serials")  # by another process
    clock.advance(timedelta(seconds=5))
    assert await store.revoked() == {(MES, FIRST)}
    assert {each.version for each in await store.list()} == {FIRST, SECOND}
    (home / "registry" / "metadata" / "timestamp.json").unlink()
    clock.advance(timedelta(seconds=5))
    assert await store.revoked() == {(MES, FIRST)}


async def test_a_loop_keeps_signatures_young(database: Database, home: Path) -> None:
    clock = ManualClock(SystemClock().now())
    store = ReleaseStore(database, home, clock)
    stamp = home / "registry" / "metadata" / "timestamp.json"
    before = stamp.read_bytes()
    await store.refresh()
    assert stamp.read_bytes() == before
    clock.advance(timedelta(days=16))
    await store.refresh()
    assert stamp.read_bytes() != before


async def test_statements_are_signed_with_the_pinned_key(database: Database, home: Path) -> None:
    store = ReleaseStore(database, home, SystemClock())
    assert store.verify_envelope(store.sign_envelope(IN_TOTO, b"{}"), IN_TOTO) == b"{}"


def test_a_description_names_each_artifact_and_its_size(tmp_path: Path) -> None:
    release, _ = a_release(tmp_path, content=b"x" * 1_400_000)
    lines = dict(describe(release))
    assert lines["release"] == "mes@1.0.0"
    assert lines["wheelhouse"].startswith("wheelhouse.tar, 1.4 MB, sha256 ")
    assert lines["sbom"].startswith("sbom.json, 26 B, ")
