"""Makes the container that turns one folder into another, and tries it before anybody gets it."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from andon.releases.deltas import forms
from andon.releases.deltas.compare import compare
from andon.releases.deltas.write import write
from andon_wire import scan
from andon_wire.delta.apply import apply
from andon_wire.delta.model import MOST_PART_BYTES, WHOLE, Index, Step
from andon_wire.disk import RealDisk
from andon_wire.tree import EMPTY, File, Tree


@dataclass(frozen=True, slots=True)
class Made:
    """What came out. size_bytes: of the container; forms: how many bytes of new files each form makes."""

    old: Tree
    new: Tree
    size_bytes: int
    forms: dict[str, int]


def make(
    old: Path | None,
    new: Path,
    into: BinaryIO,
    *,
    tried: Sequence[str] = forms.EVERYWHERE,
    scratch: Path | None = None,
) -> Made:
    """Write to `into`, which can seek, the container that makes the tree of `new`, of that of `old` if given.

    The same trees give the same bytes. tried: the forms of patches that compete. scratch: where there is
    room for the new tree's changed files and a copy of it.

    Raises:
        WireError: a folder that is no tree, or a container that does not make what it should.
    """
    before = scan.scan(old) if old is not None else EMPTY
    after = scan.scan(new)
    difference = compare(before, after)
    with TemporaryDirectory(dir=scratch, prefix="andon-delta-") as temporary:
        room = Path(temporary)
        steps, payloads = [], []
        for number, file in enumerate(difference.fresh):
            step, payload = _step(old, new, before, file, tried)
            payloads.append(room / str(number))
            payloads[-1].write_bytes(payload)
            steps.append(step)
        index = Index(
            before.id, after.id, difference.gone, difference.changed, difference.moved, tuple(steps)
        )
        start = into.tell()
        size = write(into, index, payloads, room)
        into.seek(start)
        apply(into, old=old, into=room / "tried", tree=after, disk=RealDisk())
        into.seek(start + size)
    made: dict[str, int] = {}
    for step in steps:
        made[step.form] = made.get(step.form, 0) + step.makes
    return Made(before, after, size, made)


def _step(old: Path | None, new: Path, before: Tree, file: File, tried: Sequence[str]) -> tuple[Step, bytes]:
    content = (new / file.path).read_bytes()
    base = next((each for each in before.files if each.path == file.path), None)
    best = Step(WHOLE, file.path, len(content), len(content)), content
    if old is None or base is None or max(base.size, file.size) > MOST_PART_BYTES:
        return best
    known = (old / base.path).read_bytes()
    for form in tried:
        payload = forms.encode(form, known, content)
        if payload is not None and len(payload) <= len(content):
            step = Step(
                form, file.path, len(content), len(payload), base.path, 0, base.size, zlib.crc32(payload)
            )
            return step, payload
    return best
