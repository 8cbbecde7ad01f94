"""One at a time, over all processes of this machine."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from andon.kernel.errors import Conflict


@contextlib.contextmanager
def exclusive(path: Path, *, waits: bool = True) -> Iterator[None]:
    """Hold the lock file `path` for the block. The kernel frees it when the process dies.

    With `waits` it blocks: call it in a thread, or where nobody else can hold it for long.

    Raises:
        Conflict: somebody else holds it, and `waits` is False.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                "busy", f"another process works on {path.parent}", hint="wait until it has ended"
            ) from error
        yield
    finally:
        os.close(descriptor)
