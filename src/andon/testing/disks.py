"""Disks that do to a test what real ones do to a station: die, lose, tear, reorder, run full, be Windows'.

`MemoryDisk` holds files and folders in memory, twice: as a program sees them, and as they are on the platter.
What was written reaches the platter by `sync` and `sync_folder` alone; `after_cut` gives the disk that comes
up after the power was away, on which anything that was not synced is there or not, whole or torn, by a seeded
draw. Nothing is kinder than the promises of `andon_wire.disk`. A name is an inode's: files that are linked
share their bytes here too.
"""

import errno
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from andon_wire.disk import Status

_BLOCK = 4096


class PowerCut(BaseException):
    """The machine went dark in the middle of an operation; nothing that runs can do anything about it."""


@dataclass(eq=False)
class _Node:
    """A file, link or folder. kept_*: what is on the platter."""

    kind: str
    data: bytearray = field(default_factory=bytearray)
    kept_data: bytes = b""
    mode: int = 0o644
    kept_mode: int = 0o644
    target: str = ""
    shown: dict[str, str] = field(default_factory=dict)  # names as they were given
    names: dict[str, "_Node"] = field(default_factory=dict)
    kept_names: dict[str, "_Node"] = field(default_factory=dict)


_Change = list[tuple[_Node, str, _Node | None]]  # of names, all of it or nothing


