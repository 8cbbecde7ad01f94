"""Writes a container from its index and its payloads, in the compression that makes it smallest."""

import lzma
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, BinaryIO

import zstandard

from andon_wire.delta import index as codec
from andon_wire.delta.container import XZ, ZSTD, head
from andon_wire.delta.model import Index

_PIECE = 1 << 20
_ZSTD_LEVEL, _ZSTD_WINDOW_LOG = 19, 25
_ZSTD_LEVEL_OF_MUCH = 12  # a ninth of the time for a tenth more bytes, which stations load once in their life
_XZ = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 6, "pb": 0}]  # of code, at any offset
_MUCH = 64 << 20  # bytes; more is left to zstd, which reads ten times as fast and writes on several cores
_ZSTD_JOB = 32 << 20  # bytes that a thread compresses at once

BOTH = (ZSTD, XZ)

Payload = tuple[Path, int, int]  # a file, from where on, how many bytes


def write(
    into: BinaryIO,
    index: Index,
    payloads: Iterable[Payload],
    *,
    scratch: Path,
    compressions: Sequence[bytes] = BOTH,
    threads: int = 1,
) -> int:
    """Write it; gives its bytes. The payloads stand in the order of the index's steps.

    compressions: the smallest wins; where there is much to compress, zstd is taken, on so many threads, whose
    number does not change the bytes.
    """
    content = codec.encode(index)
    listed = list(payloads)
    length = len(content) + sum(size for _, _, size in listed)
    with ExitStack() as stack:
        made = []
        for kind in compressions if length <= _MUCH else (ZSTD,):
            frame = stack.enter_context(TemporaryFile(dir=scratch))
            pieces = _all(content, listed)
            _xz(frame, pieces) if kind == XZ else _zstd(frame, pieces, length, threads)
            made.append((frame.tell(), kind, frame))
        size, kind, frame = min(made, key=lambda each: each[0])
        frame.seek(0)
        top = head(content, kind, size)
        into.write(top)
        shutil.copyfileobj(frame, into, _PIECE)
    return len(top) + size


def _all(index: bytes, payloads: Iterable[Payload]) -> Iterator[bytes]:
    yield index
    for path, at, size in payloads:
        with path.open("rb") as source:
            source.seek(at)
            for begin in range(0, size, _PIECE):
                yield source.read(min(_PIECE, size - begin))


def _zstd(frame: IO[bytes], pieces: Iterator[bytes], length: int, threads: int) -> None:
    parallel = {"threads": threads, "job_size": _ZSTD_JOB} if length > _MUCH else {}
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _ZSTD_LEVEL_OF_MUCH if length > _MUCH else _ZSTD_LEVEL,
        window_log=_ZSTD_WINDOW_LOG,
        source_size=length,
        write_checksum=1,
        **parallel,
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    with compressor.stream_writer(frame, size=length, closefd=False) as stream:
        for piece in pieces:
            stream.write(piece)


def _xz(frame: IO[bytes], pieces: Iterator[bytes]) -> None:
    compressor = lzma.LZMACompressor(format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=_XZ)
    for piece in pieces:
        frame.write(compressor.compress(piece))
    frame.write(compressor.flush())
