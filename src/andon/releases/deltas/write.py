"""Writes a container from its index and the files of its payloads."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import zstandard

from andon_wire.delta import index as codec
from andon_wire.delta.container import head
from andon_wire.delta.model import Index

_LEVEL, _WINDOW_LOG = 19, 25
_PIECE = 1 << 20


def write(into: BinaryIO, index: Index, payloads: Iterable[Path], scratch: Path) -> int:
    """Write it; gives its bytes. The payloads stand in the order of the index's steps."""
    content = codec.encode(index)
    length = len(content) + sum(each.takes for each in index.steps)
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL, window_log=_WINDOW_LOG, source_size=length, write_checksum=1
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    with TemporaryFile(dir=scratch) as frame:
        with compressor.stream_writer(frame, size=length, closefd=False) as stream:
            stream.write(content)
            for payload in payloads:
                with payload.open("rb") as source:
                    shutil.copyfileobj(source, stream, _PIECE)
        size = frame.tell()
        frame.seek(0)
        top = head(content, size)
        into.write(top)
        shutil.copyfileobj(frame, into, _PIECE)
    return len(top) + size
