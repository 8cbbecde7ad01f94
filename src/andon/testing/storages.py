"""Places for a registry that fail when a test says so."""

from collections.abc import Iterable, Iterator

from andon.kernel.errors import Unavailable
from andon.kernel.ids import Sha256
from andon.releases.storage.protocol import Storage, Stored


class PowerCut(BaseException):
    """Not an Exception, so that nothing handles it."""


class CutStorage:
    """Goes dark at a chosen change of `inner`: just before it, or just after.

    left: changes that still happen; None: all of them. is_done: whether the fatal one happens.
    is_away: whether it answers at all.
    """

    def __init__(self, inner: Storage) -> None:
        self._inner = inner
        self.left: int | None = None
        self.is_done = False
        self.is_away = False
        self.changes: list[str] = []

    @property
    def name(self) -> str:
        """See `Readable`."""
        return self._inner.name

    def size(self, path: str) -> int | None:
        """See `Readable`."""
        self._answer()
        return self._inner.size(path)

    def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
        """See `Readable`."""
        self._answer()
        return self._inner.pieces(path, offset=offset)

    def write(self, path: str, content: bytes) -> None:
        """See `Storage`."""
        self._begin(path)
        self._inner.write(path, content)
        self._end()

    def put(self, path: str, pieces: Iterable[bytes], *, size_bytes: int, sha256: Sha256) -> None:
        """See `Storage`."""
        self._begin(path)
        self._inner.put(path, pieces, size_bytes=size_bytes, sha256=sha256)
        self._end()

    def remove(self, path: str) -> None:
        """See `Storage`."""
        self._begin(f"-{path}")
        self._inner.remove(path)
        self._end()

    def list(self, prefix: str) -> Iterator[Stored]:
        """See `Storage`."""
        self._answer()
        return self._inner.list(prefix)

    def free_bytes(self) -> int | None:
        """See `Storage`."""
        return self._inner.free_bytes()

    def _answer(self) -> None:
        if self.is_away:
            raise Unavailable("store-away", f"{self._inner.name} does not answer")

    def _begin(self, path: str) -> None:
        self._answer()
        if self.left == 0 and not self.is_done:
            raise PowerCut
        self.changes.append(path)

    def _end(self) -> None:
        if self.left == 0:
            raise PowerCut
        if self.left is not None:
            self.left -= 1
