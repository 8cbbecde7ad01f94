"""Rollouts in the database: reading, beginning, deciding. `rows/` says how a row is read and written.

Looks, cords, stable releases and damaged rows have stores of their own.

A decision is one transaction: the rollout's row, the desired state, the look it was made on and the
timeline event, guarded by the row's revision and by the lease. Evidence has a row and a number of its own,
so that a look written every second never collides with what a person asks.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.access.signatures import store as signatures
from andon.access.signatures.model import Signature
from andon.kernel import logging
from andon.kernel.errors import Conflict, Damaged, NotFound
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts import codec, telling
from andon.rollouts.actions import Decision
from andon.rollouts.cords.rules import forbids
from andon.rollouts.cords.store import CordStore, corded, find_cord
from andon.rollouts.damage.store import DamageStore
from andon.rollouts.holds import rules as holding
from andon.rollouts.holds import store as holds
from andon.rollouts.holds.store import HoldStore
from andon.rollouts.looks import store as looks
from andon.rollouts.looks.store import Change, StoredLook
from andon.rollouts.model import Cord, Phase, Request, Rollout
from andon.rollouts.places.store import check_unset
from andon.rollouts.rows import store as rows
from andon.rollouts.rows.store import Loaded, evidence, rollouts
from andon.rollouts.stables import store as stables
from andon.rollouts.stables.store import Stable
from andon.store import leases
from andon.store.engine import Database
from andon.store.leases import Lease
from andon.timeline import store as timeline
from andon.units.desired import Desired
from andon.units.store import find_desired

_log = logging.get(__name__)


class RolloutStore(DamageStore):
    """Reads and writes rollouts, also those that are damaged. cord, hold: what has stores of its own."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.cord = CordStore(database)
        self.hold = HoldStore(database)

    async def get(self, rollout: RolloutId) -> Rollout:
        """The rollout.

        Raises:
            NotFound: there is none of this id.
            Damaged: its row cannot be read.
        """
        return rows.read(await self._row(rollout))

    async def load(self, rollout: RolloutId) -> Loaded:
        """The rollout and its revision, to change it. Raises like `get`, also where it was quarantined."""
        row = await self._row(rollout)
        if row.damage and row.is_active:
            raise rows.damaged(row, row.damage)
        return Loaded(rows.read(row), row.revision)

    async def _row(self, rollout: RolloutId) -> Any:
        async with self._database.reading() as connection:
            row = (await connection.execute(rows.query().where(rollouts.c.id == rollout))).one_or_none()
        if row is None:
            raise NotFound("no-such-rollout", f"there is no rollout {rollout}", hint="andon status")
        return row

    async def find_active(self, unit: UnitName, environment: EnvironmentName) -> Rollout | None:
        """The rollout that is under way there; there is at most one."""
        query = rows.query().where(
            rollouts.c.unit == unit, rollouts.c.environment == environment, rollouts.c.is_active
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else rows.read(row)

    async def list(
        self,
        unit: UnitName | None = None,
        environment: EnvironmentName | None = None,
        limit: int = 50,
    ) -> Sequence[Rollout]:
        """The newest rollouts first. A damaged one is left out; its alert stands on the timeline."""
        query = rows.query().order_by(rollouts.c.created_at.desc(), rollouts.c.id.desc()).limit(limit)
        if unit is not None:
            query = query.where(rollouts.c.unit == unit)
        if environment is not None:
            query = query.where(rollouts.c.environment == environment)
        async with self._database.reading() as connection:
            there = (await connection.execute(query)).all()
        found = []
        for row in there:
            try:
                found.append(rows.read(row))
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
        async with self._database.reading() as connection:
            return await looks.history(connection, rollout, after_seq)

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
            Conflict: another one is under way there, the cord is pulled, the stable release moved, or nobody
                sits behind it and the place is held.
        """
        try:
            async with self._database.transaction() as tx:
                await check_unset(tx, rollout.unit, rollout.environment)
                await _sign(tx, signature, at)
                await insert_rollout(tx, rollout, at)
        except Conflict as error:
            if error.code != "already-there":
                raise
            raise rows.busy(rollout) from error

    async def ask(
        self, before: Loaded, request: Request, at: datetime, signature: Signature | None = None
    ) -> Rollout:
        """Store what a person asks for, with its signature; the next tick takes it up.

        Raises:
            Conflict: the rollout moved in between, or the signature was used before.
        """
        signed = request if signature is None else replace(request, signature=signature.id)
        async with self._database.transaction() as tx:
            await _sign(tx, signature, at)
            return await insert_request(tx, before, signed, at)

    async def answer(self, before: Loaded, signature: Signature, at: datetime, *, is_yes: bool) -> Rollout:
        """Store a person's answer at the gate; the next tick counts the answers anew.

        Raises:
            Conflict: the rollout moved in between, or the signature was used before.
        """
        async with self._database.transaction() as tx:
            await rows.write(tx, before.rollout, before.revision)
            await _sign(tx, signature, at)
            await timeline.append(tx, telling.answered(before.rollout, signature, is_yes=is_yes), at)
        return before.rollout

    async def save(self, change: Change, decision: Decision) -> None:
        """A decision, what it changes and the look it was made on, in one transaction.

        Raises:
            Conflict: the rollout moved in between, the lease was lost, or the cord was pulled after the look
                that it goes on from; nothing is written.
        """
        before, after = change.before.rollout, change.after
        async with self._database.transaction() as tx:
            await _guard(tx, change.lease)
            if forbids(before, decision.action) and (pulled := await find_cord(tx, after.environment)):
                raise corded(pulled)
            await rows.write(tx, after, change.before.revision)
            await looks.write_evidence(tx, change)
            await rows.write_wanted(tx, after)
            if after.phase is Phase.PROMOTED and before.phase is not Phase.PROMOTED:
                await stables.write(tx, after, change.at)
            await timeline.append(tx, telling.decided(before, after, decision), change.at)
            if (hold := holding.of_decision(before, after, decision.action, change.at)) is not None:
                await holds.make(tx, hold)

    async def save_look(self, change: Change) -> None:
        """Evidence that changed no phase: the row of the rollout stays as it is.

        Raises:
            Conflict: another controller wrote a look in between, or the lease was lost.
        """
        async with self._database.transaction() as tx:
            await _guard(tx, change.lease)
            await looks.write_evidence(tx, change)

    async def desired(self, unit: UnitName, environment: EnvironmentName) -> Desired | None:
        """What should run there now."""
        async with self._database.reading() as connection:
            return await find_desired(connection, unit, environment)

    async def cords(self) -> Sequence[Cord]:
        """The cords that are pulled, by environment; everywhere comes first."""
        return await self.cord.list()


async def insert_rollout(tx: AsyncConnection, rollout: Rollout, at: datetime) -> None:
    """Begin a rollout in the transaction of what begins it. Raises as `RolloutStore.create`."""
    await _check_beginning(tx, rollout)
    await tx.execute(
        insert(rollouts).values(id=rollout.id, created_at=at, revision=1, **rows.values(rollout))
    )
    written = codec.encode(rollout.evidence)
    await tx.execute(insert(evidence).values(rollout=rollout.id, seq=rollout.evidence.seq, document=written))
    await rows.write_wanted(tx, rollout)
    await timeline.append(tx, telling.created(rollout), at)
    if (hold := holding.of_beginning(rollout)) is not None:
        await holds.make(tx, hold)


async def insert_request(tx: AsyncConnection, before: Loaded, request: Request, at: datetime) -> Rollout:
    """Store what is asked of a rollout in the transaction of who asks; raises Conflict where it moved."""
    after = replace(before.rollout, request=request)
    await rows.write(tx, after, before.revision)
    await timeline.append(tx, telling.requested(after, request), at)
    return after


async def check_place(tx: AsyncConnection, unit: UnitName, environment: EnvironmentName) -> None:
    """See that no rollout is under way there; raises Conflict."""
    query = select(rollouts.c.id).where(
        rollouts.c.unit == unit, rollouts.c.environment == environment, rollouts.c.is_active
    )
    if (found := (await tx.execute(query)).scalar_one_or_none()) is not None:
        raise Conflict(
            "rollout-active",
            f"rollout {found} of {unit} in {environment} is under way",
            hint=f"andon status; wait for it, or andon abort {found}",
        )


async def _check_beginning(tx: AsyncConnection, rollout: Rollout) -> None:
    pulled = await find_cord(tx, rollout.environment)
    if pulled is not None:
        raise corded(pulled)
    if holding.keeps_out(rollout):
        await holds.check_free(tx, rollout.unit, rollout.environment)
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
