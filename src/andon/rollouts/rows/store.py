"""The tables of rollouts and of their evidence, and how a row becomes a rollout and back.

Transactions are not here: `rollouts/store.py` has them.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Index, Integer, String, Table, Text, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.judge.model import JudgeState
from andon.kernel.errors import Conflict, Damaged
from andon.rollouts import codec
from andon.rollouts.model import Evidence, Rollout
from andon.rollouts.wanted import desired as desired_of
from andon.store.schema import UtcDateTime, metadata
from andon.units.store import find_desired, write_desired

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


@dataclass(frozen=True, slots=True)
class Loaded:
    """A rollout with the revision of its row, which a change must name again."""

    rollout: Rollout
    revision: int


def query() -> Any:
    """A query of rollouts, each with its evidence."""
    joined = rollouts.outerjoin(evidence, evidence.c.rollout == rollouts.c.id)
    return select(rollouts, evidence.c.document.label("evidence")).select_from(joined)


def read(row: Any) -> Rollout:
    """The rollout of a row; raises Damaged."""
    if not isinstance(row.document, dict) or row.evidence is None:
        raise damaged(row, "it has no readable state")
    try:
        return codec.decode(Rollout, row.document | {"evidence": row.evidence})
    except Damaged as error:
        raise damaged(row, error.message) from error


def damaged(row: Any, damage: str) -> Damaged:
    """What one hears of a row that cannot be read."""
    hint = f"andon abort {row.id} closes it" if row.is_active else "andon status"
    return Damaged("damaged-row", f"rollout {row.id} is damaged: {damage}", hint=hint)


def unreadable(row: Any) -> str:
    """Why the row cannot be read; empty when it can."""
    try:
        read(row)
    except Damaged as error:
        return error.message
    return ""


def busy(rollout: Rollout) -> Conflict:
    """What who wants to begin `rollout` hears while another is under way there."""
    return Conflict(
        "rollout-active",
        f"a rollout of {rollout.unit} in {rollout.environment} is under way",
        hint="andon status; wait for it, or andon abort it",
    )


def values(rollout: Rollout) -> dict[str, Any]:
    """The columns of a rollout; its evidence has a row of its own."""
    document = codec.encode(replace(rollout, evidence=Evidence(JudgeState({}))))
    del document["evidence"]
    return {
        "unit": rollout.unit,
        "environment": rollout.environment,
        "is_active": not rollout.phase.is_over,
        "damage": "",
        "document": document,
    }


async def write(tx: AsyncConnection, rollout: Rollout, revision: int) -> None:
    """The rollout as it is now; raises Conflict where its row is not at `revision` any more."""
    done = await tx.execute(
        update(rollouts)
        .where(rollouts.c.id == rollout.id, rollouts.c.revision == revision, rollouts.c.damage == "")
        .values(revision=revision + 1, **values(rollout))
    )
    if done.rowcount != 1:
        raise Conflict("rollout-moved", f"rollout {rollout.id} changed in between", hint="try again")


async def write_wanted(tx: AsyncConnection, rollout: Rollout) -> None:
    """What should run while the rollout is where it is."""
    now = await find_desired(tx, rollout.unit, rollout.environment)
    wanted = desired_of(rollout, 1 if now is None else now.revision)
    if wanted != now:
        await write_desired(tx, wanted if now is None else replace(wanted, revision=now.revision + 1))
