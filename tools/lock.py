"""Writes the hashed lock files from the pyproject.toml files (ADR 6); `--check` says what is wrong, offline.

`make lock` keeps every pinned version that the pyproject files still allow and adds what is new;
`make lock ARGS=--upgrade` takes the newest. It resolves in a temporary folder, so that uv's own lock, which
names download hosts, is never written here. The index is the one that pip and uv are configured for.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_ADDRESS = re.compile(r"://|^\s*-|\s@\s", re.MULTILINE)
_EXPORT = ("--no-emit-workspace", "--no-header", "--quiet")


@dataclass(frozen=True)
class Lock:
    """A lock file, what uv exports into it, the projects that it serves and their direct dependencies."""

    path: Path
    export: tuple[str, ...]
    projects: frozenset[str]
    wanted: tuple[Requirement, ...]


@dataclass(frozen=True)
class Pin:
    """One entry of a lock file. `via` are the packages that ask for it; none for a group's own."""

    requirement: Requirement
    hashes: int
    via: frozenset[str]

    @property
    def name(self) -> str:
        """Normalized name."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The pinned version, or the whole specifier where it is no pin."""
        return str(self.requirement.specifier).removeprefix("==")


def locks(root: Path) -> list[Lock]:
    """The lock of the whole workspace, and those that an app's manifest names."""
    found = [_workspace(root)]
    for folder in sorted(each.parent for each in root.glob("apps/*/pyproject.toml")):
        project = _read(folder)
        name = project["project"]["name"]
        run = _requirements(project["project"]["dependencies"])
        own = frozenset({canonicalize_name(name)})
        found.append(Lock(folder / "requirements.lock", ("--package", name, "--no-dev"), own, run))
        for group in ("test", "build"):  # what tests it, and what freezes it
            wanted = project.get("dependency-groups", {}).get(group)
            if wanted is not None:
                export = ("--package", name, "--group", group, "--no-dev")
                both = (*run, *_requirements(wanted))
                found.append(Lock(folder / f"requirements-{group}.lock", export, own, both))
    return found


def problems(root: Path) -> list[str]:
    """What is wrong with the lock files, one sentence each. Asks no network."""
    found: list[str] = []
    versions: dict[str, set[str]] = {}
    for lock in locks(root):
        shown = lock.path.relative_to(root).as_posix()
        if not lock.path.exists():
            found.append(f"{shown} is missing")
            continue
        text = lock.path.read_text()
        pins = list(parse(text))
        found += [f"{shown}: {each}" for each in (*_addresses(text), *_loose(pins), *_stale(lock, pins))]
        for pin in pins:
            known = versions.setdefault(pin.name, {pin.version})
            if lock.path.parent == root:
                known.add(pin.version)
            elif pin.version not in known:
                found.append(
                    f"{shown}: {pin.name} is {pin.version} here, {', '.join(known)} in the workspace"
                )
    return found + [f"uv.lock names hosts and is tracked: {each}" for each in _tracked(root, "uv.lock")]


def parse(text: str) -> Iterator[Pin]:
    """The entries of a lock file."""
    for entry in re.split(r"\n(?=[^\s#])", text.strip()):
        head, _, rest = entry.partition("\n")
        if head.startswith("-"):  # an option, which _addresses refuses
            continue
        via = re.findall(r"^\s+#(?: via)? +([A-Za-z0-9._-]+)$", rest, re.MULTILINE)
        requirement = Requirement(head.removesuffix("\\").strip())
        yield Pin(requirement, rest.count("--hash=sha256:"), frozenset(via))


