"""Sessions, refresh tokens and device sign-ins in the database; of secrets, their SHA-256 only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.access.sessions.model import DeviceRow, DeviceState, SessionRow
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event

AGENT_LENGTH, SOURCE_LENGTH = 200, 64

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("secret_hash", String(64), nullable=True, unique=True),  # a terminal has refresh tokens instead
    Column("user_id", String(60), ForeignKey("users.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("method", String(20), nullable=False),
    Column("source", String(SOURCE_LENGTH), nullable=False),
    Column("agent", String(AGENT_LENGTH), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=True),
    Column("end_reason", String(200), nullable=False),
    Index("ix_sessions_user_id", "user_id", "ended_at"),
)
refreshes = Table(
    "session_refreshes",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("session", String(60), ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("made_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime, nullable=True),
)
devices = Table(
    "device_logins",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("device_hash", String(64), nullable=False, unique=True),
    Column("code_hash", String(64), nullable=False, unique=True),
    Column("state", String(20), nullable=False),
    Column("source", String(SOURCE_LENGTH), nullable=False),
    Column("agent", String(AGENT_LENGTH), nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("interval_s", Integer, nullable=False),
    Column("polled_at", UtcDateTime, nullable=True),
    Column("user_id", String(60), ForeignKey("users.id"), nullable=True),
    Column("method", String(20), nullable=False),
    Column("session_until", UtcDateTime, nullable=True),  # set by the approval
)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What came of showing a refresh token. used_at: when it had been used before, which must not be."""

    session: SessionRow
    used_at: datetime | None = None


async def end_sessions_of(
    tx: AsyncConnection, user_id: str, at: datetime, why: str, *, keep: str = ""
) -> int:
    """End all sessions of a person but `keep`, in the transaction of the change that asks for it."""
    result = await tx.execute(
        update(sessions)
        .where(sessions.c.user_id == user_id, sessions.c.ended_at.is_(None), sessions.c.id != keep)
        .values(ended_at=at, end_reason=why[:200])
    )
    await tx.execute(
        update(devices)
        .where(devices.c.user_id == user_id, devices.c.state == DeviceState.APPROVED.value)
        .values(state=DeviceState.DENIED.value)
    )
    return result.rowcount


