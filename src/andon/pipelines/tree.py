"""Folders as tar files whose bytes depend on names, contents and the executable bit alone."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from andon.kernel import files


def pack(entries: Iterable[tuple[str, Path | bytes]], into: Path) -> None:
    """Write a tar of `(name, content)` pairs at `into`, sorted, without owner and time."""
    with files.replacing(into) as out, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(entries, key=lambda each: each[0]):
            _add(tar, name, content)


def _add(tar: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode = 0o644
    if isinstance(content, bytes):
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
        return
    with content.open("rb") as stream:
        status = content.stat()
        entry.size = status.st_size
        entry.mode = 0o755 if status.st_mode & 0o100 else 0o644
        tar.addfile(entry, stream)


def unpack(file: Path, into: Path) -> Path:
    """Unpack what `pack` wrote; gives `into`."""
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file) as tar:
        tar.extractall(into, filter="data")
    return into