class MemoryDisk:
    """See the module. Every change counts in `operations`, each write of a stream too.

    dies_at: the operation, counted from 1, in which the power goes: half of a write happens, nothing of
    anything else. fails_at: that operation raises OSError (EIO) instead. capacity: bytes of files in all.
    has_links: hard links. is_windows: no symbolic links nor modes, names that differ by case are one, no
    folder is ever synced, and what `lock` names can be neither written, removed nor renamed.
    """

    def __init__(
        self,
        *,
        dies_at: int | None = None,
        fails_at: int | None = None,
        capacity: int = 1 << 30,
        has_links: bool = True,
        is_windows: bool = False,
    ) -> None:
        self.dies_at = dies_at
        self.fails_at = fails_at
        self.capacity = capacity
        self.operations = 0
        self.locked: set[Path] = set()
        self._has_links = has_links
        self._is_windows = is_windows
        self._is_dark = False
        self._root = _Node("folder")
        self._pending: list[_Change] = []

    def read(self, path: Path) -> bytes:
        """See `Disk`."""
        return bytes(self._file(path).data)

    def open_read(self, path: Path) -> BinaryIO:
        """See `Disk`."""
        return io.BytesIO(self.read(path))

    def open_write(self, path: Path, *, mode: int = 0o644, append: bool = False) -> BinaryIO:
        """See `Disk`."""
        self._operate(path)
        folder = self._folder(path.parent)
        node = folder.names.get(self._key(path.name))
        if node is None:
            node = _Node("file", mode=mode, kept_mode=mode)
            self._change([(folder, path.name, node)])
        elif node.kind != "file":
            raise IsADirectoryError(errno.EISDIR, "not a file", str(path))
        if not append:
            del node.data[:]
        return cast("BinaryIO", _Writer(self, node))

    def sync(self, stream: BinaryIO) -> None:
        """See `Disk`."""
        self._operate()
        node = cast("_Writer", stream).node
        node.kept_data, node.kept_mode = bytes(node.data), node.mode
        if self._is_windows:
            self._keep(self._pending)

    def sync_folder(self, folder: Path) -> None:
        """See `Disk`."""
        self._operate()
        node = self._folder(folder)
        if not self._is_windows:
            self._keep([each for each in self._pending if any(part[0] is node for part in each)])

    def replace(self, source: Path, destination: Path) -> None:
        """See `Disk`."""
        self._operate(source, destination)
        before, after = self._folder(source.parent), self._folder(destination.parent)
        node = before.names.get(self._key(source.name))
        if node is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(source))
        there = after.names.get(self._key(destination.name))
        if there is not None and there.kind == "folder" and (node.kind != "folder" or there.names):
            raise OSError(errno.ENOTEMPTY, "not an empty folder", str(destination))
        if there is not None and self._is_windows and node.kind == "folder":
            raise PermissionError(errno.EACCES, "a folder is there", str(destination))
        self._change([(before, source.name, None), (after, destination.name, node)])

    def link(self, source: Path, destination: Path) -> bool:
        """See `Disk`."""
        self._operate()
        folder = self._folder(destination.parent)
        if self._key(destination.name) in folder.names:
            raise FileExistsError(errno.EEXIST, "is there", str(destination))
        if self._has_links:
            self._change([(folder, destination.name, self._file(source))])
        return self._has_links

    def symlink(self, target: str, path: Path) -> None:
        """See `Disk`."""
        self._operate(path)
        if self._is_windows:
            raise OSError(errno.EPERM, "a required privilege is not held", str(path))
        folder = self._folder(path.parent)
        if path.name in folder.names:
            raise FileExistsError(errno.EEXIST, "is there", str(path))
        self._change([(folder, path.name, _Node("link", target=target))])

    def make_folder(self, folder: Path) -> None:
        """See `Disk`."""
        self._operate()
        node = self._root
        for part in _parts(folder):
            below = node.names.get(self._key(part))
            if below is None:
                below = _Node("folder")
                self._change([(node, part, below)])
            if below.kind != "folder":
                raise FileExistsError(errno.EEXIST, "not a folder", str(folder))
            node = below

    def remove(self, path: Path) -> None:
        """See `Disk`."""
        self._operate(path)
        node = self._find(path)
        if node is None:
            return
        if node.kind == "folder":
            raise IsADirectoryError(errno.EISDIR, "a folder", str(path))
        self._change([(self._folder(path.parent), path.name, None)])

    def remove_tree(self, folder: Path) -> None:
        """See `Disk`; each name is a change of its own."""
        node = self._find(folder)
        if node is None:
            return
        for name in list(node.names):
            below = folder / name
            (self.remove_tree if self._is_folder(below) else self.remove)(below)
        self._operate(folder)
        self._change([(self._folder(folder.parent), folder.name, None)])

    def chmod(self, path: Path, mode: int) -> None:
        """See `Disk`."""
        self._operate(path)
        self._file(path).mode = mode

    def exists(self, path: Path) -> bool:
        """See `Disk`."""
        return self._find(path) is not None

    def size(self, path: Path) -> int:
        """See `Disk`."""
        return len(self._file(path).data)

    def status(self, path: Path) -> Status | None:
        """See `Disk`."""
        node = self._find(path)
        if node is None:
            return None
        if node.kind == "file":
            is_executable = None if self._is_windows else bool(node.mode & 0o100)
            return Status("file", len(node.data), is_executable)
        return Status("link", target=node.target) if node.kind == "link" else Status("folder")

    def names(self, folder: Path) -> Sequence[str]:
        """See `Disk`."""
        node = self._find(folder)
        return sorted(node.shown[each] for each in node.names) if node is not None else []

    def free_bytes(self, folder: Path) -> int:  # noqa: ARG002  it is one disk
        """See `Disk`."""
        return self.capacity - sum(len(each.data) for each in set(_files(self._root)))

    def lock(self, path: Path) -> None:
        """A program runs from this file: on Windows nobody may change it until `unlock`."""
        self.locked.add(path)

    def unlock(self, path: Path) -> None:
        """It ended."""
        self.locked.discard(path)

    def settle(self) -> None:
        """Let the platter have everything, as after a quiet minute."""
        self._keep(self._pending)
        for node in _files(self._root):
            node.kept_data, node.kept_mode = bytes(node.data), node.mode

    def after_cut(self, seed: int) -> "MemoryDisk":
        """What comes up when the power is back; `seed` draws what was lost. This one is used up."""
        draw = random.Random(seed)  # noqa: S311  repeatable, not secret
        share = draw.choice([0.0, 0.5, 0.9, 1.0])
        if self._is_windows:  # its journal keeps the order
            self._keep(self._pending[: draw.randint(0, len(self._pending))])
        else:
            self._keep([each for each in self._pending if draw.random() < share])
        disk = MemoryDisk(capacity=self.capacity, has_links=self._has_links, is_windows=self._is_windows)
        disk._root = _survivor(self._root, draw, {})
        return disk

    def die(self) -> None:
        """Let the power go now."""
        self._is_dark = True

    def revive(self) -> None:
        """The process was killed, the machine was not: all of it is there for the next one."""
        self._is_dark, self.dies_at = False, None

    def _operate(self, *touched: Path) -> None:
        """Count an operation, in which the power may go or the disk fail."""
        if self._is_dark:
            raise PowerCut
        self.operations += 1
        if self.operations == self.dies_at:
            self._is_dark = True
            raise PowerCut
        if self.operations == self.fails_at:
            raise OSError(errno.EIO, "the disk failed")
        if self._is_windows and any(
            lock == each or each in lock.parents for each in touched for lock in self.locked
        ):
            raise PermissionError(errno.EACCES, "in use by another process", str(touched[0]))

    def _change(self, change: _Change) -> None:
        for folder, name, node in change:
            _put(folder.names, self._key(name), node)
            folder.shown[self._key(name)] = name
        self._pending.append([(folder, self._key(name), node) for folder, name, node in change])

    def _keep(self, changes: Sequence[_Change]) -> None:
        wanted = {id(each) for each in changes}
        for change in self._pending:
            if id(change) in wanted:
                for folder, name, node in change:
                    _put(folder.kept_names, name, node)
        self._pending = [each for each in self._pending if id(each) not in wanted]

    def _key(self, name: str) -> str:
        return name.lower() if self._is_windows else name

    def _find(self, path: Path) -> _Node | None:
        if self._is_dark:
            raise PowerCut
        node: _Node | None = self._root
        for part in _parts(path):
            node = node.names.get(self._key(part)) if node is not None else None
        return node

    def _file(self, path: Path) -> _Node:
        node = self._find(path)
        if node is None or node.kind != "file":
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return node

    def _folder(self, path: Path) -> _Node:
        node = self._find(path)
        if node is None or node.kind != "folder":
            raise FileNotFoundError(errno.ENOENT, "no such folder", str(path))
        return node

    def _is_folder(self, path: Path) -> bool:
        node = self._find(path)
        return node is not None and node.kind == "folder"


