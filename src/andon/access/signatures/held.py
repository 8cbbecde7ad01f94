"""Holds rows that were told of on the timeline against its records: one that is gone or other is named.

The triggers of these rows stop slips only, and a seal tells of a changed row but not of one that is gone. The
records are signed and witnessed, so what they say was there has to be there. What is not here: whether the
records themselves are as they were (`timeline/verify.py`).
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from andon.access.signatures import store
from andon.store.engine import Database
from andon.timeline.records import Record
from andon.timeline.store import Filter, TimelineStore, read_record
from andon.timeline.walk import Finding

Rows = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A kind of rows. kind: of their records; told: name and content that a record says; read: those there
    are, by name. A content is JSON."""

    what: str
    kind: str
    told: Callable[[Record], tuple[str, Any]]
    read: Callable[[], Awaitable[Rows]]


async def signatures(database: Database) -> list[Finding]:
    """What is wrong with the rows of signatures."""
    return await differences(
        database, Kept("signature", store.MADE, _told, store.SignatureStore(database).contents)
    )


async def differences(database: Database, kept: Kept) -> list[Finding]:
    """What is wrong with rows of one kind: missing, other, or never told of."""
    try:
        return await _differences(database, kept)
    except ValueError as error:  # a time or a JSON that is none
        return [Finding(f"{kept.what}-unreadable", f"a {kept.what} of the database cannot be read: {error}")]


async def _differences(database: Database, kept: Kept) -> list[Finding]:
    # Rows are written together with their records. Read before and after, what is written now is no finding.
    before = await kept.read()
    told: dict[str, tuple[int, Any]] = {}
    async for batch in TimelineStore(database).rows(Filter(kind=kept.kind)):
        for record in map(read_record, batch):
            name, content = kept.told(record)
            told[name] = record.number, content
    after = await kept.read()
    findings = []
    for name, (number, content) in told.items():
        if name not in after:
            problem = f"{kept.what} {name} is gone; record {number} tells of it"
            findings.append(Finding(f"{kept.what}-missing", problem))
        elif _canonical(after[name]) != _canonical(content):
            problem = f"{kept.what} {name} is not what record {number} tells of it: it was altered"
            findings.append(Finding(f"{kept.what}-altered", problem))
    for name in before.keys() - told.keys():
        problem = f"{kept.what} {name} is on no record: it was added"
        findings.append(Finding(f"{kept.what}-added", problem))
    return findings


def _told(record: Record) -> tuple[str, Any]:
    event = record.event
    return str(event.after.get("id")), {"subject": event.subject, **event.after}


def _canonical(content: Any) -> str:
    return json.dumps(content, sort_keys=True)
