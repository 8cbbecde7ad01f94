"""The rows of signatures: written in the transaction of the change that they sign, never changed, never gone.

The database itself refuses to change or delete a row (`TRIGGERS`). Whoever owns the database can drop a
trigger; the seal shows what was changed then, and the timeline has a record of every signature that was made.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import DDL, JSON, Column, Index, String, Table, Text, event, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.access.signatures.model import Action, Document, Meaning, Signature
from andon.kernel import logging
from andon.kernel.errors import Damaged, NotFound
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event, Severity

MADE = "signature.made"
_log = logging.get(__name__)

signatures = Table(
    "signatures",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("action", String(30), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("document", JSON, nullable=False),
    Column("document_hash", String(64), nullable=False),
    Column("signer_id", String(60), nullable=False),
    Column("signer", String(120), nullable=False),
    Column("display_name", String(200), nullable=False),
    Column("meaning", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("method", String(20), nullable=False),
    Column("seal", String(160), nullable=False),
    Index("ix_signatures_subject", "subject", "at"),
)


def append_only(table: str) -> Mapping[str, tuple[str, ...]]:
    """By dialect, the statements that make the database refuse to change or delete rows of `table`."""
    refused = f"rows of {table} are never changed and never deleted"
    refuse, body = f"{table}_refuse()", f"$$ BEGIN RAISE EXCEPTION '{refused}'; END $$"
    call = f"EXECUTE FUNCTION {refuse}"
    return {
        "sqlite": tuple(
            f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{refused}'); END"
            for verb in ("update", "delete")
        ),
        "postgresql": (
            f"CREATE OR REPLACE FUNCTION {refuse} RETURNS trigger LANGUAGE plpgsql AS {body}",
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {call}",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {call}",
        ),
    }


def guard_rows(table: Table) -> None:
    """Let the triggers of `append_only` come with the table wherever it is created."""
    for dialect, statements in append_only(table.name).items():
        for statement in statements:
            made = DDL(statement)  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", made.execute_if(dialect=dialect))


TRIGGERS = append_only("signatures")
guard_rows(signatures)


async def append(tx: AsyncConnection, signature: Signature, at: datetime) -> None:
    """Write `signature` and its record in the transaction `tx` of the change that it signs.

    Raises:
        Conflict: it was used before; one signature signs one change.
    """
    await tx.execute(insert(signatures).values(_row(signature)))
    await timeline.append(tx, made(signature), at)


class SignatureStore:
    """Reads signatures."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, signature: str) -> Signature:
        """The signature; raises NotFound, or Damaged where its row is no signature."""
        query = select(signatures).where(signatures.c.id == signature)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("no-such-signature", f"there is no signature {signature}", hint="andon signatures")
        return _signature(row)

    async def list(self, subject: str | None = None, limit: int = 100) -> Sequence[Signature]:
        """The newest first; of one subject, such as `rollout/ro-...`, or of all.

        A row that is no signature is left out: it counts for nothing, and `get` says what is wrong with it.
        """
        query = select(signatures).order_by(signatures.c.at.desc(), signatures.c.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(signatures.c.subject == subject)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        found = []
        for row in rows:
            try:
                found.append(_signature(row))
            except Damaged as error:
                _log.error("signature left out", signature=row.id, reason=error.message)
        return found

    async def contents(self) -> Mapping[str, Any]:
        """All signatures by their ids, as the timeline tells of them; None where a row is no signature."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(signatures))).all()
        return {row.id: _content(row) for row in rows}

    async def record(self, what: Event, at: datetime) -> None:
        """Tell the timeline of a signature that was refused."""
        async with self._database.transaction() as tx:
            await timeline.append(tx, what, at)


def refused(document: Document, actor: str, reason: str) -> Event:
    """Somebody tried to sign as another person (21 CFR 11.300(d)): an attempt that is looked into."""
    return Event(
        kind="signature.refused",
        subject=document.subject,
        actor=actor,
        reason=reason,
        unit=str(document.values.get("unit") or ""),
        environment=str(document.values.get("environment") or ""),
        severity=Severity.ALERT,
        after={"action": document.action.value},
    )


def made(signature: Signature) -> Event:
    """A signature was made: the record beside the change that it signs."""
    document = signature.document
    return Event(
        kind=MADE,
        subject=document.subject,
        actor=signature.signer,
        reason=signature.reason,
        unit=str(document.values.get("unit") or ""),
        environment=str(document.values.get("environment") or ""),
        after={
            "id": signature.id,
            "signer_id": signature.signer_id,
            "signer": signature.signer,
            "display_name": signature.display_name,
            "meaning": signature.meaning.value,
            "reason": signature.reason,
            "action": document.action.value,
            "document": dict(document.values),
            "document_hash": signature.document_hash,
            "method": signature.method,
            "at": signature.at.isoformat(),
            "seal": signature.seal,
        },
    )


def _content(row: Any) -> dict[str, Any] | None:
    """What the record of a row says, were it written now."""
    try:
        event = made(_signature(row))
    except Damaged:
        return None
    return {"subject": row.subject, **event.after, "action": row.action}


def _row(signature: Signature) -> dict[str, Any]:
    return {
        "id": signature.id,
        "action": signature.document.action.value,
        "subject": signature.document.subject,
        "document": dict(signature.document.values),
        "document_hash": signature.document_hash,
        "signer_id": signature.signer_id,
        "signer": signature.signer,
        "display_name": signature.display_name,
        "meaning": signature.meaning.value,
        "reason": signature.reason,
        "at": signature.at,
        "method": signature.method,
        "seal": signature.seal,
    }


def _signature(row: Any) -> Signature:
    try:
        return Signature(
            id=row.id,
            document=Document(Action(row.action), row.subject, dict(row.document)),
            document_hash=row.document_hash,
            signer_id=row.signer_id,
            signer=row.signer,
            display_name=row.display_name,
            meaning=Meaning(row.meaning),
            reason=row.reason,
            at=row.at,
            method=row.method,
            seal=row.seal,
        )
    except (TypeError, ValueError) as error:
        raise Damaged("damaged-row", f"signature {row.id} cannot be read: {error}") from error
