"""The timeline as a document for reading: records, the electronic signatures, checkpoint and verification.

Korean is set in a font that every reader of PDF has by Adobe's standard, so none is carried along. A document
is for reading, so it has a limit; what is longer is exported as lines or as a table.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from andon.kernel.errors import InvalidInput
from andon.timeline import chain
from andon.timeline.checks import Verification
from andon.timeline.records import Kept, Record

MOST_RECORDS = 20_000
SIGNATURES = "signature."
_WIDTH, _HEIGHT = A4
_LEFT, _RIGHT, _TOP, _BOTTOM = 15 * mm, _WIDTH - 15 * mm, _HEIGHT - 20 * mm, 18 * mm
_LATIN, _BOLD, _KOREAN = "Helvetica", "Helvetica-Bold", "HYGothic-Medium"
_SIZE, _LEADING = 8.0, 10.0
_COLUMNS = ((_LEFT, 34 * mm), (_LEFT + 36 * mm, 40 * mm), (_LEFT + 78 * mm, 102 * mm))


@dataclass(frozen=True, slots=True)
class About:
    """What the document says of itself. extract: the conditions; empty for everything. key: the log's."""

    origin: str
    made_at: datetime
    extract: dict[str, str]
    checkpoint: Kept
    key: str
    verification: Verification


class Document:
    """Written record by record; `close` adds what comes last."""

    def __init__(self, stream: BinaryIO, about: About) -> None:
        pdfmetrics.registerFont(UnicodeCIDFont(_KOREAN))
        self._about = about
        self._canvas = Canvas(stream, pagesize=A4, invariant=1)
        self._canvas.setTitle(f"Timeline of {about.origin}")
        self._page = 0
        self._y = 0.0
        self._count = 0
        self._signatures: list[Record] = []
        self._begin_page()
        self._heading(f"Timeline of {about.origin}")
        extract = ", ".join(f"{key} {value}" for key, value in about.extract.items())
        self._text(
            f"Made {_seconds(about.made_at)}. " + (f"An extract: {extract}." if extract else "Complete.")
        )

    def add(self, record: Record) -> None:
        """One record.

        Raises:
            InvalidInput: these are more than a document is for.
        """
        self._count += 1
        if self._count > MOST_RECORDS:
            raise InvalidInput(
                "too-many-for-pdf",
                f"a PDF holds at most {MOST_RECORDS} records",
                hint="narrow the filter, or export JSON lines or CSV",
            )
        event = record.event
        if event.kind.startswith(SIGNATURES):
            self._signatures.append(record)
        who = " ".join(each for each in (event.actor, event.role and f"({event.role})", event.source) if each)
        change = _change("before", event.before) + _change("after", event.after)
        self._row(
            (f"{record.number}", _seconds(record.at), event.severity.value),
            (event.kind, event.subject, who, " ".join(filter(None, (event.unit, event.environment)))),
            (event.reason, *change, f"hash {record.hash}"),
        )

    def close(self) -> None:
        """The signatures, and on the last page how the record was sealed and verified."""
        self._heading("Electronic signatures")
        if not self._signatures:
            self._text("There is none among these records.")
        for each in self._signatures:
            manifest = [f"{key}: {_said(value)}" for key, value in each.event.after.items()]
            self._row(
                (f"{each.number}", _seconds(each.at)),
                (each.event.actor, each.event.kind, each.event.subject),
                (each.event.reason, *manifest),
            )
        self._end_page()
        self._begin_page()
        self._seal()
        self._end_page()
        self._canvas.save()

    def _seal(self) -> None:
        found = self._about.verification
        self._heading("Verification")
        self._text(found.sentence)
        self._text(
            f"{found.records} records, {found.checkpoints} checkpoints, {found.signatures} signatures and "
            f"{found.cosignatures} cosignatures were checked."
        )
        for each in (*(f"Wrong: {one.sentence}" for one in found.findings[:50]), *found.notes[:50]):
            self._text(each)
        self._heading("Checkpoint")
        self._text(f"Made {_seconds(self._about.checkpoint.at)} with the key {self._about.key}")
        for line in self._about.checkpoint.note.split("\n"):
            self._text(line.replace("—", "-"))
        self._text("This document is for reading. The JSON lines of the same export verify by themselves.")

    def _begin_page(self) -> None:
        self._page += 1
        self._y = _TOP

    def _end_page(self) -> None:
        self._canvas.setFont(_LATIN, 7)
        self._canvas.drawString(_LEFT, 10 * mm, f"Timeline of {self._about.origin}")
        self._canvas.drawRightString(_RIGHT, 10 * mm, f"page {self._page}")
        self._canvas.showPage()

    def _room(self, height: float) -> None:
        if self._y - height < _BOTTOM:
            self._end_page()
            self._begin_page()

    def _heading(self, text: str) -> None:
        self._room(14 * mm)
        self._y -= 4 * mm
        self._line(_LEFT, text, size=12)
        self._y -= 6 * mm

    def _text(self, text: str) -> None:
        for line in _split(text, _RIGHT - _LEFT):
            self._room(_LEADING)
            self._line(_LEFT, line)
            self._y -= _LEADING

    def _row(self, *cells: Sequence[str]) -> None:
        """Side by side; what does not fit on a page goes on on the next."""
        wrapped = [
            [line for text in texts if text for line in _split(text, width)]
            for texts, (_, width) in zip(cells, _COLUMNS, strict=True)
        ]
        height = max(map(len, wrapped))
        self._room(min(height + 1, 6) * _LEADING)
        self._canvas.setLineWidth(0.3)
        self._canvas.line(_LEFT, self._y + _SIZE, _RIGHT, self._y + _SIZE)
        for index in range(height):
            self._room(_LEADING)
            for lines, (x, _) in zip(wrapped, _COLUMNS, strict=True):
                if index < len(lines):
                    self._line(x, lines[index])
            self._y -= _LEADING
        self._y -= 2

    def _line(self, x: float, text: str, size: float = _SIZE) -> None:
        self._canvas.setFont(_font(text) if size == _SIZE else _BOLD if text.isascii() else _KOREAN, size)
        self._canvas.drawString(x, self._y, text)


def _font(text: str) -> str:
    return _LATIN if text.isascii() else _KOREAN


def _split(text: str, width: float) -> list[str]:
    """Lines that fit; a word that is longer than a line, such as a hash, is cut."""
    found = []
    shown = "".join(each if each.isprintable() else " " for each in text)
    for line in simpleSplit(shown, _font(shown), _SIZE, width) or [""]:
        rest = line
        while pdfmetrics.stringWidth(rest, _font(rest), _SIZE) > width and len(rest) > 1:
            fits = max(1, int(len(rest) * width / pdfmetrics.stringWidth(rest, _font(rest), _SIZE)))
            found.append(rest[:fits])
            rest = rest[fits:]
        found.append(rest)
    return found


def _change(word: str, values: dict[str, object]) -> tuple[str, ...]:
    return (f"{word}: {json.dumps(values, ensure_ascii=False)}",) if values else ()


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _seconds(at: datetime) -> str:
    return chain.stamp(at)[:19].replace("T", " ") + " UTC"
