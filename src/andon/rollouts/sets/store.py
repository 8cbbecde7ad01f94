"""Sets in the database: signed releases of sets, and sets on their way with what each decision changed.

A decision is one transaction: the set's row, the rollout that it begins or the abort that it asks for, and
the timeline's event, guarded by the row's revision and by the lease.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Index, Integer, String, Table, Text, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.access.signatures import store as signatures
from andon.access.signatures.model import Signature
from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import EnvironmentName, Version
from andon.rollouts import codec
from andon.rollouts import store as rollouts
from andon.rollouts.cords.store import corded, find_cord
from andon.rollouts.model import Request, Rollout
from andon.rollouts.places.store import check_unset, set_parts
from andon.rollouts.rows.store import Loaded
from andon.rollouts.sets.model import Decision, SetPhase, SetRelease, SetRollout
from andon.store import leases
from andon.store.engine import Database
from andon.store.leases import Lease
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event, Severity

ANDON = "andon"
set_releases = Table(
    "set_releases",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("version", String(60), primary_key=True),
    Column("document", JSON, nullable=False),
    Column("envelope", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(120), nullable=False),
)
set_rollouts = Table(
    "set_rollouts",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("environment", String(60), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("is_active", Boolean(create_constraint=False), nullable=False),
    Column("document", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_set_rollouts_name", "name", "environment", "created_at"),
)


@dataclass(frozen=True, slots=True)
class StoredSet:
    """A published set with its envelope (DSSE, JSON)."""

    release: SetRelease
    envelope: str
    at: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class LoadedSet:
    """A set on its way with the revision of its row."""

    set_: SetRollout
    revision: int


@dataclass(frozen=True, slots=True)
class SetChange:
    """What a decision changes. begins: the rollout that it begins; asks: what it asks of a member's."""

    before: LoadedSet
    after: SetRollout
    at: datetime
    lease: Lease | None = None
    begins: Rollout | None = None
    asks: tuple[Loaded, Request] | None = None


class SetStore:
    """Reads and writes sets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def publish(self, release: SetRelease, envelope: str, actor: str, at: datetime) -> None:
        """Keep a signed set; the same once more changes nothing. Raises Conflict where it is another."""
        async with self._database.transaction() as tx:
            found = await _find_release(tx, release.name, release.version)
            if found is not None:
                if found.release != release:
                    raise Conflict("set-exists", f"set {release.id} exists with other members or bytes")
                return
            await tx.execute(
                insert(set_releases).values(
                    name=release.name,
                    version=release.version,
                    document=codec.encode(release),
                    envelope=envelope,
                    at=at,
                    actor=actor,
                )
            )
            members = [f"{each.unit}@{each.version}" for each in release.members]
            said = f"set {release.id} was signed: {', then '.join(members)}"
            await timeline.append(
                tx, Event("set.published", f"set/{release.id}", actor, said, after={"members": members}), at
            )

    async def releases(self) -> Sequence[StoredSet]:
        """All published sets, the newest first."""
        query = select(set_releases).order_by(set_releases.c.at.desc(), set_releases.c.version.desc())
        async with self._database.reading() as connection:
            return [_stored(row) for row in (await connection.execute(query)).all()]

    async def release(self, name: str, version: Version) -> StoredSet:
        """A published set; raises NotFound."""
        async with self._database.reading() as connection:
            found = await _find_release(connection, name, version)
        if found is None:
            raise NotFound("no-such-set", f"there is no set {name}@{version}", hint="andon sets list")
        return found

    async def get(self, set_: str) -> SetRollout:
        """A set on its way, or one that was; raises NotFound."""
        return (await self.load(set_)).set_

    async def load(self, set_: str) -> LoadedSet:
        """The same with its revision, to change it."""
        query = select(set_rollouts).where(set_rollouts.c.id == set_)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound(
                "no-such-set-rollout", f"there is no set {set_} on its way", hint="andon sets list"
            )
        return LoadedSet(codec.decode(SetRollout, row.document), row.revision)

    async def list(self, *, only_active: bool = False, limit: int = 50) -> Sequence[SetRollout]:
        """Sets on their way, and those that were unless `only_active`; the newest first."""
        query = select(set_rollouts).order_by(set_rollouts.c.created_at.desc()).limit(limit)
        if only_active:
            query = query.where(set_rollouts.c.is_active)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [codec.decode(SetRollout, row.document) for row in rows]

    async def newest(self, name: str, environment: EnvironmentName) -> SetRollout:
        """The newest rollout of a set there; raises NotFound."""
        query = (
            select(set_rollouts)
            .where(set_rollouts.c.name == name, set_rollouts.c.environment == environment)
            .order_by(set_rollouts.c.created_at.desc(), set_rollouts.c.id.desc())
            .limit(1)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound(
                "no-such-set", f"set {name} was never deployed to {environment}", hint="andon sets list"
            )
        return codec.decode(SetRollout, row.document)

    async def create(self, set_: SetRollout, at: datetime) -> None:
        """Begin; each unit belongs to this set until it is over. Raises Conflict as `check_free` says."""
        async with self._database.transaction() as tx:
            if (pulled := await find_cord(tx, set_.environment)) is not None:
                raise corded(pulled)
            for part in set_.parts:
                await check_unset(tx, part.unit, set_.environment)
                await rollouts.check_place(tx, part.unit, set_.environment)
                await tx.execute(
                    insert(set_parts).values(
                        set=set_.id, unit=part.unit, environment=set_.environment, is_active=True
                    )
                )
            await tx.execute(insert(set_rollouts).values(revision=1, created_at=at, **_values(set_)))
            await timeline.append(tx, _event("set.created", set_, set_.actor, set_.reason), at)

    async def save(self, change: SetChange, decision: Decision) -> None:
        """A decision with what it begins or asks for, in one transaction.

        Raises:
            Conflict: the set or the member moved in between, the lease was lost, or the cord was pulled.
        """
        before, after = change.before.set_, change.after
        async with self._database.transaction() as tx:
            if change.lease is not None:
                await leases.guard(tx, change.lease)
            await _write(tx, after, change.before.revision)
            if change.begins is not None:
                await rollouts.insert_rollout(tx, change.begins, change.at)
            if change.asks is not None:
                await rollouts.insert_request(tx, *change.asks, change.at)
            kind = _kind(before, after, decision)
            await timeline.append(tx, _event(kind, after, ANDON, decision.reason), change.at)

    async def take_back(
        self, before: LoadedSet, after: SetRollout, at: datetime, signature: Signature | None
    ) -> None:
        """A person takes the set back. Raises Conflict where it moved, or the signature was used before."""
        async with self._database.transaction() as tx:
            await _write(tx, after, before.revision, reopens=before.set_.phase.is_over)
            if signature is not None:
                await signatures.append(tx, signature, at)
            event = _event("set.returning", after, after.returned_by, after.reason)
            await timeline.append(tx, event, at)

    async def approve(self, before: LoadedSet, signature: Signature, at: datetime) -> None:
        """A person's yes to all members. Raises Conflict where it moved, or the signature was used before."""
        set_ = before.set_
        async with self._database.transaction() as tx:
            await _write(tx, set_, before.revision)
            await signatures.append(tx, signature, at)
            event = _event("set.approved", set_, signature.signer, signature.reason)
            told = replace(event, after={**event.after, "signature": signature.id})
            await timeline.append(tx, told, at)


