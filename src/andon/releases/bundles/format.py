"""What a bundle looks like, as bytes. No I/O: who opens files is `reader.py` and `writer.py`.

    andon-bundle/1\\n
    8 bytes, big-endian: length of the envelope
    the envelope: DSSE, JSON; its payload, JSON, names every file with length and hash, in order
    the files, one after another, without a gap

The registry's metadata comes first, so that a reader verifies before it reads anything large. The envelope
is signed by the registry's timestamp keys: whoever trusts its root can tell that its Andon made this file,
whole. What is not spelled in the one way is refused: a bundle has passed through many hands.
"""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from andon.kernel.errors import InvalidInput
from andon.kernel.ids import Sha256
from andon.releases.mirroring.model import Wanted

MAGIC = b"andon-bundle/1\n"
PAYLOAD_TYPE = "application/vnd.andon.bundle+json"
LENGTH_BYTES = 8
MOST_ENVELOPE_BYTES = 64 << 20
_FORMAT = "andon-bundle/1"
_MOST_FILES = 200_000
_MOST_BYTES = 1 << 50
_SHA256 = re.compile(r"[0-9a-f]{64}")
_METADATA = re.compile(r"metadata/(?:timestamp|[1-9][0-9]{0,9}\.[a-z][a-z0-9-]{0,60})\.json")
_TARGET = re.compile(
    r"targets/[a-z][a-z0-9-]{0,39}/[0-9][0-9a-z.+-]{0,59}/([0-9a-f]{64})\.[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
)
_TIMESTAMP = "metadata/timestamp.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in a bundle."""

    path: str
    sha256: Sha256
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a bundle. version: of the registry's timestamp. wanted: which part of the registry it is.

    assumed: files that the other side said to have, so that they are not in here.
    """

    created_at: datetime
    version: int
    wanted: Wanted
    assumed: frozenset[str]
    entries: tuple[Entry, ...]

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(each.size_bytes for each in self.entries)

    @property
    def known(self) -> frozenset[str]:
        """What a place has after this bundle was imported there."""
        return self.assumed | {each.path for each in self.entries if not each.path.startswith("metadata/")}


def is_target(path: str) -> bool:
    """Whether this is the path of a release's file, with its hash before its name."""
    return _TARGET.fullmatch(path) is not None


def render(contents: Contents) -> bytes:
    """The payload; the same bytes for the same contents."""
    document = {
        "format": _FORMAT,
        "created_at": contents.created_at.isoformat(),
        "version": contents.version,
        "wanted": {
            "units": sorted(contents.wanted.units),
            "releases": sorted(contents.wanted.releases),
            "platforms": sorted(contents.wanted.platforms),
        },
        "assumed": sorted(contents.assumed),
        "files": [[each.path, each.sha256, each.size_bytes] for each in contents.entries],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def parse(payload: bytes) -> Contents:
    """What a payload says, whoever wrote it.

    Raises:
        InvalidInput: `bad-bundle`, it is not one that this Andon understands, or it names a path that would
            lead elsewhere.
    """
    try:
        return _contents(json.loads(payload))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise refused(f"its table of contents cannot be read: {error}") from error


def refused(why: str) -> InvalidInput:
    """The error for a file that is no bundle, or not one that may be opened."""
    return InvalidInput(
        "bad-bundle", f"this is no bundle of Andon: {why}", hint="copy it again from where it was made"
    )


def _contents(document: Any) -> Contents:
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError(f"it is not of the format {_FORMAT}")
    wanted = _mapping(document["wanted"])
    contents = Contents(
        created_at=_time(document["created_at"]),
        version=_count(document["version"], most=1 << 62),
        wanted=Wanted(*(frozenset(_texts(wanted[each])) for each in ("units", "releases", "platforms"))),
        assumed=frozenset(_texts(document["assumed"])),
        entries=tuple(_entry(each) for each in _list(document["files"])),
    )
    _check(contents)
    return contents


def _check(contents: Contents) -> None:
    paths = [each.path for each in contents.entries]
    if len(set(paths)) != len(paths):
        raise ValueError("it names a file twice")
    for each in contents.assumed:
        if not is_target(each):
            raise ValueError(f"{each[:200]!r} is no file of a release")
    metadata = list(itertools.takewhile(_METADATA.fullmatch, paths))
    if any(_METADATA.fullmatch(each) for each in paths[len(metadata) :]):
        raise ValueError("metadata stands behind files of releases")
    kinds = {each.rpartition(".json")[0].rpartition(".")[2] for each in metadata}
    if not {"root", "targets", "snapshot"} <= kinds or _TIMESTAMP not in metadata:
        raise ValueError("the registry's metadata is not complete")
    if contents.size_bytes > _MOST_BYTES:
        raise ValueError("it says to be larger than any disk")


def _entry(row: Any) -> Entry:
    path, sha256, size = _list(row)
    entry = Entry(_text(path), Sha256(_text(sha256)), _count(size, most=_MOST_BYTES))
    if not _SHA256.fullmatch(entry.sha256):
        raise ValueError("a hash is no SHA-256")
    target = _TARGET.fullmatch(entry.path)
    if target is None and not _METADATA.fullmatch(entry.path):
        raise ValueError(f"{entry.path[:200]!r} is no file of a registry")
    if target is not None and (target[1] != entry.sha256 or ".." in entry.path.split("/")):
        raise ValueError(f"{entry.path[:200]!r} does not bear its own hash")
    return entry


def _time(value: Any) -> datetime:
    at = datetime.fromisoformat(_text(value))
    if at.tzinfo is None:
        raise ValueError("its time has no zone")
    return at


def _count(value: Any, *, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"{str(value)[:40]} is no number that can be here")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is missing")
    return value


def _texts(value: Any) -> list[str]:
    return [_text(each) for each in _list(value)]


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list) or len(value) > _MOST_FILES:
        raise TypeError("a list is missing, or too long")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object is missing")
    return value
