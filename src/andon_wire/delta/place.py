"""The folder that is being made: what is kept in it, what goes, and how a file gets in."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from andon_wire import scan
from andon_wire.disk import Disk, Status, no_room
from andon_wire.tree import Entry, File, Folder, Link, Tree


class Place:
    """A folder on its way to hold exactly a tree. Methods raise OSError as the disk does."""

    def __init__(self, into: Path, tree: Tree, disk: Disk) -> None:
        self.tree = tree
        self.disk = disk
        self._into = into
        self._can_link = True
        self._folders = _folders(tree)

    def path(self, path: str) -> Path:
        """Where a path of the tree is."""
        return self._into / path

    def prepare(self, new: Sequence[File]) -> None:
        """Remove what the tree has not, make its folders, and see that the `new` files will fit.

        Raises:
            Unreachable: they do not, with code `disk-full`.
        """
        self.disk.make_folder(self._into)
        self._clear("", {each.path: each for each in self.tree.entries})
        for folder in self._folders:
            self.disk.make_folder(self._into / folder)
        needed = sum(each.size for each in new if not self._is_sized(each))
        free = self.disk.free_bytes(self._into)
        if needed > free:
            raise no_room("its files", needed, free)

    def may_link(self, file: File, source: Status) -> bool:
        """Whether a file may be another name of its source: a link has the mode of its source."""
        return self._can_link and source.is_executable in {None, file.executable}

    def link(self, file: File, source: Path) -> bool:
        """Make it that; False where the disk cannot, now and from now on."""
        self.disk.remove(self.path(file.path))
        self._can_link = self.disk.link(source, self.path(file.path))
        return self._can_link

    def keeps(self, file: File) -> bool:
        """Whether a file is whole already; if so, it is durable from now on."""
        path = self.path(file.path)
        status = self.disk.status(path)
        if status is None or not self._is_sized(file) or status.is_executable not in {None, file.executable}:
            return False
        if scan.hash_file(path, self.disk) != file.sha256:
            return False
        try:
            with self.disk.open_write(path, append=True) as stream:
                self.disk.sync(stream)
        except OSError:  # as a program that runs: it is made anew
            return False
        return True

    def new(self, file: File) -> BinaryIO:
        """A stream to fill a file; whatever had its name lives on under its other names, untouched."""
        mode = 0o755 if file.executable else 0o644
        path = self.path(file.path)
        self.disk.remove(path)
        stream = self.disk.open_write(path, mode=mode)
        self.disk.chmod(path, mode)
        return stream

    def finish(self) -> None:
        """Make the links, look at all of it once more, and make all names durable."""
        for each in self.tree.entries:
            if isinstance(each, Link) and not self.disk.exists(self.path(each.path)):
                self.disk.symlink(each.target, self.path(each.path))
        scan.check(self._into, self.tree, self.disk, is_deep=False)
        for folder in reversed(self._folders):
            self.disk.sync_folder(self._into / folder)
        self.disk.sync_folder(self._into)
        self.disk.sync_folder(self._into.parent)

    def _is_sized(self, file: File) -> bool:
        status = self.disk.status(self.path(file.path))
        return status is not None and status.kind == "file" and status.size == file.size

    def _clear(self, above: str, entries: dict[str, Entry]) -> None:
        for name in self.disk.names(self._into / above):
            path = f"{above}/{name}" if above else name
            status = self.disk.status(self._into / path)
            if status is None:
                continue
            if status.kind == "folder" and path in self._folders:
                self._clear(path, entries)
            elif status.kind == "folder":
                self.disk.remove_tree(self._into / path)
            elif not _is_kept(entries.get(path), status):
                self.disk.remove(self._into / path)


def _is_kept(entry: Entry | None, status: Status) -> bool:
    match entry:
        case File():
            return status.kind == "file"
        case Link(_, target):
            return status.kind == "link" and status.target == target
        case _:
            return False


def _folders(tree: Tree) -> dict[str, None]:
    """All folders of a tree, each after the one that holds it."""
    found: dict[str, None] = {}
    for each in tree.entries:
        parts = each.path.split("/")
        for end in range(1, len(parts) + isinstance(each, Folder)):
            found["/".join(parts[:end])] = None
    return found
