"""Verifies the timeline of a live database, on either kind, while it goes on being written.

What the home's signer remembers is a memory as a witness' is: with it also a database is found out that was
cut, emptied or computed again together with its checkpoints.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from andon.kernel.clock import Clock
from andon.kernel.errors import Damaged
from andon.store.engine import Database
from andon.timeline import chain, checks, keys
from andon.timeline.checkpoints import ALERT
from andon.timeline.checks import Memory, Trust, Verification
from andon.timeline.keys import KeyFiles, Signed
from andon.timeline.records import Kept, Record
from andon.timeline.store import CheckpointStore, Filter, TimelineStore
from andon.timeline.walk import Finding, Walk
from andon_wire import cosigning
from andon_wire.note import Key

_PAGE = 1000
_MOST_SIGNATURES = 20_000
UNSIGNED_AT_MOST = timedelta(minutes=2)  # what a new home may have recorded before anything is signed


def trust(own: Sequence[Key], cosigners: Sequence[Key] = ()) -> Trust:
    """What the verifier of a live database believes; it has the fast library."""
    return Trust(own, cosigners, cosigning.check, _MOST_SIGNATURES)


async def verify(
    database: Database,
    believed: Trust,
    memories: Sequence[Memory],
    clock: Clock,
    home: KeyFiles | None = None,
) -> Verification:
    """Check every record, checkpoint and signature, and what the witnesses and the home's signer remember.

    Reads a million records in some seconds, in batches, and keeps 32 bytes of each.

    Raises:
        Damaged: the timeline has lost its head.
    """
    begun = clock.monotonic()
    timeline, store = TimelineStore(database), CheckpointStore(database)
    # All that is compared with the records is read before them, of which there may be more by then.
    signed, findings = _remembered(home)
    head, last = await timeline.head()
    notes = [each.note async for page in _checkpoints(store) for each in page]
    tiles = await store.all_tiles()
    walk = Walk({*checks.sizes_of(notes, memories), *([signed.tree.end] if signed else [])})
    # Not `until=head`: rows past it would be hidden by turning the head back. What came since is fine.
    async for batch in timeline.kept():
        walk.add(batch)
    found = checks.conclude(walk.walked, notes, memories, believed)
    findings += [*found.findings, *_of_head(walk, (head, last), await timeline.head())]
    findings += _of_memory(walk, signed, found.signed_to)
    findings += await _of_signing(timeline, found, signed)
    if not findings:
        findings = list(_of_tree(walk, tiles, found.signed_to))
    return replace(found, findings=tuple(findings), seconds=clock.monotonic() - begun)


def _remembered(home: KeyFiles | None) -> tuple[Signed | None, list[Finding]]:
    """What the home's signer remembers to have signed last."""
    try:
        return (keys.remembered(home) if home else None), []
    except Damaged as error:
        return None, [Finding("memory-damaged", error.message)]


def _of_head(walk: Walk, before: tuple[int, str], after: tuple[int, str]) -> list[Finding]:
    """What the head said before the walk has to be in the records, and they in what it says after it."""
    walked, (head, last) = walk.walked, before
    if head > walked.count:
        sentence = f"records {walked.count + 1} to {head} are missing: the timeline's head is at {head}"
        return [Finding("cut-off", sentence, walked.count + 1)]
    own = walked.hashes[(head - 1) * 32 : head * 32] if head else chain.GENESIS
    if own.hex() != last:
        return [Finding("head-differs", f"the timeline's head has another hash than record {head}")]
    if after[0] < walked.count:
        sentence = f"the timeline's head is at {after[0]}, and there are {walked.count} records"
        return [Finding("head-differs", sentence)]
    return []


def _of_memory(walk: Walk, signed: Signed | None, signed_to: int) -> list[Finding]:
    """What the home signed last, against the records."""
    if signed is None:
        return []
    walked, size = walk.walked, signed.tree.end
    if size > walked.count:
        sentence = f"records {walked.count + 1} to {size} are missing: this home signed them"
        return [Finding("cut-off", sentence, walked.count + 1)]
    if walked.roots.get(size) != signed.tree.root():
        first = signed_to + 1 if signed_to < size else 1
        sentence = f"one of the records {first} to {size} is not what this home signed last"
        return [Finding("rewritten", sentence, first if first == size else None)]
    return []


async def _of_signing(timeline: TimelineStore, found: Verification, signed: Signed | None) -> list[Finding]:
    """Records that nothing vouches for, though something should."""
    if found.signed_to == 0 and (signed is not None or await _is_due(timeline, found.records)):
        count = signed.tree.end if signed else found.records
        sentence = f"no checkpoint of {count} records is there that a trusted key signed: they were removed"
        if count:
            return [Finding("no-checkpoint", sentence)]
    told = await timeline.list(Filter(kind=ALERT), limit=1)
    if told and told[0].number > found.signed_to:
        number, why = told[0].number, told[0].event.reason
        return [Finding("not-signed", f"since record {number} Andon does not sign: {why}")]
    return []


async def _is_due(timeline: TimelineStore, count: int) -> bool:
    """Whether so much time lies between the first record and the newest that a checkpoint has to be there."""
    if count == 0:
        return False
    ends: list[Record] = []
    for is_newest in (True, False):
        ends += await timeline.list(Filter(), limit=1, newest_first=is_newest)
    times: list[datetime] = [each.at for each in ends]
    return max(times) - min(times) > UNSIGNED_AT_MOST


def _of_tree(walk: Walk, kept: Mapping[tuple[int, int], str], signed_to: int) -> Iterator[Finding]:
    """What proofs are made of; said only of records that are all right, as it follows from them."""
    made = {(each.level, each.number): each for each in walk.walked.tiles}
    missing = [name for name, each in made.items() if each.end <= signed_to and name not in kept]
    wrong = [name for name in kept if name not in made or made[name].hash.hex() != kept[name]]
    if missing or wrong:
        sentence = (
            f"the records are as signed, but {len(missing)} nodes of their tree are missing and {len(wrong)} "
            "are wrong: proofs for witnesses fail until Andon makes them again, at its start or in an hour"
        )
        yield Finding("tree-differs", sentence)


async def _checkpoints(store: CheckpointStore) -> AsyncIterator[Sequence[Kept]]:
    after = -1
    while page := await store.list(after=after, limit=_PAGE):
        yield page
        after = page[-1].size
