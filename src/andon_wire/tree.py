"""The manifest of a tree: what an installed application consists of, file by file.

A tree is named by the SHA-256 of its canonical form, so that two stations that run the same bytes say the
same name. Paths are relative, with `/`, in Unicode NFC, and can be made on every system that Andon installs
on: a tree that could leave its folder, or that two file systems would understand differently, is refused
here, once, and nowhere else.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from andon_wire.errors import Malformed

FORMAT = "andon-tree/1"
MOST_ENTRIES = 200_000
MOST_BYTES = 64 << 20  # of the canonical form
LONGEST_PATH, LONGEST_NAME = 1024, 255  # bytes
_HEX = frozenset("0123456789abcdef")
_WINDOWS_DEVICES = {"con", "prn", "aux", "nul"} | {f"{each}{n}" for each in ("com", "lpt") for n in range(10)}
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')  # most of them by Windows


@dataclass(frozen=True, slots=True)
class File:
    """One file. sha256: of its bytes, in hex; size: in bytes; executable: by everybody (0755, else 0644)."""

    path: str
    sha256: str
    size: int
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link. target: relative, with `/`, and inside of the tree."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with nothing in it; all others follow from what they hold."""

    path: str


Entry = File | Link | Folder


@dataclass(frozen=True, slots=True)
class Tree:
    """All of a tree, sorted by path (as UTF-8). Made by `tree`, which checks it."""

    entries: tuple[Entry, ...]

    @property
    def files(self) -> Sequence[File]:
        """The files, sorted by path."""
        return [each for each in self.entries if isinstance(each, File)]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.files)

    @property
    def id(self) -> str:
        """SHA-256 of the canonical form, in hex."""
        return hashlib.sha256(encode(self)).hexdigest()


EMPTY = Tree(())


def tree(entries: Iterable[Entry]) -> Tree:
    """The tree of these entries.

    Raises:
        Malformed: a path or link that is not allowed, two that are one on some system, too many.
    """
    found = sorted(entries, key=lambda each: each.path.encode(errors="surrogatepass"))
    if len(found) > MOST_ENTRIES:
        raise Malformed(
            "tree-too-large", f"a tree of {len(found)} entries; at most {MOST_ENTRIES} are allowed"
        )
    kinds: dict[str, Entry] = {}
    folders: set[str] = set()
    for each in found:
        check_path(each.path)
        key = each.path.casefold()
        if key in kinds:
            raise Malformed(
                "path-twice", f"{each.path!r} and {kinds[key].path!r} are one name on some systems"
            )
        kinds[key] = each
        folders |= {"/".join(parts) for parts in _above(key)}
        _check(each)
    for folder in folders:
        if folder in kinds:
            raise Malformed("path-twice", f"{kinds[folder].path!r} is a folder and something else")
    return Tree(tuple(found))


def check_path(path: str) -> None:
    """Refuse what is not a plain relative path on every system.

    Raises:
        Malformed: with code `bad-path`.
    """
    if not path or len(path.encode(errors="surrogatepass")) > LONGEST_PATH:
        raise Malformed("bad-path", f"a path of {len(path)} characters")
    if unicodedata.normalize("NFC", path) != path:
        raise Malformed("bad-path", f"{path!r} is not in Unicode normal form C")
    for part in path.split("/"):
        _check_name(part, path)


def _check_name(name: str, path: str) -> None:
    if name in {"", ".", ".."}:
        raise Malformed("bad-path", f"{path!r} has an empty part, or one that leads elsewhere")
    try:
        length = len(name.encode())
    except UnicodeEncodeError as error:
        raise Malformed("bad-path", f"{path!r} is not text") from error
    if length > LONGEST_NAME:
        raise Malformed("bad-path", f"a name of {length} bytes in {path!r}")
    if _FORBIDDEN.search(name):
        raise Malformed("bad-path", f"{path!r} has a character that some system does not allow")
    if name[-1] in ". " or name.split(".", 1)[0].rstrip().casefold() in _WINDOWS_DEVICES:
        raise Malformed("bad-path", f"{path!r} has a name that Windows does not allow")


def _check(entry: Entry) -> None:
    match entry:
        case File(path, sha256, size, _):
            if len(sha256) != 64 or not _HEX.issuperset(sha256) or not 0 <= size < 1 << 53:
                raise Malformed("bad-entry", f"{path!r} has no proper hash or size")
        case Link(path, target):
            _check_target(path, target)
        case Folder():
            pass


def _check_target(path: str, target: str) -> None:
    if not target or target.startswith("/") or len(target.encode(errors="surrogatepass")) > LONGEST_PATH:
        raise Malformed("bad-link", f"the link {path!r} leads to {target!r}, which is not relative")
    depth = path.count("/")
    for part in target.split("/"):
        if part == "..":
            depth -= 1
            if depth < 0:
                raise Malformed("bad-link", f"the link {path!r} leads out of its tree")
        else:
            _check_name(part, target)
            depth += 1


def _above(path: str) -> Iterable[list[str]]:
    parts = path.split("/")
    return (parts[:index] for index in range(1, len(parts)))


def encode(of: Tree) -> bytes:
    """The canonical form: compact JSON, keys and entries sorted, so that the same tree is the same bytes."""
    document = {"format": FORMAT, "entries": [to_row(each) for each in of.entries]}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def decode(content: bytes) -> Tree:
    """The tree whose canonical form this is.

    Raises:
        Malformed: it is not exactly that.
    """
    if len(content) > MOST_BYTES:
        raise Malformed("tree-too-large", f"a tree manifest of {len(content)} bytes")
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise Malformed("other-format", f"a tree manifest of format {document['format']!r}, not {FORMAT}")
        found = tree(from_row(each) for each in document["entries"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Malformed("bad-tree", f"not a tree manifest: {type(error).__name__}: {error}") from error
    if encode(found) != content:
        raise Malformed("bad-tree", "a tree manifest that is not in its canonical form")
    return found


def to_row(entry: Entry) -> list[Any]:
    """An entry as JSON has it, the first element says its kind."""
    match entry:
        case File(path, sha256, size, executable):
            return ["x" if executable else "f", path, size, sha256]
        case Link(path, target):
            return ["l", path, target]
        case Folder(path):
            return ["d", path]


def from_row(row: Any) -> Entry:
    """The entry that JSON has; its path is checked by `tree`.

    Raises:
        Malformed: it is none.
    """
    match row:
        case ["f" | "x" as kind, str(path), int(size), str(sha256)] if not isinstance(size, bool):
            return File(path, sha256, size, executable=kind == "x")
        case ["l", str(path), str(target)]:
            return Link(path, target)
        case ["d", str(path)]:
            return Folder(path)
        case _:
            raise Malformed("bad-entry", f"not an entry of a tree: {str(row)[:80]}")