def write(root: Path, *, upgrade: bool) -> None:
    """Resolve, and write all lock files.

    Raises:
        subprocess.CalledProcessError: uv found no versions that fit together; it has said why.
    """
    wanted = locks(root)
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary)
        _copy_projects(root, copy)
        if not upgrade:
            _keep_versions(
                copy, root / "requirements.lock", [each for lock in wanted for each in lock.wanted]
            )
        uv = [sys.executable, "-m", "uv"]
        for lock in wanted:
            done = subprocess.run(
                [*uv, "export", *_EXPORT, *lock.export],
                cwd=copy,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            lock.path.write_text(done.stdout)


def _workspace(root: Path) -> Lock:
    projects = [_read(root), *(_read(each.parent) for each in sorted(root.glob("apps/*/pyproject.toml")))]
    members = frozenset(canonicalize_name(each["project"]["name"]) for each in projects)
    lines = [line for each in projects for line in each["project"]["dependencies"]]
    for each in projects:
        lines += [line for group in each.get("dependency-groups", {}).values() for line in group]
    direct = tuple(each for each in _requirements(lines) if canonicalize_name(each.name) not in members)
    return Lock(root / "requirements.lock", ("--all-packages", "--all-groups"), members, direct)


def _addresses(text: str) -> list[str]:
    lines = [each for each in text.splitlines() if not each.lstrip().startswith("--hash=sha256:")]
    return [f"names a place: {each.strip()!r}" for each in lines if _ADDRESS.search(each)]


def _loose(pins: list[Pin]) -> list[str]:
    found = [f"{each.name} has no hash" for each in pins if not each.hashes]
    return found + [
        f"{each.name} is not pinned" for each in pins if not str(each.requirement.specifier).startswith("==")
    ]


def _stale(lock: Lock, pins: list[Pin]) -> list[str]:
    """Direct dependencies that the lock lacks or does not fit, and pins that nobody asks for any more."""
    pinned: dict[str, list[str]] = {}
    for pin in pins:
        pinned.setdefault(pin.name, []).append(pin.version)
    found = []
    for each in lock.wanted:
        name = canonicalize_name(each.name)
        if name not in pinned:
            found.append(f"lacks {each}")
        elif not any(each.specifier.contains(version, prereleases=True) for version in pinned[name]):
            found.append(f"{name} is {', '.join(pinned[name])}, which {each} does not allow")
    direct = {canonicalize_name(each.name) for each in lock.wanted}
    unasked = [each for each in pins if not each.via - lock.projects and each.name not in direct]
    return found + [f"nobody asks for {each.name}" for each in unasked]


def _tracked(root: Path, file: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", file],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return listed.stdout.split()


def _copy_projects(root: Path, copy: Path) -> None:
    """The pyproject files alone: uv reads what it needs from them."""
    for each in (root / "pyproject.toml", *root.glob("apps/*/pyproject.toml")):
        place = copy / each.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(each, place)


def _keep_versions(copy: Path, lock: Path, wanted: list[Requirement]) -> None:
    """Constrain the resolution in `copy` to what is pinned, where the pyproject files still allow it."""
    if not lock.exists():
        return
    kept = []
    for pin in parse(lock.read_text()):
        asked = [each for each in wanted if canonicalize_name(each.name) == pin.name]
        if all(
            each.specifier.contains(pin.version, prereleases=True) or pin.requirement.marker for each in asked
        ):
            kept.append(str(pin.requirement))
    project = tomlkit.parse((copy / "pyproject.toml").read_text())
    project["tool"]["uv"]["constraint-dependencies"] = kept
    (copy / "pyproject.toml").write_text(tomlkit.dumps(project))


def _requirements(lines: list[Any]) -> tuple[Requirement, ...]:
    return tuple(Requirement(each) for each in lines if isinstance(each, str))


def _read(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def main() -> int:
    """The command; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="change nothing, say what is wrong")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    options = parser.parse_args()
    if not options.check:
        try:
            write(ROOT, upgrade=options.upgrade)
        except subprocess.CalledProcessError:
            print("lock: no versions fit together; try make lock ARGS=--upgrade", file=sys.stderr)
            return 1
    found = problems(ROOT)
    for each in found:
        print(f"lock: {each}", file=sys.stderr)
    if found:
        print("lock: run make lock", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
