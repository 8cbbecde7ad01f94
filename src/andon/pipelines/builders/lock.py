"""Reads a hashed list of requirements. Pure; nothing is resolved here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.utils import canonicalize_name

_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One requirement with its hashes. `project` is empty where it is not a plain `name==version`."""

    text: str
    project: str = ""
    version: str = ""


def entries(text: str) -> Iterator[Entry]:
    """The requirements of a lock, without comments."""
    logical = ""
    for line in [*text.splitlines(), ""]:
        if line.lstrip().startswith("#"):
            continue
        logical += line
        if logical.endswith("\\"):
            logical += "\n"
            continue
        if logical.strip():
            pinned = _PINNED.match(logical.strip())
            yield Entry(logical, canonicalize_name(pinned[1]), pinned[2]) if pinned else Entry(logical)
        logical = ""


def beyond(text: str, base: str) -> str:
    """What the lock `text` names and `base` does not, as a lock."""
    have = {(each.project, each.version) for each in entries(base) if each.project}
    return "".join(f"{each.text}\n" for each in entries(text) if (each.project, each.version) not in have)
