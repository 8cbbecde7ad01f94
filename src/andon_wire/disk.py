"""The disk, as what is installed on a station needs it: few operations, each with a stated promise.

Everything that changes a station's disk goes through a `Disk`, so that a test can let it die between any two
operations, lose what was not synced, run full, or behave as Windows does (`andon.testing.disks`).

Promises. After `sync` of a stream its bytes survive a power cut, also while more is appended to them, but
the name of a new file does only after `sync_folder`. `replace` is one step: afterwards the name holds the old
or the new, never a part, and it is durable once the folder is synced. Nothing else is promised.
"""

import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from andon_wire.errors import Unreachable


@dataclass(frozen=True, slots=True)
class Status:
    """What is under a name, a link itself and not what it leads to.

    size: bytes of a file, else 0. is_executable: of a file by its owner; None where the system has no such
    thing. target: of a link, with `/`.
    """

    kind: Literal["file", "link", "folder", "other"]
    size: int = 0
    is_executable: bool | None = None
    target: str = ""


SPARE_BYTES = 64 << 20  # of the disk, left to everything else


class Disk(Protocol):
    """What may be done. Every method raises OSError as the system does."""

    def read(self, path: Path) -> bytes:
        """The whole of a small file."""
        ...

    def open_read(self, path: Path) -> BinaryIO:
        """A stream over a file's bytes, from its beginning."""
        ...

    def open_write(self, path: Path, *, mode: int = 0o644, append: bool = False) -> BinaryIO:
        """A stream that makes or empties a file, or goes on at its end. Not durable before `sync`."""
        ...

    def sync(self, stream: BinaryIO) -> None:
        """Make durable what was written to a stream of `open_write`."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Make durable which names are in a folder. Does nothing where the system has no such thing."""
        ...

    def replace(self, source: Path, destination: Path) -> None:
        """Give `source`, a file or an empty-destination folder, the name `destination`, in one step."""
        ...

    def link(self, source: Path, destination: Path) -> bool:
        """Give a file a second name that shares its bytes; False where the system has no such thing."""
        ...

    def symlink(self, target: str, path: Path) -> None:
        """Make a symbolic link; raises OSError where nobody may, as on Windows."""
        ...

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it; nothing where it is there."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file or link; nothing where it is not there."""
        ...

    def remove_tree(self, folder: Path) -> None:
        """Remove a folder with all that is in it; nothing where it is not there."""
        ...

    def chmod(self, path: Path, mode: int) -> None:
        """Set a file's mode. Does nothing where the system has no such thing."""
        ...

    def exists(self, path: Path) -> bool:
        """Whether there is a file, a folder, or a link, even one that leads nowhere."""
        ...

    def size(self, path: Path) -> int:
        """Bytes of a file."""
        ...

    def status(self, path: Path) -> Status | None:
        """What is there; None where nothing is."""
        ...

    def names(self, folder: Path) -> Sequence[str]:
        """What is in a folder, sorted; nothing where there is no folder."""
        ...

    def free_bytes(self, folder: Path) -> int:
        """What may still be written where `folder` is."""
        ...


class RealDisk:
    """The disk of this machine, Linux or Windows."""

    def read(self, path: Path) -> bytes:
        """See `Disk`."""
        return path.read_bytes()

    def open_read(self, path: Path) -> BinaryIO:
        """See `Disk`."""
        return path.open("rb")

    def open_write(self, path: Path, *, mode: int = 0o644, append: bool = False) -> BinaryIO:
        """See `Disk`."""
        flags = (
            os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC) | getattr(os, "O_BINARY", 0)
        )
        return os.fdopen(os.open(path, flags, mode), "ab" if append else "wb")

    def sync(self, stream: BinaryIO) -> None:
        """See `Disk`."""
        stream.flush()
        os.fsync(stream.fileno())

    def sync_folder(self, folder: Path) -> None:
        """See `Disk`."""
        if os.name == "nt":
            return
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: Path, destination: Path) -> None:
        """See `Disk`."""
        source.replace(destination)

    def link(self, source: Path, destination: Path) -> bool:
        """See `Disk`. None on Windows: another name of a file that runs is as locked as the file."""
        if os.name == "nt":
            return False
        try:
            os.link(source, destination, follow_symlinks=False)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):
            return False
        return True

    def symlink(self, target: str, path: Path) -> None:
        """See `Disk`."""
        path.symlink_to(target)

    def make_folder(self, folder: Path) -> None:
        """See `Disk`."""
        folder.mkdir(parents=True, exist_ok=True)

    def remove(self, path: Path) -> None:
        """See `Disk`."""
        path.unlink(missing_ok=True)

    def remove_tree(self, folder: Path) -> None:
        """See `Disk`."""
        if self.exists(folder):
            shutil.rmtree(folder)

    def chmod(self, path: Path, mode: int) -> None:
        """See `Disk`."""
        if os.name != "nt":
            path.chmod(mode)

    def exists(self, path: Path) -> bool:
        """See `Disk`."""
        return os.path.lexists(path)

    def size(self, path: Path) -> int:
        """See `Disk`."""
        return path.stat().st_size

    def status(self, path: Path) -> Status | None:
        """See `Disk`."""
        try:
            found = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISREG(found.st_mode):
            is_executable = None if os.name == "nt" else bool(found.st_mode & stat.S_IXUSR)
            return Status("file", found.st_size, is_executable)
        if stat.S_ISLNK(found.st_mode):
            return Status("link", target=os.readlink(path).replace(os.sep, "/"))  # noqa: PTH115  as it is written
        return Status("folder" if stat.S_ISDIR(found.st_mode) else "other")

    def names(self, folder: Path) -> Sequence[str]:
        """See `Disk`."""
        try:
            return sorted(os.listdir(folder))  # noqa: PTH208  names, not paths
        except FileNotFoundError:
            return []

    def free_bytes(self, folder: Path) -> int:
        """See `Disk`."""
        return shutil.disk_usage(folder).free


def no_room(what: str, needed: int, free: int) -> Unreachable:
    """That the disk is too full, with how much is missing. needed, free: bytes; what: it is for."""
    return Unreachable(
        "disk-full",
        f"{_size(needed - free)} are missing on the disk for {what}: {_size(needed)} have to be free, "
        f"{_size(free)} are free",
        hint="free space on the station; it goes on by itself",
    )


def _size(count: int) -> str:
    """Rounded up where it is told what to free."""
    unit, name = (1 << 20, "MiB") if count >= 1 << 20 else (1 << 10, "KiB")
    return f"{-(-max(count, 0) // unit)} {name}"


def write_durably(disk: Disk, path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by `content`; after a crash it is the old or the new, whole. One writer per path."""
    temporary = path.with_name(f".{path.name}.new")
    with disk.open_write(temporary, mode=mode) as stream:
        stream.write(content)
        disk.sync(stream)
    disk.replace(temporary, path)
    disk.sync_folder(path.parent)
