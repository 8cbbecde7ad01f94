"""Makes the container that turns one folder into another, and tries it before anybody gets it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from andon.releases.deltas import forms
from andon.releases.deltas.compare import Difference, compare
from andon.releases.deltas.compete import Job
from andon.releases.deltas.pieces import cut
from andon.releases.deltas.similar import Bases
from andon.releases.deltas.work import compete_all, number
from andon.releases.deltas.write import BOTH, Payload, write
from andon_wire import scan
from andon_wire.delta.apply import apply, tree_in
from andon_wire.delta.model import WHOLE, Index, Step
from andon_wire.disk import RealDisk
from andon_wire.errors import Malformed
from andon_wire.tree import EMPTY, Tree

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """What came out. size_bytes: of the container; forms: how many bytes of new files each form makes."""

    old: Tree
    new: Tree
    size_bytes: int
    forms: dict[str, int]


@dataclass(frozen=True, slots=True)
class Means:
    """With what it is made; the bytes that come out do not depend on the workers.

    tried: the forms of patches that compete, see `forms.of_platform`. workers: processes, or None for as many
    as there are cores. compressions: of which the smallest wins.
    """

    tried: Sequence[str] = forms.EVERYWHERE
    workers: int | None = None
    compressions: Sequence[bytes] = BOTH


def make(
    old: Path | None,
    new: Path,
    into: BinaryIO,
    *,
    scratch: Path | None = None,
    means: Means = Means(),
    progress: Progress | None = None,
) -> Made:
    """Write to `into`, which can seek and read, the container that makes the tree of `new` of that of `old`.

    Without `old` it is a full package. scratch: where there is room for all of the new tree. progress: is
    given bytes of changed files done, and of all of them; what it raises ends the work.

    Raises:
        WireError: a folder that is no tree, or a container that does not make what it should.
        OSError: a folder cannot be read, or there is no room.
    """
    before = scan.scan(old) if old is not None else EMPTY
    after = scan.scan(new)
    difference = compare(before, after)
    with TemporaryDirectory(dir=scratch, prefix="andon-delta-", ignore_cleanup_errors=True) as room:
        bases = Bases(old, before) if old is not None else None
        pieces = [
            piece
            for file in difference.fresh
            for piece in cut(file, bases.find(new, file) if bases is not None else None)
        ]
        jobs = [
            Job(piece, old, new, Path(room) / f"{at}.payload", tuple(means.tried))
            for at, piece in enumerate(pieces)
        ]
        steps = compete_all(jobs, means.workers, _counter(difference, progress))
        index = Index(
            old=before.id,
            new=after.id,
            gone=difference.gone,
            changed=difference.changed,
            moved=difference.moved,
            steps=tuple(steps),
        )
        start = into.tell()
        size = write(
            into,
            index,
            _payloads(jobs, steps),
            scratch=Path(room),
            compressions=means.compressions,
            threads=number(means.workers),
        )
        _try(into, start, old, Path(room) / "tried", (before, after))
        into.seek(start + size)
    made: dict[str, int] = {}
    for step in steps:
        made[step.form] = made.get(step.form, 0) + step.makes
    return Made(before, after, size, made)


def _counter(difference: Difference, progress: Progress | None) -> Callable[[int], None]:
    total, done = sum(each.size for each in difference.fresh), 0

    def tell(length: int) -> None:
        nonlocal done
        done += length
        if progress is not None:
            progress(done, total)

    return tell


def _payloads(jobs: Sequence[Job], steps: Sequence[Step]) -> list[Payload]:
    return [
        (job.new / step.path, job.piece.start, step.takes)
        if step.form == WHOLE
        else (job.payload, 0, step.takes)
        for job, step in zip(jobs, steps, strict=True)
        if step.takes
    ]


class _Trial(RealDisk):
    """A disk for what is thrown away at once: nothing on it has to be durable."""

    def sync(self, stream: BinaryIO) -> None:
        """Nothing; what was written is read by this process."""

    def sync_folder(self, folder: Path) -> None:
        """Nothing."""


def _try(into: BinaryIO, start: int, old: Path | None, room: Path, trees: tuple[Tree, Tree]) -> None:
    """Apply what was written, as a station will: every file of it is compared by its hash."""
    before, after = trees
    into.seek(start)
    if tree_in(into, before) != after:
        raise Malformed("bad-delta", "the container that was made names another tree than the new one")
    into.seek(start)
    apply(into, old=old, into=room, tree=after, disk=_Trial())
