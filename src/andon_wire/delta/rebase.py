"""The form `rebase`: a patch against what an old executable would look like had its parts moved.

Two builds of one library differ mostly in addresses: code and data moved, so every reference to them changed.
A guide says which addresses moved by how much, and where references are; `predict` rewrites them in the old
file, and a patch of the form `hdiff` does the rest. A wrong prediction costs bytes, never correctness: maker
and station compute the same one, and what comes out is checked by its hash like any other file.

Nothing here knows ELF or PE: the maker (`andon.releases.deltas.rebasing`) reads those formats and says in the
guide where tables and code lie. All arithmetic is on integers, so that every machine predicts the same bytes.

The payload is the guide's length, the guide, and the patch. A guide is numbers in LEB128; those of its
steps, and a change of shift, have a sign (zigzag):

    version (1), limit of addresses, regions, for each: granules since the one before, change of shift
    steps, for each: its code and its numbers, as below

    1 TABLE    offset count stride width kind base    fields of 4 or 8 bytes, at equal distances
    2 CODE     offset length base                     x86-64: the operands of call, jump and [rip + n]
    3 FRAMES   offset count hdr begin end base        begins of functions, found by the table of .eh_frame_hdr
    4 POINTERS offset length image, sections, for each: begin end base      fields that PE relocations name
    5 JUMPS    offset length base, begin end base     jump tables in the data, found by `lea` in the code

Offsets are in the file, `base` is what turns an offset into an address (of a table: what its fields count
from, as `kind` says). The shift of an address is that of the last region that begins at or before its
granule: 16 addresses, or as many more as keep the granules fewer than 2^20, so that finding a shift is one
look into a list.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise, repeat

from andon_wire.delta import hdiff
from andon_wire.errors import Malformed

NAME = "rebase"
VERSION = 1
TABLE, CODE, FRAMES, POINTERS, JUMPS = 1, 2, 3, 4, 5
FIXED, MOVING, OWN, BACK = 0, 1, 2, 3  # a fixed address, one that moves, its own, its own and backwards

MOST_ADDRESSES = 1 << 48
MOST_REGIONS, MOST_STEPS, MOST_SECTIONS = 1 << 18, 256, 96
MOST_WORK = 4  # how often, on average, a guide may name each byte of the old file
_LEAST_GRANULE_BITS, _GRANULES_BITS = 4, 20
_AT_ONCE = 1 << 15  # fields
_CHUNK_BYTES = 1 << 18  # of code
_REFERENCE = re.compile(  # an opcode, and an operand that leads at most 64 MiB away
    rb"(?:[\xe8\xe9]|\x0f[\x80-\x8f]|[\x03\x10-\x12\x14\x16\x28\x29\x2b\x2e\x2f\x38\x39\x3b\x51\x54\x57-\x5f\x63"
    rb"\x6e\x6f\x7e-\x81\x83-\x8b\x8d\xaf-\xb1\xb6\xb7\xbe-\xc1\xc6\xc7\xd6\xdb\xeb\xef\xf6\xfa\xfe\xff]"
    rb"[\x05\x0d\x15\x1d\x25\x2d\x35\x3d])...[\x00-\x03\xfc-\xff]",
    re.DOTALL,
)
_LEA = re.compile(rb"[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d]....", re.DOTALL)
_FORMATS = {4: (struct.Struct("<i"), struct.Struct("<I")), 8: (struct.Struct("<q"), struct.Struct("<Q"))}
_WIDTHS_OF_RELOCATIONS = {3: 4, 10: 8}  # PE: HIGHLOW, DIR64


def decode(base: bytes, payload: bytes, makes: int) -> bytes:
    """See `forms.Decoder`."""
    numbers = Numbers(payload)
    length = numbers.take()
    begin = numbers.at
    if length > len(payload) - begin:
        raise Malformed("bad-patch", "a patch that is shorter than its guide")
    predicted = predict(base, payload[begin : begin + length])
    return hdiff.decode(predicted, payload[begin + length :], makes)


def predict(old: bytes, guide: bytes) -> bytes:
    """The old file with its references led to where the guide says that their targets are now.

    As long as `old`. Takes room for one more copy of it and about 20 MiB, and time in proportion to it.

    Raises:
        Malformed: not a guide, or not one for a file of this length.
    """
    numbers = Numbers(guide)
    if numbers.take() != VERSION:
        raise Malformed("bad-patch", "a guide of another version")
    shifts = _shifts(numbers)
    copy = BytesIO(old)
    with copy.getbuffer() as content:  # the only copy: getvalue below gives the same bytes
        for each in references(content, numbers):
            _rewrite(content, shifts, each)
    if numbers.at != len(guide):
        raise Malformed("bad-patch", "a guide that goes on after its end")
    return copy.getvalue()


class Numbers:
    """The numbers of a guide, one after another."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0

    def take(self, most: int = MOST_ADDRESSES) -> int:
        """The next number; Malformed where it is none, or more than `most`."""
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

    def signed(self, count: int) -> list[int]:
        """The next numbers, which may be below zero."""
        found = (self.take(2 * MOST_ADDRESSES) for _ in range(count))
        return [-(each >> 1) - 1 if each & 1 else each >> 1 for each in found]


