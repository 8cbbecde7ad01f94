"""Where references stand in an old executable, as the steps of a guide say: `rebase.py` describes both.

Nothing of what arrives is believed: whatever the bytes of a guide are, what is found lies in the file.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat

from andon_wire.errors import Malformed

TABLE, CODE, FRAMES, POINTERS, JUMPS = 1, 2, 3, 4, 5
FIXED, MOVING, OWN, BACK = 0, 1, 2, 3  # a fixed address, one that moves, its own, its own and backwards
CALLS, RIP, FAR, NEAR = 1, 2, 4, 8  # jumps: over 64 KiB, mostly out of their function; less, mostly within

MOST_ADDRESSES = 1 << 48
MOST_REGIONS, MOST_STEPS, MOST_SECTIONS = 1 << 18, 256, 96
MOST_WORK = 4  # how often, on average, a guide may name each byte of the old file
AT_ONCE = 1 << 15  # fields, which bounds memory
_CHUNK_BYTES = 1 << 18  # of code
OPCODES = (
    rb"\x03\x10-\x12\x14\x16\x28\x29\x2b\x2e\x2f\x38\x39\x3b\x51\x54\x57-\x5f\x63\x6e\x6f\x7e-\x81\x83-\x8b"
    rb"\x8d\xaf-\xb1\xb6\xb7\xbe-\xc1\xc6\xc7\xd6\xdb\xeb\xef\xf6\xfa\xfe\xff"
)
RIP_BYTES = rb"[\x05\x0d\x15\x1d\x25\x2d\x35\x3d]"
_WITHIN = rb"...[\x00-\x03\xfc-\xff]"
_FAR, _NEAR = rb"..[^\x00\xff][\x00-\x03\xfc-\xff]", rb"..(?:\x00\x00|\xff\xff)"
_PATTERNS = {  # what ends with an operand; literal bytes come first, as those are found much faster
    CALLS: [re.compile(rb"\xe8" + _WITHIN, re.DOTALL)],
    RIP: [
        re.compile(
            RIP_BYTES + rb"(?<=[" + OPCODES + rb"]" + RIP_BYTES + rb")...[\x00-\x03\xfc-\xff]", re.DOTALL
        )
    ],
    FAR: [re.compile(rb"\xe9" + _FAR, re.DOTALL), re.compile(rb"\x0f[\x80-\x8f]" + _FAR, re.DOTALL)],
    NEAR: [re.compile(rb"\xe9" + _NEAR, re.DOTALL), re.compile(rb"\x0f[\x80-\x8f]" + _NEAR, re.DOTALL)],
}
_LEA = re.compile(rb"\x8d(?<=[\x48\x4c]\x8d)" + RIP_BYTES + rb"....", re.DOTALL)
FORMATS = {4: struct.Struct("<i"), 8: struct.Struct("<q")}
_WIDTHS_OF_RELOCATIONS = {3: 4, 10: 8}  # PE: HIGHLOW, DIR64


class Numbers:
    """The numbers of a guide, one after another."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0

    def take(self, most: int = MOST_ADDRESSES) -> int:
        """The next number; Malformed where it is none, or more than `most`."""
        if self.at < len(self._content) and (number := self._content[self.at]) < 0x80 and number <= most:
            self.at += 1  # most are of one byte
            return number
        number = 0
        for shift in range(0, 63, 7):
            if self.at >= len(self._content):
                raise Malformed("bad-patch", "a guide that ends too early")
            each = self._content[self.at]
            self.at += 1
            number |= (each & 0x7F) << shift
            if each < 0x80:
                break
        else:
            number = most + 1
        if number > most:
            raise Malformed("bad-patch", "a guide with a number that is too large")
        return number

    def part(self) -> bytes:
        """A length, and so many bytes."""
        length = self.take()
        begin, self.at = self.at, self.at + length
        if self.at > len(self._content):
            raise Malformed("bad-patch", "a patch that is shorter than its guide")
        return self._content[begin : self.at]

    def end(self) -> None:
        """See that nothing follows."""
        if self.at != len(self._content):
            raise Malformed("bad-patch", "a guide that goes on after its end")

    def signed(self, count: int) -> list[int]:
        """The next numbers, which may be below zero."""
        found = (self.take(2 * MOST_ADDRESSES) for _ in range(count))
        return [-(each >> 1) - 1 if each & 1 else each >> 1 for each in found]


@dataclass(frozen=True, slots=True)
class Fields:
    """References of one shape. positions: offsets in the file, all within it.

    width: bytes of each; kind and base: what they count from; ahead: from their beginning to where a
    processor counts from; origins: instead of one base, one for each.
    """

    positions: Sequence[int]
    width: int
    kind: int
    base: int
    ahead: int = 0
    origins: Sequence[int] = ()


