"""Tokens in the database; of their text, the SHA-256 only. They are revoked and never removed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Index, Row, String, Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.access.model import Grant
from andon.access.people.codec import grants_from_json, grants_to_json
from andon.access.tokens.model import MACHINE_ACTOR, TokenView
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("name", String(64), nullable=False),
    Column("owner_id", String(60), ForeignKey("users.id"), nullable=True),  # null: a machine's
    Column("owner", String(256), nullable=False),
    Column("grants", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(256), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime, nullable=True),
    Column("last_used_source", String(64), nullable=False),
    Column("revoked_at", UtcDateTime, nullable=True),
    Column("revoked_by", String(256), nullable=False),
    Index("ix_tokens_owner_id", "owner_id"),
)
# A machine token's name is the name on the timeline: never given twice.
Index(
    "uq_tokens_machine",
    tokens.c.name,
    unique=True,
    sqlite_where=tokens.c.owner_id.is_(None),
    postgresql_where=tokens.c.owner_id.is_(None),
)


async def revoke_tokens_of(tx: AsyncConnection, user_id: str, at: datetime, actor: str) -> int:
    """Revoke all tokens of a person, in the transaction of the change that asks for it."""
    result = await tx.execute(
        update(tokens)
        .where(tokens.c.owner_id == user_id, tokens.c.revoked_at.is_(None))
        .values(revoked_at=at, revoked_by=actor)
    )
    return result.rowcount


async def machine_grants(tx: AsyncConnection) -> Sequence[tuple[str, tuple[Grant, ...]]]:
    """Names and grants of the machine tokens that are not revoked."""
    query = select(tokens.c.name, tokens.c.grants).where(
        tokens.c.owner_id.is_(None), tokens.c.revoked_at.is_(None)
    )
    return [(row.name, grants_from_json(row.grants)) for row in (await tx.execute(query)).all()]


async def maker_of(connection: AsyncConnection, name: str) -> str | None:
    """The login of who made machine token `name`, also of one that ended; else None.

    A token that another token made is of whoever made that one: a person cannot hide behind two.
    """
    found: str | None = f"{MACHINE_ACTOR}{name}"
    # A maker is older than what it makes, so this ends.
    while found is not None and found.startswith(MACHINE_ACTOR):
        query = select(tokens.c.created_by).where(
            tokens.c.owner_id.is_(None), tokens.c.name == found.removeprefix(MACHINE_ACTOR)
        )
        found = (await connection.execute(query)).scalar_one_or_none()
    return found


class TokenStore:
    """Keeps tokens. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: TokenView, token_hash: str, told: Event) -> None:
        """Keep a new token, with its record; raises Conflict where a machine's name was given before."""
        async with self._database.transaction() as tx:
            await tx.execute(
                insert(tokens).values(
                    id=token.id,
                    hash=token_hash,
                    name=token.name,
                    owner_id=token.owner_id or None,
                    owner=token.owner,
                    grants=grants_to_json(token.grants),
                    created_at=token.created_at,
                    created_by=token.created_by,
                    expires_at=token.expires_at,
                    last_used_source="",
                    revoked_by="",
                )
            )
            await timeline.append(tx, told, token.created_at)

    async def find_by_hash(self, token_hash: str) -> TokenView | None:
        """The token with this text, revoked or not."""
        return await self._one(tokens.c.hash == token_hash)

    async def find(self, token_id: str) -> TokenView | None:
        """The token with this id, revoked or not."""
        return await self._one(tokens.c.id == token_id)

    async def maker_of(self, name: str) -> str | None:
        """As the function `maker_of`."""
        async with self._database.reading() as connection:
            return await maker_of(connection, name)

    async def list(self, owner_id: str | None) -> list[TokenView]:
        """A person's tokens, or with None the machines', the newest first."""
        condition = tokens.c.owner_id.is_(None) if owner_id is None else tokens.c.owner_id == owner_id
        async with self._database.reading() as connection:
            query = select(tokens).where(condition).order_by(tokens.c.created_at.desc(), tokens.c.id)
            return [_token(each) for each in (await connection.execute(query)).all()]

    async def touch(self, token_id: str, at: datetime, source: str) -> None:
        """Note that it was used, and from where."""
        async with self._database.transaction() as tx:
            await tx.execute(
                update(tokens)
                .where(tokens.c.id == token_id)
                .values(last_used_at=at, last_used_source=source[:64])
            )

    async def revoke(self, token_id: str, at: datetime, actor: str, told: Event) -> bool:
        """Revoke it, with its record; False where it was before."""
        async with self._database.transaction() as tx:
            result = await tx.execute(
                update(tokens)
                .where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
                .values(revoked_at=at, revoked_by=actor)
            )
            if result.rowcount:
                await timeline.append(tx, told, at)
            return bool(result.rowcount)

    async def _one(self, condition: Any) -> TokenView | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(select(tokens).where(condition))).one_or_none()
        return None if row is None else _token(row)


def _token(row: Row[Any]) -> TokenView:
    return TokenView(
        id=row.id,
        name=row.name,
        owner_id=row.owner_id or "",
        owner=row.owner,
        grants=grants_from_json(row.grants),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        last_used_source=row.last_used_source,
        revoked_at=row.revoked_at,
    )