@dataclass(frozen=True, slots=True)
class Shifts:
    """By how much each granule of addresses moved. limit: of addresses; bits: of a granule."""

    limit: int
    bits: int
    of: Sequence[int]


def granule_bits(limit: int) -> int:
    """How many bits of an address below `limit` lie within a granule."""
    return max(_LEAST_GRANULE_BITS, limit.bit_length() - _GRANULES_BITS)


def _shifts(numbers: Numbers) -> Shifts:
    limit = numbers.take()
    bits = granule_bits(limit)
    granules = (limit >> bits) + 1
    found: list[int] = []
    begin = shift = 0
    for _ in range(numbers.take(MOST_REGIONS)):
        begin += numbers.take(granules)
        found.extend(repeat(shift, min(begin, granules) - len(found)))
        shift += numbers.signed(1)[0]
    found.extend(repeat(shift, granules - len(found)))
    return Shifts(limit, bits, found)


@dataclass(frozen=True, slots=True)
class Fields:
    """References of one shape. positions: offsets in the file, all within it.

    width: bytes of each; kind and base: what they count from; ahead: from their beginning to where a
    processor counts from.
    """

    positions: Sequence[int]
    width: int
    kind: int
    base: int
    ahead: int = 0


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
        if width not in _FORMATS or kind not in {FIXED, MOVING, OWN, BACK} or stride < width:
            raise Malformed("bad-patch", "a guide with a table of unknown shape")
        self._see(offset, count * stride)
        yield Fields(range(offset, offset + count * stride, stride), width, kind, base)

    def _code(self) -> Iterator[Fields]:
        offset, length, base = self._numbers.signed(3)
        self._see(offset, length)
        for begin in range(offset, offset + length, _CHUNK_BYTES):
            end = min(begin + _CHUNK_BYTES, offset + length)
            found = [each.end() - 4 for each in _REFERENCE.finditer(self._content, begin, end)]
            yield Fields(found, 4, OWN, base, ahead=4)

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
        read, content = _FORMATS[4][0].unpack_from, self._content
        found = _LEA.finditer(content, offset, offset + length)
        led = {each.end() + base - away + read(content, each.end() - 4)[0] for each in found}
        tables = sorted(each for each in led if begin <= each <= end - 4)
        low, high = offset + base, offset + base + length
        for table, following in pairwise([*tables, end]):
            stop = table
            while stop + 4 <= following and low <= table + away + read(content, stop)[0] < high:
                stop += 4
            if stop > table:
                yield Fields(range(table, stop, 4), 4, MOVING, table + away)

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


def _rewrite(content: memoryview, shifts: Shifts, fields: Fields) -> None:
    """Let fields lead to where their targets are now; those that lead nowhere stay as they are."""
    signed, unsigned = _FORMATS[fields.width]
    read, write, mask = signed.unpack_from, unsigned.pack_into, (1 << 8 * fields.width) - 1
    of, bits, limit, base, ahead = shifts.of, shifts.bits, shifts.limit, fields.base, fields.ahead
    sign = -1 if fields.kind == BACK else 1
    own = of[base >> bits] if fields.kind == MOVING and 0 <= base < limit else 0
    for begin in range(0, len(fields.positions), _AT_ONCE):
        some = fields.positions[begin : begin + _AT_ONCE]
        found = zip(some, map(read, repeat(content), some), strict=True)
        if fields.kind in {OWN, BACK}:
            changed = [
                (at, value + sign * shift)
                for at, (value,) in found
                if 0 <= (here := at + base) < limit
                if 0 <= (target := here + ahead + sign * value) < limit
                if (shift := of[target >> bits] - of[here >> bits])
            ]
        else:
            changed = [
                (at, value + shift)
                for at, (value,) in found
                if 0 <= (target := base + value) < limit
                if (shift := of[target >> bits] - own)
            ]
        for at, value in changed:
            write(content, at, value & mask)


def _blocks(table: bytes) -> Iterator[tuple[int, Sequence[int]]]:
    """The blocks of a PE's table of relocations: address of a page, entries (kind in the upper four bits)."""
    at = 0
    while at + 8 <= len(table):
        address, length = struct.unpack_from("<II", table, at)
        if not 8 <= length <= len(table) - at:
            return
        yield address, struct.unpack_from(f"<{(length - 8) // 2}H", table, at + 8)
        at += length
