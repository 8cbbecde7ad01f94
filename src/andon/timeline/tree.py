"""Proofs from what the database keeps of the Merkle tree: a few tiles of 256 hashes, never all records.

The hashes of the records are the tiles of level 0; a checkpoint keeps the nodes of levels 8, 16 and 24.
"""

from collections.abc import Sequence

from andon.kernel.errors import Damaged
from andon.timeline.store import CheckpointStore
from andon_wire import merkle


class Tree:
    """One reading of the tree; ask for a new one after the timeline has grown."""

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of `old` records begins that of `new`."""
        return await self._hashes(merkle.consistency_ranges(old, new))

    async def inclusion(self, number: int, size: int) -> list[bytes]:
        """The proof that record `number` is in the tree of `size` records."""
        return await self._hashes(merkle.inclusion_ranges(number - 1, size))

    async def _hashes(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        found = []
        for begin, end in ranges:
            names = merkle.complete(begin, end)
            found.append(merkle.folded_right([await self._node(level, number) for level, number in names]))
        return found

    async def _node(self, level: int, number: int) -> bytes:
        """A node that is complete, folded from the tile that has its leaves of the next kept level below."""
        below = level // merkle.TILE_LEVEL * merkle.TILE_LEVEL
        count = 1 << level - below
        first = number * count
        tile, at = divmod(first, 1 << merkle.TILE_LEVEL)
        hashes = await self._tile(below, tile)
        own = hashes[at : at + count]
        if len(own) < count:
            raise Damaged(
                "timeline-damaged",
                f"the tree of the timeline lacks nodes {first} to {first + count} of level {below}",
                hint="andon audit verify",
            )
        return merkle.root(own)

    async def _tile(self, level: int, tile: int) -> list[bytes]:
        key = (level, tile)
        if key not in self._tiles:
            begin = tile << merkle.TILE_LEVEL
            end = begin + (1 << merkle.TILE_LEVEL)
            if level == 0:
                self._tiles[key] = list(await self._store.hashes(begin, end))
            else:
                kept = await self._store.tiles(level, begin, end)
                self._tiles[key] = [kept[each] for each in range(begin, end) if each in kept]
        return self._tiles[key]
