"""Walks the records of a timeline in their order: what is wrong with each, and what is kept of all.

Many at once where all are what they must be; one by one to say exactly what is wrong. The fast way over the
lines of an export is in exported.py. Standard library only, as this file travels with an export.
What is not here: checkpoints and witnesses (checks.py).
"""

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from andon.timeline import chain
from andon_wire.merkle import HASH_BYTES, Node, Range

_HEX = re.compile(r"[0-9a-f]{64}")
_TIME = 27  # characters, as `chain.stamp` writes it
_CLOCK = b'","kind":"clock.'


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong. record: the first that it concerns, where that is known exactly."""

    what: str
    sentence: str
    record: int | None = None


class Row(NamedTuple):
    """A record as it is kept. told: the object that its body has to begin with, as in told.py."""

    number: int
    told: bytes
    body: bytes
    hash: bytes


@dataclass(slots=True)
class Walked:
    """What is kept of the records that were walked: `hashes` has 32 bytes of each.

    tiles: the nodes of the tree that are worth keeping, where they were asked for.
    """

    first: int = 0  # how many records stand before
    hashes: bytearray = field(default_factory=bytearray)
    findings: list[Finding] = field(default_factory=list)
    roots: dict[int, bytes] = field(default_factory=dict)
    back: list[tuple[int, str, str]] = field(default_factory=list)  # number, time, time before it
    steps: list[int] = field(default_factory=list)  # records that tell of a step of the clock
    tiles: list[Node] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many there are, those before `first` among them."""
        return self.first + len(self.hashes) // HASH_BYTES


class Walk:
    """Walks records from the first on; `sizes` are those whose roots are wanted."""

    def __init__(self, sizes: Iterable[int]) -> None:
        self.walked = Walked()
        self._previous = chain.GENESIS
        self._number = 0
        self._at = b""
        self._tree = Range()
        self._sizes = sorted(set(sizes), reverse=True)
        if self._sizes and self._sizes[-1] == 0:
            self.walked.roots[self._sizes.pop()] = self._tree.root()

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """The rows that follow; each has the values of a `Row`."""
        begin = 0
        while begin < len(rows):
            # Numbers of one width at once, so that everything in a body has its place.
            end = begin + 10 ** len(str(self._number + 1)) - 1 - self._number
            part = rows[begin:end]
            leaves = self._quickly(part) or [self._add(Row(*each)) for each in part]
            self.walked.hashes += b"".join(leaves)
            self._grow(leaves)
            begin += len(part)

    def _quickly(self, rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """The hashes of `rows`; none, and nothing is kept, where any is not what it must be.

        The innermost loop of a verification: all but the hashing is done for the rows together.
        """
        numbers, told, bodies, stored = zip(*rows, strict=True)
        first, sha256, previous = self._number + 1, hashlib.sha256, self._previous
        leaves: list[bytes] = []
        keep = leaves.append
        for body in bodies:
            previous = sha256(b"\0" + previous + body).digest()
            keep(previous)
        is_chain = (
            numbers == tuple(range(first, first + len(numbers)))
            and {*map(len, stored)} == {2 * HASH_BYTES}
            and b"".join(leaves).hex().encode() == b"".join(stored)
        )
        if not (is_chain and all(map(bytes.startswith, bodies, [each[:-1] for each in told]))):
            return []
        place = len('{"number":,"at":"') + len(str(first))
        times = [self._at, *(body[place : place + _TIME] for body in bodies)]
        if times != sorted(times):
            pairs = enumerate(itertools.pairwise(times), start=first)
            self.walked.back += [_back(number, at, before) for number, (before, at) in pairs if at < before]
        place += _TIME
        self.walked.steps += [n for n, body in enumerate(bodies, first) if body.startswith(_CLOCK, place)]
        self._previous, self._number, self._at = previous, numbers[-1], times[-1]
        return leaves

    def _add(self, row: Row) -> bytes:
        """One record, with what is wrong with it; gives the hash that is kept of it."""
        findings, number = self.walked.findings, row.number
        if number != self._number + 1:
            findings.append(_misnumbered(self._number + 1, number))
        elif chain.digest(self._previous, row.body).hex().encode() != row.hash:
            findings.append(_unchained(number))
        elif not _is_told(row):
            sentence = f"record {number} has other columns than its body says: it was altered"
            findings.append(Finding("columns-differ", sentence, number))
        stored = row.hash.decode("ascii", "replace")
        self._number = number
        self._previous = bytes.fromhex(stored) if _HEX.fullmatch(stored) else bytes(HASH_BYTES)
        self._look_at_time(row)
        return self._previous

    def _look_at_time(self, row: Row) -> None:
        start = row.body.find(b'"at":"') + 6
        at = row.body[start : start + _TIME]
        if at < self._at:
            self.walked.back.append(_back(row.number, at, self._at))
        if row.body.startswith(_CLOCK, start + _TIME):
            self.walked.steps.append(row.number)
        self._at = at

    def _grow(self, leaves: list[bytes]) -> None:
        """The tree by `leaves`, with the roots on the way that are wanted."""
        begin = self._tree.end
        while self._sizes and self._sizes[-1] <= begin + len(leaves):
            size = self._sizes.pop()
            self.walked.tiles += self._tree.extend(leaves[self._tree.end - begin : size - begin])
            self.walked.roots[size] = self._tree.root()
        self.walked.tiles += self._tree.extend(leaves[self._tree.end - begin :])


def _back(number: int, at: bytes, before: bytes) -> tuple[int, str, str]:
    return number, at.decode(errors="replace"), before.decode(errors="replace")


def _is_told(row: Row) -> bool:
    """Whether the columns are what the body says, however the database writes JSON."""
    if row.body.startswith(row.told[:-1]):
        return True
    try:
        number, at, *columns = json.loads(row.told).values()
        kind, subject, actor, unit, environment, severity = columns
        begins = chain.head(number, at, (kind, subject, actor, unit, environment, severity))
    except (ValueError, TypeError, AttributeError):
        return False
    return row.body.startswith(begins.encode())


def _misnumbered(expected: int, number: int) -> Finding:
    if number > expected:
        which = (
            f"record {expected} is" if number == expected + 1 else f"records {expected} to {number - 1} are"
        )
        return Finding("missing", f"{which} missing", expected)
    return Finding("out-of-order", f"record {number} stands where record {expected} should", expected)


def _unchained(number: int) -> Finding:
    before = f", or record {number - 1} was" if number > 1 else ""
    return Finding("altered", f"record {number} does not have its hash: it was altered{before}", number)
