"""One artifact onto the disk, whichever registry has it, however often it is cut.

    <into>.part        what is there so far
    <into>.part.mark   how much of it is durable, and the SHA-256 of that

An artifact's address holds its hash, so a part of it may be continued from another registry, and no ETag says
more than the hash at the end does. After a crash the part is believed up to its mark, which is looked at
again; what is beyond goes. Whole, it is checked, length and hash; if that fails, it begins anew, elsewhere.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from andon_agent.flow import Flow
from andon_wire.disk import SPARE_BYTES, Disk, no_room, write_durably
from andon_wire.errors import Unreachable, Untrusted, WireError
from andon_wire.verify import hopeful

MARK_BYTES = 8 << 20
_PIECE_BYTES = 1 << 20
_TRIES, _GAIN_BYTES = 3, 64 << 10  # so many tries in a row of a registry that give less than so much

Progress = Callable[[int, int], None]


class Ranged(Protocol):
    """A registry that can begin in the middle (`andon_wire.sources`)."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        ...

    def pieces(self, path: str, *, offset: int = 0) -> Any:
        """The bytes from `offset` on; raises Missing, Unreachable."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is fetched. path: in each registry; sha256 in hex; size in bytes."""

    path: str
    sha256: str
    size: int


class _Dropped(Exception):
    """The people at the station cancelled it."""


def fetch(
    wanted: Wanted, sources: Sequence[Ranged], into: Path, *, disk: Disk, flow: Flow, progress: Progress
) -> None:
    """Make the file `into`, checked and durable.

    Raises:
        Untrusted: what every registry has is not what was signed.
        Missing: some lack it, and none gave it.
        Unreachable: no registry gave all of it, or the disk is full; what came is kept.
        What `progress` raises.
    """
    try:
        disk.make_folder(into.parent)
        if disk.exists(into) and _hash_of(disk, into, disk.size(into)).hexdigest() == wanted.sha256:
            return
        _Fetch(wanted, into, disk, flow, progress).run(sources)
    except OSError as error:
        raise Unreachable(
            "disk-failed", f"{into} cannot be written: {error}", hint="free space; it goes on by itself"
        ) from error


class _Fetch:
    def __init__(self, wanted: Wanted, into: Path, disk: Disk, flow: Flow, progress: Progress) -> None:
        self._wanted, self._into, self._disk = wanted, into, disk
        self._flow, self._progress = flow, progress
        self._part = into.with_name(f"{into.name}.part")
        self._mark = into.with_name(f"{into.name}.part.mark")
        self._done = 0
        self._digest = hashlib.sha256()
        self._dropped = flow.dropped

    def run(self, sources: Sequence[Ranged]) -> None:
        self._resume()
        self._check_room()
        refused: list[WireError] = []
        # One more round where the beginning is of an earlier call: it may be what is wrong.
        for _ in range(2 if self._done else 1):
            for source in sources:
                try:
                    if self._from(source):
                        return
                except WireError as error:
                    refused.append(error)
            if not any(isinstance(each, Untrusted) for each in refused):
                break
        raise hopeful(refused)

    def _from(self, source: Ranged) -> bool:
        """Whether all of it is there now."""
        failures = 0
        while self._done < self._wanted.size:
            before = self._done
            self._flow.wait(self._look)
            try:
                self._stream(source)
            except _Dropped:
                self._start_anew()
                continue
            except Unreachable:
                failures = failures + 1 if self._done - before < _GAIN_BYTES else 0
                if failures >= _TRIES or (failures and self._done == 0):
                    raise
        return self._finish(source)

    def _stream(self, source: Ranged) -> None:
        """What this registry gives in one go; returns early where the flow has to rest."""
        with self._disk.open_write(self._part, append=True) as stream:
            marked = self._done
            try:
                with closing(source.pieces(self._wanted.path, offset=self._done)) as pieces:
                    for piece in pieces:
                        self._take(piece, stream, source)
                        if self._done - marked >= MARK_BYTES:
                            marked = self._keep_mark(stream)
                        if self._flow.rests():
                            return
                if self._done < self._wanted.size:
                    raise Unreachable("cut-off", f"{source.name} gave {self._wanted.path} in part")
            finally:
                self._keep_mark(stream)

    def _take(self, piece: bytes, stream: Any, source: Ranged) -> None:
        if self._done + len(piece) > self._wanted.size:
            self._start_anew(stream)
            raise Untrusted(
                "too-long", f"{self._wanted.path} at {source.name} is longer than what was signed"
            )
        stream.write(piece)
        self._digest.update(piece)
        self._done += len(piece)
        self._progress(self._done, self._wanted.size)
        self._flow.passed(len(piece), self._look)
        self._look()

    def _finish(self, source: Ranged) -> bool:
        if self._digest.hexdigest() != self._wanted.sha256:
            self._start_anew()
            raise Untrusted("hash-mismatch", f"{self._wanted.path} at {source.name} is not what was signed")
        if not self._wanted.size:
            self._disk.open_write(self._part).close()
        self._disk.replace(self._part, self._into)
        self._disk.sync_folder(self._into.parent)
        self._disk.remove(self._mark)
        return True

    def _resume(self) -> None:
        """Go on behind the mark, where the part is what it was then."""
        mark = self._read_mark()
        if mark is None or not self._disk.exists(self._part):
            return self._start_anew()
        size, sha256 = mark
        if self._disk.size(self._part) < size or size > self._wanted.size:
            return self._start_anew()
        digest = _hash_of(self._disk, self._part, size)
        if digest.hexdigest() != sha256:
            return self._start_anew()
        with self._disk.open_write(self._part, append=True) as stream:
            stream.truncate(size)
            self._disk.sync(stream)
        self._done, self._digest = size, digest
        return None

    def _start_anew(self, stream: Any = None) -> None:
        self._done, self._digest, self._dropped = 0, hashlib.sha256(), self._flow.dropped
        self._disk.remove(self._mark)
        if stream is not None:
            stream.truncate(0)
        else:
            self._disk.remove(self._part)

    def _read_mark(self) -> tuple[int, str] | None:
        if not self._disk.exists(self._mark):
            return None
        try:
            found = json.loads(self._disk.read(self._mark))
            of, size, sha256 = found["of"], found["size"], found["sha256"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        is_good = of == self._wanted.sha256 and type(size) is int and size >= 0 and isinstance(sha256, str)
        return (size, sha256) if is_good else None

    def _keep_mark(self, stream: Any) -> int:
        self._disk.sync(stream)
        mark = {"of": self._wanted.sha256, "size": self._done, "sha256": self._digest.hexdigest()}
        write_durably(self._disk, self._mark, json.dumps(mark).encode())
        return self._done

    def _check_room(self) -> None:
        needs = self._wanted.size - self._done + SPARE_BYTES
        free = self._disk.free_bytes(self._into.parent)
        if free < needs:
            raise no_room("what is downloaded", needs, free)

    def _look(self) -> None:
        if self._flow.dropped != self._dropped:
            raise _Dropped
        self._progress(self._done, self._wanted.size)


def _hash_of(disk: Disk, path: Path, size: int) -> "hashlib._Hash":
    digest, left = hashlib.sha256(), size
    with disk.open_read(path) as stream:
        while left and (piece := stream.read(min(left, _PIECE_BYTES))):
            digest.update(piece)
            left -= len(piece)
    return digest
