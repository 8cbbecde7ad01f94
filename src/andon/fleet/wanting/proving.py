"""That the checkpoint which a station is shown continues the one it holds, so that stations are witnesses.

A proof belongs to a checkpoint: it is made once for each size that stations hold, and a document that has its
checkpoint keeps the proof that came with it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from andon_wire.note import Checkpoint, Malformed, Note

Consistency = Callable[[int, int], Awaitable[Sequence[bytes]]]  # hashes that the first size begins the second


@dataclass(frozen=True, slots=True)
class Shown:
    """A proof as a document carries it. size: of the tree that the station holds; 0: none is needed."""

    size: int = 0
    hashes: tuple[str, ...] = ()


NO_PROOF = Shown()


class Vouching:
    """Makes proofs for the checkpoint that is shown now."""

    def __init__(self, consistency: Consistency) -> None:
        self._consistency = consistency
        self._known: dict[tuple[int, int], Shown] = {}

    async def of(self, held: Iterable[str], shown: str) -> Mapping[str, Shown]:
        """By note that stations hold: the proof that `shown` continues it."""
        newest = _size(shown)
        found = {}
        for note in set(held):
            size = _size(note)
            if not 0 < size < newest:
                continue
            if (size, newest) not in self._known:
                self._known = {key: each for key, each in self._known.items() if key[1] == newest}
                hashes = await self._consistency(size, newest)
                self._known[size, newest] = Shown(size, tuple(each.hex() for each in hashes))
            found[note] = self._known[size, newest]
        return found


def _size(note: str) -> int:
    """Of the tree that a note is of; 0 where it is none."""
    try:
        return Checkpoint.parse(Note.parse(note).text).size if note else 0
    except Malformed:
        return 0
