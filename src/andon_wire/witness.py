"""A witness: remembers how long and which a log was, and signs only what continues that.

The rule is C2SP's tlog-witness. Beside it, a witness of Andon's mirrors the hashes of the records (32 bytes
each), so that a rewritten history is not only refused: the first altered record can be named. The state is
a folder that survives a power cut; a single process may use it. HTTP is in witness_http.py.

    <folder>/<hash of the origin>/checkpoint    the note that was cosigned last, with our cosignature
    <folder>/<hash of the origin>/hashes        of records 1, 2, ...
    <folder>/<hash of the origin>/mirrored      the note that those hashes fold to
"""

import contextlib
import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from andon_wire import cosigning, merkle, note
from andon_wire.cosigning import Signer
from andon_wire.merkle import HASH_BYTES, Range
from andon_wire.note import Checkpoint, Key, Malformed, Note

MOST_PROOF_LINES = 63
_PIECE = HASH_BYTES << 13
SIZE_TYPE, TEXT_TYPE, BYTES_TYPE = "text/x.tlog.size", "text/plain; charset=utf-8", "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the witness says, in HTTP's words."""

    status: int
    body: bytes = b""
    content_type: str = TEXT_TYPE


@dataclass(frozen=True, slots=True)
class Request:
    """A checkpoint to be cosigned, with the proof that it continues the tree of `old` records."""

    old: int
    proof: tuple[bytes, ...]
    note: Note

    def __str__(self) -> str:
        """As it is sent."""
        lines = [f"old {self.old}", *(note.encoded(each) for each in self.proof), "", str(self.note)]
        return "\n".join(lines)

    @classmethod
    def parse(cls, text: str) -> "Request":
        """The request that was sent.

        Raises:
            Malformed: it is not of the form.
        """
        head, separator, rest = text.partition("\n\n")
        first, *proof = head.split("\n")
        if not separator or not first.startswith("old ") or len(proof) > MOST_PROOF_LINES:
            raise Malformed("a request is an old size, a proof, an empty line and a checkpoint")
        return cls(note.decimal(first[4:]), tuple(map(note.hash_of, proof)), Note.parse(rest))


def judge(
    request: Request, checkpoint: Checkpoint, known: Checkpoint | None, keys: Sequence[Key]
) -> Answer | None:
    """The rule of c2sp.org/tlog-witness: how to refuse, or None when it may be cosigned."""
    if not _is_signed(request.note, keys):
        return Answer(403, b"no signature of a key that is known here holds\n")
    if request.old > checkpoint.size:
        return Answer(400, b"the old size is larger than the checkpoint's\n")
    size = known.size if known else 0
    if request.old != size:
        return Answer(409, f"{size}\n".encode(), SIZE_TYPE)
    if known and known.size == checkpoint.size and known.root != checkpoint.root:
        return Answer(409, f"{size}\n".encode(), SIZE_TYPE)
    root = known.root if known else merkle.EMPTY_ROOT
    new = (checkpoint.size, checkpoint.root)
    if not merkle.is_consistent((size, root), new, request.proof):
        return Answer(422, b"the proof does not show that this continues what was seen before\n")
    if checkpoint.size == 0 and checkpoint.root != merkle.EMPTY_ROOT:
        return Answer(422, b"this is not the root of a log without records\n")
    return None


def _is_signed(kept: Note, keys: Sequence[Key]) -> bool:
    for key in keys:
        with contextlib.suppress(Malformed):
            if note.vouched(kept, key, cosigning.check):
                return True
    return False


