"""A download that may be cut and goes on where it was."""

from pathlib import Path

from andon.kernel.errors import Unavailable, Untrusted
from andon.releases.layout import make_folder
from andon.releases.mirroring.model import TargetFile
from andon.releases.progress import Progress
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import Readable, Storage


class Part:
    """What came of `file` so far, in `folder`. Its bytes are not believed before `put`."""

    def __init__(self, folder: Path, file: TargetFile) -> None:
        self._file = file
        self._folder = folder
        self._path = folder / f"{file.sha256}.part"

    def complete(self, source: Readable, progress: Progress) -> None:
        """Bring what is missing of it.

        Raises:
            Untrusted: more comes than was signed.
            NotFound, Unavailable: it cannot be had now; what came is kept.
        """
        make_folder(self._folder)
        have = self._path.stat().st_size if self._path.exists() else 0
        if have > self._file.size_bytes:
            self.drop()
            have = 0
        progress.advance(self._file.path, have)
        if have == self._file.size_bytes and have:
            return
        with self._path.open("ab") as stream:
            for piece in source.pieces(self._file.path, offset=have):
                have += len(piece)
                if have > self._file.size_bytes:
                    stream.close()
                    self.drop()
                    raise Untrusted(
                        "too-long", f"{self._file.path} at {source.name} is longer than what was signed"
                    )
                try:
                    stream.write(piece)
                    stream.flush()
                except OSError as error:
                    raise Unavailable(
                        "store-full", f"{self._folder} takes no more: {error.strerror}", hint="make room"
                    ) from error
                progress.advance(self._file.path, len(piece))

    def put(self, into: Storage) -> None:
        """Give it its name there. Raises as `Storage.put`."""
        pieces = Folder(self._folder).pieces(self._path.name)
        into.put(self._file.path, pieces, size_bytes=self._file.size_bytes, sha256=self._file.sha256)

    def drop(self) -> None:
        """Forget it."""
        self._path.unlink(missing_ok=True)
