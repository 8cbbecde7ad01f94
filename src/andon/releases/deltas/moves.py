"""Where the parts of an executable moved to, as its references tell.

A reference that stands in both files tells by how much it moved itself, and by how much its target did; a
cover tells it of all that it covers. Each is a vote on a granule of addresses. What is believed is the path
through all granules that pleases most votes, less a price for each change of it, which a guide has to say
(Viterbi's algorithm).
"""

import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat

from andon.releases.deltas.covers import Cover, shared
from andon.releases.deltas.executables import Executable, Part
from andon_wire.delta.rebase import granule_bits
from andon_wire.delta.references import OWN, Fields

PRICE_OF_REGION = 2  # votes
_MOST_STATES = 64
_OPERAND = struct.Struct("<i")
_SHIFT_BITS = 48  # a vote is one number, the granule above the shift, so that counting them is quick
_ZERO_SHIFT = 1 << (_SHIFT_BITS - 1)

Region = tuple[int, int]  # its first granule, by how much it moved
_Votes = tuple[int, Sequence[tuple[int, int]]]  # a granule; each shift with its votes


@dataclass(frozen=True, slots=True)
class Pair:
    """Two builds: their bytes, and what is known of each."""

    old: bytes
    new: bytes
    before: Executable
    after: Executable

    @property
    def bits(self) -> int:
        """Of a granule of the old one's addresses."""
        return granule_bits(self.before.limit)


def regions(pair: Pair, found: Sequence[Cover], votes: Counter[int]) -> list[Region]:
    """The regions of a guide, ascending. votes: of `count`."""
    return _path(_together(votes, sorted(_covered(pair, found))))


def count(pair: Pair, found: Sequence[Cover], fields: Fields) -> Iterator[int]:
    """The votes of references of 4 bytes that count from their own address and stand in both files."""
    if fields.kind != OWN or fields.width != _OPERAND.size:
        return
    old, new, bits = pair.old, pair.new, pair.bits
    read, base, ahead = _OPERAND.unpack_from, fields.base, fields.ahead
    for group, move in shared(fields.positions, fields.width, found):
        there = _part(pair.after.parts, group[0] + move)
        if there is None:
            continue
        own = move + there.base - base + _ZERO_SHIFT
        values = zip(
            group,
            map(read, repeat(old), group),
            map(read, repeat(new), [at + move for at in group]),
            strict=True,
        )
        told = [
            (at + base, at + base + ahead + value, other - value + own)
            for at, (value,), (other,) in values
            if old[at - 1] == new[at + move - 1]
        ]
        yield from [here >> bits << _SHIFT_BITS | own for here, _, _ in told]
        yield from [
            target >> bits << _SHIFT_BITS | moved
            for _, target, moved in told
            if 0 <= target < pair.before.limit and 0 <= target + moved - _ZERO_SHIFT < pair.after.limit
        ]


def _part(parts: Sequence[Part], offset: int) -> Part | None:
    """The part of the file that holds an offset."""
    at = bisect_right(parts, offset, key=lambda each: each.offset) - 1
    return parts[at] if at >= 0 and offset < parts[at].offset + parts[at].length else None


def _covered(pair: Pair, found: Iterable[Cover]) -> Iterator[tuple[int, int, int]]:
    """First granule, granule after the last, shift: of covers within one part of both files, and of .bss."""
    before, after, bits = pair.before, pair.after, pair.bits
    for cover in found:
        part, other = _part(before.parts, cover.old), _part(after.parts, cover.new)
        if part is not None and other is not None:
            length = min(
                cover.length, part.offset + part.length - cover.old, other.offset + other.length - cover.new
            )
            begin = cover.old + part.base
            yield -(-begin >> bits), -(-(begin + length) >> bits), cover.new + other.base - begin
    yield -(-before.beyond >> bits), (before.limit >> bits) + 1, after.beyond - before.beyond


def _together(votes: Counter[int], moved: Iterable[tuple[int, int, int]]) -> Iterator[_Votes]:
    """All votes by granule, ascending; granules of which only a cover tells are counted at once."""
    told = iter(_by_granule(votes))
    following = next(told, None)
    last = 0
    for first, end, shift in moved:
        begin = max(first, last)
        last = max(last, end)
        while following is not None and following[0] < end:
            if following[0] < begin:
                yield following
            else:
                if following[0] > begin:
                    yield begin, [(shift, following[0] - begin)]
                yield following[0], [*following[1], (shift, 1)]
                begin = following[0] + 1
            following = next(told, None)
        if end > begin:
            yield begin, [(shift, end - begin)]
    while following is not None:
        yield following
        following = next(told, None)


def _by_granule(votes: Counter[int]) -> Iterator[_Votes]:
    for granule, group in groupby(sorted(votes), key=lambda each: each >> _SHIFT_BITS):
        yield granule, [((each & (1 << _SHIFT_BITS) - 1) - _ZERO_SHIFT, votes[each]) for each in group]


_Way = tuple[int, int, "_Way | None"]  # a region, and those before it


def _path(granules: Iterable[_Votes]) -> list[Region]:
    states: dict[int, tuple[int, _Way | None]] = {0: (0, None)}  # by shift: votes it pleases, its regions
    for granule, votes in granules:
        best, way = max(states.values(), key=lambda each: each[0])
        changed = best - PRICE_OF_REGION
        for shift, number in votes:
            pleased, stayed = states.get(shift, (changed - 1, None))
            if pleased < changed:
                pleased, stayed = changed, (granule, shift, way)
            states[shift] = pleased + number, stayed
        if len(states) > _MOST_STATES:
            states = {shift: each for shift, each in states.items() if each[0] >= changed}
    found: list[Region] = []
    last = max(states.values(), key=lambda each: each[0])[1]
    while last is not None:
        found.append((last[0], last[1]))
        last = last[2]
    return found[::-1]
