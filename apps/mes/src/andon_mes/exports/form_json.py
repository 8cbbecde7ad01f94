"""A report as JSON, written row by row: instants in UTC, numbers as numbers, unknown as null."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import IO

from andon_mes.exports.model import Head, Row, Value


def write(head: Head, rows: Iterable[Row], file: IO[bytes]) -> None:
    """`{"data": {"report", "title", "from", "to", "columns", "rows"}}`; a row is an object by column."""
    columns = [
        {"key": each.key, "kind": each.kind, "heading": each.name(head.language)}
        for each in head.table.columns
    ]
    about = {
        "report": head.table.name,
        "title": head.table.title.ko if head.language == "ko" else head.table.title.en,
        "from": _plain(head.first),
        "to": _plain(head.last),
        "made_at": _plain(head.made_at),
        "columns": columns,
    }
    file.write(b'{"data": ' + _text(about)[:-1] + b', "rows": [')
    keys = [each.key for each in head.table.columns]
    for number, row in enumerate(rows):
        shown = dict(zip(keys, map(_plain, row), strict=True))
        file.write((b",\n" if number else b"\n") + _text(shown))
    file.write(b"]}}")


def _plain(value: Value) -> str | int | float | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _text(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="replace")
