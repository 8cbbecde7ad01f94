"""Where in an executable addresses stand: the part of ELF and PE that re-based patches need, and no more.

What is not understood is left out, and costs bytes of the patch; nothing here has to be right. Sources: the
System V ABI with its x86-64 supplement, the LSB for `.eh_frame_hdr`; Microsoft's "PE Format".
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from andon_wire.delta.absolute import DIFFERENCES, RELATIVE, TARGETS
from andon_wire.delta.references import (
    CALLS,
    CODE,
    FAR,
    FIXED,
    FRAMES,
    JUMPS,
    MOST_SECTIONS,
    MOST_STEPS,
    MOVING,
    NEAR,
    POINTERS,
    RIP,
    TABLE,
)

EVERYTHING = CALLS | RIP | FAR | NEAR
_MOST_MEMORY = 1 << 40  # bytes of addresses
_X86_64_OF_ELF, _X86_64_OF_PE = 62, 0x8664
_RELATIVE = 8  # of relocations
_LOAD, _SYMTAB, _RELA, _NOBITS, _DYNSYM = 1, 2, 4, 8, 11
_EXECUTABLE_OF_ELF, _EXECUTABLE_OF_PE = 4, 0x20000000
_POINTERS_OF_ELF = frozenset({".got", ".got.plt", ".init_array", ".fini_array", ".data", ".data.rel.ro"})
_HDR_PCREL_DATAREL = b"\x01\x1b\x03\x3b"  # .eh_frame_hdr as every compiler of today writes it
_EXPORTS, _IMPORTS, _EXCEPTIONS, _RELOCATIONS, _IAT = 0, 1, 3, 5, 12  # data directories of a PE


Step = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the file and the address it is loaded at."""

    offset: int
    length: int
    address: int

    @property
    def base(self) -> int:
        """What turns an offset in it into an address."""
        return self.address - self.offset


@dataclass(frozen=True, slots=True)
class Executable:
    """What is known of one. limit: of addresses; steps: of a guide (`andon_wire.delta.rebase`).

    doubtful: steps that are as likely to do harm; who makes a patch tries it with and without.
    parts: sorted by offset. beyond: where addresses begin that stand for no bytes of the file (.bss).
    """

    parts: tuple[Part, ...]
    limit: int
    beyond: int
    steps: tuple[Step, ...]
    doubtful: tuple[Step, ...] = ()


def read(content: bytes) -> Executable | None:
    """What is known of an executable for 64-bit machines, little-endian; None for any other file."""
    try:
        if content[:6] == b"\x7fELF\x02\x01":
            return _sane(_elf(content))
        if content[:2] == b"MZ":
            return _sane(_pe(content))
    except (struct.error, IndexError, ValueError, OverflowError):
        pass  # a file that only begins like one
    return None


def shape(found: Executable, content: bytes) -> tuple[Step, ...]:
    """The steps of the form `absolute` (`andon_wire.delta.absolute`) that flatten it."""
    code = [(TARGETS, *step[1:4]) for step in found.steps if step[0] == CODE]
    return (*code, *(_columns(content) if content[:4] == b"\x7fELF" else ()))


def _columns(content: bytes) -> Iterator[Step]:
    """Addends that stand in the data too, then the relocations and the table of begins of functions."""
    sections = list(_sections_of_elf(content))
    for rows in (each.part for each in sections if each.kind == _RELA and each.part.length >= 24):
        count = rows.length // 24
        yield from (
            (RELATIVE, rows.offset, count, data.offset, data.offset + data.length, data.base)
            for data in (each.part for each in sections if each.name == ".data.rel.ro")
            if _repeats(content, rows, data)
        )
        yield DIFFERENCES, rows.offset, count, 24, 8
        yield DIFFERENCES, rows.offset + 16, count, 24, 8
    for step in _frames(content, {each.name: each.part for each in sections}):
        if step[0] == FRAMES and step[2] > 0:
            yield DIFFERENCES, step[1], step[2], 8, 4
            yield DIFFERENCES, step[1] + 4, step[2], 8, 4


