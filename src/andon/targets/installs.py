"""Installs releases offline, each into an environment of its own, and runs their migrations.

An environment cannot be moved, so it is made where it stays and marked complete last; what has no mark is
removed and made again. A lock that our helpers inherit keeps a new Andon from working where the helpers of
a killed one still do. What is not here: what is trusted (releases/) and when to install (decide.py).
"""

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import signal
import sys
import tarfile
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import uv

from andon.kernel import files, processes
from andon.kernel.errors import Damaged, Unavailable
from andon.kernel.ids import UnitName, Version
from andon.releases.model import Role

Fetch = Callable[[UnitName, Version, Role, Path], Awaitable[Path]]

_COMPLETE = ".complete"
_HASH_LETTERS = 12
_KEEP = 3
_LOCK_PAUSE = 0.1
_INSTALL_PATIENCE = timedelta(minutes=5)
_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Command:
    """A helper to run to its end; its output goes to `output`, `what` names it to people.

    outlives_us: it goes on when Andon ends, because half of it would be worse.
    """

    what: str
    line: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    output: Path
    patience: timedelta = _INSTALL_PATIENCE
    outlives_us: bool = False


class Installs:
    """The folder `<home>/installs`: one environment per unit and release."""

    def __init__(self, folder: Path, fetch: Fetch) -> None:
        self._folder = folder
        self._fetch = fetch

    def find(self, unit: UnitName, version: Version) -> Path | None:
        """The complete environment of a release; None when there is none."""
        name = re.compile(re.escape(version) + rf"-[0-9a-f]{{{_HASH_LETTERS}}}")
        found = [each.parent for each in self._folder.glob(f"{unit}/*/{_COMPLETE}")]
        return next((each for each in found if name.fullmatch(each.name)), None)

    async def install(self, unit: UnitName, version: Version) -> None:
        """Fetch, verify, unpack and install; does nothing when it is done already.

        Raises:
            Untrusted: the release does not verify.
            Unavailable: it could not be fetched, or the installer failed.
            Damaged: the wheelhouse is not one.
        """
        own = self._folder / unit
        own.mkdir(parents=True, exist_ok=True)
        async with _locked(own / f".{version}.lock") as lock:
            if self.find(unit, version) is not None:
                return
            with tempfile.TemporaryDirectory(dir=own, prefix=f".{version}.") as work:
                archive = await self._fetch(unit, version, Role.WHEELHOUSE, Path(work))
                sha = await asyncio.to_thread(files.sha256, archive)
                wheels = await asyncio.to_thread(_unpack, archive, Path(work) / "wheels")
                await self._make(own / f"{version}-{sha[:_HASH_LETTERS]}", wheels, lock)

    def is_migrated(self, unit: UnitName, version: Version, data: Path) -> bool:
        """Whether the release's migration ran to its end over this data."""
        return data.exists() and self._migrated(unit, version, data).exists()

    async def migrate(self, unit: UnitName, version: Version, data: Path, command: Command) -> None:
        """Run a migration; one at a time over one data folder, whoever began it.

        Raises:
            Unavailable: it failed; the message ends with what it said last.
        """
        mark = self._migrated(unit, version, data)
        mark.parent.mkdir(parents=True, exist_ok=True)
        async with _locked(mark.parent / ".lock") as lock:
            if not self.is_migrated(unit, version, data):
                await asyncio.to_thread(data.mkdir, parents=True, exist_ok=True)
                await _run(command, lock)
                files.write(mark, b"")

    async def clean(self, unit: UnitName, used: set[Version]) -> None:
        """Remove environments that are neither used nor among the last few."""
        made = sorted(
            (each.parent for each in self._folder.glob(f"{unit}/*/{_COMPLETE}")),
            key=lambda each: (each / _COMPLETE).stat().st_mtime_ns,
            reverse=True,
        )
        for each in made[_KEEP:]:
            version = each.name.rpartition("-")[0]
            if version not in used:
                async with _locked(self._folder / unit / f".{version}.lock"):
                    (each / _COMPLETE).unlink(missing_ok=True)  # first: half of one is never taken for whole
                    await asyncio.to_thread(shutil.rmtree, each, ignore_errors=True)

    def _migrated(self, unit: UnitName, version: Version, data: Path) -> Path:
        # Beside the data and not beside the environment, which may be removed and made again.
        return data.parent / f".{unit}.migrated" / version

    async def _make(self, final: Path, wheels: Sequence[Path], lock: int) -> None:
        await asyncio.to_thread(shutil.rmtree, final, ignore_errors=True)
        shared = await asyncio.to_thread(self._shared)
        kept = await asyncio.to_thread(lambda: [_keep(each, shared / "wheels") for each in wheels])
        program, work = uv.find_uv_bin(), wheels[0].parent
        output = work.parent / "install.log"
        common = ("--offline", "--no-config", "--quiet", "--cache-dir", str(shared / "cache"))
        environment = {"PATH": os.defpath, "HOME": str(work), "LANG": "C.UTF-8"}
        make = [program, "venv", *common, "--no-project", "--python", sys.executable, str(final)]
        # All of the wheelhouse by path: what was built and scanned, and nothing that a resolver prefers.
        install = [program, "pip", "install", *common, "--no-index", "--python", str(final / "bin/python")]
        install += map(str, kept)
        for line in (make, install):
            await _run(Command("the installer", line, environment, work, output), lock)
        await asyncio.to_thread(os.sync)  # the mark must not survive a power cut that its files do not
        files.write(final / _COMPLETE, b"")

    def _shared(self) -> Path:
        """Wheels and unpacked files that releases have in common, so that the next one is a matter of links.

        One folder for each start of the machine: what was not yet on the disk when the power went is not
        trusted afterwards.
        """
        every = self._folder / ".shared"
        present = every / processes.boot_id()
        (present / "wheels").mkdir(parents=True, exist_ok=True)
        for former in set(every.iterdir()) - {present}:
            shutil.rmtree(former, ignore_errors=True)
        return present


