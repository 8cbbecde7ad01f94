"""The form `absolute`: a patch between two executables whose references say where they lead, not how far.

Code that a compiler generated anew calls the same functions from other places, so all its operands differ,
also from each other. Here both files are *flattened* before they are compared: an operand that counts from
its own address becomes the address that it leads to, a column of a table becomes differences of neighbours,
and the addend of a relocation that is in the data as well becomes nothing. The old file is treated as by the
form `rebase` first, and its operands lead to where things are now. Flattening can be undone exactly: the
patch makes the flat new file, and undoing that makes the new one.

The payload is two lengths, each followed by so many bytes, and the patch: a guide (see `rebase`), and a
*shape*: the steps that flatten the old file, then those that flatten the new one. Their numbers are in
LEB128 and have a sign (zigzag), but for the code; before each of both lists stands how many there are:

    1 TARGETS      offset length base            operands of call and [rip + n] in x86-64 code
    2 DIFFERENCES  offset count stride width     fields of 4 or 8 bytes: each less the one before it
    3 RELATIVE     offset count begin end base   addends of ELF relocations (RELA) of type 8, each
                                                 less the 8 bytes at its address, if these
                                                 lie from begin to end

Offsets are in the file, `base` is what turns an offset into an address. Operands are found 256 KiB by 256
KiB, from the first byte on; what one is found with is passed over, whatever it says, so that the same ones
are found in the flat file. An operand within 2^26 becomes the address modulo 2^27; any is turned to
big-endian, so that bytes that are alike stand beside the opcode.
"""

import re
import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import accumulate, pairwise, repeat

from andon_wire.delta import hdiff
from andon_wire.delta.rebase import Shifts, predict_by
from andon_wire.delta.references import AT_ONCE, MOST_STEPS, MOST_WORK, OPCODES, RIP_BYTES, Numbers
from andon_wire.errors import Malformed

NAME = "absolute"
TARGETS, DIFFERENCES, RELATIVE = 1, 2, 3
_NUMBERS = {TARGETS: 3, DIFFERENCES: 4, RELATIVE: 5}  # of each step, after its code
_CHUNK_BYTES = 1 << 18
_REACH = 1 << 26
_WRAP = 2 * _REACH - 1
_OPERAND = re.compile(rb"(?:\xe8|[" + OPCODES + rb"]" + RIP_BYTES + rb")....", re.DOTALL)
_LITTLE, _BIG = struct.Struct("<i"), struct.Struct(">i")
_WORD, _ROW = struct.Struct("<Q"), struct.Struct("<QQQ")  # a row: address, kind, addend
_CODES = {4: "I", 8: "Q"}
_RELATIVE_OF_X86_64, _ADDEND = 8, 16  # a kind; where in a row
_MASK = (1 << 64) - 1
_NOWHERE = Shifts(0, 0, ())

Step = tuple[int, ...]
_Change = Callable[[memoryview, Step, Shifts], None]
_Fields = Callable[[int, Sequence[int], int], tuple[Sequence[int], int]]  # the last before, fields, mask


def decode(base: bytes, payload: bytes, makes: int) -> bytes:
    """See `forms.Decoder`."""
    numbers = Numbers(payload)
    guide, shape = numbers.part(), Numbers(numbers.part())
    before, after = list(_steps(shape, len(base))), list(_steps(shape, makes))
    shape.end()
    predicted, shifts = predict_by(base, guide)
    flat = _changed(predicted, [(_FLATTEN[each[0]], each, shifts) for each in before])
    del predicted  # a station need not hold more than it must
    made = hdiff.decode(flat, payload[numbers.at :], makes)
    del flat
    return _changed(made, [(_UNDO[each[0]], each, _NOWHERE) for each in reversed(after)])


def flatten(content: bytes, steps: Sequence[Step], shifts: Shifts = _NOWHERE) -> bytes:
    """What a maker compares: an old file, as `predict_by` made it, with its shifts, or a new one without."""
    return _changed(content, [(_FLATTEN[each[0]], each, shifts) for each in steps])


def _changed(content: bytes, changes: Sequence[tuple[_Change, Step, Shifts]]) -> bytes:
    copy = BytesIO(content)
    with copy.getbuffer() as view:
        for change, step, shifts in changes:
            change(view, step, shifts)
    return copy.getvalue()


def _steps(numbers: Numbers, length: int) -> Iterator[Step]:
    """The next list of steps, for a file of this length. Raises Malformed for what leads out of it."""
    work = MOST_WORK * length
    for _ in range(numbers.take(MOST_STEPS)):
        code = numbers.take()
        if code not in _NUMBERS:
            raise Malformed("bad-patch", "a shape with a step of an unknown kind")
        found = numbers.signed(_NUMBERS[code])
        for at, size in _named(code, found):
            work -= size
            if not 0 <= at <= at + size <= length or work < 0:
                raise Malformed("bad-patch", "a shape that leads out of its file, or too often through it")
        yield (code, *found)


