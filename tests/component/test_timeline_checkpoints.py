"""Checkpoints on both databases: what is signed, what is refused, what it costs, and the exchange of keys."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict, Damaged, NotFound, Untrusted
from andon.store.engine import Database
from andon.timeline import checkpoints, keys, verify
from andon.timeline.checkpoints import Checkpointer
from andon.timeline.keys import KeyFiles
from andon.timeline.records import Event, Severity
from andon.timeline.store import CheckpointStore, Filter, TimelineStore, append
from andon.timeline.tree import Tree
from andon_wire import merkle, note
from andon_wire.note import Checkpoint, Note

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVENT = Event("test", "unit/mes", "kim", "because")


@pytest.fixture
def places(tmp_path: Path) -> KeyFiles:
    found = KeyFiles.at(tmp_path)
    keys.ensure(found, "andon/plant")
    return found


async def grow(database: Database, count: int) -> None:
    async with database.transaction() as tx:
        for _ in range(count):
            await append(tx, EVENT, AT)


async def drop_triggers(database: Database) -> None:
    names = (
        ["timeline_is_not_updated", "timeline_is_not_deleted"]
        if database.is_sqlite
        else ["timeline_is_not_changed ON timeline"]
    )
    async with database.transaction() as tx:
        for each in names:
            await tx.execute(text(f"DROP TRIGGER {each}"))


async def run(database: Database, *statements: str) -> None:
    async with database.transaction() as tx:
        for each in statements:
            await tx.execute(text(each))


async def test_a_checkpoint_covers_all_and_is_signed(any_database: Database, places: KeyFiles) -> None:
    checkpointer, store = Checkpointer(any_database, places, ManualClock(AT)), CheckpointStore(any_database)
    for more in (1, 300, 5, 700):
        await grow(any_database, more)
        kept = await checkpointer.checkpoint_now()
        hashes = await store.hashes(0, 2000)
        checkpoint = Checkpoint.parse(Note.parse(kept.note).text)
        assert checkpoint == Checkpoint("andon/plant", len(hashes), merkle.root(hashes))
        assert note.vouched(Note.parse(kept.note), keys.public(places)[0]) is not None
    believed = verify.trust(keys.public(places))
    found = await verify.verify(any_database, believed, [], ManualClock(AT))
    assert (found.is_intact, found.signed_to, found.checkpoints) == (True, 1006, 4)


async def test_proofs_come_from_tiles(any_database: Database, places: KeyFiles) -> None:
    store, checkpointer = CheckpointStore(any_database), Checkpointer(any_database, places, ManualClock(AT))
    await grow(any_database, 600)
    await checkpointer.checkpoint_now()
    await grow(any_database, 433)
    await checkpointer.checkpoint_now()
    hashes = await store.hashes(0, 1033)
    new = (1033, merkle.root(hashes))
    for old in (0, 1, 255, 256, 257, 600, 1024, 1032, 1033):
        proof = await Tree(store).consistency(old, 1033)
        assert merkle.is_consistent((old, merkle.root(hashes[:old])), new, proof), old
    for number in (1, 256, 257, 600, 1024, 1033):
        proof = await Tree(store).inclusion(number, 1033)
        assert merkle.is_included(hashes[number - 1], number - 1, new, proof), number
    await run(any_database, "DELETE FROM timeline_tiles WHERE number = 1")
    with pytest.raises(Damaged, match="lacks nodes"):
        await Tree(store).consistency(1, 1033)


async def test_nothing_new_is_not_signed_again(database: Database, places: KeyFiles) -> None:
    checkpointer, store = Checkpointer(database, places, ManualClock(AT)), CheckpointStore(database)
    await checkpointer.tick()
    assert await store.latest() is None
    await grow(database, 2)
    for _ in range(3):
        await checkpointer.tick()
    assert [each.size for each in await store.list()] == [2]


async def test_two_processes_at_once_do_not_hurt(
    any_database: Database, places: KeyFiles, tmp_path: Path
) -> None:
    """Also where one has a home of its own, and so no memory."""
    other = KeyFiles.at(tmp_path / "other")
    other.key.parent.mkdir(parents=True)
    for each in ("timeline.key", "timeline.vkey"):
        (other.key.parent / each).write_bytes((places.key.parent / each).read_bytes())
    both = [Checkpointer(any_database, each, ManualClock(AT)) for each in (places, other)]
    for _ in range(5):
        await asyncio.gather(grow(any_database, 120), *(each.tick() for each in both))
        await asyncio.gather(*(each.checkpoint_now() for each in both))
    found = await verify.verify(any_database, verify.trust(keys.public(places)), [], ManualClock(AT))
    assert (found.is_intact, found.signed_to) == (True, 600)


REWRITES = {
    "altered": ["UPDATE timeline SET body = replace(body, 'because', 'perhaps') WHERE number = 5"],
    "missing": ["DELETE FROM timeline WHERE number = 5"],
    "cut off behind the head": ["DELETE FROM timeline WHERE number > 5"],
    "rolled back": [
        "DELETE FROM timeline WHERE number > 2",
        "UPDATE timeline_head SET number = 2, hash = (SELECT hash FROM timeline WHERE number = 2)",
    ],
}


@pytest.mark.parametrize("rewrite", REWRITES)
async def test_a_history_that_was_rewritten_is_not_signed_and_told_once(
    any_database: Database, places: KeyFiles, rewrite: str
) -> None:
    checkpointer = Checkpointer(any_database, places, ManualClock(AT))
    await grow(any_database, 3)
    await checkpointer.checkpoint_now()
    await grow(any_database, 4)
    await drop_triggers(any_database)
    await run(any_database, *REWRITES[rewrite])
    with pytest.raises((Damaged, Untrusted)):
        await checkpointer.checkpoint_now()
    for _ in range(2):
        try:
            await checkpointer.tick()
        except (Damaged, Untrusted, Conflict):
            continue
    assert [each.size for each in await CheckpointStore(any_database).list()] == [3]
    told = await TimelineStore(any_database).list(Filter(kind=checkpoints.ALERT))
    assert [each.event.severity for each in told] == [Severity.ALERT]


async def test_a_rewritten_past_is_not_signed_where_nothing_is_remembered(
    any_database: Database, places: KeyFiles
) -> None:
    checkpointer, store = Checkpointer(any_database, places, ManualClock(AT)), TimelineStore(any_database)
    await grow(any_database, 6)
    await checkpointer.checkpoint_now()
    places.signed.unlink()
    await drop_triggers(any_database)
    await run(
        any_database,
        "DELETE FROM timeline",
        f"UPDATE timeline_head SET number = 0, hash = '{'0' * 64}'",
    )
    await grow(any_database, 5)
    with pytest.raises(Untrusted, match="rolled back"):
        await checkpointer.checkpoint_now()
    await store.record(Event("test", "unit/mes", "lee", "another past"), AT)
    with pytest.raises(Untrusted, match="not those that were signed"):
        await checkpointer.checkpoint_now()


async def test_a_person_may_answer_for_a_restored_backup(database: Database, places: KeyFiles) -> None:
    checkpointer = Checkpointer(database, places, ManualClock(AT))
    await grow(database, 3)
    await checkpointer.checkpoint_now()
    await grow(database, 4)
    await checkpointer.checkpoint_now()
    await drop_triggers(database)
    await run(
        database,
        *REWRITES["rolled back"],
        "DELETE FROM timeline_checkpoints",
    )
    with pytest.raises(Untrusted, match="ends at record 2, but 7 records were signed"):
        await checkpointer.checkpoint_now()
    await checkpointer.accept_restored("kim", "the disk died")
    assert (await checkpointer.checkpoint_now()).size == 3
    (told,) = await TimelineStore(database).list(Filter(kind=checkpoints.RESTORED))
    assert (told.event.actor, told.event.before) == ("kim", {"records": 7})


@pytest.mark.asvs("11.2.2")
async def test_an_exchange_of_keys_is_signed_by_both_and_recorded(
    any_database: Database, places: KeyFiles
) -> None:
    checkpointer, store = Checkpointer(any_database, places, ManualClock(AT)), CheckpointStore(any_database)
    await grow(any_database, 3)
    old = keys.public(places)[0]
    new = await checkpointer.rotate("kim", "once a year")
    assert keys.public(places) == [new, old]
    latest = await store.latest()
    assert latest is not None
    assert latest.size == 4
    both = Note.parse(latest.note)
    assert all(note.vouched(both, each) for each in (old, new))
    await grow(any_database, 1)
    after = Note.parse((await checkpointer.checkpoint_now()).note)
    assert note.vouched(after, new) is not None
    assert note.vouched(after, old) is None
    assert not places.former_key.exists()
    (told,) = await TimelineStore(any_database).list(Filter(kind=checkpoints.ROTATED))
    assert (told.event.before, told.event.after) == ({"key": str(old)}, {"key": str(new)})
    found = await verify.verify(any_database, verify.trust(keys.public(places)), [], ManualClock(AT))
    assert found.is_intact
    alone = await verify.verify(any_database, verify.trust([old]), [], ManualClock(AT))
    assert [each.what for each in alone.findings] == ["not-signed"]


async def test_a_crash_within_an_exchange_is_finished_by_the_next_checkpoint(
    database: Database, places: KeyFiles
) -> None:
    await grow(database, 3)
    old, new = keys.public(places)[0], keys.prepare(places)
    keys.exchange(places, new)
    places.vkey.write_text(f"{old}\n")  # the last write did not happen
    with pytest.raises(Conflict, match="not signed its last"):
        keys.prepare(places)
    await Checkpointer(database, places, ManualClock(AT)).tick()
    assert keys.public(places) == [new.key, old]
    assert not places.former_key.exists()


def test_a_private_key_is_for_its_owner_alone(places: KeyFiles) -> None:
    assert places.key.stat().st_mode & 0o777 == 0o600
    assert keys.ensure(places, "andon/plant") == keys.public(places)[0]
    with pytest.raises(Damaged, match="signs andon/plant"):
        keys.ensure(places, "andon/other")


def test_keys_that_cannot_be_used_are_named(places: KeyFiles, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        keys.signers(KeyFiles.at(tmp_path / "nowhere"))
    with pytest.raises(NotFound):
        keys.public(KeyFiles.at(tmp_path / "nowhere"))
    places.signed.write_text("{}")
    with pytest.raises(Damaged, match="cannot be read"):
        keys.remembered(places)
    places.key.write_text("nonsense")
    with pytest.raises(Damaged, match="cannot be read"):
        keys.signers(places)
    places.vkey.write_text("nonsense")
    with pytest.raises(Damaged):
        keys.public(places)


async def test_a_checkpoint_costs_what_is_new(database: Database, places: KeyFiles) -> None:
    """Shown by taking away what is old: nothing of it is read again."""
    checkpointer = Checkpointer(database, places, ManualClock(AT))
    await grow(database, 700)
    await checkpointer.checkpoint_now()
    await drop_triggers(database)
    await run(database, "DELETE FROM timeline WHERE number < 700")
    await grow(database, 1)
    assert (await checkpointer.checkpoint_now()).size == 701


TREES = {
    "a node is gone": "DELETE FROM timeline_tiles WHERE number = 1",
    "all are gone": "DELETE FROM timeline_tiles",
    "a node is another": f"UPDATE timeline_tiles SET hash = '{'ab' * 32}' WHERE number = 2",
    "a node cannot be read": "UPDATE timeline_tiles SET hash = 'x' WHERE number = 0",
    "one is too many": f"INSERT INTO timeline_tiles VALUES (16, 0, '{'ab' * 32}')",
}


@pytest.mark.parametrize("harm", TREES)
async def test_a_tree_that_was_harmed_is_found_and_mended_from_the_records(
    any_database: Database, places: KeyFiles, harm: str
) -> None:
    clock, store = ManualClock(AT), CheckpointStore(any_database)
    checkpointer, believed = Checkpointer(any_database, places, clock), verify.trust(keys.public(places))
    await grow(any_database, 800)
    await checkpointer.tick()
    assert await checkpointer.mend() == 0
    before = await store.all_tiles()
    await run(any_database, TREES[harm])
    found = await verify.verify(any_database, believed, [], clock)
    assert [each.what for each in found.findings] == ["tree-differs"]
    await checkpointer.tick()
    assert await store.all_tiles() != before, "it is looked at each hour"
    clock.advance(timedelta(hours=1))
    await checkpointer.tick()
    assert await store.all_tiles() == before
    told = await TimelineStore(any_database).list(Filter(kind=checkpoints.MENDED))
    assert [each.event.after["records"] for each in told] == [800]
    await Tree(store).consistency(1, 800)
    assert (await verify.verify(any_database, believed, [], clock)).is_intact


async def test_a_tree_is_not_mended_from_records_that_were_not_signed(
    any_database: Database, places: KeyFiles
) -> None:
    checkpointer = Checkpointer(any_database, places, ManualClock(AT))
    await grow(any_database, 300)
    await checkpointer.checkpoint_now()
    await drop_triggers(any_database)
    await run(any_database, REWRITES["altered"][0], "DELETE FROM timeline_tiles")
    with pytest.raises(Untrusted, match="not those that were signed"):
        await checkpointer.mend()
    assert await CheckpointStore(any_database).all_tiles() == {}


async def test_a_head_that_was_turned_back_is_found(database: Database, places: KeyFiles) -> None:
    await grow(database, 5)
    await Checkpointer(database, places, ManualClock(AT)).checkpoint_now()
    believed = verify.trust(keys.public(places))
    for statement, what in [
        ("UPDATE timeline_head SET hash = '00'", "head-differs"),
        ("UPDATE timeline_head SET number = 9", "cut-off"),
    ]:
        await run(database, statement)
        found = await verify.verify(database, believed, [], ManualClock(AT + timedelta(1)))
        assert what in {each.what for each in found.findings}