class _Writer(io.RawIOBase):
    """A stream at the end of a file."""

    def __init__(self, disk: MemoryDisk, node: _Node) -> None:
        self._disk = disk
        self.node = node

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        data = bytes(cast("bytes", content))
        try:
            self._disk._operate()  # noqa: SLF001  its stream
        except PowerCut:
            if self._disk.operations == self._disk.dies_at:
                self.node.data += data[: len(data) // 2]
            raise
        if len(data) > (free := self._disk.free_bytes(Path())):
            self.node.data += data[:free]
            raise OSError(errno.ENOSPC, "no space left on device")
        self.node.data += data
        return len(data)


def _survivor(node: _Node, draw: random.Random, known: dict[int, _Node]) -> _Node:
    """A copy of a node as the platter has it, or as it drew, which is durable then."""
    if id(node) in known:
        return known[id(node)]
    mode = node.kept_mode if draw.random() < 0.5 else node.mode
    data = _survived(node.kept_data, bytes(node.data), draw)
    made = _Node(node.kind, bytearray(data), data, mode, mode, node.target)
    known[id(node)] = made
    made.shown = dict(node.shown)
    made.names = {name: _survivor(below, draw, known) for name, below in node.kept_names.items()}
    made.kept_names = dict(made.names)
    return made


def _survived(kept: bytes, written: bytes, draw: random.Random) -> bytes:
    """Bytes of a file after a cut: as synced, as written, cut off, or with blocks that never came.

    What was synced and only appended to stays: a sector is written with its old bytes in front of the new.
    """
    if kept == written:
        return kept
    if kept and written.startswith(kept):
        return kept + _survived(b"", written[len(kept) :], draw)
    match draw.randrange(4):
        case 0:
            return kept
        case 1:
            return written
        case 2:
            return written[: draw.randint(0, len(written))]
        case _:
            blocks = [written[at : at + _BLOCK] for at in range(0, len(written), _BLOCK)]
            return b"".join(each if draw.random() < 0.5 else bytes(len(each)) for each in blocks)


def _put(names: dict[str, _Node], name: str, node: _Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _files(node: _Node) -> Iterator[_Node]:
    if node.kind == "file":
        yield node
    for below in node.names.values():
        yield from _files(below)


def _parts(path: Path) -> Sequence[str]:
    return path.parts[1:] if path.is_absolute() else path.parts