async def _find_release(connection: AsyncConnection, name: str, version: Version) -> StoredSet | None:
    query = select(set_releases).where(set_releases.c.name == name, set_releases.c.version == version)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _stored(row)


def _stored(row: Any) -> StoredSet:
    return StoredSet(codec.decode(SetRelease, row.document), row.envelope, row.at, row.actor)


def _values(set_: SetRollout) -> dict[str, Any]:
    return {
        "id": set_.id,
        "name": set_.name,
        "environment": set_.environment,
        "is_active": not set_.phase.is_over,
        "document": codec.encode(set_),
    }


async def _write(tx: AsyncConnection, set_: SetRollout, revision: int, *, reopens: bool = False) -> None:
    done = await tx.execute(
        update(set_rollouts)
        .where(set_rollouts.c.id == set_.id, set_rollouts.c.revision == revision)
        .values(revision=revision + 1, **_values(set_))
    )
    if done.rowcount != 1:
        raise Conflict("set-moved", f"set {set_.name} changed in between", hint="try again")
    if set_.phase.is_over or reopens:
        mine = update(set_parts).where(set_parts.c.set == set_.id)
        await tx.execute(mine.values(is_active=not set_.phase.is_over))


def _kind(before: SetRollout, after: SetRollout, decision: Decision) -> str:
    if after.phase is not before.phase:
        return f"set.{after.phase.value}"
    if after.is_open and not before.is_open:
        return "set.opened"
    return f"set.{type(decision.action).__name__.lower()}"


def _event(kind: str, set_: SetRollout, actor: str, reason: str) -> Event:
    is_back = set_.phase in {SetPhase.RETURNING, SetPhase.RETURNED}
    parts = [
        {"unit": each.unit, "version": each.version, "rollout": each.rollout, "back": each.back}
        for each in set_.parts
    ]
    return Event(
        kind=kind,
        subject=f"set/{set_.name}@{set_.version}",
        actor=actor,
        reason=reason,
        environment=set_.environment,
        severity=Severity.WARNING if is_back else Severity.INFO,
        after={"set": set_.id, "phase": set_.phase.value, "parts": parts},
        correlation=set_.id,
    )
