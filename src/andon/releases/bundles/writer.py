"""Writes a bundle: in bounded memory, and on from where it was cut. Blocks.

It is written as `NAME.part` and gets its name when all of it is on the disk. A run that was cut is done again
with the same words: it goes on with the state of the registry that it began with. What was written is read
again and compared with the table of contents, so no power cut can have garbled it.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from securesystemslib.dsse import Envelope
from tuf.api.metadata import Root, Timestamp

from andon.kernel import files
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Conflict, NotFound, Unavailable
from andon.kernel.ids import Sha256
from andon.releases import keys
from andon.releases.bundles import format as form
from andon.releases.bundles.format import Contents, Entry
from andon.releases.bundles.reader import Bundle
from andon.releases.layout import Layout, make_folder
from andon.releases.mirroring import state as states
from andon.releases.mirroring.model import EVERYTHING, Wanted, platform_of
from andon.releases.mirroring.state import State
from andon.releases.progress import Progress, Unwatched
from andon.releases.storage import protocol
from andon.releases.storage.protocol import Storage


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. was_there: bytes that an earlier run had written already."""

    file: Path
    sha256: Sha256
    size_bytes: int
    releases: tuple[str, ...]
    files: int
    was_there: int
    version: int


class Exporter:
    """Writes parts of one home's registry. place: where its files lie."""

    def __init__(self, layout: Layout, place: Storage, clock: Clock) -> None:
        self._layout = layout
        self._place = place
        self._clock = clock

    def run(
        self,
        file: Path,
        wanted: Wanted = EVERYTHING,
        known: frozenset[str] = frozenset(),
        progress: Progress | None = None,
    ) -> Exported:
        """Write `file`. known: files of releases that the other side has.

        Raises:
            Conflict: the file is there already, another run writes it, or the timestamp's keys are not here.
            NotFound: nothing is wanted that the registry has, or there is no registry.
            Untrusted: the registry does not verify.
            Unavailable: the disk is full or gone; done again, it goes on.
        """
        if file.exists():
            raise Conflict("file-exists", f"{file} is there already", hint="name another file, or remove it")
        part = file.with_name(f"{file.name}.part")
        watched = progress or Unwatched()
        with _translated(file), _ours(part) as stream:
            was_there = 0
            contents = self._going_on(part, wanted, known)
            if contents is None:
                contents = self._begun(stream, wanted, known)
                kept = stream.tell() - _begins_at(stream)
            else:
                kept = was_there = _kept(stream, contents, _begins_at(stream), watched)
            self._written(stream, contents, kept, watched)
            digest = _hashed(stream)
            os.fsync(stream.fileno())
            files.move(part, file)
        return Exported(
            file,
            digest,
            file.stat().st_size,
            _releases(contents),
            len(contents.entries),
            was_there,
            contents.version,
        )

    def _begun(self, stream: BinaryIO, wanted: Wanted, known: frozenset[str]) -> Contents:
        """Write a new table of contents and the metadata."""
        state = states.own(self._layout, self._place)
        _check_named(wanted, state)
        meant = [each for each in state.files if wanted.has(each)]
        entries = [Entry(path, _sha256(content), len(content)) for path, content in state.metadata]
        entries += [
            Entry(each.path, each.sha256, each.size_bytes) for each in meant if each.path not in known
        ]
        assumed = frozenset(each.path for each in meant) & known
        contents = Contents(self._clock.now(), state.version, wanted, assumed, tuple(entries))
        envelope = self._signed(contents, state.root)
        _check_room(stream, contents)
        stream.seek(0)
        stream.truncate()
        stream.write(form.MAGIC + len(envelope).to_bytes(form.LENGTH_BYTES, "big") + envelope)
        for _, content in state.metadata:
            stream.write(content)
        stream.flush()
        return contents

    def _signed(self, contents: Contents, root: Root) -> bytes:
        wanted = root.roles[Timestamp.type]
        signers = [
            each for each in keys.load(self._layout, Timestamp.type) if each.public_key.keyid in wanted.keyids
        ]
        if len(signers) < wanted.threshold:
            raise Conflict(
                "keys-missing",
                "a bundle is signed by the registry's timestamp keys, and they are not here",
                hint="export where the registry is signed, and carry that file on as it is",
            )
        envelope = Envelope(form.render(contents), form.PAYLOAD_TYPE, {})
        for each in signers:
            envelope.sign(each)
        return json.dumps(envelope.to_dict(), sort_keys=True).encode()

    def _going_on(self, part: Path, wanted: Wanted, known: frozenset[str]) -> Contents | None:
        """What an earlier run began, when it is the same and can still be finished; else None."""
        with contextlib.suppress(AndonError), Bundle(part, is_whole=False) as begun:
            contents = begun.contents
            state = states.own(self._layout, self._place)
            begun.verify_signature(state.root)
            for each in contents.entries:
                if each.path.startswith("metadata/"):
                    protocol.read(begun, each.path)
                elif self._place.size(each.path) != each.size_bytes:
                    return None
            carried = contents.known - contents.assumed
            if contents.wanted == wanted and contents.assumed <= known and not carried & known:
                return contents
        return None

    def _written(self, stream: BinaryIO, contents: Contents, kept: int, progress: Progress) -> None:
        """The files behind the first `kept` bytes of them."""
        progress.begin("writing", contents.size_bytes - kept)
        stream.seek(_begins_at(stream) + kept)
        at = 0
        for each in contents.entries:
            at += each.size_bytes
            if at <= kept:
                continue
            pieces = protocol.checked(
                self._place.pieces(each.path), each.path, size_bytes=each.size_bytes, sha256=each.sha256
            )
            for piece in pieces:
                stream.write(piece)
                progress.advance(each.path, len(piece))
        stream.flush()


