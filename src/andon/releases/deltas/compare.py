"""What two trees have in common, and the files that need steps. Values in, values out."""

from dataclasses import dataclass

from andon_wire.delta.model import Moved
from andon_wire.tree import Entry, File, Tree


@dataclass(frozen=True, slots=True)
class Difference:
    """From an old tree to a new one. fresh: one file for each content that the old tree has nowhere."""

    gone: tuple[str, ...]
    changed: tuple[Entry, ...]
    moved: tuple[Moved, ...]
    fresh: tuple[File, ...]


def compare(old: Tree, new: Tree) -> Difference:
    """What it takes to turn one into the other."""
    before = {each.path: each for each in old.entries}
    after = {each.path for each in new.entries}
    places = _places(old)
    changed: list[Entry] = []
    moved: list[Moved] = []
    fresh: dict[str, File] = {}
    for each in new.entries:
        if before.get(each.path) == each:
            continue
        where = places.get(each.sha256, []) if isinstance(each, File) and each.size else []
        if isinstance(each, File) and where:
            moved.append(Moved(each.path, _nearest(each.path, where), each.executable))
            continue
        changed.append(each)
        if isinstance(each, File) and each.size:
            fresh.setdefault(each.sha256, each)
    gone = tuple(path for path in before if path not in after)
    return Difference(gone, tuple(changed), tuple(moved), tuple(fresh.values()))


def _places(old: Tree) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in old.files:
        found.setdefault(each.sha256, []).append(each.path)
    return found


def _nearest(path: str, where: list[str]) -> str:
    """Where the same bytes were: under this path, else under this name, else the first."""
    name = path.rpartition("/")[2]
    return min(where, key=lambda each: (each != path, each.rpartition("/")[2] != name, each))
