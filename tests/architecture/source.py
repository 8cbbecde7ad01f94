"""The project's own modules, read for the rules that the import linter cannot say."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PLACES = ("src", "apps", "demo", "bench", "tools", "tests", "conftest.py")
_SKIPPED = {".venv", "__pycache__", "build", "dist", "changes"}


@dataclass(frozen=True)
class Module:
    """One file. `name` is its path from the root; `dotted` how it is imported, when it can be."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def dotted(self) -> str:
        _, _, inside = self.name.rpartition("src/")
        return inside.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def is_test(self) -> bool:
        return "tests" in self.path.parts

    def tree(self) -> ast.Module:
        return _parsed(self.text)

    def imported(self) -> set[str]:
        """Dotted names of all imported modules, wherever in the file the import stands."""
        found: set[str] = set()
        for node in ast.walk(self.tree()):
            if isinstance(node, ast.Import):
                found |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module} | {f"{node.module}.{each.name}" for each in node.names}
        return found

    def packages(self) -> set[str]:
        """First parts of what it imports."""
        return {each.partition(".")[0] for each in self.imported()}


@functools.cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def modules() -> Iterator[Module]:
    """Every Python file of the project; not the demo's prepared changes, which are somebody's bugs."""
    for place in _PLACES:
        path = ROOT / place
        for each in sorted([path] if path.is_file() else path.rglob("*.py")):
            if not _SKIPPED.intersection(each.relative_to(ROOT).parts):
                yield Module(each, each.read_text())


def shipped() -> Iterator[Module]:
    """What runs in a plant: src and the apps, without their tests and migrations."""
    for each in modules():
        if "src" in each.path.parts and not each.is_test and "migrations" not in each.path.parts:
            yield each