class Witness:
    """One witness with its key and its memory. logs: the keys that each log may sign with, by origin.

    now: seconds since 1970. Close it, so that another process may use the folder.

    Raises:
        BlockingIOError: another process uses the folder.
    """

    def __init__(
        self, folder: Path, signer: Signer, logs: Mapping[str, Sequence[Key]], now: Callable[[], float]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_file)
            raise
        self._signer = signer
        self._now = now
        self._logs = logs
        self._states = {each: State(state_folder(folder, each)) for each in logs}
        self._turn = threading.Lock()

    @property
    def key(self) -> Key:
        """Its public half."""
        return self._signer.key

    def close(self) -> None:
        """Let another process use the folder."""
        os.close(self._lock_file)

    def add_checkpoint(self, text: str) -> Answer:
        """Cosign a checkpoint, or say why not. It is kept before it is answered."""
        try:
            request = Request.parse(text)
            checkpoint = Checkpoint.parse(request.note.text)
        except Malformed as error:
            return Answer(400, f"{error}\n".encode())
        state = self._states.get(checkpoint.origin)
        if state is None:
            return Answer(404, b"this log is not known here\n")
        with self._turn:
            refusal = judge(request, checkpoint, state.checkpoint(), self._logs[checkpoint.origin])
            if refusal is not None:
                return refusal
            cosignature = self._signer.sign(request.note.text, int(self._now()))
            state.keep(request.note.with_signatures(cosignature))
        return Answer(200, cosignature.line.encode())

    def knows(self, origin: str) -> bool:
        """Whether this is a log that it is a witness of."""
        return origin in self._states

    def refuses_entries(self, origin: str, begin: int, length: int) -> Answer | None:
        """Why `length` bytes of hashes from record `begin` + 1 on are of no use now; None where they are."""
        state = self._states.get(origin)
        if state is None:
            return Answer(404, b"this log is not known here\n")
        known = state.checkpoint()
        if begin != state.mirrored or known is None:
            return Answer(409, f"{state.mirrored}\n".encode(), SIZE_TYPE)
        if length != (known.size - begin) * HASH_BYTES:
            return Answer(422, f"send hashes {begin} to {known.size}\n".encode())
        return None

    def add_entries(self, origin: str, begin: int, hashes: BinaryIO) -> Answer:
        """Mirror the hashes of records `begin` + 1 up to the size that was cosigned last, read in pieces.

        They are kept when they fold to its root; 409 says how many are mirrored already.
        """
        with self._turn:
            refused = self.refuses_entries(origin, begin, hashes.seek(0, os.SEEK_END))
            if refused is not None:
                return refused
            state = self._states[origin]
            known = state.checkpoint()
            if known is None or not state.mirror(hashes, known):
                return Answer(422, b"these do not fold to the root that was cosigned\n")
        return Answer(200, f"{known.size}\n".encode(), SIZE_TYPE)

    def get_checkpoint(self, origin: str) -> Answer:
        """The note that was cosigned last."""
        state = self._states.get(origin)
        kept = state.note() if state else None
        return (
            Answer(200, str(kept).encode()) if kept else Answer(404, b"nothing was cosigned for this log\n")
        )

    def get_mirrored(self, origin: str) -> Answer:
        """The note that the mirrored hashes fold to."""
        state = self._states.get(origin)
        kept = state.mirrored_note() if state else None
        return Answer(200, str(kept).encode()) if kept else Answer(404, b"nothing is mirrored of this log\n")

    def get_entries(self, origin: str, begin: int) -> Answer:
        """The mirrored hashes from record `begin` + 1 on."""
        state = self._states.get(origin)
        if state is None:
            return Answer(404, b"this log is not known here\n")
        return Answer(200, state.hashes(begin), BYTES_TYPE)


class State:
    """What a witness remembers of one log. Read by anybody; written by one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tree = self._load()

    @property
    def mirrored(self) -> int:
        """How many records' hashes are kept."""
        return self._tree.end

    def note(self) -> Note | None:
        """What was cosigned last."""
        return _read(self._folder / "checkpoint")

    def mirrored_note(self) -> Note | None:
        """What the mirrored hashes fold to."""
        return _read(self._folder / "mirrored")

    def checkpoint(self) -> Checkpoint | None:
        """The tree that was cosigned last."""
        kept = self.note()
        return Checkpoint.parse(kept.text) if kept else None

    def hashes(self, begin: int = 0) -> bytes:
        """The mirrored hashes from record `begin` + 1 on."""
        with contextlib.suppress(FileNotFoundError), (self._folder / "hashes").open("rb") as stream:
            stream.seek(begin * HASH_BYTES)
            return stream.read(max(0, self._tree.end - begin) * HASH_BYTES)
        return b""

    def keep(self, kept: Note) -> None:
        """Remember that `kept` was cosigned; durable when this returns."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _replace(self._folder / "checkpoint", str(kept).encode())

    def mirror(self, hashes: BinaryIO, known: Checkpoint) -> bool:
        """Keep more hashes, when they fold to the root of `known`; whether they did."""
        grown = self._tree.copy()
        for piece in _pieces(hashes):
            grown.extend(split(piece))
        if (grown.end, grown.root()) != (known.size, known.root):
            return False
        with (self._folder / "hashes").open("ab") as stream:
            # What a crash left behind the last note was never vouched for.
            stream.truncate(self._tree.end * HASH_BYTES)
            for piece in _pieces(hashes):
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        _replace(self._folder / "mirrored", str(self.note()).encode())
        self._tree = grown
        return True

    def _load(self) -> Range:
        kept, tree = self.mirrored_note(), Range()
        if kept is None:
            return tree
        wanted = Checkpoint.parse(kept.text)
        with (self._folder / "hashes").open("rb") as stream:
            tree.extend(split(stream.read(wanted.size * HASH_BYTES)))
        if (tree.end, tree.root()) != (wanted.size, wanted.root):
            raise Malformed(
                f"{self._folder}: the hashes do not fold to what was cosigned; the disk is damaged"
            )
        return tree


def state_folder(folder: Path, origin: str) -> Path:
    """Where a witness keeps what it remembers of a log."""
    return folder / hashlib.sha256(origin.encode()).hexdigest()[:32]


def set_aside(folder: Path, origin: str) -> Path | None:
    """Begin anew with a log, as after a restore that a person answers for; what was remembered stays beside.

    Raises:
        BlockingIOError: the witness runs.
    """
    state = state_folder(folder, origin)
    with _alone(folder):
        if not state.exists():
            return None
        aside = next(
            each for n in range(1, 10_000) if not (each := state.with_name(f"{state.name}.{n}")).exists()
        )
        state.rename(aside)
        _sync(folder)
        return aside


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)


def split(hashes: bytes) -> list[bytes]:
    """Hashes one by one."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def _pieces(hashes: BinaryIO) -> Iterator[bytes]:
    """All of them from the first on, some at a time."""
    hashes.seek(0)
    while piece := hashes.read(_PIECE):
        yield piece


def _read(path: Path) -> Note | None:
    try:
        return Note.parse(path.read_text("utf-8"))
    except FileNotFoundError:
        return None


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all, and durable: as andon.kernel.files, which this package may not import."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
