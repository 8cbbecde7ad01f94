"""What is wrong with a timeline, and where first: the rules, for a live database and an export alike.

What was walked (walk.py) is held against the signed checkpoints and against what witnesses remember. Standard
library only, as this file travels with an export. What is not here: reading (verify.py, exported.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.timeline.walk import Finding, Walked
from andon_wire import ed25519, note
from andon_wire.merkle import HASH_BYTES, Range
from andon_wire.note import Check, Checkpoint, Key, Malformed, Note, Vouched

TOLERATED = timedelta(seconds=2)  # records of transactions that overlapped may be that much out of order
_NEAR = 50  # records around a step of the clock in which one that tells of it explains it


@dataclass(frozen=True, slots=True)
class Memory:
    """What a witness remembers. hashes: of records 1, 2, ..., 32 bytes each, where it mirrors them.

    silence: why it could not say what it remembers; then there is nothing else.
    """

    name: str
    note: str = ""
    hashes: bytes = b""
    key: Key | None = None
    silence: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found. `notes` are worth knowing and nothing is wrong with them.

    signed_to, witnessed_to: the records up to here are under a signed checkpoint; a witness knows them.
    silent: a sentence for each witness that should have spoken and did not; they are among the notes too.
    """

    records: int
    checkpoints: int
    signatures: int
    cosignatures: int
    witnesses: tuple[str, ...]
    signed_to: int
    witnessed_to: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    seconds: float = 0.0
    silent: tuple[str, ...] = ()

    @property
    def is_intact(self) -> bool:
        """Whether nothing that was seen is wrong."""
        return not self.findings

    @property
    def is_conclusive(self) -> bool:
        """Whether nothing more can be asked: something is wrong, or every witness was heard."""
        return not (self.is_intact and self.silent)

    @property
    def first_bad(self) -> int | None:
        """The first record that was altered, is missing, or was added; None where none is known exactly."""
        return min((each.record for each in self.findings if each.record is not None), default=None)

    @property
    def sentence(self) -> str:
        """The result for a person."""
        if not self.is_conclusive:
            return f"intact as far as can be said, for {self.records} records: {'; '.join(self.silent)}"
        if self.is_intact:
            signed = f"signed up to {self.signed_to}" if self.signed_to else "not under any signed checkpoint"
            witnessed = f", witnessed up to {self.witnessed_to}" if self.witnessed_to else ""
            return f"intact: {self.records} records, {signed}{witnessed}"
        first = self.first_bad
        named = [each for each in self.findings if each.record == first] if first else list(self.findings)
        return f"NOT intact: {named[0].sentence}"


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verifier believes. keys: the log's, the current first; cosigners: the witnesses' keys."""

    keys: Sequence[Key]
    cosigners: Sequence[Key] = ()
    check: Check = ed25519.verify
    most_signatures: int = 100  # of checkpoints, from the newest; pure Python takes 2 ms each


def sizes_of(notes: Iterable[str], memories: Iterable[Memory]) -> set[int]:
    """The sizes whose roots the walk must give."""
    found = set()
    for each in (*notes, *(memory.note for memory in memories)):
        checkpoint = _read(each)
        if checkpoint is not None:
            found.add(checkpoint.size)
    return found


def conclude(
    walked: Walked, notes: Sequence[str], memories: Sequence[Memory], trust: Trust, seconds: float = 0.0
) -> Verification:
    """Hold what was walked against checkpoints (by size, the smallest first) and witnesses' memories."""
    judged = _Checkpoints(walked, trust)
    judged.hold(notes)
    witnessed, names = 0, []
    findings = [*walked.findings, *judged.findings]
    silent: list[str] = []
    for memory in memories:
        found, sized, unsaid = _recalled(walked, memory, trust)
        findings += found
        silent += [f"witness {memory.name} {each}" for each in unsaid]
        if sized:
            names.append(memory.name)
            witnessed = max(witnessed, min(sized, walked.count))
    told = [*silent, *judged.notes]
    told += list(_of_time(walked))
    if judged.signed_to < walked.count and not findings:
        told.append(f"records {judged.signed_to + 1} to {walked.count} are not under a signed checkpoint yet")
    return Verification(
        records=walked.count,
        checkpoints=len(notes),
        signatures=judged.signatures,
        cosignatures=judged.cosignatures,
        witnesses=tuple(names),
        signed_to=judged.signed_to,
        witnessed_to=max(witnessed, judged.cosigned_to),
        findings=tuple(findings),
        notes=tuple(told),
        seconds=seconds,
        silent=tuple(silent),
    )


