"""Evidence and the looks that it came from: what the judge was given, and what it said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Float, Integer, String, Table, Text, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.kernel.errors import Conflict
from andon.kernel.ids import RolloutId
from andon.rollouts import codec, telling
from andon.rollouts.gather import Gained
from andon.rollouts.model import Rollout
from andon.rollouts.rows.store import Loaded, evidence
from andon.store.leases import Lease
from andon.store.schema import UtcDateTime, metadata

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
class Change:
    """What a tick came to. gained: the look that `after.evidence` includes, None when there was none."""

    before: Loaded
    after: Rollout
    gained: Gained | None
    lease: Lease | None
    at: datetime


async def history(connection: AsyncConnection, rollout: RolloutId, after_seq: int) -> Sequence[StoredLook]:
    """The looks of a rollout after number `after_seq`, oldest first."""
    query = select(looks).where(looks.c.rollout == rollout, looks.c.seq > after_seq).order_by(looks.c.seq)
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


async def write_evidence(tx: AsyncConnection, change: Change) -> None:
    """New evidence with the look that it includes; raises Conflict where another look was faster."""
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
