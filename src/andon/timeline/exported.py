"""Reads an export of the timeline and says what is wrong with it.

An export is a header line, a line for each record (`chain.LINE`), a line for each checkpoint, and an end
line. The quick way over a whole export compares each line with what it must be, in two processes; at the
first that differs everything is read again slowly, to say exactly what is wrong. Standard library only, as
this file travels with an export.
"""

import hashlib
import itertools
import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from andon.timeline import chain, checks
from andon.timeline.checks import Memory, Trust, Verification
from andon.timeline.walk import Finding, Walk, Walked
from andon_wire import merkle, note
from andon_wire.merkle import Range
from andon_wire.note import Checkpoint, Malformed, Note

FORMAT = 1
_HEADER = {"timeline", "origin", "made_at", "to", "extract", "keys", "cosigners"}
_RECORD = b'{"hash":"'
_TAIL = b"}}\n"
_ANY, _NEVER = b"{}", b"\0}"  # how a body begins: each does, none does
_BLOCK = 1 << 20
_SPLIT_FROM_BYTES = 16 << 20  # less is not worth a second process


@dataclass(slots=True)
class Export:
    """The parts of an export around its records, which stand between the offsets `begin` and `end`."""

    path: Path
    header: dict[str, Any]
    begin: int
    end: int
    notes: list[str] = field(default_factory=list)
    ended: int | None = None
    strange: int | None = None  # the first line behind the records that an export does not have

    @property
    def is_extract(self) -> bool:
        """Whether only some records were asked for."""
        return bool(self.header.get("extract"))


def read(path: Path) -> Export:
    """The parts of the export in `path`.

    Raises:
        ValueError: it is not an export of a timeline, or of a later form.
    """
    with path.open("rb") as stream:
        first = stream.readline(_BLOCK)
        header = _object(first)
        is_header = first[:1] == b"{" and first[-2:] == b"}\n" and header.keys() <= _HEADER
        if header.get("timeline") != FORMAT or not is_header:
            raise ValueError(f"{path} is not an export of a timeline that this program can read")
        begin = stream.tell()
        end = _end_of_records(stream, begin)
        found = Export(path, header, begin, end)
        stream.seek(end)
        for number, line in enumerate(stream, start=1):
            if not _is_taken(found, line):
                found.strange = number
                break
    return found


def _is_taken(export: Export, line: bytes) -> bool:
    """Whether a line behind the records is one: checkpoints, then one end, each as it is written."""
    after = _object(line)
    if export.ended is not None or line != f"{json.dumps(after, ensure_ascii=False)}\n".encode():
        return False
    match after:
        case {"checkpoint": str(kept)} if len(after) == 1:
            export.notes.append(kept)
        case {"end": int(count)} if len(after) == 1 and count is not True and count is not False:
            export.ended = count
        case _:
            return False
    return True


def _end_of_records(stream: BinaryIO, begin: int) -> int:
    """Where the last line that is a record ends, found from the end of the file."""
    position = stream.seek(0, os.SEEK_END)
    kept = b""
    while position > begin:
        start = max(begin, position - _BLOCK)
        stream.seek(start)
        kept = stream.read(position - start) + kept
        at = kept.rfind(b"\n" + _RECORD)
        if at >= 0:
            return start + kept.index(b"\n", at + 1) + 1 if b"\n" in kept[at + 1 :] else start + len(kept)
        position = start
    return begin + kept.index(b"\n") + 1 if kept.startswith(_RECORD) and b"\n" in kept else begin


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def verify(export: Export, trust: Trust, memories: Sequence[Memory], processes: int = 2) -> Verification:
    """What is wrong with an export, if anything."""
    begun = time.monotonic()
    if export.is_extract:
        found = _of_extract(export, trust)
    else:
        sizes = sorted(checks.sizes_of(export.notes, memories))
        walked = _quickly(export, sizes, processes) or _slowly(export, sizes)
        found = checks.conclude(walked, export.notes, memories, trust)
        found = replace(found, findings=(*found.findings, *_of_export(export, found)))
    return replace(found, seconds=time.monotonic() - begun)


def _of_export(export: Export, found: Verification) -> Iterator[Finding]:
    """What is wrong with the file around the records."""
    if export.strange is not None:
        yield Finding("strange-line", f"line {export.strange} behind the records is none of an export")
    told = export.header.get("to")
    if export.ended is None or export.ended != told or told != found.records:
        first = found.records + 1 if isinstance(told, int) and told > found.records else None
        sentence = f"the export should have {told} records and has {found.records}: it was cut off or changed"
        yield Finding("cut-off", sentence, first)
    elif found.signed_to < found.records and not found.findings:
        sentence = f"records {found.signed_to + 1} to {found.records} are not under a signed checkpoint"
        yield Finding("not-signed", sentence)


