"""The Merkle tree of RFC 6962 (and 9162, section 2): roots, proofs, and what is kept of a tree that grows.

The leaves given here are leaf *hashes*. A node is named by its level (0 is a leaf) and its number there, from
0, and covers the leaves `number << level` to `(number + 1) << level`. A proof is first a list of ranges of
leaves (`consistency_ranges`, `inclusion_ranges`), so that whoever keeps the tree can look their hashes up.
Standard library only: the verifier that travels with an export is made of this file too.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

HASH_BYTES = 32
TILE_LEVEL = 8  # nodes of every eighth level are worth keeping: 256 leaves, 65,536, ...
_TILE = 1 << TILE_LEVEL
EMPTY_ROOT = hashlib.sha256(b"").digest()


class Node(NamedTuple):
    """A subtree that is complete."""

    level: int
    number: int
    hash: bytes

    @property
    def end(self) -> int:
        """How many leaves there must be for it."""
        return (self.number + 1) << self.level


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two siblings."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Range:
    """What must be kept of the leaves `begin` to `end` (exclusive) to go on: at most 2 hashes a level."""

    begin: int = 0
    end: int = 0
    nodes: list[Node] = field(default_factory=list)

    @classmethod
    def kept(cls, size: int, hashes: Sequence[bytes]) -> "Range":
        """The range from 0 that `hashes` says, as `hashes()` gave them.

        Raises:
            ValueError: this is not the number of hashes that the size has.
        """
        names = list(complete(0, size))
        if len(names) != len(hashes):
            raise ValueError(f"a tree of {size} leaves is kept as {len(names)} hashes, not {len(hashes)}")
        return cls(0, size, [Node(level, number, each) for (level, number), each in zip(names, hashes)])  # noqa: B905

    def hashes(self) -> list[bytes]:
        """The hashes of the complete subtrees, from the left."""
        return [each.hash for each in self.nodes]

    def copy(self) -> "Range":
        """The same, to go on elsewhere."""
        return Range(self.begin, self.end, list(self.nodes))

    def extend(self, leaves: Sequence[bytes]) -> list[Node]:
        """Add leaves at the end; gives the nodes of every eighth level that were completed by it."""
        tiles: list[Node] = []
        at, size = 0, len(leaves)
        while at < size:
            if self.end % _TILE == 0 and size - at >= _TILE:
                self._push(Node(TILE_LEVEL, self.end >> TILE_LEVEL, _folded(leaves[at : at + _TILE])), tiles)
                at += _TILE
            else:
                self._push(Node(0, self.end, leaves[at]), tiles)
                at += 1
        return tiles

    def join(self, following: "Range") -> list[Node]:
        """Add the range that begins where this one ends; gives nodes as `extend` does.

        Raises:
            ValueError: it begins elsewhere.
        """
        if following.begin != self.end:
            raise ValueError(f"leaves {self.end} to {following.begin} are missing")
        tiles: list[Node] = []
        for node in following.nodes:
            self._push(node, tiles)
        return tiles

    def root(self) -> bytes:
        """The root of the tree of all leaves from 0 to `end`.

        Raises:
            ValueError: the range does not begin at 0.
        """
        if self.begin:
            raise ValueError("only what begins at leaf 0 has a root")
        return folded_right(self.hashes()) if self.nodes else EMPTY_ROOT

    def _push(self, node: Node, tiles: list[Node]) -> None:
        level, number, own = node
        nodes = self.nodes
        self.end = (number + 1) << level
        while True:
            if level and level % TILE_LEVEL == 0:
                tiles.append(Node(level, number, own))
            if not (number & 1 and nodes and nodes[-1].level == level and nodes[-1].number == number - 1):
                break
            own = node_hash(nodes.pop().hash, own)
            level, number = level + 1, number >> 1
        nodes.append(Node(level, number, own))


def _folded(hashes: Sequence[bytes]) -> bytes:
    """The root of 2^n hashes; the innermost loop of a verification."""
    sha256 = hashlib.sha256
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs)]  # noqa: B905
    return hashes[0]


def folded_right(hashes: Sequence[bytes]) -> bytes:
    """One hash over complete subtrees of falling size, from the left."""
    own = hashes[-1]
    for left in reversed(hashes[:-1]):
        own = node_hash(left, own)
    return own


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over `leaves`."""
    whole = Range()
    whole.extend(leaves)
    return whole.root()


def complete(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Level and number of the fewest complete subtrees that cover the leaves, from the left."""
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        yield level, begin >> level
        begin += 1 << level


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """The ranges whose hashes prove that the tree of size `old` begins that of size `new`; RFC 6962, 2.1.2.

    Raises:
        ValueError: not 0 <= old <= new.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves does not contain one of {old}")
    if old in {0, new}:
        return []
    found: list[tuple[int, int]] = []
    begin, end, is_whole = 0, new, True
    while old != end - begin:
        middle = begin + _split(end - begin)
        if old <= middle - begin:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            old -= middle - begin
            begin, is_whole = middle, False
    if not is_whole:
        found.append((begin, end))
    return found[::-1]


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The ranges whose hashes prove that leaf `index` is in the tree of `size`; RFC 6962, 2.1.1.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    found: list[tuple[int, int]] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin = middle
    return found[::-1]


def proof(leaves: Sequence[bytes], ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """The hashes of `ranges` where all leaves are at hand."""
    return [root(leaves[begin:end]) for begin, end in ranges]


def is_consistent(old: tuple[int, bytes], new: tuple[int, bytes], hashes: Sequence[bytes]) -> bool:
    """Whether `hashes` proves that tree `old` (size and root) begins tree `new`; RFC 9162, 2.1.4.2."""
    (old_size, old_root), (new_size, new_root) = old, new
    if not 0 < old_size < new_size:
        return not hashes and (old_size == 0 <= new_size or old == new)
    path = list(hashes) if old_size & (old_size - 1) else [old_root, *hashes]
    if not path:
        return False
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    of_old = of_new = path[0]
    for each in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            of_old, of_new = node_hash(each, of_old), node_hash(each, of_new)
        else:
            of_new = node_hash(of_new, each)
        fn, sn = _up(fn, sn)
    return sn == 0 and of_old == old_root and of_new == new_root


def is_included(leaf: bytes, index: int, tree: tuple[int, bytes], hashes: Sequence[bytes]) -> bool:
    """Whether `hashes` proves that `leaf` is at `index` of `tree` (size and root); RFC 9162, 2.1.3.2."""
    size, expected = tree
    if not 0 <= index < size:
        return False
    fn, sn, own = index, size - 1, leaf
    for each in hashes:
        if sn == 0:
            return False
        own = node_hash(each, own) if fn & 1 or fn == sn else node_hash(own, each)
        fn, sn = _up(fn, sn)
    return sn == 0 and own == expected


def _up(fn: int, sn: int) -> tuple[int, int]:
    """One step up, and on past the levels where a last node without a sibling stands alone."""
    if fn == sn:
        while not fn & 1 and fn:
            fn, sn = fn >> 1, sn >> 1
    return fn >> 1, sn >> 1
