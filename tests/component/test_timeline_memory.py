"""What the home's signer and the witnesses remember is held against the records, on both databases."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from andon.kernel.clock import ManualClock
from andon.kernel.errors import Untrusted
from andon.store.engine import Database
from andon.timeline import exported, keys, verify
from andon.timeline.checkpoints import Checkpointer
from andon.timeline.checks import Memory, Verification
from andon.timeline.export import Exporter, write
from andon.timeline.keys import KeyFiles, Signed
from andon.timeline.records import Event
from andon.timeline.store import CheckpointStore, append
from andon_wire.cosigning import Signer
from andon_wire.merkle import Range
from andon_wire.note import COSIGNER_KEY, Checkpoint, Note

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ORIGIN = "andon/plant"
WITNESS = Signer.generate("qa-pc", COSIGNER_KEY)
EMPTY = f"UPDATE timeline_head SET number = 0, hash = '{'0' * 64}'"
Attack = Callable[[Database], Awaitable[None]]


@pytest.fixture
def places(tmp_path: Path) -> KeyFiles:
    found = KeyFiles.at(tmp_path / "home")
    keys.ensure(found, ORIGIN)
    return found


async def grow(database: Database, count: int, actor: str = "kim", at: datetime = AT) -> None:
    async with database.transaction() as tx:
        for _ in range(count):
            await append(tx, Event("test", "unit/mes", actor, "because"), at)


async def run(database: Database, *statements: str) -> None:
    triggers = (
        ["timeline_is_not_updated", "timeline_is_not_deleted"]
        if database.is_sqlite
        else ["timeline_is_not_changed ON timeline"]
    )
    async with database.transaction() as tx:
        for each in (*(f"DROP TRIGGER IF EXISTS {name}" for name in triggers), *statements):
            await tx.execute(text(each))


async def verified(database: Database, places: KeyFiles, *memories: Memory) -> Verification:
    believed = verify.trust(keys.public(places), [WITNESS.key])
    return await verify.verify(database, believed, memories, ManualClock(AT), places)


async def signed(database: Database, places: KeyFiles) -> Memory:
    """A history of 9 records, signed at 5 and at 9; gives what a witness remembers of it."""
    checkpointer = Checkpointer(database, places, ManualClock(AT))
    await grow(database, 5)
    await checkpointer.checkpoint_now()
    await grow(database, 4)
    kept = Note.parse((await checkpointer.checkpoint_now()).note)
    return Memory(
        "qa-pc", str(kept.with_signatures(*kept.signatures, WITNESS.sign(kept.text, 1))), b"", WITNESS.key
    )


async def cut_with_its_checkpoints(database: Database) -> None:
    head = "UPDATE timeline_head SET number = 6, hash = (SELECT hash FROM timeline WHERE number = 6)"
    await run(
        database,
        "DELETE FROM timeline_checkpoints WHERE size > 6",
        "DELETE FROM timeline WHERE number > 6",
        head,
    )


async def computed_again(database: Database) -> None:
    await emptied(database)
    await grow(database, 9, actor="lee")


async def emptied(database: Database) -> None:
    await run(
        database,
        "DELETE FROM timeline",
        "DELETE FROM timeline_checkpoints",
        "DELETE FROM timeline_tiles",
        EMPTY,
    )


async def unsigned(database: Database) -> None:
    await run(database, "DELETE FROM timeline_checkpoints", "DELETE FROM timeline_tiles")


ATTACKS: dict[str, tuple[Attack, str, int | None]] = {
    "the end cut off with its checkpoints": (cut_with_its_checkpoints, "cut-off", 7),
    "all computed again and the checkpoints removed": (computed_again, "rewritten", None),
    "everything deleted": (emptied, "cut-off", 1),
    "the checkpoints removed": (unsigned, "no-checkpoint", None),
}


@pytest.mark.part11("11.10(a)")
@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_the_home_signed_last_is_missed_without_any_witness(
    any_database: Database, places: KeyFiles, attack: str
) -> None:
    await signed(any_database, places)
    assert (await verified(any_database, places)).is_intact
    made, what, first = ATTACKS[attack]
    await made(any_database)
    found = await verified(any_database, places)
    assert what in {each.what for each in found.findings}
    assert found.first_bad == first


async def test_records_that_go_on_after_what_was_signed_are_intact(
    database: Database, places: KeyFiles
) -> None:
    await signed(database, places)
    await grow(database, 3, at=AT + timedelta(hours=3))
    assert (await verified(database, places)).is_intact


async def test_a_home_that_begins_needs_no_checkpoint_for_two_minutes(
    database: Database, places: KeyFiles
) -> None:
    await grow(database, 2)
    assert (await verified(database, places)).is_intact
    await grow(database, 1, at=AT + timedelta(minutes=3))
    found = await verified(database, places)
    assert [each.what for each in found.findings] == ["no-checkpoint"]


@pytest.mark.parametrize("number", [0, 4])
async def test_a_head_that_stands_before_the_last_record_is_found(
    database: Database, places: KeyFiles, number: int
) -> None:
    await signed(database, places)
    own = f"(SELECT hash FROM timeline WHERE number = {number})" if number else f"'{'0' * 64}'"
    await run(database, f"UPDATE timeline_head SET number = {number}, hash = {own}")
    assert "head-differs" in {each.what for each in (await verified(database, places)).findings}


async def test_that_nothing_is_signed_any_more_is_a_finding_until_something_is(
    database: Database, places: KeyFiles
) -> None:
    await signed(database, places)
    remembered = places.signed.read_bytes()
    wrong = Range()
    wrong.extend([bytes(32)] * 20)
    keys.remember(places, Signed(wrong, bytes(32)))
    await grow(database, 1)
    with pytest.raises(Untrusted):
        await Checkpointer(database, places, ManualClock(AT)).tick()
    places.signed.write_bytes(remembered)
    found = await verified(database, places)
    assert [each.what for each in found.findings] == ["not-signed"]
    await Checkpointer(database, places, ManualClock(AT)).tick()
    assert (await verified(database, places)).is_intact


async def test_a_memory_of_the_home_that_cannot_be_read_is_a_finding(
    database: Database, places: KeyFiles
) -> None:
    await signed(database, places)
    places.signed.write_text("{}")
    assert [each.what for each in (await verified(database, places)).findings] == ["memory-damaged"]


async def replaced(database: Database, places: KeyFiles, tmp_path: Path) -> KeyFiles:
    """Another history under another key of the same name, as who owns home and database would make it."""
    await emptied(database)
    other = KeyFiles.at(tmp_path / "other")
    keys.ensure(other, ORIGIN)
    await grow(database, 9, actor="lee")
    await Checkpointer(database, other, ManualClock(AT)).checkpoint_now()
    return other


@pytest.mark.asvs("16.4.2")
async def test_a_witness_that_knows_another_key_is_not_passed_over(
    database: Database, places: KeyFiles, tmp_path: Path
) -> None:
    memory = await signed(database, places)
    other = await replaced(database, places, tmp_path)
    assert (await verified(database, other)).is_intact
    found = await verified(database, other, memory)
    assert {each.what for each in found.findings} == {"other-key", "rewritten"}


async def test_a_saved_checkpoint_under_another_key_speaks_against_an_export(
    database: Database, places: KeyFiles, tmp_path: Path
) -> None:
    memory = await signed(database, places)
    other = await replaced(database, places, tmp_path)
    await write(tmp_path / "timeline.jsonl", Exporter(database, other, ManualClock(AT)).jsonl())
    export, believed = exported.read(tmp_path / "timeline.jsonl"), verify.trust(keys.public(other))
    saved = Memory("saved.txt", memory.note)
    assert "other-key" in {each.what for each in exported.verify(export, believed, [saved]).findings}


SILENT = {
    "dead": Memory("qa-pc", silence="did not answer: ConnectError"),
    "another timeline's": Memory(
        "qa-pc",
        str(Note(other := Checkpoint("x", 0, Range().root()).text, (WITNESS.sign(other, 1),))),
        b"",
        WITNESS.key,
    ),
    "nonsense": Memory("qa-pc", "nonsense"),
}


@pytest.mark.parametrize("which", SILENT)
async def test_a_witness_that_says_nothing_leaves_the_result_open(
    database: Database, places: KeyFiles, which: str
) -> None:
    heard = await signed(database, places)
    found = await verified(database, places, SILENT[which])
    assert (found.is_intact, found.is_conclusive, len(found.silent)) == (True, False, 1)
    assert found.sentence.startswith("intact as far as can be said, for 9 records: witness qa-pc ")
    assert found.silent[0] in found.notes
    assert (await verified(database, places, heard)).is_conclusive


async def test_what_a_witness_did_not_sign_counts_for_nothing(database: Database, places: KeyFiles) -> None:
    await signed(database, places)
    latest = await CheckpointStore(database).latest()
    assert latest is not None
    found = await verified(database, places, Memory("qa-pc", latest.note, b"", WITNESS.key))
    assert found.silent == ("witness qa-pc gave something that it did not sign",)
