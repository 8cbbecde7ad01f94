"""How the update client reads a registry that is a folder: this machine's own, a mirror, a USB stick."""

from collections.abc import Iterator
from pathlib import Path

from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient import FetcherInterface

_PIECE_BYTES = 1 << 20
_NOT_FOUND = 404


class FolderFetcher(FetcherInterface):
    """Gives files below `root`. The library limits how much it takes, so a file may be endless."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def _fetch(self, url: str) -> Iterator[bytes]:
        """Pieces of the file at the relative path `url`.

        Raises:
            DownloadHTTPError: 404, it is not there or not a plain file below the root.
            DownloadError: it cannot be read.
        """
        path = (self._root / url).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            raise DownloadHTTPError(f"no file {url}", _NOT_FOUND)
        try:
            with path.open("rb") as stream:
                while piece := stream.read(_PIECE_BYTES):
                    yield piece
        except OSError as error:
            raise DownloadError(f"cannot read {url}: {error}") from error
