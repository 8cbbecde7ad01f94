"""The releases that finished their rollouts, by place and number; the newest one is stable there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, Integer, String, Table, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts.model import Rollout
from andon.store.schema import UtcDateTime, metadata

stables = Table(
    "stables",
    metadata,
    Column("unit", String(60), primary_key=True),
    Column("environment", String(60), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("version", String(60), nullable=False),
    Column("rollout", String(60), nullable=False),
    Column("since_at", UtcDateTime, nullable=False),
    Column("is_withdrawn", Boolean(create_constraint=False), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Stable:
    """A release that finished its rollout. is_withdrawn: a person went back from it."""

    version: Version
    rollout: RolloutId
    since_at: datetime
    is_withdrawn: bool


async def newest(connection: AsyncConnection, unit: UnitName, environment: EnvironmentName) -> Version | None:
    """The newest release that finished its rollout there; None before the first."""
    query = (
        select(stables.c.version)
        .where(stables.c.unit == unit, stables.c.environment == environment)
        .order_by(stables.c.number.desc())
        .limit(1)
    )
    found = (await connection.execute(query)).scalar_one_or_none()
    return None if found is None else Version(found)


async def history(
    connection: AsyncConnection, unit: UnitName, environment: EnvironmentName
) -> Sequence[Stable]:
    """All that ever finished there, newest first."""
    query = (
        select(stables)
        .where(stables.c.unit == unit, stables.c.environment == environment)
        .order_by(stables.c.number.desc())
    )
    return [
        Stable(Version(row.version), RolloutId(row.rollout), row.since_at, row.is_withdrawn)
        for row in (await connection.execute(query)).all()
    ]


async def write(tx: AsyncConnection, rollout: Rollout, at: datetime) -> None:
    """The candidate of a rollout that finished is the stable release from now on."""
    here = (stables.c.unit == rollout.unit, stables.c.environment == rollout.environment)
    if rollout.plan.is_rollback:
        # What a person went back from is not what the next return goes to.
        await tx.execute(
            update(stables).where(*here, stables.c.version == rollout.stable).values(is_withdrawn=True)
        )
    last = (await tx.execute(select(func.max(stables.c.number)).where(*here))).scalar_one()
    await tx.execute(
        insert(stables).values(
            unit=rollout.unit,
            environment=rollout.environment,
            number=(last or 0) + 1,
            version=rollout.candidate,
            rollout=rollout.id,
            since_at=at,
            is_withdrawn=False,
        )
    )
