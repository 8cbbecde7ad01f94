"""Signatures in the database: with their change or not at all, once, and for ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text, update

from andon.access.signatures import held
from andon.access.signatures import store as tables
from andon.access.signatures.model import Action, Document, Standing
from andon.access.signatures.store import TRIGGERS, SignatureStore, append, signatures
from andon.kernel.errors import AndonError, Conflict, Damaged, NotFound
from andon.store.engine import Database
from andon.testing.signing import Hand
from andon.timeline.store import Filter, TimelineStore

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
HAND = Hand()


def a_document(rollout: str = "ro-1", **values: Any) -> Document:
    shown = {"rollout": rollout, "unit": "mes", "environment": "production", "share": 0.1, "름": [1, None]}
    return Document(Action.ABORT, f"rollout/{rollout}", shown | values)


async def stored(database: Database, rollout: str = "ro-1", at: datetime = AT) -> Any:
    signature = HAND.sign(a_document(rollout), "lee", at)
    async with database.transaction() as tx:
        await append(tx, signature, at)
    return signature


async def test_a_signature_comes_back_as_it_was_made(any_database: Database) -> None:
    store = SignatureStore(any_database)
    made = await stored(any_database)
    assert await store.get(made.id) == made
    assert HAND.sealer.standing(await store.get(made.id), a_document()) is Standing.VALID
    later = await stored(any_database, "ro-2", AT + timedelta(seconds=1))
    assert await store.list() == [later, made]
    assert await store.list("rollout/ro-1") == [made]
    assert await store.list(limit=1) == [later]
    with pytest.raises(NotFound):
        await store.get("sg-none")


@pytest.mark.part11("11.50(b)")
async def test_a_signature_is_on_the_timeline_with_all_that_it_says(any_database: Database) -> None:
    made = await stored(any_database)
    (record,) = await TimelineStore(any_database).list(Filter(kind="signature.made"))
    assert (record.event.subject, record.event.actor, record.event.unit) == ("rollout/ro-1", "lee", "mes")
    after = record.event.after
    assert after["document"] == a_document().values
    assert {
        "id": made.id,
        "signer_id": "us-lee",
        "signer": "lee",
        "display_name": "Lee",
        "meaning": "approved",
        "reason": "I looked at it",
        "action": "abort",
        "document_hash": made.document_hash,
        "method": "password",
        "at": AT.isoformat(),
        "seal": made.seal,
    }.items() <= after.items()


@pytest.mark.asvs("2.3.3")
async def test_a_change_that_fails_leaves_no_signature(any_database: Database) -> None:
    made = HAND.sign(a_document(), "lee", AT)
    with pytest.raises(RuntimeError):
        async with any_database.transaction() as tx:
            await append(tx, made, AT)
            raise RuntimeError("the change failed")
    assert await SignatureStore(any_database).list() == []
    assert await TimelineStore(any_database).list(Filter()) == []


async def test_a_signature_is_used_once(any_database: Database) -> None:
    made = await stored(any_database)
    with pytest.raises(Conflict):
        async with any_database.transaction() as tx:
            await append(tx, made, AT)


@pytest.mark.part11("11.70", "11.10(c)")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE signatures SET reason = 'another'",
        "UPDATE signatures SET subject = 'rollout/ro-2'",
        "DELETE FROM signatures",
        "DELETE FROM signatures WHERE id = 'sg-none' OR 1 = 1",
    ],
)
async def test_the_database_refuses_to_change_or_delete_a_signature(
    any_database: Database, statement: str
) -> None:
    made = await stored(any_database)
    with pytest.raises(AndonError, match="never changed and never deleted"):
        async with any_database.transaction() as tx:
            await tx.execute(text(statement))
    assert await SignatureStore(any_database).list() == [made]


async def test_postgresql_refuses_to_empty_the_table(any_database: Database) -> None:
    made = await stored(any_database)
    if not any_database.is_sqlite:
        with pytest.raises(AndonError, match="never changed"):
            async with any_database.transaction() as tx:
                await tx.execute(text("TRUNCATE signatures"))
    assert await SignatureStore(any_database).list() == [made]


async def _without_triggers(database: Database) -> None:
    """Whoever owns the database can do this."""
    async with database.transaction() as tx:
        for statement in TRIGGERS["sqlite" if database.is_sqlite else "postgresql"]:
            name = statement.split()[2]
            if statement.startswith("CREATE TRIGGER"):
                where = "" if database.is_sqlite else " ON signatures"
                await tx.execute(text(f"DROP TRIGGER {name}{where}"))


EDITS: dict[str, Any] = {
    "id": "sg-other",
    "action": "promote",
    "subject": "rollout/ro-2",
    "document": a_document("ro-2").values,
    "document_hash": a_document("ro-2").hash,
    "signer_id": "us-eve",
    "signer": "eve",
    "display_name": "Eve",
    "meaning": "author",
    "reason": "another",
    "at": AT + timedelta(seconds=1),
    "method": "directory",
    "seal": HAND.sign(a_document(), "eve", AT).seal,
}


@pytest.mark.part11("11.70")
@pytest.mark.parametrize("column", sorted(EDITS))
async def test_an_edited_row_is_shown_as_forged(any_database: Database, column: str) -> None:
    assert set(EDITS) == {each.name for each in signatures.c}
    await stored(any_database)
    await _without_triggers(any_database)
    async with any_database.transaction() as tx:
        await tx.execute(update(signatures).values({column: EDITS[column]}))
    (found,) = await SignatureStore(any_database).list()
    assert HAND.sealer.standing(found) is Standing.FORGED


async def test_a_row_that_is_no_signature_any_more_is_said_and_does_not_hide_the_others(
    any_database: Database,
) -> None:
    first = await stored(any_database)
    second = await stored(any_database, "ro-2", AT + timedelta(seconds=1))
    await _without_triggers(any_database)
    async with any_database.transaction() as tx:
        await tx.execute(
            update(signatures).where(tables.signatures.c.id == second.id).values(meaning="blessed")
        )
    assert await SignatureStore(any_database).list() == [first]
    with pytest.raises(Damaged, match="cannot be read"):
        await SignatureStore(any_database).get(second.id)


async def changed(database: Database, statement: str) -> None:
    """By whoever owns the database."""
    async with database.transaction() as tx:
        for each in ("no_update", "no_delete") if database.is_sqlite else ("no_change ON signatures",):
            await tx.execute(text(f"DROP TRIGGER signatures_{each}"))
        await tx.execute(text(statement))


HARMS = {
    "gone": ("DELETE FROM signatures WHERE subject = 'rollout/ro-2'", "signature-missing"),
    "another's name": (
        "UPDATE signatures SET signer = 'kim' WHERE subject = 'rollout/ro-2'",
        "signature-altered",
    ),
    "another action": (
        "UPDATE signatures SET action = 'promote' WHERE subject = 'rollout/ro-2'",
        "signature-altered",
    ),
    "no signature": (
        "UPDATE signatures SET meaning = 'x' WHERE subject = 'rollout/ro-2'",
        "signature-altered",
    ),
    "no record": ("UPDATE signatures SET id = 'sg-other' WHERE subject = 'rollout/ro-2'", "signature-added"),
}


@pytest.mark.part11("11.10(a)", "11.70")
@pytest.mark.parametrize("harm", HARMS)
async def test_a_row_that_is_not_what_the_timeline_tells_is_named(any_database: Database, harm: str) -> None:
    await stored(any_database)
    made = await stored(any_database, "ro-2", AT + timedelta(seconds=1))
    assert await held.signatures(any_database) == []
    statement, what = HARMS[harm]
    await changed(any_database, statement)
    found = {each.what: each.sentence for each in await held.signatures(any_database)}
    assert what in found
    assert (made.id if what != "signature-added" else "sg-other") in found[what]


async def test_a_row_with_a_time_that_is_none_is_a_finding(database: Database) -> None:
    await stored(database)
    await changed(database, "UPDATE signatures SET at = 'noon'")
    assert [each.what for each in await held.signatures(database)] == ["signature-unreadable"]
