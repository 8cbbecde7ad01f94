"""Puts the agent's manifest and its sources into one folder, from which it is shipped: `apps/agent`.

A unit is a folder, and the agent's packages are the repository's, as the control plane uses one of them too.
"""

import argparse
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("andon_agent", "andon_wire")
_LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "*.pyc", "tests", ".pytest_cache", ".ruff_cache", ".mypy_cache"
)
_KEPT = shutil.ignore_patterns("__pycache__", "*.pyc", ".pytest_cache", ".ruff_cache", ".mypy_cache")


def gather(into: Path, root: Path = ROOT) -> Path:
    """Make the folder `into` anew; gives it."""
    if into.exists():
        if not (into / "andon.toml").is_file():
            raise SystemExit(f"{into} is there and was not made by this")
        shutil.rmtree(into)
    shutil.copytree(root / "apps" / "agent", into, ignore=_KEPT)
    for each in PACKAGES:
        shutil.copytree(root / "src" / each, into / "src" / each, ignore=_LEFT_OUT)
    return into


def main() -> int:
    """`python -m tools.agent_source FOLDER`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    gather(parser.parse_args().folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
