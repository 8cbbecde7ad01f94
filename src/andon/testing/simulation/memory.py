"""Rollouts kept in memory under the rules of the database, for simulations that make thousands a minute.

What is written goes through the same rows and words as in `rollouts/store.py`, and is read back from them:
who did not write something does not know it after a crash. tests/contract holds the two to one suite.
Not here: that a write fails (`shaky.py`), and waiting: every method is done when it returns.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from andon.access.signatures.model import Signature
from andon.kernel.errors import Conflict, Damaged, NotFound
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts import codec, telling
from andon.rollouts.actions import Decision
from andon.rollouts.cords.rules import forbids
from andon.rollouts.cords.store import corded
from andon.rollouts.gather import Gained
from andon.rollouts.holds import rules as holding
from andon.rollouts.looks.store import Change, StoredLook
from andon.rollouts.model import Cord, Evidence, Phase, Request, Rollout, Trigger
from andon.rollouts.rows import store as rows
from andon.rollouts.rows.store import Loaded
from andon.rollouts.stables.store import Stable
from andon.rollouts.wanted import desired as desired_of
from andon.store.leases import Lease
from andon.testing.simulation.holding import MemoryHolds, check_free, make_hold
from andon.testing.simulation.tables import (
    EvidenceRow,
    Memory,
    MemoryCords,
    Place,
    Row,
    Tables,
    cord_in,
    read,
    record,
    sign,
    with_evidence,
)
from andon.timeline.records import Event
from andon.units.desired import Desired


class MemoryRollouts:
    """Reads and writes rollouts, as `RolloutStore` does. cord, hold: what has stores of its own.

    overtake: what somebody else does just before the next rollout begins.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.cord = MemoryCords(memory)
        self.overtake: Callable[[], Awaitable[None]] | None = None
        self.hold = MemoryHolds(memory)

    async def get(self, rollout: RolloutId) -> Rollout:
        """The rollout; raises NotFound, or Damaged where its row cannot be read."""
        return read(self._row(rollout))

    async def load(self, rollout: RolloutId) -> Loaded:
        """The rollout and its revision. Raises like `get`, also where it was quarantined."""
        row = self._row(rollout)
        if row.damage and row.is_active:
            raise rows.damaged(row, row.damage)
        return Loaded(read(row), row.revision)

    def _row(self, rollout: RolloutId) -> Row:
        row = with_evidence(self._memory.tables, rollout)
        if row is None:
            raise NotFound("no-such-rollout", f"there is no rollout {rollout}", hint="andon status")
        return row

    async def find_active(self, unit: UnitName, environment: EnvironmentName) -> Rollout | None:
        """The rollout that is under way there."""
        found = next(
            (each for each in self._all() if _is_there(each, unit, environment) and each.is_active), None
        )
        return None if found is None else read(found)

    async def list(
        self, unit: UnitName | None = None, environment: EnvironmentName | None = None, limit: int = 50
    ) -> Sequence[Rollout]:
        """The newest first; a damaged one is left out."""
        found = []
        newest = sorted(self._all(), key=lambda each: (each.created_at, each.id), reverse=True)
        for row in newest:
            if unit in {None, row.unit} and environment in {None, row.environment}:
                with contextlib.suppress(Damaged):
                    found.append(read(row))
        return found[:limit]

    async def active(self, environment: EnvironmentName | None = None) -> Sequence[RolloutId]:
        """Ids of the rollouts to look at, oldest first."""
        found = [each for each in self._all() if each.is_active and not each.damage]
        found.sort(key=lambda each: each.created_at)
        return [each.id for each in found if environment in {None, each.environment}]

    def _all(self) -> Sequence[Row]:
        tables = self._memory.tables
        return [found for each in tables.rollouts if (found := with_evidence(tables, each)) is not None]

    async def looks(self, rollout: RolloutId, after_seq: int = 0) -> Sequence[StoredLook]:
        """The looks of a rollout after number `after_seq`, oldest first."""
        looks = self._memory.tables.looks
        return [each for whose, each in looks if whose == rollout and each.seq > after_seq]

    async def stable(self, unit: UnitName, environment: EnvironmentName) -> Version | None:
        """The newest release that finished its rollout there."""
        return _newest(self._memory.tables, (unit, environment))

    async def stables(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Stable]:
        """All that ever finished there, newest first."""
        return list(self._memory.tables.stables.get((unit, environment), ()))

    async def desired(self, unit: UnitName, environment: EnvironmentName) -> Desired | None:
        """What should run there now."""
        return self._memory.tables.desired.get((unit, environment))

    async def cords(self) -> Sequence[Cord]:
        """The cords that are pulled, everywhere first."""
        return await self.cord.list()

    async def create(self, rollout: Rollout, at: datetime, signature: Signature | None = None) -> None:
        """Begin a rollout; raises Conflict as `RolloutStore.create` does."""
        if (overtake := self.overtake) is not None:
            self.overtake = None
            await overtake()
        with self._memory.transaction() as tx:
            self._check_beginning(tx, rollout)
            if _newest(tx, (rollout.unit, rollout.environment)) != rollout.stable:
                said = f"the stable release of {rollout.unit} changed in between"
                raise Conflict("stable-moved", said, hint="retry")
            if rollout.id in tx.rollouts or not self._is_free(tx, rollout):
                raise rows.busy(rollout)
            tx.rollouts[rollout.id] = Row(id=rollout.id, created_at=at, revision=1, **rows.values(rollout))
            written = codec.encode(rollout.evidence)
            tx.evidence[rollout.id] = EvidenceRow(rollout.evidence.seq, written)
            self._write_wanted(tx, rollout)
            sign(tx, signature, at)
            record(tx, telling.created(rollout), at)
            make_hold(tx, holding.of_beginning(rollout))

    async def ask(
        self, before: Loaded, request: Request, at: datetime, signature: Signature | None = None
    ) -> Rollout:
        """Store what a person asks for; raises Conflict where the rollout moved."""
        signed = request if signature is None else replace(request, signature=signature.id)
        after = replace(before.rollout, request=signed)
        with self._memory.transaction() as tx:
            self._write(tx, after, before.revision)
            sign(tx, signature, at)
            record(tx, telling.requested(after, signed), at)
        return after

    async def answer(self, before: Loaded, signature: Signature, at: datetime, *, is_yes: bool) -> Rollout:
        """Store a person's answer at the gate; raises Conflict where the rollout moved."""
        with self._memory.transaction() as tx:
            self._write(tx, before.rollout, before.revision)
            sign(tx, signature, at)
            record(tx, telling.answered(before.rollout, signature, is_yes=is_yes), at)
        return before.rollout

    async def save(self, change: Change, decision: Decision) -> None:
        """A decision in one transaction; raises Conflict as `RolloutStore.save` does."""
        before, after = change.before.rollout, change.after
        with self._memory.transaction() as tx:
            _guard(tx, change.lease)
            self._check_cord(tx, before, decision)
            self._write(tx, after, change.before.revision)
            _write_evidence(tx, change)
            self._write_wanted(tx, after)
            if after.phase is Phase.PROMOTED and before.phase is not Phase.PROMOTED:
                self._write_stable(tx, after, change.at)
            self._tell(tx, telling.decided(before, after, decision), change.at)
            make_hold(tx, holding.of_decision(before, after, decision.action, change.at))

    async def save_look(self, change: Change) -> None:
        """Evidence alone; raises Conflict as `RolloutStore.save_look` does."""
        with self._memory.transaction() as tx:
            _guard(tx, change.lease)
            _write_evidence(tx, change)

    async def quarantine(self, rollout: RolloutId, reason: str, at: datetime) -> None:
        """Stop looking at a rollout whose row cannot be read, with an alert."""
        with self._memory.transaction() as tx:
            row = tx.rollouts.get(rollout)
            if row is not None and not row.damage:
                tx.rollouts[rollout] = replace(row, damage=reason)
                record(tx, telling.damaged(rollout, row.unit, row.environment, reason), at)

    async def find_damaged(self, rollout: RolloutId) -> Place | None:
        """The place of an active rollout whose row cannot be read."""
        row = with_evidence(self._memory.tables, rollout)
        if row is None or not row.is_active or not (row.damage or rows.unreadable(row)):
            return None
        return row.unit, row.environment

    async def close_damaged(
        self, rollout: RolloutId, by: tuple[str, str], at: datetime, signature: Signature | None = None
    ) -> bool:
        """End a rollout whose row cannot be read; whether it was one."""
        actor, reason = by
        with self._memory.transaction() as tx:
            row = with_evidence(tx, rollout)
            if row is None or not row.is_active or not (damage := row.damage or rows.unreadable(row)):
                return False
            said = f"{actor} closed it, because its record is damaged; what runs was not changed: {reason}"
            closed = replace(row, is_active=False, damage=damage, revision=row.revision + 1, read=[])
            if not rows.unreadable(row):
                over = replace(
                    read(row),
                    phase=Phase.RETURNED,
                    trigger=Trigger.ABORT,
                    reason=said,
                    request=None,
                    finished_at=at,
                )
                closed = replace(closed, document=rows.values(over)["document"])
            tx.rollouts[rollout] = closed
            sign(tx, signature, at)
            record(tx, telling.closed(rollout, row.unit, row.environment, actor, said), at)
        return True

    # What a planted bug forgets is a method of its own.

    def _check_beginning(self, tx: Tables, rollout: Rollout) -> None:
        if (pulled := cord_in(tx, rollout.environment)) is not None:
            raise corded(pulled)
        if holding.keeps_out(rollout):
            check_free(tx, rollout.unit, rollout.environment)

    def _is_free(self, tx: Tables, rollout: Rollout) -> bool:
        return not any(
            each.is_active and _is_there(each, rollout.unit, rollout.environment)
            for each in tx.rollouts.values()
        )

    def _check_cord(self, tx: Tables, before: Rollout, decision: Decision) -> None:
        if forbids(before, decision.action) and (pulled := cord_in(tx, before.environment)):
            raise corded(pulled)

    def _write_stable(self, tx: Tables, rollout: Rollout, at: datetime) -> None:
        place = (rollout.unit, rollout.environment)
        history = tx.stables.get(place, ())
        if rollout.plan.is_rollback:
            left = rollout.stable
            history = tuple(
                replace(each, is_withdrawn=True) if each.version == left else each for each in history
            )
        tx.stables[place] = (Stable(rollout.candidate, rollout.id, at, is_withdrawn=False), *history)

    def _write(self, tx: Tables, rollout: Rollout, revision: int) -> None:
        row = tx.rollouts.get(rollout.id)
        if row is None or row.revision != revision or row.damage:
            raise Conflict("rollout-moved", f"rollout {rollout.id} changed in between", hint="try again")
        tx.rollouts[rollout.id] = Row(
            id=rollout.id, created_at=row.created_at, revision=revision + 1, **rows.values(rollout)
        )

    def _write_wanted(self, tx: Tables, rollout: Rollout) -> None:
        place = (rollout.unit, rollout.environment)
        now = tx.desired.get(place)
        wanted = desired_of(rollout, 1 if now is None else now.revision)
        if wanted != now:
            tx.desired[place] = wanted if now is None else replace(wanted, revision=now.revision + 1)

    def _tell(self, tx: Tables, event: Event, at: datetime) -> None:
        record(tx, event, at)


