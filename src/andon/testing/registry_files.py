"""The registry's static files, in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from andon.kernel.errors import NotFound


@dataclass
class FakeFiles:
    """Files by path, given in pieces of `piece_bytes`."""

    files: dict[str, bytes] = field(default_factory=dict)
    piece_bytes: int = 7

    def size(self, path: str) -> int | None:
        """See `RegistryFiles`."""
        return len(self.files[path]) if path in self.files else None

    def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
        """See `RegistryFiles`."""
        if path not in self.files:
            raise NotFound("file-missing", f"there is no {path}")
        content = self.files[path][offset:]
        for at in range(0, len(content), self.piece_bytes):
            yield content[at : at + self.piece_bytes]
