"""Verifies the timeline of a live database, on either kind, while it goes on being written."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace

from andon.kernel.clock import Clock
from andon.store.engine import Database
from andon.timeline import checks
from andon.timeline.checks import Memory, Trust, Verification
from andon.timeline.records import Kept
from andon.timeline.store import CheckpointStore, TimelineStore
from andon.timeline.walk import Finding, Walk
from andon_wire import cosigning
from andon_wire.note import Key

_PAGE = 1000
_MOST_SIGNATURES = 20_000


def trust(keys: Sequence[Key], cosigners: Sequence[Key] = ()) -> Trust:
    """What the verifier of a live database believes; it has the fast library."""
    return Trust(keys, cosigners, cosigning.check, _MOST_SIGNATURES)


async def verify(
    database: Database, believed: Trust, memories: Sequence[Memory], clock: Clock
) -> Verification:
    """Check every record, checkpoint and signature, and what the witnesses remember.

    Reads a million records in some seconds, in batches, and keeps 32 bytes of each.

    Raises:
        Damaged: the timeline has lost its head.
    """
    begun = clock.monotonic()
    timeline = TimelineStore(database)
    head, last = await timeline.head()
    notes = [each.note async for page in _checkpoints(database) for each in page]
    tiles = await CheckpointStore(
        database
    ).all_tiles()  # before the records, of which there may be more by then
    walk = Walk(checks.sizes_of(notes, memories))
    # Not `until=head`: rows past it would be hidden by turning the head back. What came since is fine.
    async for batch in timeline.kept():
        walk.add(batch)
    found = checks.conclude(walk.walked, notes, memories, believed)
    findings = (*found.findings, *_of_head(walk, head, last))
    if not findings:
        findings = (*_of_tree(walk, tiles, found.signed_to),)
    return replace(found, findings=findings, seconds=clock.monotonic() - begun)


def _of_head(walk: Walk, head: int, last: str) -> list[Finding]:
    walked = walk.walked
    at = head * 32
    if head == 0 or walked.hashes[at - 32 : at].hex() == last:
        return []
    if head > walked.count:
        sentence = f"records {walked.count + 1} to {head} are missing: the timeline's head is at {head}"
        return [Finding("cut-off", sentence, walked.count + 1)]
    return [Finding("head-differs", f"the timeline's head has another hash than record {head}")]


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


async def _checkpoints(database: Database) -> AsyncIterator[Sequence[Kept]]:
    store, after = CheckpointStore(database), -1
    while page := await store.list(after=after, limit=_PAGE):
        yield page
        after = page[-1].size