def _is_there(row: Row, unit: UnitName, environment: EnvironmentName) -> bool:
    return (row.unit, row.environment) == (unit, environment)


def _newest(tables: Tables, place: Place) -> Version | None:
    history = tables.stables.get(place, ())
    return history[0].version if history else None


def _guard(tables: Tables, lease: Lease | None) -> None:
    if lease is not None and tables.leases[lease.name][0].token != lease.token:
        raise Conflict("lease-lost", f"another process took over {lease.name}")


def _write_evidence(tables: Tables, change: Change) -> None:
    before, after = change.before.rollout.evidence, change.after.evidence
    if after == before:
        return
    after = replace(after, seq=before.seq + 1)
    if tables.evidence[change.after.id].seq != before.seq:
        raise Conflict("evidence-moved", f"another look at {change.after.id} was faster")
    tables.evidence[change.after.id] = EvidenceRow(after.seq, codec.encode(after))
    if change.gained is not None:
        _write_look(tables, change, change.gained, after)


def _write_look(tables: Tables, change: Change, gained: Gained, after: Evidence) -> None:
    if after.verdict is None:
        return
    summary: Mapping[str, Mapping[str, Any]] = telling.summary(after.verdict)
    verdict = after.verdict
    look = StoredLook(
        after.seq, change.at, gained.share, gained, verdict.outcome.value, verdict.reason, summary
    )
    tables.looks = (*tables.looks, (change.after.id, look))
