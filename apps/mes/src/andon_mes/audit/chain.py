"""The chain of seals over the audit: records in, what was done to them out. Pure.

A record has a digest of its content. A seal covers the records that were committed since the one before it:
it names each with its digest (`leaves`), and its own digest is over those, its time and the digest of the
seal before. So whoever changes, takes away, adds or exchanges a record or a seal breaks what follows, and
the leaves tell which record it was. What no chain can show by itself: that its newest seals were cut off.
For that the newest digest is noted elsewhere, and given to `andon-mes verify --head`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

GENESIS = "0" * 64
"""What the first seal names as the one before it."""

_LEAF = 32


class Tampering(StrEnum):
    """What was done."""

    ALTERED = "ALTERED"
    MISSING = "MISSING"
    INSERTED = "INSERTED"
    REORDERED = "REORDERED"


@dataclass(frozen=True, slots=True)
class Record:
    """One audit record: its id, and what it says, as text or nothing."""

    id: int
    content: tuple[str | None, ...]

    def digest(self) -> str:
        """Of the content alone, so that a record under another id is recognised. 32 hexadecimal digits."""
        text = json.dumps(self.content, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:_LEAF]


@dataclass(frozen=True, slots=True)
class Seal:
    """One seal. `leaves` is a line "id digest" for each record; `horizon` is PostgreSQL's alone."""

    id: int
    previous: str
    digest: str
    sealed_at: datetime
    horizon: int | None
    leaves: str

    def computed(self) -> str:
        """The digest that it must have."""
        head = f"{self.previous}\n{self.sealed_at.isoformat()}\n{self.horizon}\n{self.leaves}"
        return hashlib.sha256(head.encode()).hexdigest()

    def named(self) -> dict[int, str]:
        """The digest of each record that it covers, by id."""
        pairs = (line.split(" ", 1) for line in self.leaves.splitlines())
        return {int(number): digest for number, digest in pairs}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was done to the record or seal with this id."""

    tampering: Tampering
    what: str
    id: int


def make_seal(previous: str, records: Sequence[Record], sealed_at: datetime, horizon: int | None) -> Seal:
    """The seal over `records`, in the order of their ids. Its id is 0: the database gives one."""
    leaves = "\n".join(f"{each.id} {each.digest()}" for each in records)
    seal = Seal(0, previous, "", sealed_at, horizon, leaves)
    return Seal(0, previous, seal.computed(), sealed_at, horizon, leaves)


def compare(named: Mapping[int, str], found: Sequence[Record]) -> Iterator[Finding]:
    """What was done to the records of a seal, which names `named`, as they are found now."""
    digests = {each.id: each.digest() for each in found}
    content = set(named.values())
    for number, digest in named.items():
        now = digests.get(number)
        if now is None:
            yield Finding(Tampering.MISSING, "record", number)
        elif now != digest:
            moved = now in content
            yield Finding(Tampering.REORDERED if moved else Tampering.ALTERED, "record", number)
    for number in digests.keys() - named.keys():
        yield Finding(Tampering.INSERTED, "record", number)


@dataclass(slots=True)
class Links:
    """Follows the seals in the order of their ids, one at a time; each waits for its successor."""

    passed: list[tuple[int, str]] = field(default_factory=lambda: [(0, GENESIS)])
    held: Seal | None = None

    def follow(self, seal: Seal) -> Iterator[Finding]:
        """What was done to the seals up to the one before `seal`."""
        before, self.held = self.held, seal
        if before is not None:
            yield from self._link(before, seal)

    def end(self) -> Iterator[Finding]:
        """What was done to the last one."""
        if self.held is not None:
            yield from self._link(self.held, None)
        self.held = None

    def _link(self, seal: Seal, after: Seal | None) -> Iterator[Finding]:
        *_, (last_id, last) = self.passed
        earlier = self.passed[-2][1] if len(self.passed) > 1 else None
        self.passed = [*self.passed[-1:], (seal.id, seal.digest)]
        if seal.digest != seal.computed():
            if after is not None:  # what follows is judged by what it knew of this one
                self.passed[-1] = (seal.id, after.previous)
            yield Finding(Tampering.ALTERED, "seal", seal.id)
        elif seal.previous == last:
            return
        elif seal.previous == earlier:
            yield Finding(Tampering.INSERTED, "seal", last_id)
        elif after is not None and seal.previous == after.digest:
            yield Finding(Tampering.REORDERED, "seal", seal.id)
        else:
            yield Finding(Tampering.MISSING, "seal", last_id + 1)
