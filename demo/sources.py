"""The sources of the demo's releases: the MES of this repository, and small changes on top of it.

A change is `changes/<version>/change.toml`: the version it builds on, and exact texts to replace or files
to add. A text that is no longer found, or found twice, is an error: a demo that silently shipped the same
program three times would prove nothing.
"""

import shutil
import tomllib
from pathlib import Path
from typing import Any

MES = Path(__file__).resolve().parents[1] / "apps" / "mes"
CHANGES = Path(__file__).resolve().parent / "changes"
FIRST = "1.0.0"

_NOT_SOURCE = shutil.ignore_patterns(
    "__pycache__", "*.pyc", ".*_cache", ".hypothesis", "dist", "build", "*.db*", ".coverage*", "*.egg-info"
)


class ChangeError(Exception):
    """A change no longer fits the source; the text names the file and the change."""


def versions() -> list[str]:
    """Every version that `source_of` can make, in order."""
    return [FIRST, *sorted(path.parent.name for path in CHANGES.glob("*/change.toml"))]


def summary_of(version: str) -> str:
    """What the change says of itself, in one sentence."""
    return str(_change(version)["summary"]) if version != FIRST else "The first release"


def source_of(version: str, into: Path) -> Path:
    """Write the source tree of `version` into the folder `into`, which must not exist yet, and return it.

    Raises: ChangeError when there is no such version, or a text to replace is not there exactly once.
    """
    if version == FIRST:
        shutil.copytree(MES, into, ignore=_NOT_SOURCE)
        return into
    change = _change(version)
    source_of(change["base"], into)
    for each in change.get("replace", []):
        _replace(into / each["file"], each["old"], each["new"], version)
    for each in change.get("add", []):
        target = into / each["file"]
        if target.exists():
            raise ChangeError(f"{version}: {each['file']} is there already")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(each["content"], encoding="utf-8")
    _replace(into / "pyproject.toml", f'version = "{change["base"]}"', f'version = "{version}"', version)
    return into


def _change(version: str) -> dict[str, Any]:
    path = CHANGES / version / "change.toml"
    if not path.is_file():
        raise ChangeError(f"there is no change {version}; there are {', '.join(versions())}")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _replace(path: Path, old: str, new: str, version: str) -> None:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = text.count(old)
    if found != 1:
        raise ChangeError(f"{version}: in {path.name} this text is there {found} times, not once:\n{old}")
    path.write_text(text.replace(old, new), encoding="utf-8")
