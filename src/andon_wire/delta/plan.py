"""What has to be done to make a tree, and of what: decided before the disk is touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from andon_wire.delta.model import Index, Step
from andon_wire.errors import Malformed
from andon_wire.tree import File, Tree


@dataclass(frozen=True, slots=True)
class Taken:
    """A file whose bytes are elsewhere: in the old tree as `source`, or, for a twin, in the new one."""

    file: File
    source: str


@dataclass(frozen=True, slots=True)
class Made:
    """A file that steps make, from its first byte to its last."""

    file: File
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """All files of the tree, each once. made: in the order of the payloads; empty: files without a byte."""

    taken: Sequence[Taken]
    made: Sequence[Made]
    twins: Sequence[Taken]
    empty: Sequence[File]


def plan(index: Index, tree: Tree, *, has_old: bool) -> Work:
    """The work for `tree`.

    Raises:
        Malformed: the container makes another tree, needs an old tree where there is none, or its steps do
            not make whole files.
    """
    if index.new != tree.id:
        raise Malformed("other-tree", f"the container makes the tree {index.new[:12]}, not {tree.id[:12]}")
    files = {each.path: each for each in tree.files}
    made = [_made(files, path, tuple(steps)) for path, steps in groupby(index.steps, lambda each: each.path)]
    paths = {each.file.path for each in made}
    first = {each.file.sha256: each.file.path for each in made}
    if not len(made) == len(paths) == len(first):
        raise Malformed("bad-delta", "a container that makes a file, or the same bytes, twice")
    left = [each for each in files.values() if each.size and each.path not in paths]
    moved = {each.path: each.base for each in index.moved}
    taken = [Taken(each, moved.get(each.path, each.path)) for each in left if each.sha256 not in first]
    if not has_old and (taken or any(step.base for each in made for step in each.steps)):
        raise Malformed("needs-old", "a delta, and there is no old version", hint="install the full package")
    return Work(
        taken=taken,
        made=made,
        twins=[Taken(each, first[each.sha256]) for each in left if each.sha256 in first],
        empty=[each for each in files.values() if not each.size],
    )


def _made(files: Mapping[str, File], path: str, steps: tuple[Step, ...]) -> Made:
    file = files.get(path)
    if file is None or sum(each.makes for each in steps) != file.size:
        raise Malformed("bad-delta", f"a container whose steps do not make {path!r}")
    return Made(file, steps)
