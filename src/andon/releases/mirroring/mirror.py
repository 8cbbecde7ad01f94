"""Copies what is missing from one registry to another place, and shows it there in one step. Blocks.

The order of writing is the registry's own: files of releases, roots, targets, snapshot, and the timestamp
last; so a reader of the mirror sees its former state, whole, until it sees the new one, and a run that was
cut anywhere is done again and goes on from what is there. Nothing gets its name before it was verified.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from andon.kernel import locking
from andon.kernel.clock import Clock, SystemClock
from andon.kernel.errors import Conflict, Unavailable, Untrusted
from andon.releases.garbage.sweep import sweep
from andon.releases.layout import make_folder
from andon.releases.mirroring import parts
from andon.releases.mirroring import state as states
from andon.releases.mirroring.model import EVERYTHING, Mirrored, TargetFile, Wanted, total_bytes
from andon.releases.mirroring.parts import Part
from andon.releases.mirroring.state import State
from andon.releases.progress import Progress, Unwatched
from andon.releases.storage import protocol
from andon.releases.storage.protocol import Readable, Storage
from andon.releases.write import prune
from andon_wire.verify import RELEASE_FILE

_GRACE = timedelta(days=7)  # how long a mirror keeps what its source names no more


class Mirror:
    """One mirror. memory: its own folder, which remembers what was seen, and holds downloads that were cut.

    root: bytes of the pinned root. checks: read again what is there, instead of believing its length.
    resumes: keep what came of a file when the source went away; for sources that are far.
    """

    def __init__(
        self,
        memory: Path,
        root: bytes,
        *,
        checks: bool = False,
        resumes: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._memory = memory
        self._root = root
        self._checks = checks
        self._resumes = resumes

    def run(
        self,
        source: Readable,
        into: Storage,
        wanted: Wanted = EVERYTHING,
        progress: Progress | None = None,
    ) -> Mirrored:
        """Make `into` show what `source` shows now, as far as it is wanted.

        Raises:
            Untrusted: something does not verify; what was shown before is still shown.
            Conflict: another run works on this mirror, or it shows something newer.
            Unavailable: a place is away or full; done again, it goes on.
        """
        make_folder(self._memory)
        with locking.exclusive(self._memory / "lock", waits=False):
            state = states.verified(source, self._memory / "trust", self._root)
            if (shown := states.shown_version(into)) > state.version:
                raise Conflict(
                    "mirror-newer",
                    f"{into.name} shows state {shown}, and {source.name} the older {state.version}",
                    hint="is that the right source? A mirror never goes back",
                )
            return self._copied(source, into, state, wanted, progress or Unwatched())

    def _copied(
        self, source: Readable, into: Storage, state: State, wanted: Wanted, progress: Progress
    ) -> Mirrored:
        meant = [each for each in state.files if wanted.has(each)]
        missing = [each for each in meant if not self._is_there(into, each)]
        if self._resumes:
            parts.drop_unnamed(self._memory / "downloads", {each.sha256 for each in state.files})
            parts.check_room(self._memory / "downloads", into, missing)
        _check_room(into, missing)
        progress.begin("copying", total_bytes(missing))
        for each in sorted(missing, key=_releases_last):
            self._copy(source, into, each, progress)
        for path, content in states.differing(into, state.metadata):
            into.write(path, content)
        prune(into, state.below)
        # What the signed metadata names stays, wanted here or not; the rest once readers are through with it.
        named = {each.path for each in state.files}
        swept = sweep(into, named, self._memory / "leftovers.json", _GRACE, self._clock.now())
        return Mirrored(
            releases=len({each.release for each in meant}),
            copied=len(missing),
            copied_bytes=total_bytes(missing),
            had=len(meant) - len(missing),
            removed=swept.removed,
            version=state.version,
        )

    def _is_there(self, into: Storage, file: TargetFile) -> bool:
        if self._checks:
            return protocol.is_whole(into, file.path, size_bytes=file.size_bytes, sha256=file.sha256)
        return into.size(file.path) == file.size_bytes

    def _copy(self, source: Readable, into: Storage, file: TargetFile, progress: Progress) -> None:
        if not self._resumes:
            pieces = _counted(source.pieces(file.path), file.path, progress)
            into.put(file.path, pieces, size_bytes=file.size_bytes, sha256=file.sha256)
            return
        part = Part(self._memory / "downloads", file)
        part.complete(source, progress)
        try:
            part.put(into)
        except Untrusted:  # a power cut garbled it, or the source lies: from the beginning, once
            part.drop()
            part.complete(source, progress)
            try:
                part.put(into)
            except Untrusted:
                part.drop()
                raise
        part.drop()


def _releases_last(file: TargetFile) -> tuple[str, str, bool, str]:
    return (file.unit, file.version, file.name == RELEASE_FILE, file.name)


def _counted(pieces: Iterator[bytes], path: str, progress: Progress) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        progress.advance(path, len(piece))


def _check_room(into: Storage, missing: Sequence[TargetFile]) -> None:
    free, needed = into.free_bytes(), total_bytes(missing)
    if free is not None and needed > free:
        raise Unavailable(
            "store-full",
            f"{into.name} has room for {free} bytes, and {needed} are to come",
            hint="make room, or take fewer units, releases or platforms",
        )
