"""Signs the timeline each minute: a C2SP checkpoint over all records up to the newest.

A checkpoint costs what is new. It is made from what this home remembers to have signed last, not from what
the database says it was, and the new records are checked on the way: a history that was rewritten or rolled
back is not signed, whoever asks. What is not here: sending checkpoints to witnesses (witnesses.py).
"""

from dataclasses import dataclass, field

from andon.kernel.clock import Clock
from andon.kernel.errors import Damaged, Untrusted
from andon.store.engine import Database
from andon.timeline import chain, keys
from andon.timeline.keys import KeyFiles, Signed
from andon.timeline.records import Event, Kept, Severity
from andon.timeline.store import CheckpointStore, Filter, TimelineStore
from andon_wire import cosigning, note
from andon_wire.cosigning import Signer
from andon_wire.merkle import Node, Range
from andon_wire.note import Checkpoint, Key, Malformed, Note

ALERT = "timeline.not-signed"
ROTATED = "timeline.key-rotated"
RESTORED = "timeline.restored"


@dataclass(slots=True)
class _Growth:
    """The tree as it grows from what was signed, record by record."""

    tree: Range
    last: bytes
    tiles: list[Node] = field(default_factory=list)

    def add(self, number: int, body: str, stored: str) -> None:
        """One record more.

        Raises:
            Damaged: it is not the next one, or its hash is another's.
        """
        expected = self.tree.end + 1
        if number != expected:
            raise Damaged(
                "timeline-damaged", f"record {expected} of the timeline is missing", hint="andon audit verify"
            )
        self.last = chain.digest(self.last, body.encode())
        if self.last.hex() != stored:
            raise Damaged(
                "timeline-damaged",
                f"record {number} of the timeline, or the one before it, was altered",
                hint="andon audit verify",
            )
        self.tiles += self.tree.extend([self.last])


class Checkpointer:
    """Makes checkpoints with the keys of `places`; any number of processes may at once."""

    def __init__(self, database: Database, places: KeyFiles, clock: Clock) -> None:
        self._timeline = TimelineStore(database)
        self._checkpoints = CheckpointStore(database)
        self._places = places
        self._clock = clock

    async def tick(self) -> None:
        """Sign what is new, if anything is. That something cannot be signed is told on the timeline, once
        for each size that was signed last.

        Raises:
            Damaged, Untrusted: as `checkpoint_now`.
        """
        signed, (head, last) = keys.remembered(self._places), await self._timeline.head()
        seen = (signed.tree.end, signed.hash.hex()) if signed else (0, chain.GENESIS.hex())
        if seen == (head, last) and not self._places.former_key.exists():
            return
        try:
            await self.checkpoint_now()
        except (Damaged, Untrusted) as error:
            await self._tell(error, seen[0])
            raise

    async def checkpoint_now(self) -> Kept:
        """Sign everything up to the newest record; gives the checkpoint that covers it.

        Raises:
            Damaged: the new records do not follow those that were signed.
            Untrusted: the history is shorter than, or another than, what was signed before.
        """
        signers = keys.signers(self._places)
        growth = await self._grown(signers[0].key)
        made = _checkpoint(signers, growth.tree)
        kept = Kept(growth.tree.end, growth.tree.root(), str(made), self._clock.now())
        await self._checkpoints.add(kept, growth.tiles)
        keys.remember(self._places, Signed(growth.tree, growth.last))
        if len(signers) > 1:
            keys.retire(self._places)
        return await self._checkpoints.get(kept.size)

    async def rotate(self, actor: str, reason: str) -> Key:
        """Exchange the signing key; the record of it is covered by a checkpoint that both keys signed.

        Raises:
            Conflict: an exchange is under way.
            Damaged, Untrusted: as `checkpoint_now`.
        """
        await self.checkpoint_now()
        new = keys.prepare(self._places)
        before = keys.public(self._places)[0]
        await self._timeline.record(
            Event(
                kind=ROTATED,
                subject="timeline",
                actor=actor,
                reason=reason,
                severity=Severity.WARNING,
                before={"key": str(before)},
                after={"key": str(new.key)},
            ),
            self._clock.now(),
        )
        keys.exchange(self._places, new)
        await self.checkpoint_now()
        return new.key

    async def accept_restored(self, actor: str, reason: str) -> None:
        """Go on from a database that was restored from a backup: a person answers for what is lost.

        The loss is a record; witnesses keep refusing until their operators set their memory aside too.
        """
        remembered = keys.remembered(self._places)
        head, _ = await self._timeline.head()
        await self._timeline.record(
            Event(
                kind=RESTORED,
                subject="timeline",
                actor=actor,
                reason=reason,
                severity=Severity.ALERT,
                before={"records": remembered.tree.end if remembered else 0},
                after={"records": head},
            ),
            self._clock.now(),
        )
        self._places.signed.unlink(missing_ok=True)

    async def _grown(self, own: Key) -> _Growth:
        """The tree up to the head, from what was signed last."""
        remembered, (head, last) = keys.remembered(self._places), await self._timeline.head()
        signed = remembered or Signed(Range(), chain.GENESIS)
        expected = None if remembered else await self._signed_by(own)
        growth = _Growth(signed.tree.copy(), signed.hash)
        if head < growth.tree.end or (expected and head < expected.size):
            size = max(growth.tree.end, expected.size if expected else 0)
            raise Untrusted(
                "timeline-rolled-back",
                f"the timeline ends at record {head}, but {size} records were signed: it was rolled back",
                hint="andon audit verify; after a restore: andon audit accept-restored",
            )
        async for batch in self._timeline.rows(Filter(after=growth.tree.end), until=head):
            for row in batch:
                growth.add(row.number, row.body, row.hash)
                if expected and row.number == expected.size and growth.tree.root() != expected.root:
                    raise Untrusted(
                        "timeline-rewritten",
                        f"the first {row.number} records are not those that were signed",
                        hint="andon audit verify",
                    )
        if growth.tree.end != head:
            missing = f"records {growth.tree.end + 1} to {head} of the timeline are missing"
            raise Damaged("timeline-damaged", missing, hint="andon audit verify")
        if growth.last.hex() != last:
            another = f"record {head} is not the one that was signed, or the timeline's head was changed"
            raise Untrusted("timeline-rewritten", another, hint="andon audit verify")
        return growth

    async def _signed_by(self, own: Key) -> Checkpoint | None:
        """What the database says we signed last, where this home has no memory of its own."""
        newest = await self._checkpoints.latest()
        if newest is None:
            return None
        try:
            kept = Note.parse(newest.note)
            holds = note.vouched(kept, own, cosigning.check)
            return Checkpoint.parse(kept.text) if holds else None
        except Malformed:
            return None

    async def _tell(self, error: Damaged | Untrusted, signed: int) -> None:
        told = await self._timeline.list(Filter(kind=ALERT), limit=1)
        if told and told[0].event.after == {"signed": signed}:
            return
        alert = Event(
            kind=ALERT,
            subject="timeline",
            actor="timeline",
            reason=error.message,
            severity=Severity.ALERT,
            after={"signed": signed},
        )
        await self._timeline.record(alert, self._clock.now())


def _checkpoint(signers: list[Signer], tree: Range) -> Note:
    text = Checkpoint(signers[0].name, tree.end, tree.root()).text
    return Note(text, tuple(each.sign(text) for each in signers))
