"""What a registry asks of the place where its static files lie.

Paths are relative, with `/`: `metadata/timestamp.json`, `targets/mes/1.1.0/<sha256>.andon.toml`. The order
in which a registry is written is its safety (docs/design/registry.md), so every place promises the same: when
`write` or `put` returns, the file is there whole and survives a power cut, so that a later one never becomes
visible before an earlier one; a reader sees the old file or the new, never a part. It blocks: use a thread.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from andon.kernel.errors import InvalidInput, Untrusted
from andon.kernel.ids import Sha256

PIECE_BYTES = 1 << 20
MOST_METADATA_BYTES = 64 << 20
METADATA, TARGETS = "metadata/", "targets/"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is there. written_at: as the place's own clock says."""

    path: str
    size_bytes: int
    written_at: datetime


class Readable(Protocol):
    """A place that static files are read from; it need not be trusted."""

    @property
    def name(self) -> str:
        """What people call it, such as a folder or an address; holds no secret."""
        ...

    def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
        """The file's bytes from `offset` on, as they come; the caller says how many it takes.

        Raises:
            NotFound: `file-missing`.
            Unavailable: the place did not answer, or stopped in the middle.
        """
        ...


class Storage(Readable, Protocol):
    """A place that a registry is written to."""

    def size(self, path: str) -> int | None:
        """Bytes of a file; None where there is none. Raises Unavailable."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Replace a small file. Raises Unavailable, also where the place is full."""
        ...

    def put(self, path: str, pieces: Iterable[bytes], *, size_bytes: int, sha256: Sha256) -> None:
        """Make or replace a large file, in bounded memory.

        Raises:
            Untrusted: `artifact-changed`, the pieces are not those bytes; nothing appears.
            Unavailable: the place did not answer or is full; nothing appears.
        """
        ...

    def remove(self, path: str) -> None:
        """Remove a file; nothing where it is not there. Raises Unavailable."""
        ...

    def list(self, prefix: str) -> Iterator[Stored]:
        """All files whose path begins with `prefix`, in no order; also what a crash left behind."""
        ...

    def free_bytes(self) -> int | None:
        """What may still be written; None where the place does not say."""
        ...


def read(place: Readable, path: str, *, most_bytes: int = MOST_METADATA_BYTES) -> bytes:
    """The whole of a small file.

    Raises:
        Untrusted: `too-long`. NotFound, Unavailable: as `pieces`.
    """
    content = bytearray()
    for piece in place.pieces(path):
        content += piece
        if len(content) > most_bytes:
            raise Untrusted("too-long", f"{path} in {place.name} is longer than {most_bytes} bytes")
    return bytes(content)


def is_whole(place: Storage, path: str, *, size_bytes: int, sha256: Sha256) -> bool:
    """Whether a file is there with just these bytes. Reads it. Raises Unavailable."""
    if place.size(path) != size_bytes:
        return False
    digest = hashlib.sha256()
    for piece in place.pieces(path):
        digest.update(piece)
    return digest.hexdigest() == sha256


def checked(pieces: Iterable[bytes], path: str, *, size_bytes: int, sha256: Sha256) -> Iterator[bytes]:
    """`pieces` as they come; the last of them is given only once all of them are what they should be.

    Raises:
        Untrusted: `artifact-changed`.
    """
    digest, seen, held = hashlib.sha256(), 0, b""
    for piece in pieces:
        if held:
            yield held
        digest.update(piece)
        seen += len(piece)
        held = piece
        if seen > size_bytes:
            break
    if seen != size_bytes or digest.hexdigest() != sha256:
        raise Untrusted(
            "artifact-changed",
            f"{path} is not the file that it should be: its hash or length is another",
            hint="bring it anew; if it stays so, where it comes from is damaged, or somebody changed it",
        )
    if held:
        yield held


def checked_path(path: str) -> str:
    """`path`, when it stays below the place that it is for.

    Raises:
        InvalidInput: it is absolute, goes up, or is not spelled in the one way.
    """
    parts = path.split("/")
    if not path or any(each in {"", ".", ".."} for each in parts) or "\\" in path or "\0" in path:
        raise InvalidInput("bad-path", f"{path!r} is not a path within a registry")
    return path
