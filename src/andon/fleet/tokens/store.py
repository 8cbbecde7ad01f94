"""Enrolment tokens, one row each; the text is nowhere, only its hash. One is used in the transaction that
lets its station in, so that two machines with the same text are never both let in.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, String, Table, Text, insert, select, update

from andon.fleet.model import Station
from andon.fleet.reports import store as reports
from andon.fleet.stations import store as stations
from andon.fleet.tokens.model import EnrolmentToken
from andon.kernel.ids import EnvironmentName
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event

tokens = Table(
    "fleet_tokens",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("station", String(60), nullable=False),
    Column("line", String(60), nullable=False),
    Column("ring", String(60), nullable=False),
    Column("environment", String(60), nullable=False),
    Column("labels", JSON, nullable=False),
    Column("needs_approval", Boolean, nullable=False),
    Column("replaces", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(120), nullable=False),
    Column("reason", Text, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime, nullable=True),
    Column("used_by", String(60), nullable=False),
    Column("revoked_at", UtcDateTime, nullable=True),
    Column("revoked_by", String(120), nullable=False),
)
_PLAIN = (
    "id", "station", "line", "ring", "needs_approval", "replaces", "created_at", "created_by", "reason",
    "expires_at",     "used_at", "used_by", "revoked_at", "revoked_by",
)  # fmt: skip


class EnrolmentTokenStore:
    """Reads and writes enrolment tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: EnrolmentToken, token_hash: str, told: Event) -> None:
        """Keep a new one, with its record."""
        values = {each: getattr(token, each) for each in _PLAIN}
        values |= {"environment": token.environment, "labels": dict(token.labels), "hash": token_hash}
        async with self._database.transaction() as tx:
            await tx.execute(insert(tokens).values(**values))
            await timeline.append(tx, told, token.created_at)

    async def find(self, token_hash: str) -> EnrolmentToken | None:
        """The token with this text, used or not."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(tokens).where(tokens.c.hash == token_hash))).one_or_none()
        return None if row is None else _token(row)

    async def list(self) -> Sequence[EnrolmentToken]:
        """All of them, the newest first."""
        query = select(tokens).order_by(tokens.c.created_at.desc(), tokens.c.id)
        async with self._database.reading() as connection:
            return [_token(row) for row in (await connection.execute(query)).all()]

    async def use(self, token: EnrolmentToken, station: Station, told: Event, at: datetime) -> bool:
        """Let `station` in by `token`; False where the token was used or revoked meanwhile.

        Raises:
            Conflict: a station has this name, or this key, already.
        """
        good = (tokens.c.id == token.id, tokens.c.used_at.is_(None), tokens.c.revoked_at.is_(None))
        async with self._database.transaction() as tx:
            used = update(tokens).where(*good).values(used_at=at, used_by=station.name)
            if (await tx.execute(used)).rowcount != 1:
                return False
            if token.replaces:
                await stations.write(tx, station)
                await reports.forget(tx, station.name)
            else:
                await stations.add(tx, station)
            await timeline.append(tx, told, at)
            return True

    async def revoke(self, token_id: str, by: str, told: Event, at: datetime) -> bool:
        """End one that was not used; False where there is none such."""
        good = (tokens.c.id == token_id, tokens.c.used_at.is_(None), tokens.c.revoked_at.is_(None))
        async with self._database.transaction() as tx:
            ended = update(tokens).where(*good).values(revoked_at=at, revoked_by=by)
            is_ended = (await tx.execute(ended)).rowcount == 1
            if is_ended:
                await timeline.append(tx, told, at)
            return is_ended


def used(token: EnrolmentToken, station: Station, at: datetime) -> EnrolmentToken:
    """`token` as it is once it let `station` in."""
    return replace(token, used_at=at, used_by=station.name)


def _token(row: Any) -> EnrolmentToken:
    values = {each: getattr(row, each) for each in _PLAIN}
    return EnrolmentToken(environment=EnvironmentName(row.environment), labels=row.labels, **values)