class _Checkpoints:
    """Holds checkpoints against the records."""

    def __init__(self, walked: Walked, trust: Trust) -> None:
        self._walked = walked
        self._trust = trust
        self._good_to = 0
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.signatures = self.cosignatures = self.signed_to = self.cosigned_to = 0

    def hold(self, notes: Sequence[str]) -> None:
        """Each in its turn; what follows from the first that differs is not said again."""
        first_checked = len(notes) - self._trust.most_signatures
        differs = False
        for index, each in enumerate(notes):
            checkpoint = _read(each)
            if checkpoint is None:
                self.findings.append(Finding("bad-checkpoint", f"checkpoint {index + 1} cannot be read"))
                continue
            is_same = self._walked.roots.get(checkpoint.size) == checkpoint.root
            if is_same and index < first_checked:
                self._good_to = checkpoint.size
                continue
            if not self._is_signed(Note.parse(each), checkpoint) or differs:
                continue
            if is_same:
                self._good_to = self.signed_to = checkpoint.size
            else:
                differs = True
                self.findings.append(self._difference(checkpoint))
        if first_checked > 0 and not self.findings:
            self.notes.append(
                f"the signatures of the newest {self._trust.most_signatures} checkpoints were checked; the "
                "newest binds all records before it"
            )

    def _difference(self, checkpoint: Checkpoint) -> Finding:
        count = self._walked.count
        if checkpoint.size > count:
            sentence = f"records {count + 1} to {checkpoint.size} are missing: they were signed"
            return Finding("cut-off", sentence, count + 1)
        sentence = f"one of the records {self._good_to + 1} to {checkpoint.size} is not what was signed"
        return Finding(
            "rewritten", sentence, checkpoint.size if self._good_to + 1 == checkpoint.size else None
        )

    def _is_signed(self, kept: Note, checkpoint: Checkpoint) -> bool:
        size = checkpoint.size
        try:
            signed = [each for each in map(self._vouched(kept), self._trust.keys) if each is not None]
            cosigned = [each for each in map(self._vouched(kept), self._trust.cosigners) if each is not None]
        except Malformed as error:
            self.findings.append(Finding("bad-signature", f"the checkpoint of {size} records: {error}"))
            return False
        if not signed or checkpoint.origin not in {each.key.name for each in signed}:
            sentence = f"the checkpoint of {size} records is not signed by a key that is trusted"
            self.findings.append(Finding("not-signed", sentence))
            return False
        self.signatures += len(signed)
        self.cosignatures += len(cosigned)
        if cosigned and size <= self._walked.count and self._walked.roots.get(size) == checkpoint.root:
            self.cosigned_to = size
        return True

    def _vouched(self, kept: Note) -> "_Voucher":
        return _Voucher(kept, self._trust.check)


@dataclass(frozen=True, slots=True)
class _Voucher:
    kept: Note
    check: Check

    def __call__(self, key: Key) -> Vouched | None:
        return note.vouched(self.kept, key, self.check)


def _recalled(walked: Walked, memory: Memory, trust: Trust) -> tuple[list[Finding], int, list[str]]:
    """What a witness' memory says against the records; the size it remembers, 0 where it is of no use; why it
    says nothing.

    That no key we believe signed what it remembers of us is a finding, not a silence: who exchanges the log's
    key would have the witness left out otherwise.
    """
    if memory.silence:
        return [], 0, [memory.silence]
    checkpoint = _read(memory.note)
    if checkpoint is None:
        return [], 0, ["gave something that cannot be read"]
    kept, size = Note.parse(memory.note), checkpoint.size
    try:
        is_its = memory.key is None or note.vouched(kept, memory.key, trust.check) is not None
    except Malformed:
        is_its = False
    if not is_its:
        return [], 0, ["gave something that it did not sign"]
    if checkpoint.origin not in {each.name for each in trust.keys}:
        return [], 0, [f"remembers another timeline, {checkpoint.origin}"]
    try:
        is_ours = any(note.vouched(kept, each, trust.check) for each in trust.keys)
    except Malformed:
        is_ours = False
    if not is_ours:
        sentence = (
            f"witness {memory.name} remembers {size} records under another key than those believed here: "
            "the key, and perhaps the history, was replaced"
        )
        return [Finding("other-key", sentence), *_differences(walked, memory, checkpoint)], 0, []
    return _differences(walked, memory, checkpoint), size, []


def _differences(walked: Walked, memory: Memory, checkpoint: Checkpoint) -> list[Finding]:
    size, count, name = checkpoint.size, walked.count, memory.name
    is_same = walked.roots.get(size) == checkpoint.root
    if is_same:
        return []
    # A mirror that lags is of use up to where it folds; one that folds to nothing that was signed is not.
    mirrored = memory.hashes[: size * HASH_BYTES] if _folds(memory.hashes, checkpoint) else b""
    at = _first_difference(walked.hashes, mirrored)
    if at is not None:
        sentence = f"record {at} is not the one that witness {name} saw: it was altered, added or removed"
        return [Finding("rewritten", sentence, at)]
    if size > count:
        sentence = f"records {count + 1} to {size} are missing: witness {name} saw them"
        return [Finding("cut-off", sentence, count + 1 if mirrored or count == 0 else None)]
    return [Finding("rewritten", f"the first {size} records are not those that witness {name} saw")]


def _folds(hashes: bytes, checkpoint: Checkpoint) -> bool:
    if len(hashes) != checkpoint.size * HASH_BYTES:
        return False
    tree = Range()
    tree.extend([hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)])
    return tree.root() == checkpoint.root


def _first_difference(own: bytes | bytearray, other: bytes) -> int | None:
    """The number of the first record, among those that both have, whose hashes differ."""
    both = min(len(own), len(other))
    step = 1 << 16
    for start in range(0, both, step):
        end = min(start + step, both)
        if own[start:end] == other[start:end]:
            continue
        for at in range(start, end, HASH_BYTES):
            if own[at : at + HASH_BYTES] != other[at : at + HASH_BYTES]:
                return at // HASH_BYTES + 1
    return None


def _of_time(walked: Walked) -> Iterator[str]:
    for number, at, before in walked.back:
        back = _seconds(at, before)
        if back <= TOLERATED:
            continue
        told = next((each for each in walked.steps if abs(each - number) <= _NEAR), None)
        why = f"record {told} tells of it" if told else "no record near it tells of a step of the clock"
        yield f"the clock went back by {back.total_seconds():.1f} s at record {number}; {why}"


def _seconds(at: str, before: str) -> timedelta:
    try:
        return datetime.fromisoformat(before) - datetime.fromisoformat(at)
    except (ValueError, TypeError):
        return timedelta.max


def _read(text: str) -> Checkpoint | None:
    try:
        return Checkpoint.parse(Note.parse(text).text)
    except Malformed:
        return None
