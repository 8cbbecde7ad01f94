"""Small executables whose parts a test can move: what a linker would make of a few hundred functions."""

import random
import struct
from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

PAGE = 0x1000
IMAGE = 0x1_8000_0000
EDITS = st.lists(st.tuples(st.integers(0, 12_000), st.binary(max_size=12)), max_size=12)


def functions(seed: int, number: int) -> list[tuple[bytes, list[int]]]:
    """Bodies, and which other functions each calls by its last instructions."""
    draw = random.Random(seed)
    return [
        (draw.randbytes(draw.randrange(30, 200)).replace(b"\xe8", b"\x90"), draw.choices(range(number), k=6))
        for _ in range(number)
    ]


def _code(written: Sequence[tuple[bytes, list[int]]], begin: int) -> tuple[bytes, list[int]]:
    """The code of all functions, each at a multiple of 16, and their addresses."""
    addresses, at = [], begin
    for body, calls in written:
        addresses.append(at)
        at += -(-(len(body) + 5 * len(calls)) // 16) * 16
    parts = []
    for address, (body, calls) in zip(addresses, written, strict=True):
        made = bytearray(body)
        for each in calls:
            made += b"\xe8" + struct.pack("<i", addresses[each] - (address + len(made) + 5))
        parts.append(bytes(made) + b"\xcc" * (-len(made) % 16))
    return b"".join(parts), addresses


def an_elf(written: Sequence[tuple[bytes, list[int]]], *, table: str = "", filled: bool = False) -> bytes:
    """A shared library: code, a table of all its functions, and relocations.

    table: the name of its section; filled: whether its content is what the relocations say, too.
    """
    code, addresses = _code(written, PAGE)
    data_at = -(-(PAGE + len(code)) // PAGE) * PAGE
    rela = b"".join(struct.pack("<QQq", data_at + 8 * n, 8, each) for n, each in enumerate(addresses))
    rela_at = data_at + 8 * len(addresses)
    pointers = struct.pack(f"<{len(addresses)}Q", *addresses) if filled else bytes(8 * len(addresses))
    names = b"\0.text\0.data\0.rela.dyn\0.shstrtab\0" + (table.encode() + b"\0" if table else b"")
    names_at = rela_at + len(rela)
    table_at = names_at + len(names)
    rows = [
        (0, 0, 0, 0, 0, 0),
        (1, 1, 6, PAGE, PAGE, len(code)),
        (33 if table else 7, 1, 3, data_at, data_at, 8 * len(addresses)),
        (13, 4, 2, rela_at, rela_at, len(rela)),
        (23, 3, 0, 0, names_at, len(names)),
    ]
    end = table_at + 64 * len(rows)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, table_at, 0, 64, 56, 1, 64, len(rows), 4)
    head += struct.pack("<IIQQQQQQ", 1, 7, 0, 0, 0, end, end + 64, PAGE)
    content = head.ljust(PAGE, b"\0") + code
    content = content.ljust(data_at, b"\0") + pointers + rela + names
    return content + b"".join(struct.pack("<IIQQQQIIQQ", *row, 0, 0, 8, 0) for row in rows)


def a_pe(written: Sequence[tuple[bytes, list[int]]]) -> bytes:
    """A library of Windows: code, pointers to all its functions, and their relocations."""
    code, addresses = _code(written, PAGE)
    data_at = -(-(PAGE + len(code)) // PAGE) * PAGE
    pointers = b"".join(struct.pack("<Q", IMAGE + each) for each in addresses)
    reloc_at = -(-(data_at + len(pointers)) // PAGE) * PAGE
    blocks = b""
    for page in range(0, len(pointers), PAGE):
        entries = [10 << 12 | at for at in range(0, min(PAGE, len(pointers) - page), 8)]
        blocks += struct.pack(f"<II{len(entries)}H", data_at + page, 8 + 2 * len(entries), *entries)
    sections = [
        (b".text", code, PAGE, 0x60000020),
        (b".rdata", pointers, data_at, 0xC0000040),
        (b".reloc", blocks, reloc_at, 0x42000040),
    ]
    end = reloc_at + len(blocks)
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    head += b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, 240, 0x2022)
    optional = struct.pack("<H", 0x20B).ljust(24, b"\0") + struct.pack("<Q", IMAGE)
    optional = optional.ljust(56, b"\0") + struct.pack("<I", end)
    optional = optional.ljust(108, b"\0") + struct.pack("<I", 16)
    optional += b"".join(
        struct.pack("<II", *((reloc_at, len(blocks)) if n == 5 else (0, 0))) for n in range(16)
    )
    head += optional
    for name, content, at, flags in sections:
        head += struct.pack("<8sIIIIIIHHI", name, len(content), at, len(content), at, 0, 0, 0, 0, flags)
    made = head
    for _, content, at, _ in sections:
        made = made.ljust(at, b"\0") + content
    return made


def edited(content: bytes, edits: Iterable[tuple[int, bytes]]) -> bytes:
    """`content` with `EDITS` in headers, tables and code alike."""
    made = bytearray(content)
    for at, piece in edits:
        begin = at % 1024 if at % 2 else at
        made[begin : begin + len(piece)] = piece
    return bytes(made)
