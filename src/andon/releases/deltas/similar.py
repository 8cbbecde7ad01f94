"""Finds what a new file was before, where the old tree has no file of its path: renamed, and changed too.

Few old files are looked at for each new one: those of its name, of its name without numbers and hashes (a
library's version is part of its name), and those of its kind that are nearest in size. Which of them is most
alike is told by sketches: the smallest checksums of short strings that begin at rare pairs of bytes, so that
what moved within a file is still found.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from andon_wire.tree import File, Tree

_SKETCH = 256  # checksums of a sketch
_READ_BYTES = 16 << 20  # of a file, for its sketch
_MOST_LOOKED_AT = 12
_LEAST_ALIKE = 0.03  # of a sketch's checksums
_SMALLEST = 512  # bytes; a smaller file is hardly worth a search
_ANCHOR = re.compile(rb"[\x07\x25\x6b\xc1\x61\x20][\x0b\x2e\x74\xe9\x00\x65](?=(.{12}))", re.DOTALL)
_CHANGING = re.compile(r"[0-9a-f]{6,}|\d+([._-]\d+)*")


class Bases:
    """The old files that new ones are patches of."""

    def __init__(self, old: Path, tree: Tree) -> None:
        self._old = old
        self._files = {each.path: each for each in tree.files}
        worth_it = [each for each in tree.files if each.size >= _SMALLEST]
        self._by_name = _grouped(worth_it, _name)
        self._by_stem = _grouped(worth_it, _stem)
        self._by_kind = _grouped(worth_it, _kind)

    def find(self, new: Path, file: File) -> File | None:
        """The base of a file of the folder `new`; None where nothing is like it."""
        same = self._files.get(file.path)
        if same is not None or file.size < _SMALLEST:
            return same
        found = self._candidates(file)
        sketch = _sketch(new / file.path) if found else frozenset()
        scores = [(_alike(sketch, self._sketch(each)), each) for each in found]
        best = max(scores, key=lambda each: each[0], default=None)
        return best[1] if best is not None and best[0] >= _LEAST_ALIKE else None

    def _candidates(self, file: File) -> Sequence[File]:
        near = sorted(
            self._by_kind.get(_kind(file), []), key=lambda each: (abs(each.size - file.size), each.path)
        )
        found = dict.fromkeys(
            (*self._by_name.get(_name(file), []), *self._by_stem.get(_stem(file), []), *near[:4])
        )
        return [each for each in found if file.size / 8 <= each.size <= file.size * 8][:_MOST_LOOKED_AT]

    def _sketch(self, file: File) -> frozenset[int]:
        return _sketch(self._old / file.path)


def _grouped(files: Iterable[File], key: Callable[[File], str]) -> Mapping[str, list[File]]:
    found: dict[str, list[File]] = {}
    for each in files:
        found.setdefault(key(each), []).append(each)
    return found


@lru_cache(maxsize=4096)
def _sketch(path: Path) -> frozenset[int]:
    with path.open("rb") as stream:
        content = stream.read(_READ_BYTES)
    found = {zlib.crc32(each[1]) for each in _ANCHOR.finditer(content)}
    return frozenset(sorted(found)[:_SKETCH])


def _alike(one: frozenset[int], other: frozenset[int]) -> float:
    """How much two files have in common: 0 nothing, 1 all (bottom-k estimate of Jaccard's index)."""
    smallest = sorted(one | other)[:_SKETCH]
    return sum(each in one and each in other for each in smallest) / len(smallest) if smallest else 0.0


def _name(file: File) -> str:
    return file.path.rpartition("/")[2]


def _stem(file: File) -> str:
    return _CHANGING.sub("#", _name(file).casefold())


def _kind(file: File) -> str:
    """The part of a name that says what is in it, such as `.so` of `lib.so.6`."""
    return _stem(file).partition(".")[2].replace("#", "")