@dataclass(slots=True)
class _Part:
    """A piece of an export, whose lines are all what they must be."""

    tree: Range
    previous: bytes
    last: bytes
    hashes: bytes
    trees: dict[int, Range]
    back: list[tuple[int, str, str]]
    steps: list[int]
    first_at: bytes
    last_at: bytes


def _quickly(export: Export, sizes: list[int], processes: int) -> Walked | None:
    """All records, in as many processes; None where any line is not what it must be."""
    pieces = processes if export.end - export.begin >= _SPLIT_FROM_BYTES else 1
    step = (export.end - export.begin) // pieces
    cuts = [
        export.begin,
        *(_line_after(export, export.begin + n * step) for n in range(1, pieces)),
        export.end,
    ]
    work = [(str(export.path), begin, end, sizes) for begin, end in itertools.pairwise(cuts)]
    if pieces == 1 or "fork" not in multiprocessing.get_all_start_methods():
        parts = [_part(each) for each in work]
    else:
        with multiprocessing.get_context("fork").Pool(pieces) as pool:
            parts = pool.map(_part, work, chunksize=1)
    return _joined(parts)


def _line_after(export: Export, offset: int) -> int:
    with export.path.open("rb") as stream:
        stream.seek(offset - 1)
        stream.readline()
        return min(stream.tell(), export.end)


def _part(work: tuple[str, int, int, list[int]]) -> _Part | None:
    """The lines between two offsets; the innermost loop of a verification."""
    path, begin, end, sizes = work
    with Path(path).open("rb", buffering=_BLOCK) as stream:
        stream.seek(begin)
        first = stream.read(512) if begin < end else b""
        number, previous = _first(first, begin == end)
        if number is None:
            return None
        stream.seek(begin)
        return _walked(stream, end - begin, (number, previous), sizes)


def _first(line: bytes, is_nothing: bool) -> tuple[int | None, bytes]:
    """Number and previous hash that a piece says it begins with; whether they are true is seen later."""
    if is_nothing:
        return 1, chain.GENESIS
    digits = line[chain.BODY_AT + 10 : chain.BODY_AT + 30].split(b",")[0]
    try:
        return int(digits), bytes.fromhex(line[chain.PREVIOUS_AT : chain.PREVIOUS_AT + 64].decode("ascii"))
    except ValueError:
        return None, b""


def _walked(stream: BinaryIO, length: int, start: tuple[int, bytes], sizes: list[int]) -> _Part | None:
    number, previous = start
    begin, seen, sha256, body_at = number, previous, hashlib.sha256, chain.BODY_AT
    leaves: list[bytes] = []
    back: list[tuple[int, str, str]] = []
    steps: list[int] = []
    before = previous.hex()
    at = first_at = b""
    for line in stream:
        length -= len(line)
        if length < 0:
            break
        made = sha256(b"\0" + seen + line[body_at:-2])
        own = made.hexdigest()
        head = f'{{"hash":"{own}","previous":"{before}","record":{{"number":{number},"at":"'.encode()
        if not (line.startswith(head) and line.endswith(_TAIL)):
            return None
        place = len(head)
        when = line[place : place + 27]
        if when < at:
            back.append((number, when.decode(errors="replace"), at.decode(errors="replace")))
        if line.startswith(b'","kind":"clock.', place + 27):
            steps.append(number)
        first_at = first_at or when
        seen, before, at, number = made.digest(), own, when, number + 1
        leaves.append(seen)
    tree, trees = _grown(begin - 1, leaves, sizes)
    return _Part(tree, previous, seen, b"".join(leaves), trees, back, steps, first_at, at)


def _grown(begin: int, leaves: list[bytes], sizes: list[int]) -> tuple[Range, dict[int, Range]]:
    """The tree over a piece, and over its beginning up to each of `sizes` in it."""
    tree, trees = Range(begin, begin), {}
    for size in sizes:
        if begin < size < begin + len(leaves):
            tree.extend(leaves[tree.end - begin : size - begin])
            trees[size] = tree.copy()
    tree.extend(leaves[tree.end - begin :])
    trees[tree.end] = tree.copy()
    return tree, trees


