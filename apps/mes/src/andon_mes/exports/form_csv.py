"""A report as CSV (RFC 4180) that Excel opens: UTF-8 with a BOM, instants in plant time with their offset."""

import csv
import io
from collections.abc import Iterable
from datetime import date, datetime
from typing import IO

from andon_mes.exports.model import Head, Row, Value

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for a formula (OWASP, CSV injection); its Asian forms also begin one."""


def write(head: Head, rows: Iterable[Row], file: IO[bytes]) -> None:
    """Headings, then the rows. Text that a spreadsheet would run gets an apostrophe before it."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow([harmless(each) for each in head.headings()])
    writer.writerows([_plain(value, head) for value in row] for row in rows)
    text.detach()


def harmless(text: str) -> str:
    """`text`, with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


def _plain(value: Value, head: Head) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(head.zone).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return harmless(value) if isinstance(value, str) else value
