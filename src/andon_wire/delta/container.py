"""The container's bytes: a head, then one zstd frame with the index and all payloads.

Nothing in it is believed: lengths are bounded before room is made for them, the index has its hash in the
head, and the frame ends exactly where the head and the index say.
"""

import hashlib
import struct
from typing import BinaryIO, cast

import zstandard

from andon_wire.delta import index as codec
from andon_wire.delta.model import MAGIC, MOST_INDEX_BYTES, MOST_WINDOW_BYTES, Index
from andon_wire.errors import Malformed

HEAD = struct.Struct(">8sIQ32s")  # magic, bytes of the index, bytes of the frame, SHA-256 of the index
_PIECE = 1 << 20


def head(index: bytes, frame_bytes: int) -> bytes:
    """The head of a container with this index and a frame of this length."""
    return HEAD.pack(MAGIC, len(index), frame_bytes, hashlib.sha256(index).digest())


class Container:
    """A container that is read once, from its beginning to its end.

    Opening reads the index. Raises Malformed wherever the bytes are not what they should be; OSError where
    they cannot be read.
    """

    def __init__(self, stream: BinaryIO) -> None:
        content = _exactly(stream, HEAD.size)
        magic, index_bytes, frame_bytes, expected = HEAD.unpack(content)
        if magic != MAGIC:
            raise Malformed("bad-delta", "not a container of Andon, or one of a later kind")
        if index_bytes > MOST_INDEX_BYTES:
            raise Malformed("bad-delta", f"a container with an index of {index_bytes} bytes")
        self._source = _Bounded(stream, frame_bytes)
        decompressor = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW_BYTES)
        self._frame = decompressor.stream_reader(cast("BinaryIO", self._source), read_size=128 << 10)
        found = self.read(index_bytes)
        if hashlib.sha256(found).digest() != expected:
            raise Malformed("bad-delta", "a container whose index is damaged")
        self.index: Index = codec.decode(found)

    def read(self, length: int) -> bytes:
        """The next bytes of the payloads, exactly as many; the caller bounds them."""
        parts, left = [], length
        while left:
            piece = self._some(min(left, _PIECE))
            if not piece:
                raise Malformed("bad-delta", "a container that ends too early")
            parts.append(piece)
            left -= len(piece)
        return b"".join(parts)

    def skip(self, length: int) -> None:
        """Pass the next bytes."""
        while length:
            length -= len(self.read(min(length, _PIECE)))

    def end(self) -> None:
        """See that nothing follows."""
        if self._some(1) or self._source.left or self._source.more():
            raise Malformed("bad-delta", "a container that goes on after its end")

    def _some(self, length: int) -> bytes:
        try:
            return self._frame.read(length)
        except zstandard.ZstdError as error:
            raise Malformed("bad-delta", f"a damaged container: {error}") from error


class _Bounded:
    """A stream that ends where the head says; zstandard only reads it."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream = stream
        self.left = length

    def read(self, length: int) -> bytes:
        piece = self._stream.read(min(length, self.left))
        self.left -= len(piece)
        return piece

    def more(self) -> bool:
        return bool(self._stream.read(1))


def _exactly(stream: BinaryIO, length: int) -> bytes:
    content = b""
    while len(content) < length:
        piece = stream.read(length - len(content))
        if not piece:
            raise Malformed("bad-delta", "a container that ends within its head")
        content += piece
    return content
