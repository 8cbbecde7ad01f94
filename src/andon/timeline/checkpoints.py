"""Signs the timeline each minute: a C2SP checkpoint over all records up to the newest.

A checkpoint costs what is new. It is made from what this home remembers to have signed last, not from what
the database says it was, and the new records are checked on the way: a history that was rewritten or rolled
back is not signed, whoever asks. What is not here: sending checkpoints to witnesses (witnesses.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from andon.kernel.clock import Clock
from andon.kernel.errors import Damaged, Untrusted
from andon.store.engine import Database
from andon.timeline import chain, keys
from andon.timeline.keys import KeyFiles, Signed
from andon.timeline.records import Event, Kept, Severity
from andon.timeline.store import CheckpointStore, Filter, TimelineStore
from andon.timeline.walk import Walk
from andon_wire import cosigning, note
from andon_wire.cosigning import Signer
from andon_wire.merkle import TILE_LEVEL, Node, Range
from andon_wire.note import Checkpoint, Key, Malformed, Note

ALERT = "timeline.not-signed"
ROTATED = "timeline.key-rotated"
RESTORED = "timeline.restored"
MENDED = "timeline.tree-mended"
_MEND_EVERY = timedelta(hours=1).total_seconds()


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
        self._mend_at = 0.0  # by the monotonic clock

    async def tick(self) -> None:
        """Sign what is new, if anything is; look after the tree at the first tick and then each hour. That
        something cannot be signed is told on the timeline, once for each size that was signed last.

        Raises:
            Damaged, Untrusted: as `checkpoint_now` and `mend`.
        """
        signed, (head, last) = keys.remembered(self._places), await self._timeline.head()
        seen = (signed.tree.end, signed.hash.hex()) if signed else (0, chain.GENESIS.hex())
        try:
            if seen != (head, last) or self._places.former_key.exists():
                await self.checkpoint_now()
            if self._clock.monotonic() >= self._mend_at:
                self._mend_at = self._clock.monotonic() + _MEND_EVERY
                await self.mend()
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

    async def mend(self) -> int:
        """Make the tree's nodes again where some are missing or wrong; a record tells, and gives how many.

        Looking costs one hash for 256 records. They are made from the records, which have to be those that
        were signed: otherwise witnesses could be shown proofs of another history.

        Raises:
            Untrusted: the records are others.
        """
        signed = keys.remembered(self._places)
        if signed is None:
            return 0
        size = signed.tree.end
        found, (head, _) = await self._checkpoints.all_tiles(), await self._timeline.head()
        # Between both are those of a checkpoint that another process made meanwhile.
        kept = {name: each for name, each in found.items() if not size < (name[1] + 1) << name[0] <= head}
        if _is_whole(kept, signed.tree):
            return 0
        made = await self._made_again(signed.tree)
        names = {(each.level, each.number): each.hash.hex() for each in made}
        wrong = [name for name, each in kept.items() if names.get(name) != each]
        count = len(wrong) + len(names.keys() - kept.keys())
        told = Event(
            kind=MENDED,
            subject="timeline",
            actor="timeline",
            reason=f"{count} nodes of the tree were missing or wrong and were made again from the records",
            severity=Severity.WARNING,
            after={"nodes": count, "records": size},
        )
        await self._checkpoints.replace_tiles(made, wrong, told, self._clock.now())
        return count

    async def _made_again(self, tree: Range) -> list[Node]:
        walk = Walk([tree.end])
        async for batch in self._timeline.kept():
            walk.add(batch)
            if walk.walked.count >= tree.end:
                break
        if walk.walked.findings or walk.walked.roots.get(tree.end) != tree.root():
            raise Untrusted(
                "timeline-rewritten",
                f"the first {tree.end} records are not those that were signed: no tree is made of them",
                hint="andon audit verify",
            )
        return [each for each in walk.walked.tiles if each.end <= tree.end]

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


def _is_whole(kept: Mapping[tuple[int, int], str], tree: Range) -> bool:
    """Whether the nodes that are kept are those of `tree`, all of them."""
    count = tree.end >> TILE_LEVEL
    try:
        lowest = [Node(TILE_LEVEL, n, bytes.fromhex(kept[TILE_LEVEL, n])) for n in range(count)]
    except (KeyError, ValueError):
        return False
    whole = Range()
    made = whole.join(Range(0, count << TILE_LEVEL, lowest))
    is_kept = {(each.level, each.number): each.hash.hex() for each in made} == kept
    return is_kept and whole.nodes == [each for each in tree.nodes if each.level >= TILE_LEVEL]


def _checkpoint(signers: list[Signer], tree: Range) -> Note:
    text = Checkpoint(signers[0].name, tree.end, tree.root()).text
    return Note(text, tuple(each.sign(text) for each in signers))
