"""The notes of a release, from a file of its source: which part of it they are, and what is refused.

Pure. Where the file lies, `stages/source.py` knows; what people see of them, `releases/notes.py`.
"""

import re
from collections.abc import Iterator, Sequence

from packaging.version import Version as PackageVersion

from andon.kernel.errors import InvalidInput
from andon.kernel.ids import Version
from andon.releases.notes import LARGEST_BYTES, is_deceiving

LARGEST_FILE_BYTES = 4 << 20  # of the file that they are a section of
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
_VERSION = re.compile(r"(?:(?:version|release)\s+)?\[?v?(\d+(?:\.\d+)+[0-9a-z.+-]*)", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(```|~~~)")


def notes_of(content: bytes, version: Version, *, file: str) -> bytes:
    """The notes of `version` in UTF-8, from the content of `file`; lines end in a line feed.

    Where headings (`## 1.2.0`) name versions, the section of this one up to the next heading that is not
    below it; otherwise all of it.

    Raises:
        InvalidInput: the file is not text in UTF-8, names versions and not this one, or its notes are empty,
            larger than `LARGEST_BYTES` or hold a character that is not shown; nothing is published then.
    """
    lines = _decoded(content, file).split("\n")
    first, taken = _section(lines, version, file)
    _check_characters(taken, first, file)
    notes = "\n".join(taken).strip("\n").rstrip()
    if not notes.strip():
        raise _refused(f"{file} says nothing of {version}", "write what is new, or leave out `unit.notes`")
    made = f"{notes}\n".encode()
    size = len(made)
    if size > LARGEST_BYTES:
        raise _refused(
            f"the notes of {version} in {file} have {size} bytes; {LARGEST_BYTES} is the most",
            "shorten them",
        )
    return made


def check_size(size_bytes: int, *, file: str) -> None:
    """Refuse a file that no notes are read from; raises InvalidInput."""
    if size_bytes > LARGEST_FILE_BYTES:
        raise _refused(
            f"{file} has {size_bytes} bytes; notes are read from at most {LARGEST_FILE_BYTES}",
            "name a smaller file as `unit.notes`",
        )


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(f"{file} line {line}: this is not UTF-8", "save the file as UTF-8") from error


def _section(lines: Sequence[str], version: Version, file: str) -> tuple[int, Sequence[str]]:
    """The lines of the notes, and the number of lines before them."""
    headings = list(_headings(lines))
    named = [(at, depth, told) for at, depth, told in headings if told is not None]
    if not named:
        return 0, lines
    own = PackageVersion(version)
    found = next(((at, depth) for at, depth, told in named if told == own), None)
    if found is None:
        raise _refused(f"{file} has no section of {version}", f'add a heading "## {version}" and what is new')
    start, depth = found
    end = next((at for at, deep, _ in headings if at > start and deep <= depth), len(lines))
    return start + 1, lines[start + 1 : end]


def _headings(lines: Sequence[str]) -> Iterator[tuple[int, int, PackageVersion | None]]:
    """Place, depth and the version that it names, of each heading outside of code."""
    fence = ""
    for at, line in enumerate(lines):
        if mark := _FENCE.match(line):
            fence = mark[1] if not fence else "" if mark[1] == fence else fence
        elif not fence and (heading := _HEADING.match(line)):
            yield at, len(heading[1]), _version(heading[2])


def _version(heading: str) -> PackageVersion | None:
    named = _VERSION.match(heading)
    try:
        return PackageVersion(named[1].rstrip(".-+")) if named else None
    except ValueError:  # no version, or a number that is too long to be one
        return None


def _check_characters(lines: Sequence[str], before: int, file: str) -> None:
    for number, line in enumerate(lines, start=before + 1):
        bad = next((each for each in line if is_deceiving(each)), None)
        if bad is not None:
            raise _refused(
                f"{file} line {number}: U+{ord(bad):04X} is a character that is not shown", "remove it"
            )


def _refused(message: str, hint: str) -> InvalidInput:
    return InvalidInput("bad-notes", message, hint=hint)
