"""The journal of one unit: a line for every step, durable before the next one begins.

Each line is the whole state, so the last whole line is the truth; a torn one at the end is as if it had not
been written. Lines are appended; past `most_bytes` the newest few are written to a new file that replaces
the old in one step. On a full disk a reserve makes way, so that the agent can note what it does about it.
"""

import contextlib
import errno
from pathlib import Path
from typing import BinaryIO

from andon_agent.engine import codec
from andon_agent.engine.model import State
from andon_wire.disk import Disk, write_durably
from andon_wire.errors import Malformed

RESERVE_BYTES = 64 << 10
_KEPT_LINES = 20


class Journal:
    """The file `path`. One writer."""

    def __init__(self, path: Path, disk: Disk, *, most_bytes: int = 256 << 10) -> None:
        self._path = path
        self._disk = disk
        self._most_bytes = most_bytes
        self._reserve = path.with_name("reserve")
        self._stream: BinaryIO | None = None
        self._bytes = 0
        self._is_torn = False

    def load(self) -> State | None:
        """The last state that is whole, durable from now on; None where there is none.

        Raises:
            OSError: it cannot be read, or made durable.
        """
        self.close()
        if not self._disk.exists(self._path):
            return None
        content = self._disk.read(self._path)
        self._bytes = len(content)
        self._is_torn = not content.endswith(b"\n")
        self._disk.sync(self._opened())  # a killed agent may have written it, and not made it durable
        for line in reversed(content.split(b"\n")):
            with contextlib.suppress(Malformed):
                return codec.decode(line)
        return None

    def append(self, state: State) -> None:
        """Write a line; durable when this returns.

        Raises:
            OSError: it is not written; what was written before still counts.
        """
        line = codec.encode(state)
        try:
            self._append(line)
        except OSError as error:
            if error.errno != errno.ENOSPC or not self._disk.exists(self._reserve):
                raise
            self._disk.remove(self._reserve)
            self._append(line)
        if self._bytes > self._most_bytes:
            with contextlib.suppress(OSError):  # it is only longer than it need be
                self.compact()

    def compact(self) -> None:
        """Keep the newest lines only.

        Raises:
            OSError: it stays as it was.
        """
        self.close()
        lines = self._disk.read(self._path).split(b"\n")
        whole = [each for each in lines if _is_whole(each)][-_KEPT_LINES:]
        content = b"".join(each + b"\n" for each in whole)
        write_durably(self._disk, self._path, content, mode=0o600)
        self._bytes, self._is_torn = len(content), False

    def close(self) -> None:
        """Let go of the file."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            with contextlib.suppress(OSError):
                stream.close()

    def _append(self, line: bytes) -> None:
        try:
            stream = self._opened()
            if self._is_torn:
                line = b"\n" + line  # a torn line ends here, so that it spoils no other
            self._is_torn = True
            stream.write(line)
            self._disk.sync(stream)
        except OSError:
            self.close()
            raise
        self._is_torn = False
        self._bytes += len(line)

    def _opened(self) -> BinaryIO:
        if self._stream is None:
            is_new = not self._disk.exists(self._path)
            if is_new:
                self._disk.make_folder(self._path.parent)
                with contextlib.suppress(OSError):
                    self.keep_reserve()
            self._stream = self._disk.open_write(self._path, mode=0o600, append=True)
            if is_new:  # its name, and those of the folders that were made for it
                for folder in list(self._path.parents)[:3]:
                    self._disk.sync_folder(folder)
        return self._stream

    def keep_reserve(self) -> None:
        """Have the reserve, if there is room for many of it.

        Raises:
            OSError: the disk does not do it.
        """
        if self._disk.exists(self._reserve) or self._disk.free_bytes(self._path.parent) < 16 * RESERVE_BYTES:
            return
        with self._disk.open_write(self._reserve, mode=0o600) as stream:
            stream.write(b"\0" * RESERVE_BYTES)
            self._disk.sync(stream)


def _is_whole(line: bytes) -> bool:
    try:
        codec.decode(line)
    except Malformed:
        return False
    return True
