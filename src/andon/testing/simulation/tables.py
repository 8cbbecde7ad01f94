"""What a simulation keeps in place of a database: tables, transactions, and all but the rollouts' own rules.

Cords, leases and signatures follow the rules of their stores; rollouts do in `memory.py`.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from andon.access.signatures.model import Signature
from andon.access.signatures.store import made
from andon.kernel.errors import Conflict
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName
from andon.rollouts import refusals, telling
from andon.rollouts.cords.store import already_pulled, not_pulled
from andon.rollouts.holds.model import Hold
from andon.rollouts.looks.store import StoredLook
from andon.rollouts.model import Cord, Rollout
from andon.rollouts.rows import store as rows
from andon.rollouts.stables.store import Stable
from andon.store.leases import Lease
from andon.timeline.records import Event, Record
from andon.units.desired import Desired

Place = tuple[UnitName, EnvironmentName]


@dataclass(frozen=True, slots=True)
class Row:
    """A rollout as it is kept. read: what was made of the row, once somebody read it."""

    id: RolloutId
    unit: UnitName
    environment: EnvironmentName
    revision: int
    is_active: bool
    damage: str
    document: Any
    created_at: datetime
    evidence: Any = None
    read: list[Rollout] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """Evidence as it is kept."""

    seq: int
    document: Any


@dataclass(slots=True)
class Tables:
    """All that is kept. Values are never changed in place, so that a shallow copy is a snapshot."""

    rollouts: dict[RolloutId, Row] = field(default_factory=dict)
    evidence: dict[RolloutId, EvidenceRow] = field(default_factory=dict)
    looks: tuple[tuple[RolloutId, StoredLook], ...] = ()
    desired: dict[Place, Desired] = field(default_factory=dict)
    stables: dict[Place, tuple[Stable, ...]] = field(default_factory=dict)  # newest first
    cords: dict[str, Cord] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    leases: dict[str, tuple[Lease, float]] = field(default_factory=dict)
    timeline: tuple[Record, ...] = ()
    holds: dict[Place, Hold] = field(default_factory=dict)


def _nobody(_tables: Tables) -> None:
    """Nobody looks."""


class Memory:
    """Tables and transactions. committed: sees the tables after every transaction that wrote something.

    monotonic: seconds of the database's own clock, by which leases run out.
    """

    def __init__(self, monotonic: Callable[[], float], committed: Callable[[Tables], None] = _nobody) -> None:
        self.tables = Tables()
        self.monotonic = monotonic
        self.committed = committed

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Tables]:
        """Tables that may be written; kept when the block ends, thrown away when it raises."""
        now = self.tables
        work = Tables(
            dict(now.rollouts),
            dict(now.evidence),
            now.looks,
            dict(now.desired),
            dict(now.stables),
            dict(now.cords),
            dict(now.signatures),
            dict(now.leases),
            now.timeline,
            dict(now.holds),
        )
        yield work
        self.tables = work
        self.committed(work)


def record(tables: Tables, event: Event, at: datetime) -> None:
    """Append to the timeline."""
    tables.timeline = (*tables.timeline, Record(len(tables.timeline) + 1, at, event))


class MemoryCords:
    """Reads and writes cords, as `CordStore` does."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def list(self) -> Sequence[Cord]:
        """The cords that are pulled, by environment; everywhere comes first."""
        cords = self._memory.tables.cords
        return [cords[name] for name in sorted(cords)]

    async def get(self, environment: EnvironmentName | None) -> Cord:
        """The cord of `environment`, or the one of everywhere; raises NotFound."""
        found = self._memory.tables.cords.get(environment or "")
        if found is None:
            raise not_pulled(environment)
        return found

    async def check_pull(self, environment: EnvironmentName | None, *, returns: bool) -> None:
        """Say early what `pull` would refuse; raises Conflict."""
        _check_pull(self._memory.tables, environment, returns=returns)

    async def pull(self, cord: Cord, signature: Signature | None = None) -> None:
        """Pull the cord; raises Conflict where it is pulled already."""
        with self._memory.transaction() as tx:
            before = tx.cords.get(cord.environment or "")
            _check_pull(tx, cord.environment, returns=cord.returns)
            tx.cords[cord.environment or ""] = cord
            sign(tx, signature, cord.at)
            signed = "" if signature is None else signature.id
            record(tx, telling.cord_pulled(cord, before, signed), cord.at)

    async def release(
        self, pulled: Cord, by: tuple[str, str], at: datetime, signature: Signature | None = None
    ) -> None:
        """Release the cord that is `pulled`; raises NotFound, or Conflict where it is another by now."""
        with self._memory.transaction() as tx:
            found = tx.cords.pop(pulled.environment or "", None)
            if found is None:
                raise not_pulled(pulled.environment)
            if found != pulled:
                raise Conflict("cord-moved", "it was pulled once more in between", hint="andon status")
            sign(tx, signature, at)
            signed = "" if signature is None else signature.id
            record(tx, telling.cord_released(pulled, *by, signed), at)


class MemoryLeases:
    """Takes leases, as `LeaseStore` does."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def acquire(self, name: str, holder: str, time_to_live: timedelta) -> Lease | None:
        """Take or renew the lease; None while another holder's has not run out."""
        now, until = self._memory.monotonic(), self._memory.monotonic() + time_to_live.total_seconds()
        leases = self._memory.tables.leases
        if name not in leases:
            leases[name] = Lease(name, holder, 1), until
            return leases[name][0]
        held, expires = leases[name]
        is_over = expires < now
        if held.holder != holder and not is_over:
            return None
        token = held.token if held.holder == holder and not is_over else held.token + 1
        leases[name] = Lease(name, holder, token), until
        return leases[name][0]

    async def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens when it was lost."""
        held, _ = self._memory.tables.leases.get(lease.name, (None, 0.0))
        if held is not None and held.token == lease.token:
            self._memory.tables.leases[lease.name] = held, float("-inf")


class MemorySignatures:
    """Reads signatures, as `SignatureStore` does."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def list(self, subject: str | None = None, limit: int = 100) -> Sequence[Signature]:
        """The newest first; of one subject, or of all."""
        made_ones = self._memory.tables.signatures.values()
        if not made_ones:
            return ()
        found = [each for each in made_ones if subject in {None, each.document.subject}]
        found.sort(key=lambda each: (each.at, each.id), reverse=True)
        return found[:limit]


def cord_in(tables: Tables, environment: EnvironmentName) -> Cord | None:
    """A cord that holds there."""
    return tables.cords.get("") or tables.cords.get(environment)


def _check_pull(tables: Tables, environment: EnvironmentName | None, *, returns: bool) -> None:
    if why := refusals.no_pull(tables.cords.get(environment or ""), returns=returns):
        raise already_pulled(environment, why)


def sign(tables: Tables, signature: Signature | None, at: datetime) -> None:
    """Keep a signature with its record; raises Conflict where it was used before."""
    if signature is None:
        return
    if signature.id in tables.signatures:
        raise Conflict("already-there", f"the database refused a duplicate: {signature.id}")
    tables.signatures[signature.id] = signature
    record(tables, made(signature), at)


def with_evidence(tables: Tables, rollout: RolloutId) -> Row | None:
    """The row with its evidence."""
    row, seen = tables.rollouts.get(rollout), tables.evidence.get(rollout)
    if row is None or seen is None:
        return row
    if row.evidence is not seen.document:
        row = tables.rollouts[rollout] = replace(row, evidence=seen.document, read=[])
    return row


def read(row: Row) -> Rollout:
    """What the row says, read once."""
    if not row.read:
        row.read.append(rows.read(row))
    return row.read[0]
