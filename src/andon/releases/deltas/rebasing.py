"""Makes patches of the form `rebase`: the guide, and the patch against what it predicts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import hdiffpatch
import zstandard

from andon.releases.deltas import executables
from andon.releases.deltas.covers import apart, covers
from andon.releases.deltas.executables import Executable, Step
from andon.releases.deltas.moves import Pair, Region, count, regions
from andon_wire.delta.rebase import VERSION, predict, rewrite, shifts_in
from andon_wire.delta.references import (
    CALLS,
    CODE,
    FAR,
    MOST_REGIONS,
    NEAR,
    POINTERS,
    RIP,
    Numbers,
    references,
)
from andon_wire.errors import Malformed

LONGEST_BYTES = (
    32 << 20
)  # of old and new: a station holds the old file, the prediction and the new one at once
_ROUNDS = 2  # the second reads what moved off a patch against the first prediction, which finds more alike
_QUICK_LEVEL = 6
_WORTH_LOOKING = 16  # a kind of instruction is looked for where one in so many of what is found changes
_ROWS_OF_POINTERS = 3  # numbers of that step before the number of its rows


def encode(old: bytes, new: bytes, patch: bytes | None = None) -> bytes | None:
    """A payload of the form `rebase` that makes `new` of `old`; None where they are not two executables.

    patch: what HDiffPatch makes of the two, uncompressed, where the caller has it already. The same files
    give the same payload on every machine.
    """
    if max(len(old), len(new)) > LONGEST_BYTES:
        return None
    before, after = executables.read(old), executables.read(new)
    if before is None or after is None or not before.steps:
        return None
    patch = hdiffpatch.diff(old, new, validate=False, big_cache_match=True) if patch is None else patch
    try:
        payloads = [_payload(Pair(old, new, each, after), patch) for each in _variants(before)]
    except Malformed:  # tables that lead out of the file: it only begins like an executable
        return None
    return min(payloads, key=cost)


def _variants(before: Executable) -> Sequence[Executable]:
    """With the steps that are sure, and with all."""
    return [before, replace(before, steps=before.steps + before.doubtful)][: 2 if before.doubtful else 1]


def cost(payload: bytes) -> int:
    """About how many bytes of a container a payload is."""
    return len(zstandard.ZstdCompressor(level=_QUICK_LEVEL).compress(payload))


def _payload(pair: Pair, patch: bytes) -> bytes:
    guide = b""
    for _ in range(_ROUNDS):
        moved = _regions(pair, patch)
        before = worth(pair, moved)
        guide = encode_guide(before, moved)
        patch = hdiffpatch.diff(predict(pair.old, guide), pair.new, validate=False, big_cache_match=True)
    return number(len(guide)) + guide + patch


def worth(pair: Pair, moved: Sequence[Region]) -> Executable:
    """Without looking for what hardly ever changes, as looking is most of what a station does."""
    steps = []
    for step in pair.before.steps:
        if step[0] == CODE:
            asked = [each for each in (CALLS, RIP, FAR, NEAR) if each & step[4]]
            kinds = [each for each in asked if _changes(pair, moved, (*step[:4], each))]
            steps += [(*step[:4], sum(kinds))] if kinds else []
        else:
            steps.append(step)
    return replace(pair.before, steps=tuple(steps))


def _changes(pair: Pair, moved: Sequence[Region], step: Step) -> bool:
    """Whether a step is worth looking for."""
    numbers = Numbers(encode_guide(replace(pair.before, steps=(step,)), moved))
    numbers.take()
    shifts, content = shifts_in(numbers), memoryview(pair.old)
    found = changed = 0

    def tell(*_: object) -> None:
        nonlocal changed
        changed += 1

    for fields in references(content, numbers):
        found += len(fields.positions)
        rewrite(content, shifts, fields, tell)
    return changed * _WORTH_LOOKING > found


def _regions(pair: Pair, patch: bytes) -> list[Region]:
    found = apart(covers(patch))
    votes: Counter[int] = Counter()
    for fields in references(memoryview(pair.old), Numbers(_steps(pair.before))):
        votes.update(count(pair, found, fields))
    return regions(pair, found, votes)


def encode_guide(before: Executable, moved: Sequence[Region]) -> bytes:
    """The guide for these regions and the steps of the old file (see `andon_wire.delta.rebase`)."""
    moved = moved[:MOST_REGIONS]
    parts = [number(VERSION), number(before.limit), number(len(moved))]
    last = (0, 0)
    for each in moved:
        parts += [number(each[0] - last[0]), signed(each[1] - last[1])]
        last = each
    return b"".join(parts) + _steps(before)


def regions_in(guide: bytes) -> list[Region]:
    """Those that a guide names."""
    numbers = Numbers(guide)
    numbers.take(), numbers.take()  # version, limit
    found, at, shift = [], 0, 0
    for _ in range(numbers.take(MOST_REGIONS)):
        at += numbers.take()
        shift += numbers.signed(1)[0]
        found.append((at, shift))
    return found


def _steps(before: Executable) -> bytes:
    parts = [number(len(before.steps))]
    for each in before.steps:
        parts += _step(each)
    return b"".join(parts)


def _step(step: Sequence[int]) -> Iterator[bytes]:
    code, *rest = step
    yield number(code)
    for n, each in enumerate(rest):
        yield number(each) if code == POINTERS and n == _ROWS_OF_POINTERS else signed(each)


def signed(value: int) -> bytes:
    """In zigzag: what is below zero is odd."""
    return number(-2 * value - 1 if value < 0 else 2 * value)


def number(value: int) -> bytes:
    """In LEB128."""
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
