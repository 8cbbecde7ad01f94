"""What this station saw of the plant's timeline, so that nobody can show different eyes different histories.

Each wanted document may bring the newest checkpoint, signed by the timeline. It is kept; one that has the
same size and another root, or that a proof shows not to continue what is kept, is a split view: both notes
stay here for good, as evidence that two histories were signed. Signatures are checked where enrolment gave
the timeline's keys; without them the fleet's signature vouches for what came with it.

    <folder>/seen        notes, newest first, one JSON text per line
    <folder>/split-<n>   two notes that contradict each other
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from andon_wire import cosigning, merkle, note
from andon_wire.disk import Disk, write_durably
from andon_wire.note import Checkpoint, Key, Malformed, Note

MOST_SEEN = 64
MOST_SPLITS = 16
MOST_NOTE_BYTES = 8192


class Judged(StrEnum):
    """What was made of a checkpoint."""

    KEPT = "kept"  # newer than all that was seen; with a proof, shown to continue it
    KNOWN = "known"
    OLDER = "older"  # of a smaller size than what was seen; remembered, for what may contradict it
    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Found:
    """The judgement, why, and the note that the new one contradicts. is_new: for the first time."""

    judged: Judged
    reason: str = ""
    against: str = ""
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class Proof:
    """That the tree of `size` records begins the new one."""

    size: int
    hashes: tuple[bytes, ...]


class TimelineWitness:
    """The memory of one station. keys: of the timeline, none where it does not know them."""

    def __init__(self, folder: Path, keys: Sequence[str], disk: Disk) -> None:
        self._folder, self._disk = folder, disk
        self._keys = tuple(map(Key.parse, keys))
        self._seen = self._read()

    @property
    def newest(self) -> str:
        """The note of the largest tree that was seen; empty where none was."""
        return str(self._seen[0][0]) if self._seen else ""

    def show(self, text: str, proof: Proof | None = None) -> Found:
        """Judge a checkpoint that the control plane shows, and remember it.

        Raises:
            OSError: the disk does not take it; show it again.
        """
        try:
            kept = Note.parse(text if len(text) <= MOST_NOTE_BYTES else "")
            new = Checkpoint.parse(kept.text)
        except (Malformed, UnicodeEncodeError) as error:
            return Found(Judged.MALFORMED, str(error))
        if self._keys and not self._is_signed(kept):
            return Found(Judged.UNSIGNED, "no signature of the timeline's keys holds")
        against = self._contradicted(new, proof)
        if against is not None:
            is_new = self._keep_split(against, text)
            reason = _sentence(Checkpoint.parse(against.text), new)
            return Found(Judged.SPLIT, reason, str(against), is_new)
        return self._remember(kept, new)

    def _is_signed(self, kept: Note) -> bool:
        for key in self._keys:
            try:
                if note.vouched(kept, key, cosigning.check):
                    return True
            except Malformed:
                continue
        return False

    def _contradicted(self, new: Checkpoint, proof: Proof | None) -> Note | None:
        """What was seen of the same log that cannot be of one history with the new one."""
        for seen, old in self._seen:
            if old.origin != new.origin:
                continue
            if old.size == new.size and old.root != new.root:
                return seen
            if proof is not None and old.size == proof.size < new.size:
                pair = ((old.size, old.root), (new.size, new.root))
                if not merkle.is_consistent(*pair, proof.hashes):
                    return seen
        return None

    def _remember(self, kept: Note, new: Checkpoint) -> Found:
        if any((old.origin, old.size) == (new.origin, new.size) for _, old in self._seen):
            return Found(Judged.KNOWN)
        is_newest = all(old.origin != new.origin or old.size < new.size for _, old in self._seen)
        seen = sorted([*self._seen, (kept, new)], key=lambda each: -each[1].size)
        seen = _thinned(seen)
        write_durably(self._disk, self._place, b"".join(_line(each) for each, _ in seen))
        self._seen = seen
        return Found(Judged.KEPT if is_newest else Judged.OLDER)

    def _keep_split(self, old: Note, new: str) -> bool:
        self._disk.make_folder(self._folder)
        content = json.dumps({"seen": str(old), "shown": new}).encode()
        splits = [each for each in self._disk.names(self._folder) if each.startswith("split-")]
        if any(self._disk.read(self._folder / each) == content for each in splits):
            return False
        if len(splits) < MOST_SPLITS:
            write_durably(self._disk, self._folder / f"split-{len(splits) + 1}", content)
        return len(splits) < MOST_SPLITS

    @property
    def _place(self) -> Path:
        return self._folder / "seen"

    def _read(self) -> list[tuple[Note, Checkpoint]]:
        """What can be read of what was kept; a damaged line is left out."""
        self._disk.make_folder(self._folder)
        if not self._disk.exists(self._place):
            return []
        found = []
        for line in self._disk.read(self._place).split(b"\n"):
            try:
                kept = Note.parse(str(json.loads(line)))
                found.append((kept, Checkpoint.parse(kept.text)))
            except (ValueError, RecursionError):
                continue
        return sorted(found, key=lambda each: -each[1].size)


def _thinned(seen: list[tuple[Note, Checkpoint]]) -> list[tuple[Note, Checkpoint]]:
    """At most MOST_SEEN: every second of the older half goes, so that long ago is remembered coarsely."""
    if len(seen) <= MOST_SEEN:
        return seen
    half = MOST_SEEN // 2
    return [*seen[:half], *seen[half::2]]


def _line(kept: Note) -> bytes:
    return json.dumps(str(kept)).encode() + b"\n"


def _sentence(old: Checkpoint, new: Checkpoint) -> str:
    if old.size == new.size:
        return f"the timeline shows two different histories of its first {new.size} records"
    return f"the timeline of {new.size} records does not continue that of {old.size} which was seen before"
