"""How the update client reads a registry, wherever it lies."""

from collections.abc import Iterator

from andon.kernel.errors import AndonError, InvalidInput, NotFound
from andon.releases.storage.protocol import Readable
from andon_wire.errors import Missing, Unreachable


class StorageSource:
    """A place, in the words of `andon_wire.sources`. The client limits how much it takes."""

    def __init__(self, place: Readable) -> None:
        self._place = place

    @property
    def name(self) -> str:
        """What people call it."""
        return self._place.name

    def pieces(self, path: str) -> Iterator[bytes]:
        """See `andon_wire.sources.Source`."""
        try:
            yield from self._place.pieces(path)
        except (NotFound, InvalidInput) as error:
            raise Missing("file-missing", error.message) from error
        except AndonError as error:
            raise Unreachable(error.code, error.message, hint=error.hint) from error
