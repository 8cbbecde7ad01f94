"""The container's bytes: a head, then one compressed frame with the index and all payloads.

Nothing in it is believed: lengths are bounded before room is made for them, the index has its hash in the
head, and the frame ends exactly where the head and the index say.
"""

import hashlib
import lzma
import struct
from typing import BinaryIO, Protocol, cast

import zstandard

from andon_wire.delta import index as codec
from andon_wire.delta.model import MAGIC, MOST_INDEX_BYTES, MOST_WINDOW_BYTES, Index
from andon_wire.errors import Malformed

HEAD = struct.Struct(">8s4sIQ32s")  # magic, compression, bytes of index and of frame, SHA-256 of the index
ZSTD, XZ = b"zstd", b"xz\0\0"
_PIECE = 1 << 20
_FEED = 128 << 10


def head(index: bytes, compression: bytes, frame_bytes: int) -> bytes:
    """The head of a container with this index and a frame of this length."""
    return HEAD.pack(MAGIC, compression, len(index), frame_bytes, hashlib.sha256(index).digest())


class Container:
    """A container that is read once, from its beginning to its end.

    Opening reads the index. Raises Malformed wherever the bytes are not what they should be; OSError where
    they cannot be read.
    """

    def __init__(self, stream: BinaryIO) -> None:
        content = _exactly(stream, HEAD.size)
        magic, compression, index_bytes, frame_bytes, expected = HEAD.unpack(content)
        if magic != MAGIC or compression not in {ZSTD, XZ}:
            raise Malformed("bad-delta", "not a container of Andon, or one of a later kind")
        if index_bytes > MOST_INDEX_BYTES:
            raise Malformed("bad-delta", f"a container with an index of {index_bytes} bytes")
        self._source = _Bounded(stream, frame_bytes)
        self._frame: _Frame = _zstd(self._source) if compression == ZSTD else _Xz(self._source)
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
        except (zstandard.ZstdError, lzma.LZMAError) as error:
            raise Malformed("bad-delta", f"a damaged container: {error}") from error


class _Bounded:
    """A stream that ends where the head says."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream = stream
        self.left = length

    def read(self, length: int) -> bytes:
        piece = self._stream.read(min(length, self.left))
        self.left -= len(piece)
        return piece

    def more(self) -> bool:
        return bool(self._stream.read(1))


class _Frame(Protocol):
    def read(self, size: int, /) -> bytes:
        """At most so many bytes of what was compressed; none at its end."""
        ...


def _zstd(source: _Bounded) -> _Frame:
    decompressor = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW_BYTES)
    return decompressor.stream_reader(cast("BinaryIO", source), read_size=_FEED)


class _Xz:
    """One .xz stream."""

    def __init__(self, source: _Bounded) -> None:
        self._source = source
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_WINDOW_BYTES)

    def read(self, size: int, /) -> bytes:
        """See `_Frame`."""
        found = b""
        while not found and not self._decompressor.eof:
            piece = self._source.read(_FEED) if self._decompressor.needs_input else b""
            if not piece and self._decompressor.needs_input:
                return b""
            found = self._decompressor.decompress(piece, size)
        if self._decompressor.unused_data:
            raise lzma.LZMAError("bytes after the end of the stream")
        return found


def _exactly(stream: BinaryIO, length: int) -> bytes:
    content = b""
    while len(content) < length:
        piece = stream.read(length - len(content))
        if not piece:
            raise Malformed("bad-delta", "a container that ends within its head")
        content += piece
    return content
