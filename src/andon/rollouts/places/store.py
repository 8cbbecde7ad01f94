"""Places that belong to a set: while it is on its way, nobody else begins a rollout of its units there."""

from sqlalchemy import Boolean, Column, Index, String, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.kernel.errors import Conflict
from andon.kernel.ids import EnvironmentName, UnitName
from andon.store.schema import metadata

set_parts = Table(
    "set_parts",
    metadata,
    Column("set", String(60), primary_key=True),
    Column("unit", String(60), primary_key=True),
    Column("environment", String(60), nullable=False),
    Column("is_active", Boolean(create_constraint=False), nullable=False),
)
Index(
    "uq_set_parts_active",
    set_parts.c.unit,
    set_parts.c.environment,
    unique=True,
    sqlite_where=set_parts.c.is_active,
    postgresql_where=set_parts.c.is_active,
)


async def check_unset(tx: AsyncConnection, unit: UnitName, environment: EnvironmentName) -> None:
    """See that the place belongs to no set that is on its way; raises Conflict."""
    query = select(set_parts.c.set).where(
        set_parts.c.unit == unit, set_parts.c.environment == environment, set_parts.c.is_active
    )
    if (found := (await tx.execute(query)).scalar_one_or_none()) is not None:
        raise Conflict(
            "set-active",
            f"{unit} in {environment} is on its way with set {found}",
            hint="andon sets; wait for it, or andon rollback --set NAME",
        )
