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
    2 CODE     offset length base which               x86-64: operands of those that `which` is the sum of:
                                                      CALLS, RIP ([rip + n]), FAR and NEAR (jumps)
    3 FRAMES   offset count hdr begin end base        begins of functions, found by the table of .eh_frame_hdr
    4 POINTERS offset length image, sections, for each: begin end base      fields that PE relocations name
    5 JUMPS    offset length base, begin end base     jump tables in the data, found by `lea` in the code

Offsets are in the file, `base` is what turns an offset into an address (of a table: what its fields count
from, as `kind` says). The shift of an address is that of the last region that begins at or before its
granule: 16 addresses, or as many more as keep the granules fewer than 2^20, so that finding a shift is one
look into a list.
"""

import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import repeat

from andon_wire.delta import hdiff
from andon_wire.delta.references import (
    AT_ONCE,
    BACK,
    FIXED,
    FORMATS,
    MOST_REGIONS,
    MOVING,
    OWN,
    Fields,
    Numbers,
    references,
)
from andon_wire.errors import Malformed

NAME = "rebase"
VERSION = 1
_LEAST_GRANULE_BITS, _GRANULES_BITS = 4, 20
_CODES = {4: "i", 8: "q"}


Write = Callable[[memoryview, int, int], object]


def decode(base: bytes, payload: bytes, makes: int) -> bytes:
    """See `forms.Decoder`."""
    numbers = Numbers(payload)
    return hdiff.decode(predict(base, numbers.part()), payload[numbers.at :], makes)


def predict(old: bytes, guide: bytes) -> bytes:
    """The old file with its references led to where the guide says that their targets are now."""
    return predict_by(old, guide)[0]


def predict_by(old: bytes, guide: bytes) -> "tuple[bytes, Shifts]":
    """That, and the shifts that the guide says.

    The prediction is as long as `old`. It takes room for one more copy of it and about 20 MiB, and time in
    proportion to it.

    Raises:
        Malformed: not a guide, or not one for a file of this length.
    """
    numbers = Numbers(guide)
    if numbers.take() != VERSION:
        raise Malformed("bad-patch", "a guide of another version")
    shifts = shifts_in(numbers)
    copy = BytesIO(old)
    with copy.getbuffer() as content:  # the only copy: getvalue below gives the same bytes
        try:
            for each in references(content, numbers):
                _rewrite(content, shifts, each)
        except (struct.error, OverflowError) as error:
            raise Malformed("bad-patch", "a guide that moves more than a field can say") from error
    numbers.end()
    return copy.getvalue(), shifts


@dataclass(frozen=True, slots=True)
class Shifts:
    """By how much each granule of addresses moved. limit: of addresses; bits: of a granule."""

    limit: int
    bits: int
    of: Sequence[int]


def granule_bits(limit: int) -> int:
    """How many bits of an address below `limit` lie within a granule."""
    return max(_LEAST_GRANULE_BITS, limit.bit_length() - _GRANULES_BITS)


def shifts_in(numbers: Numbers) -> Shifts:
    """Those that a guide says next, after its version."""
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


def _rewrite(content: memoryview, shifts: Shifts, fields: Fields) -> None:
    """Let fields lead to where their targets are now; those that lead nowhere stay as they are."""
    if isinstance(fields.positions, range) and fields.kind in {FIXED, MOVING}:
        for begin in range(0, len(fields.positions), AT_ONCE):
            _rewrite_row(content, shifts, fields, fields.positions[begin : begin + AT_ONCE])
    else:
        rewrite(content, shifts, fields, FORMATS[fields.width].pack_into)


def rewrite(content: memoryview, shifts: Shifts, fields: Fields, write: Write) -> None:
    """Write what changes, field by field; not for tables that are FIXED or MOVING."""
    if fields.kind in {OWN, BACK}:
        _rewrite_own(content, shifts, fields, write)
        return
    of, bits, limit, base = shifts.of, shifts.bits, shifts.limit, fields.base
    values = map(FORMATS[fields.width].unpack_from, repeat(content), fields.positions)
    if fields.kind == FIXED:
        for at, (value,) in zip(fields.positions, values, strict=True):
            if 0 <= (target := base + value) < limit and (shift := of[target >> bits]):
                write(content, at, value + shift)
    else:
        for at, (value,), base in zip(fields.positions, values, fields.origins, strict=True):
            if 0 <= (target := base + value) < limit and 0 <= base < limit:
                write(content, at, value + of[target >> bits] - of[base >> bits])


def _rewrite_own(content: memoryview, shifts: Shifts, fields: Fields, write: Write) -> None:
    """The most frequent by far: what is done for each is most of what a station does."""
    of, bits, limit, base, some = shifts.of, shifts.bits, shifts.limit, fields.base, fields.positions
    if some and (some[0] + base < 0 or some[-1] + base >= limit):  # they ascend
        some = [each for each in some if 0 <= each + base < limit]
    lead = base + fields.ahead
    values = map(FORMATS[fields.width].unpack_from, repeat(content), some)
    if fields.kind == OWN:
        for at, (value,) in zip(some, values, strict=True):
            if 0 <= (target := at + lead + value) < limit and (
                shift := of[target >> bits] - of[(at + base) >> bits]
            ):
                write(content, at, value + shift)
    else:
        for at, (value,) in zip(some, values, strict=True):
            if 0 <= (target := at + lead - value) < limit:
                write(content, at, value - of[target >> bits] + of[(at + base) >> bits])


def _rewrite_row(content: memoryview, shifts: Shifts, fields: Fields, some: range) -> None:
    """All of a table at once, as most of its fields change."""
    of, bits, limit, base = shifts.of, shifts.bits, shifts.limit, fields.base
    own = of[base >> bits] if fields.kind == MOVING and 0 <= base < limit else 0
    part, step = content[some[0] : some[-1] + fields.width], some.step // fields.width
    rows = array(_CODES[fields.width], bytes(part))
    if sys.byteorder == "big":
        rows.byteswap()
    changed = [
        each + of[target >> bits] - own if 0 <= (target := base + each) < limit else each
        for each in rows[::step]
    ]
    rows[::step] = array(rows.typecode, changed)
    if sys.byteorder == "big":
        rows.byteswap()
    part[:] = rows.tobytes()
