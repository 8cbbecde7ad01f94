"""The sources of the demo's releases: units of this repository, and small changes on top of them.

A change is `changes/<unit>/<version>/change.toml`: the version it builds on, and exact texts to replace or
files to add; its summary is the release's notes. A text that is no longer found, or found twice, is an error:
a demo that silently shipped the same program three times would prove nothing.
"""

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
FIRST = "1.0.0"
_NOTES = "CHANGES.md"  # what the units' manifests name as the release's notes

_NOT_SOURCE = shutil.ignore_patterns(
    "__pycache__", "*.pyc", ".*_cache", ".hypothesis", "dist", "build", "*.db*", ".coverage*", "*.egg-info"
)


class ChangeError(Exception):
    """A change no longer fits the source; the text names the file and the change."""


@dataclass(frozen=True, slots=True)
class Source:
    """A unit. tree: as it is in this repository, version 1.0.0; changes: the folder of its changes."""

    unit: str
    tree: Path
    changes: Path

    def versions(self) -> list[str]:
        """Every version that `at` can make, in order."""
        return [FIRST, *sorted(path.parent.name for path in self.changes.glob("*/change.toml"))]

    def summary_of(self, version: str) -> str:
        """What the change says of itself, in one sentence."""
        return str(self._change(version)["summary"]) if version != FIRST else "The first release"

    def at(self, version: str, into: Path) -> Path:
        """Write the source tree of `version` into the folder `into`, which must not exist yet, and return it.

        Raises: ChangeError when there is no such version, or a text to replace is not there exactly once.
        """
        if version == FIRST:
            shutil.copytree(self.tree, into, ignore=_NOT_SOURCE)
            return into
        change = self._change(version)
        self.at(change["base"], into)
        for each in change.get("replace", []):
            _replace(into / each["file"], each["old"], each["new"], version)
        for each in change.get("add", []):
            target = into / each["file"]
            if target.exists():
                raise ChangeError(f"{version}: {each['file']} is there already")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(each["content"], encoding="utf-8")
        (into / _NOTES).write_text(f"- {change['summary']}\n", encoding="utf-8")
        _replace(into / "pyproject.toml", f'version = "{change["base"]}"', f'version = "{version}"', version)
        return into

    def _change(self, version: str) -> dict[str, Any]:
        path = self.changes / version / "change.toml"
        if not path.is_file():
            known = ", ".join(self.versions())
            raise ChangeError(f"there is no change {version} of {self.unit}; there are {known}")
        return tomllib.loads(path.read_text(encoding="utf-8"))


def _source(unit: str) -> Source:
    return Source(unit, _ROOT / "apps" / unit, _ROOT / "demo" / "changes" / unit)


MES, STATION = _source("mes"), _source("station")


def _replace(path: Path, old: str, new: str, version: str) -> None:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = text.count(old)
    if found != 1:
        raise ChangeError(f"{version}: in {path.name} this text is there {found} times, not once:\n{old}")
    path.write_text(text.replace(old, new), encoding="utf-8")