def _joined(parts: Sequence[_Part | None]) -> Walked | None:
    walked, whole, last, at = Walked(), Range(), chain.GENESIS, b""
    walked.roots[0] = merkle.EMPTY_ROOT
    for part in parts:
        if part is None or part.tree.begin != whole.end or part.previous != last:
            return None
        if part.first_at < at:
            walked.back.append((whole.end + 1, part.first_at.decode(errors="replace"), at.decode()))
        for size, tree in part.trees.items():
            upto = whole.copy()
            upto.join(tree)
            walked.roots[size] = upto.root()
        whole.join(part.tree)
        walked.hashes += part.hashes
        walked.back += part.back
        walked.steps += part.steps
        last, at = part.last, part.last_at
    return walked


def _slowly(export: Export, sizes: list[int]) -> Walked:
    """All records, each with what is wrong with it."""
    walk = Walk(sizes)
    previous = chain.GENESIS.hex().encode()
    for line in _lines(export):
        own, body = line[chain.HASH_AT : chain.HASH_AT + 64], line[chain.BODY_AT : -2]
        number = _number(body, walk.walked.count + 1)
        # In an export the line itself stands for the columns.
        is_line = line == chain.LINE % (own, previous, body)
        walk.add([(number, _ANY if is_line else _NEVER, body, own)])
        previous = own
    return walk.walked


def _number(body: bytes, expected: int) -> int:
    digits = body.removeprefix(b'{"number":').split(b",", 1)[0]
    return int(digits) if digits.isdigit() and len(digits) < 19 else expected


def _lines(export: Export) -> Iterator[bytes]:
    with export.path.open("rb", buffering=_BLOCK) as stream:
        stream.seek(export.begin)
        left = export.end - export.begin
        while left > 0 and (line := stream.readline()):
            left -= len(line)
            yield line


def _of_extract(export: Export, trust: Trust) -> Verification:
    """Each record by itself: its hash, and its proof of being in the tree that was signed."""
    walked = Walked()
    held = checks.conclude(walked, [], [], trust)
    newest = _signed_tree(export, trust)
    findings, last = [], 0
    for count, line in enumerate(_lines(export), start=1):
        number, problem = _proven(line, newest, last)
        if problem:
            findings.append(Finding("altered", problem, number))
        last, walked.first = max(last, number or 0), count
    if newest is None:
        findings.append(
            Finding("not-signed", "the extract has no checkpoint signed by a key that is trusted")
        )
    findings += _of_export(export, replace(held, records=walked.first, signed_to=walked.first))
    return replace(
        held,
        records=walked.first,
        checkpoints=len(export.notes),
        signatures=int(newest is not None),
        signed_to=newest[0] if newest else 0,
        findings=tuple(findings),
        notes=("an extract: each record was shown to be on the timeline; what was left out is not seen",),
    )


def _signed_tree(export: Export, trust: Trust) -> tuple[int, bytes] | None:
    for each in reversed(export.notes):
        try:
            kept = Note.parse(each)
            if any(note.vouched(kept, key, trust.check) for key in trust.keys):
                checkpoint = Checkpoint.parse(kept.text)
                return checkpoint.size, checkpoint.root
        except Malformed:
            continue
    return None


def _proven(line: bytes, tree: tuple[int, bytes] | None, last: int) -> tuple[int | None, str]:
    """The record's number, and what is wrong with it."""
    try:
        text = line.decode("utf-8")
        record, end = json.JSONDecoder().raw_decode(text, chain.BODY_AT)
        number, body = int(record["number"]), text[chain.BODY_AT : end]
        own, previous = text[9:73], text[87:151]
        proof = [note.hash_of(each) for each in json.loads(f"{{{text[end + 1 :]}")["proof"]]
        ends = f'"record":{body},"proof":{json.dumps([note.encoded(each) for each in proof])}}}\n'
        is_line = text == f'{{"hash":"{own}","previous":"{previous}",{ends}'
        is_line = is_line and body.startswith(f'{{"number":{number},')
        digest = chain.digest(bytes.fromhex(previous), body.encode())
    except (ValueError, KeyError, TypeError):
        return None, f"the line after record {last} cannot be read"
    if number <= last:
        return number, f"record {number} stands behind record {last}"
    if digest.hex() != own or not is_line:
        return number, f"record {number} does not have its hash: it was altered"
    if tree is not None and not merkle.is_included(digest, number - 1, tree, proof):
        return number, f"record {number} is not on the timeline that was signed"
    return number, ""