class SessionStore:
    """Keeps sessions. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(
        self, row: SessionRow, *, secret_hash: str | None, refresh_hash: str | None, told: Event
    ) -> None:
        """Keep a new session, with the record that somebody signed in."""
        async with self._database.transaction() as tx:
            await _insert(tx, row, secret_hash, refresh_hash)
            await timeline.append(tx, told, row.created_at)

    async def find_by_secret(self, secret_hash: str) -> SessionRow | None:
        """The session of a cookie, ended or not."""
        return await self._one(sessions.c.secret_hash == secret_hash)

    async def find(self, session_id: str) -> SessionRow | None:
        """The session with this id, ended or not."""
        return await self._one(sessions.c.id == session_id)

    async def touch(self, session_id: str, at: datetime) -> None:
        """Note that it is in use."""
        async with self._database.transaction() as tx:
            await tx.execute(
                update(sessions)
                .where(sessions.c.id == session_id, sessions.c.ended_at.is_(None), sessions.c.seen_at < at)
                .values(seen_at=at)
            )

    async def list_open(self, user_id: str | None, now: datetime, idle_since: datetime) -> list[SessionRow]:
        """Sessions that stand at `now`, the newest first."""
        query = select(sessions).where(
            sessions.c.ended_at.is_(None), sessions.c.expires_at > now, sessions.c.seen_at > idle_since
        )
        if user_id is not None:
            query = query.where(sessions.c.user_id == user_id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(sessions.c.created_at.desc()))).all()
        return [_session(each) for each in rows]

    async def end(self, session_id: str, at: datetime, why: str, told: Event) -> bool:
        """End one session, with its record; False where it had ended before."""
        async with self._database.transaction() as tx:
            result = await tx.execute(
                update(sessions)
                .where(sessions.c.id == session_id, sessions.c.ended_at.is_(None))
                .values(ended_at=at, end_reason=why[:200])
            )
            if result.rowcount:
                await timeline.append(tx, told, at)
            return bool(result.rowcount)

    async def end_all(self, user_id: str, at: datetime, why: str, told: Event, *, keep: str = "") -> int:
        """End all sessions of a person but `keep`, with one record where there were any."""
        async with self._database.transaction() as tx:
            ended = await end_sessions_of(tx, user_id, at, why, keep=keep)
            if ended:
                await timeline.append(tx, told, at)
            return ended

    async def rotate(self, old_hash: str, new_hash: str, at: datetime) -> Rotation | None:
        """Take one refresh token for another, once. None: nobody knows it.

        Of two at once with the same token, the second sees `used_at`, and no token is made for it.
        """
        async with self._database.transaction() as tx:
            row = (
                await tx.execute(select(refreshes).where(refreshes.c.hash == old_hash).with_for_update())
            ).one_or_none()
            if row is None:
                return None
            found = (await tx.execute(select(sessions).where(sessions.c.id == row.session))).one()
            if row.used_at is not None or found.ended_at is not None:
                return Rotation(_session(found), row.used_at)
            await tx.execute(update(refreshes).where(refreshes.c.hash == old_hash).values(used_at=at))
            await tx.execute(insert(refreshes).values(hash=new_hash, session=row.session, made_at=at))
            return Rotation(_session(found))

    async def remove_ended(self, before: datetime) -> int:
        """Remove sessions that ended or ran out before `before`."""
        async with self._database.transaction() as tx:
            result = await tx.execute(
                delete(sessions).where(or_(sessions.c.ended_at < before, sessions.c.expires_at < before))
            )
            return result.rowcount

    async def _one(self, condition: Any) -> SessionRow | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(select(sessions).where(condition))).one_or_none()
        return None if row is None else _session(row)


class DeviceStore:
    """Keeps device sign-ins. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, row: DeviceRow, *, device_hash: str, code_hash: str) -> None:
        """Keep a new one; raises Conflict where the code is taken."""
        async with self._database.transaction() as tx:
            await tx.execute(
                insert(devices).values(
                    id=row.id,
                    device_hash=device_hash,
                    code_hash=code_hash,
                    state=row.state.value,
                    source=row.source[:SOURCE_LENGTH],
                    agent=row.agent[:AGENT_LENGTH],
                    begun_at=row.begun_at,
                    expires_at=row.expires_at,
                    interval_s=row.interval_s,
                    method=row.method,
                )
            )

    async def open_sources(self, now: datetime) -> list[str]:
        """The address of each that has not run out."""
        query = select(devices.c.source).where(devices.c.expires_at > now)
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def find_by_code(self, code_hash: str) -> DeviceRow | None:
        """The one with this user code, whatever its state."""
        async with self._database.reading() as connection:
            query = select(devices).where(devices.c.code_hash == code_hash)
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _device(row)

    async def answer(self, row: DeviceRow, at: datetime, told: Event) -> bool:
        """Write what a person said, as it stands in `row`; False where somebody was faster or it ran out."""
        async with self._database.transaction() as tx:
            result = await tx.execute(
                update(devices)
                .where(
                    devices.c.id == row.id,
                    devices.c.state == DeviceState.PENDING.value,
                    devices.c.expires_at > at,
                )
                .values(
                    state=row.state.value,
                    user_id=row.user_id or None,
                    method=row.method,
                    session_until=row.session_until,
                )
            )
            if result.rowcount:
                await timeline.append(tx, told, at)
            return bool(result.rowcount)

    async def poll(self, device_hash: str, at: datetime, slower_s: int) -> DeviceRow | None:
        """The sign-in as it was before this question, which is noted; too early ones cost `slower_s` each."""
        async with self._database.transaction() as tx:
            query = select(devices).where(devices.c.device_hash == device_hash).with_for_update()
            row = (await tx.execute(query)).one_or_none()
            if row is None:
                return None
            found = _device(row)
            values: dict[str, Any] = {"polled_at": at}
            if is_early(found, at):
                values["interval_s"] = min(found.interval_s + slower_s, 60)
            await tx.execute(update(devices).where(devices.c.id == found.id).values(values))
            return found

    async def use(self, device_id: str, session: SessionRow, *, refresh_hash: str, told: Event) -> bool:
        """Open the session of an approved sign-in, once; False where it was opened already."""
        async with self._database.transaction() as tx:
            result = await tx.execute(
                update(devices)
                .where(devices.c.id == device_id, devices.c.state == DeviceState.APPROVED.value)
                .values(state=DeviceState.USED.value)
            )
            if not result.rowcount:
                return False
            await _insert(tx, session, None, refresh_hash)
            await timeline.append(tx, told, session.created_at)
            return True

    async def remove_expired(self, before: datetime) -> int:
        """Remove those that ran out before `before`."""
        async with self._database.transaction() as tx:
            return (await tx.execute(delete(devices).where(devices.c.expires_at < before))).rowcount


def is_early(device: DeviceRow, at: datetime) -> bool:
    """Whether its program asks sooner than it was told to."""
    return device.polled_at is not None and (at - device.polled_at).total_seconds() < device.interval_s


async def _insert(
    tx: AsyncConnection, row: SessionRow, secret_hash: str | None, refresh_hash: str | None
) -> None:
    await tx.execute(
        insert(sessions).values(
            id=row.id,
            secret_hash=secret_hash,
            user_id=row.user_id,
            kind=row.kind,
            method=row.method,
            source=row.source[:SOURCE_LENGTH],
            agent=row.agent[:AGENT_LENGTH],
            created_at=row.created_at,
            seen_at=row.seen_at,
            expires_at=row.expires_at,
            end_reason="",
        )
    )
    if refresh_hash is not None:
        await tx.execute(insert(refreshes).values(hash=refresh_hash, session=row.id, made_at=row.created_at))


def _session(row: Row[Any]) -> SessionRow:
    return SessionRow(
        id=row.id,
        user_id=row.user_id,
        kind=row.kind,
        method=row.method,
        source=row.source,
        agent=row.agent,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
    )


def _device(row: Row[Any]) -> DeviceRow:
    return DeviceRow(
        id=row.id,
        state=DeviceState(row.state),
        source=row.source,
        agent=row.agent,
        begun_at=row.begun_at,
        expires_at=row.expires_at,
        interval_s=row.interval_s,
        polled_at=row.polled_at,
        user_id=row.user_id or "",
        method=row.method,
        session_until=row.session_until,
    )
