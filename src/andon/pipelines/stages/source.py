"""The source stage: an exact snapshot of the unit's tree, its manifest and its version."""

import os
import shutil
import subprocess
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from packaging.version import InvalidVersion
from packaging.version import Version as PackageVersion

from andon.kernel import ids
from andon.kernel.errors import InvalidInput
from andon.pipelines.cache import Cache
from andon.pipelines.job import Job
from andon.pipelines.model import StageResult
from andon.pipelines.notes import check_size, notes_of
from andon.pipelines.tree import pack
from andon.units.load import FILE_NAME, load

SNAPSHOT = "source.tar"
NOTES = "notes.md"
_LEFT_OUT = {
    ".git", ".hg", ".svn", ".venv", "venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache",
    ".hypothesis", ".tox", ".nox", "node_modules", "build", "dist", ".andon", ".demo",
}  # fmt: skip
_LEFT_OUT_ENDINGS = (".pyc", ".egg-info", ".db", ".db-wal", ".db-shm")
_LARGEST_BYTES = 500_000_000


def run(job: Job, cache: Cache) -> StageResult:
    """Take the snapshot of `job.path`.

    Raises:
        InvalidInput: the manifest, the version, the notes or a file of the tree is not as it must be.
    """
    manifest = load(job.path)
    if manifest.unit.name != job.unit:
        raise InvalidInput("unit-changed", f"the unit was {job.unit} and is {manifest.unit.name} now")
    distribution, version = _project(job.path / "pyproject.toml")
    names = sorted(_in_repository(job.path) or _in_folder(job.path))
    snapshot = job.work / SNAPSHOT
    pack(((name, _checked(job.path, name)) for name in names), snapshot)
    tree = cache.add(snapshot)
    commit = _commit(job.path)
    facts = {
        "version": version,
        "distribution": distribution,
        "source": commit or f"tree:{tree}",
        "tree": tree,
        "file_count": len(names),
    }
    told = f"commit {commit[:12]}" if commit else "not committed; the snapshot's hash names it"
    files = {SNAPSHOT: tree, FILE_NAME: cache.add(job.path / FILE_NAME)}
    if manifest.unit.notes is not None:
        files[NOTES] = cache.add_bytes(_notes(snapshot, manifest.unit.notes, version))
    return StageResult(True, f"{version} from {len(names)} files, {told}", files, facts)


def _notes(snapshot: Path, named: str, version: ids.Version) -> bytes:
    """The notes as they stand in the snapshot, which the source's hash covers."""
    name = PurePosixPath(named.replace("\\", "/")).as_posix()
    with tarfile.open(snapshot) as tar:
        try:
            entry = tar.getmember(name)
        except KeyError as error:
            raise InvalidInput(
                "no-notes",
                f"{name} is not in the unit's source: it is missing, or Git ignores it",
                hint="write it, or leave out `unit.notes`",
            ) from error
        check_size(entry.size, file=name)
        content = tar.extractfile(entry)
        assert content is not None  # a snapshot holds files alone
        return notes_of(content.read(), version, file=name)


def _project(file: Path) -> tuple[str, ids.Version]:
    try:
        project = tomllib.loads(file.read_text("utf-8")).get("project", {})
    except (OSError, ValueError) as error:
        raise InvalidInput(
            "no-project", f"{file} cannot be read: {error}", hint="a wheel is built from a pyproject.toml"
        ) from error
    name, version = project.get("name"), project.get("version")
    if not isinstance(name, str) or not isinstance(version, str):
        raise InvalidInput(
            "no-version",
            f"{file}: [project] must say `name` and `version`",
            hint='write the version as text, such as version = "1.2.0"',
        )
    try:
        PackageVersion(version)
    except InvalidVersion as error:
        raise InvalidInput("bad-version", f"{file}: {error}", hint='write "1.2.0"') from error
    return name, ids.version(version)


def _in_repository(root: Path) -> list[str]:
    """Files that Git tracks, or would; nothing where there is no repository."""
    listed = _git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", ".")
    names = [each for each in (listed or "").split("\0") if each]
    return sorted({each for each in names if (root / each).is_symlink() or (root / each).exists()})


def _in_folder(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [each for each in folders if each not in _LEFT_OUT and not _is_left_out(each)]
        yield from (str((Path(folder) / name).relative_to(root)) for name in names if not _is_left_out(name))


def _is_left_out(name: str) -> bool:
    return name.endswith(_LEFT_OUT_ENDINGS)


def _checked(root: Path, name: str) -> Path:
    file = root / name
    if not file.resolve().is_relative_to(root.resolve()):
        raise InvalidInput(
            "link-out", f"{name} is a link that leaves the unit's folder", hint="copy the file"
        )
    if not file.is_file():
        raise InvalidInput("no-file", f"{name} is not a file", hint="remove it or have Git ignore it")
    if file.stat().st_size > _LARGEST_BYTES:
        raise InvalidInput("large-file", f"{name} is larger than 500 MB", hint="have Git ignore it")
    return file


def _commit(root: Path) -> str:
    """The commit that the tree is exactly; empty when something differs from it."""
    if _git(root, "status", "--porcelain", "--", ".") != "":
        return ""
    return (_git(root, "rev-parse", "HEAD") or "").strip()


def _git(root: Path, *arguments: str) -> str | None:
    """What Git says; None when it is missing or does not know the folder."""
    program = shutil.which("git")
    if program is None:
        return None
    done = subprocess.run([program, *arguments], cwd=root, capture_output=True, check=False)
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None
