"""Rollouts and their evidence, in the database. Cords and stable releases have stores of their own.

A decision is one transaction: the rollout's row, the desired state, the look it was made on and the
timeline event, guarded by the row's revision and by the lease. Evidence has a row and a number of its own,
so that a look written every second never collides with what a person asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.access.signatures import store as signatures
from andon.access.signatures.model import Signature
from andon.judge.model import JudgeState
from andon.kernel import logging
from andon.kernel.errors import Conflict, Damaged, NotFound
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts import codec, telling
from andon.rollouts.actions import Decision
from andon.rollouts.cords.store import CordStore, corded, find_cord
from andon.rollouts.gather import Gained
from andon.rollouts.model import Cord, Evidence, Phase, Request, Rollout, Trigger
from andon.rollouts.stables import store as stables
from andon.rollouts.stables.store import Stable
from andon.rollouts.wanted import desired as desired_of
from andon.store import leases
from andon.store.engine import Database
from andon.store.leases import Lease
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.units.desired import Desired
from andon.units.store import find_desired, write_desired

_log = logging.get(__name__)

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("unit", String(60), nullable=False),
    Column("environment", String(60), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("is_active", Boolean(create_constraint=False), nullable=False),
    Column("damage", Text, nullable=False, default=""),
    Column("document", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_rollouts_place", "unit", "environment", "created_at"),
)
Index(
    "uq_rollouts_active",
    rollouts.c.unit,
    rollouts.c.environment,
    unique=True,
    sqlite_where=rollouts.c.is_active,
    postgresql_where=rollouts.c.is_active,
)
evidence = Table(
    "rollout_evidence",
    metadata,
    Column("rollout", String(60), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("document", JSON, nullable=False),
)
looks = Table(
    "looks",
    metadata,
    Column("rollout", String(60), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("share", Float, nullable=False),
    Column("gained", JSON, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("findings", JSON, nullable=False),
)


@dataclass(frozen=True, slots=True)
class StoredLook:
    """One look as it was judged. gained: what the judge was given; findings: what it said, by metric."""

    seq: int
    at: datetime
    share: float
    gained: Gained
    outcome: str
    reason: str
    findings: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A rollout with the revision of its row, which a change must name again."""

    rollout: Rollout
    revision: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a tick came to. gained: the look that `after.evidence` includes, None when there was none."""

    before: Loaded
    after: Rollout
    gained: Gained | None
    lease: Lease | None
    at: datetime


class RolloutStore:
    """Reads and writes rollouts. cord: the cords' own store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.cord = CordStore(database)

    async def get(self, rollout: RolloutId) -> Rollout:
        """The rollout.

        Raises:
            NotFound: there is none of this id.
            Damaged: its row cannot be read.
        """
        return _rollout(await self._row(rollout))

    async def load(self, rollout: RolloutId) -> Loaded:
        """The rollout and its revision, to change it. Raises like `get`, also where it was quarantined."""
        row = await self._row(rollout)
        if row.damage and row.is_active:
            raise _damaged(row, row.damage)
        return Loaded(_rollout(row), row.revision)

    async def _row(self, rollout: RolloutId) -> Any:
        async with self._database.reading() as connection:
            row = (await connection.execute(_rows().where(rollouts.c.id == rollout))).one_or_none()
        if row is None:
            raise NotFound("no-such-rollout", f"there is no rollout {rollout}", hint="andon status")
        return row

    async def find_active(self, unit: UnitName, environment: EnvironmentName) -> Rollout | None:
        """The rollout that is under way there; there is at most one."""
        query = _rows().where(
            rollouts.c.unit == unit, rollouts.c.environment == environment, rollouts.c.is_active
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _rollout(row)

    async def list(
        self,
        unit: UnitName | None = None,
        environment: EnvironmentName | None = None,
        limit: int = 50,
    ) -> Sequence[Rollout]:
        """The newest rollouts first. A damaged one is left out; its alert stands on the timeline."""
        query = _rows().order_by(rollouts.c.created_at.desc(), rollouts.c.id.desc()).limit(limit)
        if unit is not None:
            query = query.where(rollouts.c.unit == unit)
        if environment is not None:
            query = query.where(rollouts.c.environment == environment)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        found = []
        for row in rows:
            try:
                found.append(_rollout(row))
            except Damaged as error:
                _log.warning("rollout left out", rollout=row.id, reason=error.message)
        return found

    async def active(self, environment: EnvironmentName | None = None) -> Sequence[RolloutId]:
        """Ids of the rollouts that a controller has to look at, oldest first; there, or everywhere."""
        query = (
            select(rollouts.c.id)
            .where(rollouts.c.is_active, rollouts.c.damage == "")
            .order_by(rollouts.c.created_at)
        )
        if environment is not None:
            query = query.where(rollouts.c.environment == environment)
        async with self._database.reading() as connection:
            return [RolloutId(each) for each in (await connection.execute(query)).scalars()]

    async def looks(self, rollout: RolloutId, after_seq: int = 0) -> Sequence[StoredLook]:
        """The looks of a rollout after number `after_seq`, oldest first."""
        query = select(looks).where(looks.c.rollout == rollout, looks.c.seq > after_seq).order_by(looks.c.seq)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [
            StoredLook(
                row.seq,
                row.at,
                row.share,
                codec.decode(Gained, row.gained),
                row.outcome,
                row.reason,
                row.findings,
            )
            for row in rows
        ]

    async def stable(self, unit: UnitName, environment: EnvironmentName) -> Version | None:
        """The newest release that finished its rollout there; None before the first."""
        async with self._database.reading() as connection:
            return await stables.newest(connection, unit, environment)

    async def stables(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Stable]:
        """All that ever finished there, newest first."""
        async with self._database.reading() as connection:
            return await stables.history(connection, unit, environment)

    async def create(self, rollout: Rollout, at: datetime, signature: Signature | None = None) -> None:
        """Begin a rollout: its row, the desired state and the timeline event, in one transaction.

        signature: of who went back to a former release.

        Raises:
            Conflict: another one is under way there, the cord is pulled, or the stable release moved.
        """
        try:
            async with self._database.transaction() as tx:
                await _check_beginning(tx, rollout)
                await tx.execute(
                    insert(rollouts).values(id=rollout.id, created_at=at, revision=1, **_row(rollout))
                )
                await tx.execute(
                    insert(evidence).values(
                        rollout=rollout.id, seq=rollout.evidence.seq, document=codec.encode(rollout.evidence)
                    )
                )
                await _write_wanted(tx, rollout)
                await _sign(tx, signature, at)
                await timeline.append(tx, telling.created(rollout), at)
        except Conflict as error:
            if error.code != "already-there":
                raise
            raise _busy(rollout) from error

    async def ask(
        self, before: Loaded, request: Request, at: datetime, signature: Signature | None = None
    ) -> Rollout:
        """Store what a person asks for, with its signature; the next tick takes it up.

        Raises:
            Conflict: the rollout moved in between, or the signature was used before.
        """
        signed = request if signature is None else replace(request, signature=signature.id)
        after = replace(before.rollout, request=signed)
        async with self._database.transaction() as tx:
            await _write(tx, after, before.revision)
            await _sign(tx, signature, at)
            await timeline.append(tx, telling.requested(after, signed), at)
        return after

    async def answer(self, before: Loaded, signature: Signature, at: datetime, *, is_yes: bool) -> Rollout:
        """Store a person's answer at the gate; the next tick counts the answers anew.

        Raises:
            Conflict: the rollout moved in between, or the signature was used before.
        """
        async with self._database.transaction() as tx:
            await _write(tx, before.rollout, before.revision)
            await _sign(tx, signature, at)
            await timeline.append(tx, telling.answered(before.rollout, signature, is_yes=is_yes), at)
        return before.rollout

    async def save(self, change: Change, decision: Decision) -> None:
        """A decision, what it changes and the look it was made on, in one transaction.

        Raises:
            Conflict: the rollout moved in between, or the lease was lost; nothing is written.
        """
        before, after = change.before.rollout, change.after
        async with self._database.transaction() as tx:
            await _guard(tx, change.lease)
            await _write(tx, after, change.before.revision)
            await _write_evidence(tx, change)
            await _write_wanted(tx, after)
            if after.phase is Phase.PROMOTED and before.phase is not Phase.PROMOTED:
                await stables.write(tx, after, change.at)
            await timeline.append(tx, telling.decided(before, after, decision), change.at)

    async def save_look(self, change: Change) -> None:
        """Evidence that changed no phase: the row of the rollout stays as it is.

        Raises:
            Conflict: another controller wrote a look in between, or the lease was lost.
        """
        async with self._database.transaction() as tx:
            await _guard(tx, change.lease)
            await _write_evidence(tx, change)

    async def quarantine(self, rollout: RolloutId, reason: str, at: datetime) -> None:
        """Stop looking at a rollout whose row cannot be read, with an alert. A person must close it."""
        async with self._database.transaction() as tx:
            row = (
                await tx.execute(
                    update(rollouts)
                    .where(rollouts.c.id == rollout, rollouts.c.damage == "")
                    .values(damage=reason)
                    .returning(rollouts.c.unit, rollouts.c.environment)
                )
            ).one_or_none()
            if row is not None:
                await timeline.append(tx, telling.damaged(rollout, row.unit, row.environment, reason), at)

    async def find_damaged(self, rollout: RolloutId) -> tuple[UnitName, EnvironmentName] | None:
        """The place of an active rollout whose row cannot be read; None where there is nothing to close."""
        async with self._database.reading() as connection:
            row = (
                await connection.execute(_rows().where(rollouts.c.id == rollout, rollouts.c.is_active))
            ).one_or_none()
        if row is None or not (row.damage or _unreadable(row)):
            return None
        return UnitName(row.unit), EnvironmentName(row.environment)

    async def close_damaged(
        self, rollout: RolloutId, by: tuple[str, str], at: datetime, signature: Signature | None = None
    ) -> bool:
        """End a rollout whose row cannot be read, so that its place is free; whether it was one.

        by: who says so, and why.

        Nothing else changes: what should run there stays as it is, because what it was to become is lost.
        """
        query = _rows().where(rollouts.c.id == rollout, rollouts.c.is_active)
        actor, reason = by
        async with self._database.transaction() as tx:
            row = (await tx.execute(query)).one_or_none()
            if row is None or not (damage := row.damage or _unreadable(row)):
                return False
            said = f"{actor} closed it, because its record is damaged; what runs was not changed: {reason}"
            values: dict[str, Any] = {"is_active": False, "damage": damage, "revision": row.revision + 1}
            if not _unreadable(row):
                ended: dict[str, Any] = {
                    "phase": Phase.RETURNED,
                    "trigger": Trigger.ABORT,
                    "reason": said,
                    "request": None,
                }
                closed = replace(_rollout(row), finished_at=at, **ended)
                values |= {"document": _row(closed)["document"]}
            await tx.execute(update(rollouts).where(rollouts.c.id == rollout).values(**values))
            await _sign(tx, signature, at)
            await timeline.append(tx, telling.closed(rollout, row.unit, row.environment, actor, said), at)
        return True

    async def desired(self, unit: UnitName, environment: EnvironmentName) -> Desired | None:
        """What should run there now."""
        async with self._database.reading() as connection:
            return await find_desired(connection, unit, environment)

    async def cords(self) -> Sequence[Cord]:
        """The cords that are pulled, by environment; everywhere comes first."""
        return await self.cord.list()


def _rows() -> Any:
    joined = rollouts.outerjoin(evidence, evidence.c.rollout == rollouts.c.id)
    return select(rollouts, evidence.c.document.label("evidence")).select_from(joined)


def _rollout(row: Any) -> Rollout:
    if not isinstance(row.document, dict) or row.evidence is None:
        raise _damaged(row, "it has no readable state")
    try:
        return codec.decode(Rollout, row.document | {"evidence": row.evidence})
    except Damaged as error:
        raise _damaged(row, error.message) from error


def _damaged(row: Any, damage: str) -> Damaged:
    hint = f"andon abort {row.id} closes it" if row.is_active else "andon status"
    return Damaged("damaged-row", f"rollout {row.id} is damaged: {damage}", hint=hint)


def _unreadable(row: Any) -> str:
    """Why the row cannot be read; empty when it can."""
    try:
        _rollout(row)
    except Damaged as error:
        return error.message
    return ""


def _row(rollout: Rollout) -> dict[str, Any]:
    document = codec.encode(replace(rollout, evidence=Evidence(JudgeState({}))))
    del document["evidence"]
    return {
        "unit": rollout.unit,
        "environment": rollout.environment,
        "is_active": not rollout.phase.is_over,
        "damage": "",
        "document": document,
    }


async def _write(tx: AsyncConnection, rollout: Rollout, revision: int) -> None:
    done = await tx.execute(
        update(rollouts)
        .where(rollouts.c.id == rollout.id, rollouts.c.revision == revision, rollouts.c.damage == "")
        .values(revision=revision + 1, **_row(rollout))
    )
    if done.rowcount != 1:
        raise Conflict("rollout-moved", f"rollout {rollout.id} changed in between", hint="try again")


async def _write_evidence(tx: AsyncConnection, change: Change) -> None:
    before, after = change.before.rollout.evidence, change.after.evidence
    if after == before:
        return
    after = replace(after, seq=before.seq + 1)
    done = await tx.execute(
        update(evidence)
        .where(evidence.c.rollout == change.after.id, evidence.c.seq == before.seq)
        .values(seq=after.seq, document=codec.encode(after))
    )
    if done.rowcount != 1:
        raise Conflict("evidence-moved", f"another look at {change.after.id} was faster")
    if change.gained is None or after.verdict is None:
        return
    await tx.execute(
        insert(looks).values(
            rollout=change.after.id,
            seq=after.seq,
            at=change.at,
            share=change.gained.share,
            gained=codec.encode(change.gained),
            outcome=after.verdict.outcome.value,
            reason=after.verdict.reason,
            findings=telling.summary(after.verdict),
        )
    )


async def _write_wanted(tx: AsyncConnection, rollout: Rollout) -> None:
    now = await find_desired(tx, rollout.unit, rollout.environment)
    wanted = desired_of(rollout, 1 if now is None else now.revision)
    if wanted != now:
        await write_desired(tx, wanted if now is None else replace(wanted, revision=now.revision + 1))


async def _check_beginning(tx: AsyncConnection, rollout: Rollout) -> None:
    pulled = await find_cord(tx, rollout.environment)
    if pulled is not None:
        raise corded(pulled)
    if await stables.newest(tx, rollout.unit, rollout.environment) != rollout.stable:
        raise Conflict(
            "stable-moved", f"the stable release of {rollout.unit} changed in between", hint="retry"
        )


async def _sign(tx: AsyncConnection, signature: Signature | None, at: datetime) -> None:
    if signature is not None:
        await signatures.append(tx, signature, at)


async def _guard(tx: AsyncConnection, lease: Lease | None) -> None:
    if lease is not None:
        await leases.guard(tx, lease)


def _busy(rollout: Rollout) -> Conflict:
    return Conflict(
        "rollout-active",
        f"a rollout of {rollout.unit} in {rollout.environment} is under way",
        hint="andon status; wait for it, or andon abort it",
    )
