"""A reader of containers written from docs/design/deltas.md alone: it shares no code with the product's.

It holds everything in memory and believes what it reads; it is there to show that the description is exact.
"""

import hashlib
import json
import lzma
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice

import zstandard

Files = Mapping[str, bytes]


def read(container: bytes, old: Files) -> dict[str, bytes]:
    """All files of the new tree, by path, made of those of the old one."""
    magic, compression, index_length, frame_length, digest = struct.unpack(">8s4sIQ32s", container[:56])
    assert magic == b"ANDONDL1"
    frame = container[56:]
    assert len(frame) == frame_length
    if compression == b"zstd":
        plain = zstandard.ZstdDecompressor().stream_reader(frame).read(-1)
    else:
        assert compression == b"xz\0\0"
        plain = lzma.decompress(frame, lzma.FORMAT_XZ)
    index, payloads = plain[:index_length], plain[index_length:]
    assert hashlib.sha256(index).digest() == digest
    document = json.loads(index)
    new = {path: content for path, content in old.items() if path not in document["gone"]}
    for path, base, _ in document["moved"]:
        new[path] = old[base]
    made, at = {}, 0
    for form, path, makes, *rest in document["steps"]:
        takes = rest[0] if form == "whole" else rest[3] if form not in {"copy", "zeros"} else 0
        made[path] = made.get(path, b"") + _step(form, makes, rest, payloads[at : at + takes], old)
        at += takes
    assert at == len(payloads)
    return new | _changed(document["changed"], made)


def _changed(rows: list[list[object]], made: Files) -> dict[str, bytes]:
    """The files of `changed`: made by steps, twins of those, or without a byte."""
    by_hash = {hashlib.sha256(each).hexdigest(): each for each in made.values()} | {
        hashlib.sha256(b"").hexdigest(): b""
    }
    return {str(row[1]): by_hash[str(row[3])] for row in rows if row[0] in {"f", "x"}}


def _step(form: str, makes: int, rest: list, payload: bytes, old: Files) -> bytes:
    match form:
        case "whole":
            return payload
        case "zeros":
            return bytes(makes)
        case "copy":
            base, at, span = rest
            return old[base][at : at + span]
    base, at, span, takes, check = rest
    assert (zlib.crc32(payload), len(payload)) == (check, takes)
    part = old[base][at : at + span]
    match form:
        case "hdiff":
            return _hdiff(part, payload)
        case "zdict":
            known = zstandard.ZstdCompressionDict(part, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
            return zstandard.ZstdDecompressor(dict_data=known).stream_reader(payload).read(-1)
    raise NotImplementedError(form)


class _Numbers:
    """Numbers of a part of a patch, one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content, self.at = content, 0

    def take(self, length: int) -> bytes:
        found = self._content[self.at : self.at + length]
        self.at += length
        return found

    def number(self, tag_bits: int = 0) -> tuple[int, int]:
        """The tag in the first byte's highest bits, and the number."""
        first = self.take(1)[0]
        tag = first >> (8 - tag_bits)
        more = first >> (7 - tag_bits) & 1
        value = first & ((1 << (7 - tag_bits)) - 1)
        while more:
            byte = self.take(1)[0]
            more, value = byte >> 7, value << 7 | byte & 0x7F
        return tag, value


def _hdiff(old: bytes, payload: bytes) -> bytes:
    head = _Numbers(payload)
    assert head.take(9) == b"HDIFF13&\0"
    new_size, old_size, covers, *sizes = (head.number()[1] for _ in range(11))
    assert old_size == len(old)
    assert not any(sizes[1::2])  # nothing is compressed
    cover, control, code, literals = (_Numbers(head.take(size)) for size in sizes[::2])
    added = _added(control, code)
    new, old_end = bytearray(), 0
    for _ in range(covers):
        is_back, distance = cover.number(1)
        gap, length = cover.number()[1], cover.number()[1]
        start = old_end - distance if is_back else old_end + distance
        new += literals.take(gap)
        deque(islice(added, gap), maxlen=0)  # passed over
        new += bytes((old[start + n] + next(added)) & 0xFF for n in range(length))
        old_end = start + length
    new += literals.take(new_size - len(new))
    return bytes(new)


def _added(control: _Numbers, code: _Numbers) -> Iterator[int]:
    """What is added to each byte of the new file that a cover makes; between covers it is not used."""
    while True:
        kind, length = control.number(2)
        match kind:
            case 0:
                yield from bytes(length + 1)
            case 1:
                yield from b"\xff" * (length + 1)
            case 2:
                yield from code.take(1) * (length + 1)
            case _:
                yield from code.take(length + 1)
