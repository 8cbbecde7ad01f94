"""A download that may be cut and goes on where it was."""

from collections.abc import Collection, Sequence
from pathlib import Path

from andon.kernel.errors import Unavailable, Untrusted
from andon.kernel.ids import Sha256
from andon.releases.layout import make_folder
from andon.releases.mirroring.model import TargetFile, total_bytes
from andon.releases.progress import Progress
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import Readable, Storage


def drop_unnamed(folder: Path, named: Collection[Sha256]) -> None:
    """Remove parts of files that the source names no more: nobody goes on with them."""
    for each in folder.glob("*.part"):
        if each.stem not in named:
            each.unlink(missing_ok=True)


def check_room(folder: Path, into: Storage, missing: Sequence[TargetFile]) -> None:
    """See that the largest of `missing` can be downloaded into `folder`: one at a time is there.

    Where its disk is that of the folder `into`, there must be room for both.

    Raises:
        Unavailable: `store-full`.
    """
    make_folder(folder)
    needed = max((each.size_bytes - _have(folder, each) for each in missing), default=0)
    if isinstance(into, Folder) and into.is_on_disk_of(folder):
        needed += total_bytes(missing)
    free = Folder(folder).free_bytes()
    if free is not None and needed > free:
        raise Unavailable(
            "store-full",
            f"{folder}, where downloads are kept, has room for {free} bytes, and {needed} are to come",
            hint="make room on its disk, or take fewer units, releases or platforms",
        )


def _have(folder: Path, file: TargetFile) -> int:
    part = folder / f"{file.sha256}.part"
    return min(part.stat().st_size, file.size_bytes) if part.exists() else 0


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