def _repeats(content: bytes, rows: Part, data: Part) -> bool:
    """Whether most relocations without a symbol say what stands at their place too."""
    found: list[bool] = [
        addend == struct.unpack_from("<Q", content, address - data.base)[0]
        for address, kind, addend in struct.iter_unpack(
            "<QQQ", content[rows.offset : rows.offset + rows.length // 24 * 24]
        )
        if kind == _RELATIVE and data.address <= address <= data.address + data.length - 8
    ]
    return 2 * sum(found) > len(found)


def _sane(found: Executable | None) -> Executable | None:
    """Without what cannot be loaded: addresses beyond all memory, or beyond their own limit."""
    if found is None or found.limit > _MOST_MEMORY or len(found.steps) > MOST_STEPS:
        return None
    parts = tuple(each for each in found.parts if each.address + each.length <= found.limit)
    return replace(found, parts=parts, beyond=min(found.beyond, found.limit)) if parts else None


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    kind: int
    flags: int
    part: Part


def _elf(content: bytes) -> Executable | None:
    machine = struct.unpack_from("<H", content, 18)[0]
    table, _ = struct.unpack_from("<QI", content, 32)
    count = struct.unpack_from("<H", content, 56)[0]
    loads = [
        each
        for n in range(count)
        if (each := struct.unpack_from("<IIQQQQQQ", content, table + 56 * n))[0] == _LOAD
    ]
    if not loads:
        return None
    sections = list(_sections_of_elf(content))
    last = max(loads, key=lambda each: each[3])
    return Executable(
        parts=tuple(
            sorted(_inside(content, (Part(each[2], each[5], each[3]) for each in loads)), key=_offset)
        ),
        limit=max(each[3] + each[6] for each in loads) + 1,
        beyond=last[3] + last[5],
        steps=tuple(_steps_of_elf(content, sections, machine)),
    )


def _offset(part: Part) -> int:
    return part.offset


def _inside(content: bytes, parts: Iterable[Part]) -> Iterator[Part]:
    return (each for each in parts if each.length and each.offset + each.length <= len(content))


def _sections_of_elf(content: bytes) -> Iterator[_Section]:
    table = struct.unpack_from("<Q", content, 40)[0]
    _, count, names = struct.unpack_from("<HHH", content, 58)
    rows = [struct.unpack_from("<IIQQQQ", content, table + 64 * n) for n in range(count)]
    at = rows[names][4] if names < len(rows) else 0
    for name, kind, flags, address, offset, size in rows:
        if kind != _NOBITS and address and offset + size <= len(content):
            begin = at + name
            text = content[begin : content.index(b"\0", begin)].decode("ascii", "replace")
            yield _Section(text, kind, flags, Part(offset, size, address))


def _steps_of_elf(content: bytes, sections: Sequence[_Section], machine: int) -> Iterator[Step]:
    named = {each.name: each.part for each in sections}
    if machine == _X86_64_OF_ELF and {".text", ".rodata"} <= named.keys():
        code, data = named[".text"], named[".rodata"]
        yield JUMPS, code.offset, code.length, code.base, data.offset, data.offset + data.length, data.base
    for each in sections:
        part = each.part
        if each.kind == _RELA:
            yield TABLE, part.offset, part.length // 24, 24, 8, FIXED, 0
            yield TABLE, part.offset + 16, part.length // 24 - 1, 24, 8, FIXED, 0
        elif each.kind in {_DYNSYM, _SYMTAB}:
            yield TABLE, part.offset + 8, part.length // 24 - 1, 24, 8, FIXED, 0
            if each.kind == _DYNSYM and ".dynstr" in named:
                yield TABLE, part.offset, part.length // 24, 24, 4, MOVING, named[".dynstr"].address
        elif each.flags & _EXECUTABLE_OF_ELF and machine == _X86_64_OF_ELF:
            yield CODE, part.offset, part.length, part.base, EVERYTHING
        elif each.name in _POINTERS_OF_ELF:
            yield TABLE, part.offset, part.length // 8, 8, 8, FIXED, 0
    yield from _frames(content, named)


def _frames(content: bytes, named: dict[str, Part]) -> Iterator[Step]:
    hdr, frames = named.get(".eh_frame_hdr"), named.get(".eh_frame")
    if hdr is None or frames is None or content[hdr.offset : hdr.offset + 4] != _HDR_PCREL_DATAREL:
        return
    count = min(struct.unpack_from("<I", content, hdr.offset + 8)[0], (hdr.length - 12) // 8)
    end = frames.offset + frames.length
    yield FRAMES, hdr.offset + 12, count, hdr.address, frames.offset, end, frames.base
    yield TABLE, hdr.offset + 12, 2 * count, 4, 4, MOVING, hdr.address


def _pe(content: bytes) -> Executable | None:
    at = struct.unpack_from("<I", content, 0x3C)[0]
    signature, machine, count = struct.unpack_from("<4sHH", content, at)
    optional = struct.unpack_from("<H", content, at + 20)[0]
    magic = struct.unpack_from("<H", content, at + 24)[0]
    if signature != b"PE\0\0" or magic != 0x20B or count > MOST_SECTIONS:
        return None
    image, limit = (
        struct.unpack_from("<Q", content, at + 48)[0],
        struct.unpack_from("<I", content, at + 80)[0],
    )
    directories = [
        struct.unpack_from("<II", content, at + 136 + 8 * n)
        for n in range(min(struct.unpack_from("<I", content, at + 132)[0], 16))
    ]
    rows = [struct.unpack_from("<8sIIIIIIHHI", content, at + 24 + optional + 40 * n) for n in range(count)]
    sections = [
        _Section(
            row[0].rstrip(b"\0").decode("ascii", "replace"),
            0,
            row[9],
            Part(row[4], min(row[1], row[3]), row[2]),
        )
        for row in rows
    ]
    parts = tuple(sorted(_inside(content, (each.part for each in sections)), key=_offset))
    beyond = max((each.address + each.length for each in parts), default=0)
    steps = tuple(_steps_of_pe(content, sections, directories, image, machine))
    doubtful = tuple(
        (TABLE, each.part.offset, each.part.length // 4, 4, 4, FIXED, 0)
        for each in sections
        if each.name == ".rdata" and each.part in parts  # run-time types, exceptions: addresses, but not all
    )
    return Executable(parts, limit + 1, beyond, steps, doubtful) if parts else None


def _steps_of_pe(
    content: bytes,
    sections: Sequence[_Section],
    directories: Sequence[tuple[int, int]],
    image: int,
    machine: int,
) -> Iterator[Step]:
    parts = tuple(_inside(content, (each.part for each in sections)))
    places = dict(enumerate(_place(parts, each) for each in directories))
    if relocations := places.get(_RELOCATIONS):
        rows = [number for each in parts for number in (each.offset, each.offset + each.length, each.base)]
        yield POINTERS, relocations.offset, relocations.length, image, len(parts), *rows
    if exceptions := places.get(_EXCEPTIONS):
        yield TABLE, exceptions.offset, exceptions.length // 4, 4, 4, FIXED, 0
    if exports := places.get(_EXPORTS):
        yield from _exported(content, parts, exports)
    if imports := places.get(_IMPORTS):
        for field in (0, 12, 16):
            yield TABLE, imports.offset + field, max(imports.length // 20 - 1, 0), 20, 4, FIXED, 0
        yield from _lookups(content, parts, imports)
    if addresses := places.get(_IAT):
        yield TABLE, addresses.offset, addresses.length // 8, 8, 8, FIXED, 0
    for each in sections:
        if each.flags & _EXECUTABLE_OF_PE and machine == _X86_64_OF_PE and each.part in parts:
            yield CODE, each.part.offset, each.part.length, each.part.base, EVERYTHING


def _exported(content: bytes, parts: Sequence[Part], exports: Part) -> Iterator[Step]:
    functions, names, at, names_at = struct.unpack_from("<IIII", content, exports.offset + 20)
    for count, address in ((functions, at), (names, names_at)):
        if table := _place(parts, (address, 4 * count)):
            yield TABLE, table.offset, count, 4, 4, FIXED, 0


def _lookups(content: bytes, parts: Sequence[Part], imports: Part) -> Iterator[Step]:
    """The tables of what is imported by name, which linkers put one behind another."""
    begins = sorted(
        struct.unpack_from("<I", content, imports.offset + 20 * n)[0] for n in range(imports.length // 20 - 1)
    )
    if begins and (table := _place(parts, (begins[0], begins[-1] - begins[0]))):
        yield TABLE, table.offset, table.length // 8, 8, 8, FIXED, 0


def _place(parts: Sequence[Part], directory: tuple[int, int]) -> Part | None:
    address, length = directory
    for each in parts:
        if length and each.address <= address and address + length <= each.address + each.length:
            return Part(address - each.base, length, address)
    return None
