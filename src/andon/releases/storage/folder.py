"""A registry in a folder: this machine's own, a mirror, a USB stick."""

import contextlib
import errno
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from andon.kernel import files
from andon.kernel.errors import AndonError, NotFound, Unavailable
from andon.kernel.ids import Sha256
from andon.releases.layout import make_folder
from andon.releases.storage.protocol import PIECE_BYTES, Stored, checked, checked_path

_FULL = {errno.ENOSPC, errno.EDQUOT}


class Folder:
    """Files below `root`. A link that leads out of it is not followed: what it names is not there."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    @property
    def name(self) -> str:
        """See `Readable`."""
        return str(self._root)

    def size(self, path: str) -> int | None:
        """See `Readable`."""
        found = self._find(path)
        return None if found is None else found.stat().st_size

    def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
        """See `Readable`."""
        found = self._find(path)
        if found is None:
            raise NotFound("file-missing", f"there is no {path} in {self._root}")
        with self._translated(path, "read"), found.open("rb") as stream:
            stream.seek(offset)
            while piece := stream.read(PIECE_BYTES):
                yield piece

    def write(self, path: str, content: bytes) -> None:
        """See `Storage`."""
        with self._translated(path, "written"):
            files.write(self._place(path), content)

    def put(self, path: str, pieces: Iterable[bytes], *, size_bytes: int, sha256: Sha256) -> None:
        """See `Storage`."""
        with self._translated(path, "written"), files.replacing(self._place(path)) as stream:
            for piece in checked(pieces, path, size_bytes=size_bytes, sha256=sha256):
                stream.write(piece)

    def remove(self, path: str) -> None:
        """See `Storage`. A folder that is empty then is removed with it."""
        place = self._root / checked_path(path)
        with self._translated(path, "removed"):
            place.unlink(missing_ok=True)
            for folder in place.parents:
                if folder.parent in {self._root, *self._root.parents} or not _removed(folder):
                    break

    def list(self, prefix: str) -> Iterator[Stored]:
        """See `Storage`."""
        begin = self._root / prefix.rpartition("/")[0]
        with self._translated(prefix, "listed"):
            for found in begin.rglob("*") if begin.is_dir() else ():
                path = found.relative_to(self._root).as_posix()
                if path.startswith(prefix) and (found.is_symlink() or found.is_file()):
                    about = found.lstat()
                    yield Stored(path, about.st_size, datetime.fromtimestamp(about.st_mtime, UTC))

    def free_bytes(self) -> int | None:
        """See `Storage`."""
        there = next(each for each in (self._root, *self._root.parents) if each.exists())
        return shutil.disk_usage(there).free

    def is_on_disk_of(self, other: Path) -> bool:
        """Whether what is written here takes room from where the folder `other` is."""
        there = next(each for each in (self._root, *self._root.parents) if each.exists())
        return there.stat().st_dev == other.stat().st_dev

    def _find(self, path: str) -> Path | None:
        found = (self._root / checked_path(path)).resolve()
        return found if found.is_relative_to(self._root) and found.is_file() else None

    def _place(self, path: str) -> Path:
        place = self._root / checked_path(path)
        make_folder(place.parent)
        return place

    @contextlib.contextmanager
    def _translated(self, path: str, done: str) -> Iterator[None]:
        try:
            yield
        except AndonError:
            raise
        except OSError as error:
            if error.errno in _FULL:
                raise Unavailable(
                    "store-full",
                    f"there is no room for {path} in {self._root}",
                    hint="make room on its disk, then again: what is there already is kept",
                ) from error
            raise Unavailable(
                "store-away", f"{path} in {self._root} could not be {done}: {error.strerror or error}"
            ) from error


def _removed(folder: Path) -> bool:
    """Whether `folder` was empty, and is gone now."""
    try:
        folder.rmdir()
    except OSError:
        return False
    files.sync_folder(folder.parent)
    return True