def _kept(stream: BinaryIO, contents: Contents, begins_at: int, progress: Progress) -> int:
    """How many bytes of files are there whole, one after another; what comes behind them is cut off."""
    there = stream.seek(0, os.SEEK_END) - begins_at
    progress.begin("checking what is there", there)
    stream.seek(begins_at)
    kept = 0
    for each in contents.entries:
        if kept + each.size_bytes > there or not _is_next(stream, each, progress):
            break
        kept += each.size_bytes
    stream.seek(begins_at + kept)
    stream.truncate()
    return kept


def _is_next(stream: BinaryIO, entry: Entry, progress: Progress) -> bool:
    digest, left = hashlib.sha256(), entry.size_bytes
    while left and (piece := stream.read(min(left, protocol.PIECE_BYTES))):
        digest.update(piece)
        left -= len(piece)
        progress.advance(entry.path, len(piece))
    return not left and digest.hexdigest() == entry.sha256


def _begins_at(stream: BinaryIO) -> int:
    stream.seek(len(form.MAGIC))
    length = int.from_bytes(stream.read(form.LENGTH_BYTES), "big")
    return len(form.MAGIC) + form.LENGTH_BYTES + length


def _hashed(stream: BinaryIO) -> Sha256:
    digest = hashlib.sha256()
    stream.seek(0)
    while piece := stream.read(protocol.PIECE_BYTES):
        digest.update(piece)
    return Sha256(digest.hexdigest())


def _sha256(content: bytes) -> Sha256:
    return Sha256(hashlib.sha256(content).hexdigest())


def _releases(contents: Contents) -> tuple[str, ...]:
    paths = [each.path.split("/") for each in contents.entries if form.is_target(each.path)]
    return tuple(sorted({f"{unit}@{version}" for _, unit, version, _ in paths}))


def _check_named(wanted: Wanted, state: State) -> None:
    """A misspelt name is an error, not an empty bundle."""
    there: tuple[Set[str], ...] = (
        {each.unit for each in state.files},
        state.releases,
        {platform_of(each.name) or "" for each in state.files},
    )
    for asked, found in zip((wanted.units, wanted.releases, wanted.platforms), there, strict=True):
        if missing := sorted(asked - found):
            raise NotFound(
                "nothing-to-export", f"the registry has nothing of {missing[0]}", hint="andon releases"
            )


def _check_room(stream: BinaryIO, contents: Contents) -> None:
    about = os.fstatvfs(stream.fileno())
    if contents.size_bytes > about.f_bavail * about.f_frsize:
        raise Unavailable(
            "store-full",
            f"the bundle takes {contents.size_bytes} bytes, and there is room for "
            f"{about.f_bavail * about.f_frsize}",
            hint="use another disk, or export less: --unit, --release, --platform, --since",
        )


@contextlib.contextmanager
def _ours(part: Path) -> Iterator[BinaryIO]:
    """The file, to be read and written, by one run at a time."""
    make_folder(part.parent)
    with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("busy", f"another run writes {part}", hint="wait until it has ended") from error
        try:
            yield stream
        except BaseException:
            if not stream.seek(0, os.SEEK_END):
                part.unlink(missing_ok=True)  # nothing was begun
            raise


@contextlib.contextmanager
def _translated(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            "store-full",
            f"{file} cannot be written: {error.strerror or error}",
            hint="make room, then again with the same words: it goes on",
        ) from error
