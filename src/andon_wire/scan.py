"""Looks at a folder and gives its tree, and says whether a folder still is a tree."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from andon_wire.disk import Disk, RealDisk, Status
from andon_wire.errors import Malformed, Untrusted
from andon_wire.tree import Entry, File, Folder, Link, Tree, tree

_PIECE = 1 << 20


def scan(folder: Path, disk: Disk | None = None) -> Tree:
    """The tree of what is in a folder, links not followed.

    Raises:
        Malformed: what no tree may have, such as a socket, a hostile name, or a link that leads out of it.
        OSError: it cannot be read.
    """
    disk = disk or RealDisk()
    return tree(_entry(disk, folder, path, status) for path, status in walk(folder, disk))


def walk(folder: Path, disk: Disk) -> Iterator[tuple[str, Status]]:
    """Paths under a folder with what is there: files, links, and folders that hold nothing."""
    waiting = [""]
    while waiting:
        above = waiting.pop()
        names = disk.names(folder / above)
        if above and not names:
            yield above, Status("folder")
        for name in names:
            path = f"{above}/{name}" if above else name
            status = disk.status(folder / path)
            if status is not None and status.kind == "folder":
                waiting.append(path)
            elif status is not None:
                yield path, status


def hash_file(path: Path, disk: Disk) -> str:
    """SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with disk.open_read(path) as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def check(folder: Path, expected: Tree, disk: Disk, *, is_deep: bool = True) -> None:
    """See that a folder holds exactly a tree: names, kinds, sizes, modes, links, and if `is_deep` every byte.

    Raises:
        Untrusted: it does not, with code `tree-differs`; the message names the first difference.
        OSError: it cannot be read.
    """
    left = {each.path: each for each in expected.entries}
    for path, status in walk(folder, disk):
        entry = left.pop(path, None)
        if entry is None:
            raise Untrusted("tree-differs", f"{path!r} is there, and is not part of the tree")
        wrong = _differs(entry, status)
        if not wrong and is_deep and isinstance(entry, File):
            wrong = "other bytes" if hash_file(folder / path, disk) != entry.sha256 else ""
        if wrong:
            raise Untrusted("tree-differs", f"{path!r} has {wrong}")
    if left:
        raise Untrusted("tree-differs", f"{next(iter(left))!r} is not there")


def _differs(entry: Entry, status: Status) -> str:
    match entry:
        case File(_, _, size, executable):
            if status.kind != "file" or status.size != size:
                return "another kind or size"
            return "another mode" if status.is_executable not in {None, executable} else ""
        case Link(_, target):
            return "" if status.kind == "link" and status.target == target else "another kind or target"
        case Folder():
            return "" if status.kind == "folder" else "another kind"


def _entry(disk: Disk, folder: Path, path: str, status: Status) -> Entry:
    match status.kind:
        case "file":
            return File(path, hash_file(folder / path, disk), status.size, bool(status.is_executable))
        case "link":
            return Link(path, status.target)
        case "folder":
            return Folder(path)
        case "other":
            raise Malformed("bad-entry", f"{path!r} is neither a file, nor a link, nor a folder")