def _named(code: int, found: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Which bytes a step names."""
    if code == DIFFERENCES:
        _, count, stride, width = found
        if width not in _CODES or stride < width or stride % width:
            raise Malformed("bad-patch", "a shape with a table of unknown form")
        yield found[0], (count - 1) * stride + width
    else:
        yield found[0], found[1] * (_ROW.size if code == RELATIVE else 1)
    if code == RELATIVE:
        yield found[2], found[3] - found[2]


def _chunks(content: memoryview, step: Step) -> Iterator[Sequence[int]]:
    """Where operands are, for each chunk of code."""
    _, offset, length, _ = step
    for begin in range(offset, offset + length, _CHUNK_BYTES):
        end = min(begin + _CHUNK_BYTES, offset + length)
        yield [each.end() - 4 for each in _OPERAND.finditer(content, begin, end)]


def _to_targets(content: memoryview, step: Step, shifts: Shifts) -> None:
    lead, of, bits, limit = step[3] + 4, shifts.of, shifts.bits, shifts.limit
    write = _BIG.pack_into
    for found in _chunks(content, step):
        for at, (value,) in zip(found, map(_LITTLE.unpack_from, repeat(content), found), strict=True):
            if -_REACH <= value < _REACH:
                target = at + lead + value
                if 0 <= target < limit:
                    target += of[target >> bits]
                write(content, at, (target + _REACH & _WRAP) - _REACH)
            else:
                write(content, at, value)


def _from_targets(content: memoryview, step: Step, _: Shifts) -> None:
    lead, write = step[3] + 4 - _REACH, _LITTLE.pack_into
    for found in _chunks(content, step):
        for at, (value,) in zip(found, map(_BIG.unpack_from, repeat(content), found), strict=True):
            if -_REACH <= value < _REACH:
                write(content, at, (value - at - lead & _WRAP) - _REACH)
            else:
                write(content, at, value)


def _column(content: memoryview, step: Step, change: _Fields) -> None:
    """Change the fields of a column, some at once."""
    _, offset, count, stride, width = step
    last, mask = 0, (1 << 8 * width) - 1
    for first in range(0, count, AT_ONCE):
        begin, number = offset + first * stride, min(AT_ONCE, count - first)
        part = content[begin : begin + (number - 1) * stride + width]
        rows = array(_CODES[width], bytes(part))
        if sys.byteorder == "big":
            rows.byteswap()
        changed, last = change(last, rows[:: stride // width], mask)
        rows[:: stride // width] = array(_CODES[width], changed)
        if sys.byteorder == "big":
            rows.byteswap()
        part[:] = rows.tobytes()


def _less(last: int, some: Sequence[int], mask: int) -> tuple[Sequence[int], int]:
    return [each - former & mask for former, each in pairwise((last, *some))], some[-1]


def _more(last: int, some: Sequence[int], mask: int) -> tuple[Sequence[int], int]:
    made = list(accumulate(some, lambda former, each: former + each & mask, initial=last))
    return made[1:], made[-1]


def _to_differences(content: memoryview, step: Step, _: Shifts) -> None:
    _column(content, step, _less)


def _from_differences(content: memoryview, step: Step, _: Shifts) -> None:
    _column(content, step, _more)


def _add(content: memoryview, step: Step, sign: int) -> None:
    """To addends: what stands at their addresses, `sign` times."""
    _, offset, count, begin, end, base = step
    rows = range(offset, offset + _ROW.size * count, _ROW.size)
    for row, (address, kind, addend) in zip(rows, map(_ROW.unpack_from, repeat(content), rows), strict=True):
        at = address - base
        if kind == _RELATIVE_OF_X86_64 and begin <= at <= end - _WORD.size:
            (value,) = _WORD.unpack_from(content, at)
            _WORD.pack_into(content, row + _ADDEND, addend + sign * value & _MASK)


def _to_nothing(content: memoryview, step: Step, _: Shifts) -> None:
    _add(content, step, -1)


def _from_nothing(content: memoryview, step: Step, _: Shifts) -> None:
    _add(content, step, 1)


_FLATTEN: dict[int, _Change] = {TARGETS: _to_targets, DIFFERENCES: _to_differences, RELATIVE: _to_nothing}
_UNDO: dict[int, _Change] = {TARGETS: _from_targets, DIFFERENCES: _from_differences, RELATIVE: _from_nothing}