class _Steps:
    """The steps of a guide, as the fields that they name. Raises Malformed for what leads out of the file."""

    def __init__(self, content: memoryview, numbers: Numbers) -> None:
        self._content = content
        self._numbers = numbers
        self._work = MOST_WORK * len(content)

    def fields(self) -> Iterator[Fields]:
        """All of them, in order; a step is read when the fields before it were taken."""
        taken = {TABLE: self._table, CODE: self._code, FRAMES: self._frames}
        taken |= {POINTERS: self._pointers, JUMPS: self._jumps}
        for _ in range(self._numbers.take(MOST_STEPS)):
            step = taken.get(self._numbers.take())
            if step is None:
                raise Malformed("bad-patch", "a guide with a step of an unknown kind")
            yield from step()

    def _table(self) -> Iterator[Fields]:
        offset, count, stride, width, kind, base = self._numbers.signed(6)
        if width not in FORMATS or kind not in {FIXED, MOVING, OWN, BACK} or stride < width or stride % width:
            raise Malformed("bad-patch", "a guide with a table of unknown shape")
        self._see(offset, count * stride)
        yield Fields(range(offset, offset + count * stride, stride), width, kind, base)

    def _code(self) -> Iterator[Fields]:
        offset, length, base, which = self._numbers.signed(4)
        self._see(offset, length)
        if which not in range(1, 16):
            raise Malformed("bad-patch", "a guide that looks for what is unknown in code")
        patterns = [each for flag, found in _PATTERNS.items() if which & flag for each in found]
        for begin in range(offset, offset + length, _CHUNK_BYTES):
            end = min(begin + _CHUNK_BYTES, offset + length)
            for pattern in patterns:
                at = [each.end() - 4 for each in pattern.finditer(self._content, begin, end)]
                yield Fields(at, 4, OWN, base, ahead=4)

    def _frames(self) -> Iterator[Fields]:
        offset, count, hdr, begin, end, base = self._numbers.signed(6)
        self._see(offset, 8 * count)
        self._see(begin, end - begin)
        away, content = (
            hdr - base + 8,
            self._content,
        )  # from what the table says of a frame to its third field
        table = struct.iter_unpack("<ii", bytes(content[offset : offset + 8 * count]))
        found = sorted(at + away for _, at in table if begin + 4 <= at + away <= end - 13)
        yield Fields([each - 4 for each in found], 4, BACK, base)
        yield Fields([each + 9 for each in found if content[each + 8] == 4], 4, OWN, base)
        yield Fields(found, 4, OWN, base)

    def _pointers(self) -> Iterator[Fields]:
        offset, length, image = self._numbers.signed(3)
        sections = [self._numbers.signed(3) for _ in range(self._numbers.take(MOST_SECTIONS))]
        self._see(offset, length)
        self._work -= length * len(sections)
        for address, entries in _blocks(bytes(self._content[offset : offset + length])):
            for begin, end, base in sections:
                if 0 <= begin <= address - base < end <= len(self._content):
                    yield from _page(address - base, end, entries, -image)
                    break

    def _jumps(self) -> Iterator[Fields]:
        offset, length, base, begin, end, away = self._numbers.signed(6)
        self._see(offset, length)
        self._see(begin, end - begin)
        read, content = FORMATS[4].unpack_from, self._content
        found = _LEA.finditer(content, offset, offset + length)
        led = {each.end() + base - away + read(content, each.end() - 4)[0] for each in found}
        low, high = offset + base - away, offset + base + length - away
        tables = sorted(
            each for each in led if begin <= each <= end - 4 if low <= each + read(content, each)[0] < high
        )
        positions: list[int] = []
        origins: list[int] = []
        for table, following in pairwise([*tables, end]):
            most = min((following - table) // 4, AT_ONCE)
            rows = enumerate(FORMATS[4].iter_unpack(content[table : table + 4 * most]))
            count = next((n for n, (row,) in rows if not low <= table + row < high), most)
            positions.extend(range(table, table + 4 * count, 4))
            origins.extend(repeat(table + away, count))
            if len(positions) > AT_ONCE or following == end:
                yield Fields(positions, 4, MOVING, 0, origins=origins)
                positions, origins = [], []

    def _see(self, offset: int, length: int) -> None:
        """See that a part lies within the file, and count it."""
        self._work -= length
        if offset < 0 or length < 0 or offset + length > len(self._content) or self._work < 0:
            raise Malformed("bad-patch", "a guide that leads out of its file, or too often through it")


def references(content: memoryview, numbers: Numbers) -> Iterator[Fields]:
    """Where the steps of a guide, which `numbers` gives next, say that references are."""
    return _Steps(content, numbers).fields()


def _page(begin: int, end: int, entries: Sequence[int], base: int) -> Iterator[Fields]:
    for kind, width in _WIDTHS_OF_RELOCATIONS.items():
        found = [begin + (each & 0xFFF) for each in entries if each >> 12 == kind]
        yield Fields([each for each in found if each <= end - width], width, FIXED, base)


def _blocks(table: bytes) -> Iterator[tuple[int, Sequence[int]]]:
    """The blocks of a PE's table of relocations: address of a page, entries (kind in the upper four bits)."""
    at = 0
    while at + 8 <= len(table):
        address, length = struct.unpack_from("<II", table, at)
        if not 8 <= length <= len(table) - at:
            return
        yield address, struct.unpack_from(f"<{(length - 8) // 2}H", table, at + 8)
        at += length
