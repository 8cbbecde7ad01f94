"""The files of an exported folder and their hashes, signed by the timeline's key: an edited copy shows.

JSON lines verify by themselves; a spreadsheet or a document does not. Standard library only, as this file
travels with an export. A manifest is a signed note (c2sp.org/signed-note) whose first line no log has as its
origin, so that it passes for no checkpoint.
"""

import contextlib
import hashlib
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from andon.timeline.checks import Trust, Verification
from andon.timeline.walk import Finding
from andon_wire import note
from andon_wire.note import Malformed, Note

NAME, RECORDS = "manifest.txt", "timeline.jsonl"
_TITLE = "Andon timeline export, manifest 1"
_LINE = re.compile(r"([0-9a-f]{64})  ([^/\\]+)")


@dataclass(frozen=True, slots=True)
class Copy:
    """What is verified. lines: the JSON lines; folder: what they came in; None where they came alone."""

    lines: Path
    folder: Path | None = None


def text(origin: str, files: Iterable[Path]) -> str:
    """The manifest of `files`, to be signed."""
    lines = [f"{_hash(each)}  {each.name}" for each in sorted(files)]
    return "\n".join([_TITLE, origin, *lines, ""])


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Copy]:
    """An export that is a file, a folder or a ZIP.

    Raises:
        ValueError: the folder or the ZIP holds no records.
    """
    if path.is_dir():
        yield Copy(_lines(path), path)
    elif zipfile.is_zipfile(path) and path.suffix != ".pyz":
        with tempfile.TemporaryDirectory(prefix="andon-verify-") as folder:
            with zipfile.ZipFile(path) as packed:
                packed.extractall(folder)
            lines = _lines(Path(folder))
            yield Copy(lines, lines.parent)
    else:
        yield Copy(path)


def held(found: Verification, copy: Copy, trust: Trust) -> Verification:
    """With what is wrong with the files beside the JSON lines, if there are any."""
    if copy.folder is None:
        return found
    there = {each.name: each for each in copy.folder.iterdir() if each.is_file()}
    signed = there.pop(NAME, None)
    if signed is None:
        others = sorted(there.keys() - {RECORDS})
        wrong = Finding("no-manifest", f"nothing vouches for {', '.join(others)}: {NAME} is missing")
        return replace(found, findings=(*found.findings, wrong)) if others else found
    try:
        listed = _listed(signed.read_text("utf-8"), trust)
    except (Malformed, UnicodeDecodeError) as error:
        wrong = Finding("bad-manifest", f"{NAME}: {error}")
        return replace(found, findings=(*found.findings, wrong))
    findings = [
        Finding("file-altered", f"{name} is not the file that was exported: it was altered")
        for name in sorted(there.keys() & listed.keys())
        if _hash(there[name]) != listed[name]
    ]
    notes = [f"{name} is not part of the export" for name in sorted(there.keys() - listed.keys())]
    notes += [f"{name} of the export is not here" for name in sorted(listed.keys() - there.keys())]
    return replace(found, findings=(*found.findings, *findings), notes=(*found.notes, *notes))


def _listed(content: str, trust: Trust) -> dict[str, str]:
    kept = Note.parse(content)
    title, origin, *lines = kept.text.removesuffix("\n").split("\n")
    vouched = [each for each in trust.keys if each.name == origin and note.vouched(kept, each, trust.check)]
    if title != _TITLE or not vouched:
        raise Malformed("no key that is trusted signed it")
    matches = [_LINE.fullmatch(each) for each in lines]
    if not all(matches):
        raise Malformed("a line is no hash and name")
    return {each[2]: each[1] for each in matches if each}


def _lines(folder: Path) -> Path:
    found = next(iter(sorted(folder.rglob(RECORDS))), None)
    if found is None:
        raise ValueError(f"it holds no {RECORDS}")
    return found


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