def _keep(wheel: Path, folder: Path) -> Path:
    """Put a wheel where equal ones of all releases stand, because the installer's cache goes by path."""
    kept = folder / files.sha256(wheel) / wheel.name
    kept.parent.mkdir(exist_ok=True)
    if not kept.exists():
        wheel.rename(kept)
    return kept


def _unpack(archive: Path, into: Path) -> list[Path]:
    into.mkdir()
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(into, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise Damaged("bad-wheelhouse", f"the wheelhouse cannot be unpacked: {error}") from error
    wheels = sorted(into.rglob("*.whl"))
    if not wheels:
        raise Damaged("bad-wheelhouse", "the wheelhouse holds no wheel")
    for each in wheels:
        if each.parent != into:
            each.rename(into / each.name)
    return [into / each.name for each in wheels]


@contextlib.asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[int]:
    """Hold an exclusive lock; gives the descriptor, which helpers inherit so that they hold it too."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_LOCK_PAUSE)
        yield descriptor
    finally:
        os.close(descriptor)


async def _run(command: Command, lock: int) -> None:
    """Run to the end. Past its patience, the helper's whole group is killed."""
    with command.output.open("ab") as output:
        try:
            process = await asyncio.create_subprocess_exec(
                *command.line,
                cwd=command.folder,
                env=dict(command.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock,),
            )
        except OSError as error:
            raise Unavailable(
                "helper-missing", f"{command.line[0]} cannot be run: {error.strerror}"
            ) from error
    is_spared = command.outlives_us
    try:
        async with asyncio.timeout(command.patience.total_seconds()):
            code = await process.wait()
    except TimeoutError as error:
        is_spared = False
        raise Unavailable("helper-late", f"{command.what} took too long") from error
    finally:
        if process.returncode is None and not is_spared:  # not reaped, so its number is still its own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if code != 0:
        raise Unavailable("helper-failed", f"{command.what} ended with {code}: {last_words(command.output)}")


def last_words(output: Path) -> str:
    """The last line of an output that is not empty, at most 300 characters."""
    try:
        with output.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - _TAIL_BYTES))
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((each.strip()[:300] for each in reversed(lines) if each.strip()), "")
