"""Makes a folder from a container and the folder of the old version; goes on where an earlier call ended.

There is no journal: what is in the folder already is compared with the tree, byte by byte, and kept where it
is right. So it does not matter where the earlier call ended, nor what the disk lost. What was kept is synced
again, as only its bytes say that it is there, not that they are durable.

A file that did not change is a second name of the old version's file (a hard link), where the disk has such
a thing. Whoever then writes into it in place changes both versions; so its hash is checked before it is
linked, nothing here ever writes to a name that was there before (it is removed first), and who wants copies
gives a disk that makes no links. docs/design/deltas.md has the whole argument.
"""

import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from andon_wire import scan
from andon_wire.delta import forms
from andon_wire.delta.container import Container
from andon_wire.delta.index import tree_of
from andon_wire.delta.model import Step
from andon_wire.delta.place import Place
from andon_wire.delta.plan import Made, Taken, Work, plan
from andon_wire.disk import Disk
from andon_wire.errors import Malformed, Missing, Unreachable, Untrusted
from andon_wire.tree import EMPTY, File, Tree

_PIECE = 1 << 20
_NOTHING = bytes(_PIECE)

Progress = Callable[[int, int], None]


def tree_in(container: BinaryIO, old: Tree = EMPTY) -> Tree:
    """The tree that a container makes of `old`; nothing but its index is read.

    Its id is what the release's signed metadata say of `tree-<platform>.json`, so that file need not be had.

    Raises:
        Malformed: it is no container, or not for `old`.
    """
    return tree_of(Container(container).index, old)


def apply(
    container: BinaryIO,
    *,
    old: Path | None,
    into: Path,
    tree: Tree,
    disk: Disk,
    progress: Progress | None = None,
) -> None:
    """Make the folder `into`; when this returns it holds exactly `tree`, durably.

    progress: is given bytes done and bytes in all, never fewer than before; what it raises ends the work,
    which another call takes up. Unchanged files are one with those of `old` where `disk.link` makes links.

    Raises:
        Malformed: the container, or the part of it that is used, is damaged or for another tree.
        Untrusted: what the old folder has, or what came out, has another hash.
        Missing: a form that this agent does not know, or a file that the old folder should have.
        Unreachable: the disk failed or is full; the same may work later.
    """
    try:
        opened = Container(container)
        work = plan(opened.index, tree, has_old=old is not None)
        _Applying(opened, old or into, Place(into, tree, disk), progress or _nobody).run(work)
    except OSError as error:
        raise Unreachable(
            "disk-failed", f"the disk failed: {error}", hint="free space, then again"
        ) from error


class _Applying:
    """One call of `apply`."""

    def __init__(self, container: Container, old: Path, place: Place, progress: Progress) -> None:
        self._container = container
        self._old = old
        self._place = place
        self._progress = progress
        self._done, self._total = 0, place.tree.size

    def run(self, work: Work) -> None:
        """All of it, in this order: what can fail for the old folder's sake first, then the stream."""
        self._place.prepare([each.file for each in work.made] + [each.file for each in work.twins])
        for taken in work.taken:
            self._take(taken)
        for made in work.made:
            self._make(made)
        self._container.end()
        for twin in work.twins:
            self._copy(twin.file, self._place.path(twin.source))
        for file in work.empty:
            self._write(file, iter(()))
        self._place.finish()
        self._advance(0)

    def _take(self, taken: Taken) -> None:
        source = self._old / taken.source
        status = self._place.disk.status(source)
        if status is None or status.kind != "file":
            raise Missing("old-differs", f"{taken.source!r} is not there in the old version", hint=_FULL)
        if status.size != taken.file.size:
            raise Untrusted("old-differs", f"{taken.source!r} was changed in the old version", hint=_FULL)
        if self._place.may_link(taken.file, status):
            if scan.hash_file(source, self._place.disk) != taken.file.sha256:
                raise Untrusted("old-differs", f"{taken.source!r} was changed in the old version", hint=_FULL)
            if self._place.link(taken.file, source):
                self._advance(taken.file.size)
                return
        self._copy(taken.file, source)

    def _copy(self, file: File, source: Path) -> None:
        self._write(file, _pieces(self._place.disk, source, 0, file.size))

    def _make(self, made: Made) -> None:
        if self._place.keeps(made.file):
            for step in made.steps:
                self._container.skip(step.takes)
            self._advance(made.file.size)
        else:
            self._fill(made.file, (piece for step in made.steps for piece in self._bytes(step)))

    def _write(self, file: File, pieces: Iterator[bytes]) -> None:
        if self._place.keeps(file):
            self._advance(file.size)
        else:
            self._fill(file, pieces)

    def _fill(self, file: File, pieces: Iterator[bytes]) -> None:
        digest = hashlib.sha256()
        with self._place.new(file) as stream:
            for piece in pieces:
                digest.update(piece)
                if piece == _NOTHING and stream.seekable():  # a hole, as sparse files have them
                    stream.seek(len(piece), io.SEEK_CUR)
                else:
                    stream.write(piece)
                self._advance(len(piece))
            if stream.seekable():
                stream.truncate()
            if digest.hexdigest() != file.sha256:
                raise Untrusted("file-differs", f"{file.path!r} came out with another hash", hint=_FULL)
            self._place.disk.sync(stream)

    def _bytes(self, step: Step) -> Iterator[bytes]:
        match step.form:
            case "whole":
                for length in _lengths(step.makes):
                    yield self._container.read(length)
            case "zeros":
                for length in _lengths(step.makes):
                    yield bytes(length)
            case "copy":
                yield from _pieces(self._place.disk, self._old / step.base, step.at, step.span)
            case _:
                yield self._patched(step)

    def _patched(self, step: Step) -> bytes:
        payload = self._container.read(step.takes)
        if zlib.crc32(payload) != step.check:
            raise Malformed("bad-delta", f"a damaged patch of {step.path!r}")
        base = _part(self._place.disk, self._old / step.base, step.at, step.span)
        return forms.decode(step.form, base, payload, step.makes)

    def _advance(self, length: int) -> None:
        self._done += length
        self._progress(self._done, self._total)


_FULL = "install the full package"


def _nobody(done: int, total: int) -> None:
    """Nobody looks."""


def _lengths(length: int) -> Iterator[int]:
    for at in range(0, length, _PIECE):
        yield min(_PIECE, length - at)


def _pieces(disk: Disk, path: Path, at: int, length: int) -> Iterator[bytes]:
    """A part of a file of the old version, in pieces."""
    for begin in range(at, at + length, _PIECE):
        yield _part(disk, path, begin, min(_PIECE, at + length - begin))


def _part(disk: Disk, path: Path, at: int, length: int) -> bytes:
    """A part of a file of the old version, in memory."""
    status = disk.status(path)
    if status is None or status.kind != "file":
        raise Missing("old-differs", f"{path.name!r} is not there in the old version", hint=_FULL)
    with disk.open_read(path) as stream:
        stream.seek(at)
        content = stream.read(length)
    if len(content) < length:
        raise Missing("old-differs", f"{path.name!r} is cut off in the old version", hint=_FULL)
    return content
