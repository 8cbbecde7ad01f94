"""Rollouts whose rows cannot be read: put aside with an alert, found, and closed by a person."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import update

from andon.access.signatures import store as signatures
from andon.access.signatures.model import Signature
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName
from andon.rollouts import telling
from andon.rollouts.model import Phase, Trigger
from andon.rollouts.rows import store as rows
from andon.rollouts.rows.store import rollouts
from andon.store.engine import Database
from andon.timeline import store as timeline


class DamageStore:
    """Reads and closes damaged rollouts."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
                await connection.execute(rows.query().where(rollouts.c.id == rollout, rollouts.c.is_active))
            ).one_or_none()
        if row is None or not (row.damage or rows.unreadable(row)):
            return None
        return UnitName(row.unit), EnvironmentName(row.environment)

    async def close_damaged(
        self, rollout: RolloutId, by: tuple[str, str], at: datetime, signature: Signature | None = None
    ) -> bool:
        """End a rollout whose row cannot be read, so that its place is free; whether it was one.

        by: who says so, and why.

        Nothing else changes: what should run there stays as it is, because what it was to become is lost.
        """
        query = rows.query().where(rollouts.c.id == rollout, rollouts.c.is_active)
        actor, reason = by
        async with self._database.transaction() as tx:
            row = (await tx.execute(query)).one_or_none()
            if row is None or not (damage := row.damage or rows.unreadable(row)):
                return False
            said = f"{actor} closed it, because its record is damaged; what runs was not changed: {reason}"
            values: dict[str, Any] = {"is_active": False, "damage": damage, "revision": row.revision + 1}
            if not rows.unreadable(row):
                ended: dict[str, Any] = {
                    "phase": Phase.RETURNED,
                    "trigger": Trigger.ABORT,
                    "reason": said,
                    "request": None,
                }
                closed = replace(rows.read(row), finished_at=at, **ended)
                values |= {"document": rows.values(closed)["document"]}
            await tx.execute(update(rollouts).where(rollouts.c.id == rollout).values(**values))
            if signature is not None:
                await signatures.append(tx, signature, at)
            await timeline.append(tx, telling.closed(rollout, row.unit, row.environment, actor, said), at)
        return True
