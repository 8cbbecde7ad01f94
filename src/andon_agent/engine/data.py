"""An application's declared data: copied before a switch, brought back with the version it belongs to.

Nothing of the application runs meanwhile. A database is copied by SQLite's own backup, which understands what
a killed program left in its journal; folders are copied file by file. What a return replaces is set aside,
not thrown away. Each function may be called again after a crash, and then goes on or does nothing.
"""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from andon_wire.application import Application, Data
from andon_wire.disk import SPARE_BYTES, Disk, no_room, write_durably
from andon_wire.errors import Malformed

_COMPLETE = "complete.json"
_PIECE = 1 << 20
_PAGES = 2048  # of a database at a time
_BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a database
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Keeper:
    """The data folder of a unit, and the folder of its backups."""

    data: Path
    backups: Path
    disk: Disk

    def back_up(self, contract: Application, name: str, progress: Progress) -> str:
        """Copy all that `contract` declares to the backup `name`, durably; gives its name.

        Raises:
            OSError: the disk does not do it. Unreachable: it has no room. Malformed: a path leads out of the
                data folder.
        """
        folder = self.backups / name
        if self.disk.exists(folder / _COMPLETE):
            for each in (folder, self.backups, self.backups.parent):  # seen is not yet durable
                self.disk.sync_folder(each)
            return name
        declared = {key: self._path(each) for key, each in contract.data.items()}
        total = sum(self._size(each) for each in declared.values())
        self.disk.remove_tree(folder)
        self.disk.make_folder(folder)
        if total > (free := self.disk.free_bytes(folder)):
            raise no_room("the copy of its data", total, free)
        try:
            self._copy_all(contract, name, declared, _Count(total, progress))
        except OSError:  # what came of it takes the room that is missing
            with contextlib.suppress(OSError):
                self.disk.remove_tree(folder)
            raise
        return name

    def _copy_all(
        self, contract: Application, name: str, declared: Mapping[str, Path], count: "_Count"
    ) -> None:
        folder = self.backups / name
        there = [key for key, each in sorted(declared.items()) if self.disk.exists(each)]
        for key in there:
            self._copy(contract.data[key], declared[key], folder / key, count)
        self.disk.sync_folder(folder)
        self.disk.sync_folder(self.backups)
        self.disk.sync_folder(self.backups.parent)
        complete = {"version": contract.version, "there": there}
        write_durably(self.disk, folder / _COMPLETE, json.dumps(complete).encode())

    def short(self, contract: Application, further: int = 0) -> int:
        """Bytes that are missing on the disk for a copy of what `contract` declares; raises as back_up.

        further: bytes that have to be free beside it.
        """
        total = sum(self._size(self._path(each)) for each in contract.data.values())
        if not total:
            return 0
        return max(0, total + SPARE_BYTES + further - self.disk.free_bytes(self.data.parent))

    def restore(self, contract: Application, name: str, progress: Progress) -> str:
        """Bring back what `contract` wants back of the backup `name`; says what came back.

        Raises:
            Malformed: there is no such backup, or it is not whole. OSError: the disk does not do it.
        """
        folder = self.backups / name
        there = self._there(folder)
        wanted = [key for key, each in sorted(contract.data.items()) if each.is_restored]
        if not wanted:
            return "none of its data is declared to come back"
        aside = self.backups / f"replaced-{name}"
        self.disk.make_folder(aside)
        count = _Count(sum(self._size(folder / key) for key in there if key in wanted), progress)
        for key in wanted:
            declared = contract.data[key]
            self._set_aside(declared, aside / key)
            if key in there:
                self._place(declared, folder / key, count)
            self.disk.sync_folder(self._path(declared).parent)
        kept = sorted(set(contract.data) - set(wanted))
        left = f"; not declared to come back: {', '.join(kept)}" if kept else ""
        return f"data of before came back: {', '.join(wanted)}; what it replaced is in {aside.name}{left}"

    def _path(self, declared: Data) -> Path:
        path = (self.data / declared.path).resolve()
        if not path.is_relative_to(self.data.resolve()) or path == self.data.resolve():
            raise Malformed("bad-data-path", f"{declared.path!r} leads out of the data folder")
        return path

    def _there(self, folder: Path) -> list[str]:
        try:
            return [str(each) for each in json.loads(self.disk.read(folder / _COMPLETE))["there"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Malformed("no-backup", f"there is no whole copy {folder.name}") from error

    def _set_aside(self, declared: Data, aside: Path) -> None:
        """Once: what is found aside was put there by an earlier call, and what is in place is a copy."""
        path = self._path(declared)
        if not self.disk.exists(aside):
            self.disk.make_folder(aside)
            self.disk.sync_folder(aside.parent)
        names = [path.name, *(path.name + each for each in _BESIDE if declared.kind == "sqlite")]
        for name in reversed(names):  # the database itself last: its journal alone is not used by anything
            if self.disk.exists(path.with_name(name)) and not self.disk.exists(aside / name):
                self.disk.replace(path.with_name(name), aside / name)
        self.disk.sync_folder(aside)
        self.disk.sync_folder(path.parent)

    def _place(self, declared: Data, source: Path, count: "_Count") -> None:
        path = self._path(declared)
        new = path.with_name(f".{path.name}.restored")
        self.disk.make_folder(path.parent)
        self.disk.remove_tree(new) if declared.kind == "folder" else self.disk.remove(new)
        if declared.kind == "folder":
            self._copy_folder(source, new, count)
            self.disk.remove_tree(path)
        else:
            self._copy_file(source, new, count)
        self.disk.replace(new, path)

    def _copy(self, declared: Data, source: Path, into: Path, count: "_Count") -> None:
        if declared.kind == "folder":
            self._copy_folder(source, into, count)
            return
        try:
            self._copy_database(source, into, count)
        except sqlite3.Error:  # damaged, or none: its bytes come back as they are
            self.disk.remove(into)
            self._copy_file(source, into, count)

    def _copy_database(self, source: Path, into: Path, count: "_Count") -> None:
        uri = f"{source.as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True)) as old, closing(sqlite3.connect(into)) as new:
            new.execute("PRAGMA synchronous = OFF")  # made durable below, at once
            new.execute("PRAGMA journal_mode = OFF")
            tell = count.pages(int(old.execute("PRAGMA page_size").fetchone()[0]))
            old.backup(new, pages=_PAGES, progress=tell)
        with self.disk.open_write(into, append=True) as stream:
            self.disk.sync(stream)
        count.add(self.disk.size(into))

    def _copy_folder(self, source: Path, into: Path, count: "_Count") -> None:
        self.disk.make_folder(into)
        for name in self.disk.names(source):
            status = self.disk.status(source / name)
            if status is None:
                continue
            if status.kind == "folder":
                self._copy_folder(source / name, into / name, count)
            elif status.kind == "link":
                self.disk.symlink(status.target, into / name)
            elif status.kind == "file":
                self._copy_file(source / name, into / name, count)
        self.disk.sync_folder(into)

    def _copy_file(self, source: Path, into: Path, count: "_Count") -> None:
        with self.disk.open_read(source) as old, self.disk.open_write(into) as new:
            for piece in iter(lambda: old.read(_PIECE), b""):
                new.write(piece)
                count.add(len(piece))
            self.disk.sync(new)

    def _size(self, path: Path) -> int:
        return sum(self.disk.size(each) for each in self._files(path))

    def _files(self, path: Path) -> Iterator[Path]:
        status = self.disk.status(path)
        if status is not None and status.kind == "folder":
            for name in self.disk.names(path):
                yield from self._files(path / name)
        elif status is not None and status.kind == "file":
            yield path


class _Count:
    """Bytes done of bytes in all."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def add(self, length: int) -> None:
        self._done += length
        self.at(0)

    def pages(self, size: int) -> Callable[[int, int, int], None]:
        """For SQLite, which counts what is left in pages of `size` bytes."""
        return lambda _status, left, total: self.at((total - left) * size)

    def at(self, more: int) -> None:
        self._progress(min(self._done + more, self._total), self._total)
