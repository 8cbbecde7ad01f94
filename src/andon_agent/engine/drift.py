"""Looks whether the active release's files still are what was installed, slowly: its application works."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from andon_agent.engine.ports import Progress
from andon_wire import scan
from andon_wire.disk import Disk
from andon_wire.errors import Untrusted
from andon_wire.tree import File, Tree

_PIECE = 1 << 20


def look(folder: Path, content: Tree, disk: Disk, pause: Callable[[int], None], progress: Progress) -> str:
    """What differs, one sentence; empty where nothing does. pause: is given the bytes of each piece read.

    Raises:
        OSError: it cannot be read. What `progress` raises.
    """
    try:
        scan.check(folder, content, disk, is_deep=False)
    except Untrusted as error:
        return error.message
    done = 0
    for file in content.files:
        if _hash(folder, file, disk, pause) != file.sha256:
            return f"{file.path!r} has other bytes"
        done += file.size
        progress(done, content.size)
    return ""


def _hash(folder: Path, file: File, disk: Disk, pause: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    with disk.open_read(folder / file.path) as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
            pause(len(piece))
    return digest.hexdigest()
