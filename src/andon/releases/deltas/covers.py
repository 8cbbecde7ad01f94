"""What two files have in common, read off a patch of HDiffPatch, as finding it is paid for already.

Source of the format: HDiffPatch, `patch.c` (`read_diffz_head`, `_covers_read`). Numbers are in base 128, most
significant part first; a cover is a signed step in the old file, a gap in the new one, and a length.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

SHORTEST_BYTES = 32  # shorter ones are found by chance
_HEAD = b"HDIFF13&\0"
_NUMBERS_OF_HEAD, _COUNT = 11, 2


@dataclass(frozen=True, slots=True)
class Cover:
    """Bytes of the new file, from `new` on, that are like those of the old one from `old` on."""

    old: int
    new: int
    length: int

    @property
    def end(self) -> int:
        """The first byte of the old file after it."""
        return self.old + self.length


def covers(patch: bytes) -> Iterator[Cover]:
    """The covers of an uncompressed patch, by their place in the new file.

    Raises:
        ValueError: a patch of another form.
    """
    if not patch.startswith(_HEAD):
        raise ValueError("not an uncompressed patch of HDiffPatch")
    at, head = len(_HEAD), []
    for _ in range(_NUMBERS_OF_HEAD):
        number, at = _number(patch, at, 7)
        head.append(number)
    old = new = 0
    for _ in range(head[_COUNT]):
        back = patch[at] & 0x80
        step, at = _number(patch, at, 6)
        gap, at = _number(patch, at, 7)
        length, at = _number(patch, at, 7)
        old, new = old - step if back else old + step, new + gap
        yield Cover(old, new, length)
        old, new = old + length, new + length


def _number(content: bytes, at: int, bits: int) -> tuple[int, int]:
    """A number whose first byte has `bits` of it, and where the next one begins."""
    number, more = content[at] & ((1 << bits) - 1), content[at] >> bits & 1
    while more:
        at += 1
        number, more = number << 7 | content[at] & 0x7F, content[at] >> 7
    return number, at + 1


def apart(found: Iterable[Cover]) -> list[Cover]:
    """By their place in the old file, cut so that no two share bytes of it; without what is too short."""
    result: list[Cover] = []
    end = 0
    for each in sorted(found, key=lambda each: (each.old, -each.length)):
        cut = max(end - each.old, 0)
        if each.length - cut >= SHORTEST_BYTES:
            result.append(Cover(each.old + cut, each.new + cut, each.length - cut))
            end = each.end
    return result


def shared(
    positions: Sequence[int], width: int, found: Sequence[Cover]
) -> Iterator[tuple[Sequence[int], int]]:
    """Which of `positions`, ascending, stand in both files: groups, and how far each group moved."""
    if not positions:
        return
    first = max(bisect_left(found, positions[0], key=lambda each: each.old) - 1, 0)
    for each in found[first:]:
        if each.old > positions[-1]:
            return
        group = positions[bisect_left(positions, each.old) : bisect_left(positions, each.end - width + 1)]
        if group:
            yield group, each.new - each.old
