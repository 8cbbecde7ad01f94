"""How a record becomes bytes, and how each record's hash binds all before it.

A record's body is one JSON object with a fixed order of keys: what the table has columns for comes first, so
that comparing both is one comparison of a prefix. The hash of record n is

    SHA-256(0x00 || hash of record n-1, 32 bytes || body of n, UTF-8)

and 32 zero bytes stand before the first. The 0x00 makes it the leaf hash of RFC 6962 for the entry
"previous || body": the chain's hashes are the leaves of the Merkle tree, and nothing is hashed twice.
Standard library only: the verifier that travels with an export is made of this file too.
docs/design/timeline.md is the format's description. What is not here: files, tables, signatures.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from andon.timeline.records import Event, Record, Severity

_text = json.encoder.encode_basestring  # text as JSON writes it, with what is not ASCII as it is
_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode

GENESIS = bytes(32)
LEAF = b"\x00"

# A line of an export: every part but the body has its place, so a million are checked without reading JSON.
LINE = b'{"hash":"%b","previous":"%b","record":%b}\n'
HASH_AT, PREVIOUS_AT, BODY_AT = 9, 87, 162


@dataclass(frozen=True, slots=True)
class Link:
    """A record as it is written: `hash` is 64 hexadecimal digits."""

    number: int
    body: str
    hash: str


def link(number: int, previous: str, at: datetime, event: Event) -> Link:
    """The record that follows the one whose hash is `previous` (64 hexadecimal digits).

    Raises:
        ValueError: a number is not finite, or text is not Unicode.
        TypeError: `before` or `after` holds what JSON cannot say.
    """
    written = body(number, at, event)
    return Link(number, written, digest(bytes.fromhex(previous), written.encode()).hex())


def digest(previous: bytes, written: bytes) -> bytes:
    """The hash of the record with the body `written`."""
    return hashlib.sha256(LEAF + previous + written).digest()


def body(number: int, at: datetime, event: Event) -> str:
    """The record's canonical text."""
    parts = (
        head(
            number,
            stamp(at),
            (
                event.kind,
                event.subject,
                event.actor,
                event.unit,
                event.environment,
                event.severity.value,
            ),
        ),
        f'"role":{_text(event.role)},"source":{_text(event.source)},"reason":{_text(event.reason)},',
        f'"before":{_json(event.before)},"after":{_json(event.after)},',
        f'"correlation":{_text(event.correlation)}}}',
    )
    return "".join(parts)


def head(number: int, at: str, columns: tuple[str, str, str, str, str, str]) -> str:
    """How the body of a row begins; columns: kind, subject, actor, unit, environment, severity."""
    kind, subject, actor, unit, environment, severity = map(_text, columns)
    return (
        f'{{"number":{number},"at":"{at}","kind":{kind},"subject":{subject},"actor":{actor},'
        f'"unit":{unit},"environment":{environment},"severity":{severity},'
    )


def stamp(at: datetime) -> str:
    """UTC with microseconds and "Z", 27 characters: in the order of time when compared as text."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def parse(written: str, own_hash: str = "") -> Record:
    """The record that a body tells.

    Raises:
        ValueError: the text is not a record's body.
    """
    try:
        values = json.loads(written)
        at = datetime.fromisoformat(values.pop("at"))
        number, severity = values.pop("number"), Severity(values.pop("severity"))
        if type(number) is not int or at.tzinfo is None:
            raise ValueError("its number or time is of another form")
        return Record(number, at, Event(severity=severity, **values), own_hash)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(str(error)) from error


def line(previous: bytes, own: bytes, written: bytes) -> bytes:
    """A record as a line of an export."""
    return LINE % (own.hex().encode(), previous.hex().encode(), written)


def chained(events: Iterator[tuple[datetime, Event]]) -> Iterator[Link]:
    """A whole chain from its first record, as the migration of an older table makes it."""
    previous = GENESIS.hex()
    for number, (at, event) in enumerate(events, start=1):
        made = link(number, previous, at, event)
        previous = made.hash
        yield made
