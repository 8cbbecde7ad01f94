"""The birth certificate on paper: one page of A4 for a usual serial, more where it has more to tell.

Of values alone: the certificate's document, a language, the plant's zone. Times are shown in plant time.
"""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

from andon_mes.genealogy.words import Language, word
from andon_mes.paper.datamatrix import drawing
from andon_mes.paper.fonts import KOREAN, font_of

_MARGIN = 12 * mm
_WIDTH = A4[0] - 2 * _MARGIN - 12  # a frame keeps six points at each side
_SIZE, _LEADING = 6.8, 8.2
_INK, _QUIET, _LINE = HexColor("#15191e"), HexColor("#5b6570"), HexColor("#cfd6dd")
_LONGEST = 300

Document = dict[str, Any]
Line = Sequence[object]


class _Page:
    """Words, times and cells of one certificate."""

    def __init__(self, language: Language, zone: ZoneInfo) -> None:
        self._language = language
        self._zone = zone

    def word(self, name: str) -> str:
        return word(name, self._language)

    def time(self, text: str | None) -> str:
        """An instant of the document in plant time."""
        if text is None:
            return "-"
        return datetime.fromisoformat(text).astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")

    def cell(
        self, value: object, *, quiet: bool = False, bold: bool = False, size: float = _SIZE
    ) -> Paragraph:
        text = _plain(value)
        font = font_of(text, bold=bold)
        style = ParagraphStyle(
            "cell",
            fontName=font,
            fontSize=size,
            leading=size + _LEADING - _SIZE,
            textColor=_QUIET if quiet else _INK,
            wordWrap="CJK" if font == KOREAN else None,
        )
        return Paragraph(escape(text), style)

    def table(
        self, title: str, heads: Sequence[str], rows: Sequence[Line], widths: Sequence[float]
    ) -> list[Flowable]:
        """A titled table; one word where there is nothing. `widths` are shares of the page."""
        head = [self.cell(self.word(title), bold=True, size=8.2)]
        if not rows:
            return [*head, self.cell(self.word("none"), quiet=True), Spacer(0, 2 * mm)]
        total = sum(widths)
        body = Table(
            [[self.cell(self.word(each), quiet=True) for each in heads]]
            + [[self.cell(each) for each in row] for row in rows],
            colWidths=[_WIDTH * each / total for each in widths],
            repeatRows=1,
            style=[
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.3, _LINE),
                ("TOPPADDING", (0, 0), (-1, -1), 0.7),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 0.9),
                ("LEFTPADDING", (0, 0), (-1, -1), 1.5),
                ("RIGHTPADDING", (0, 0), (-1, -1), 1.5),
            ],
        )
        return [*head, body, Spacer(0, 2 * mm)]


def render(document: Document, language: Language, zone: ZoneInfo, *, is_signed: bool) -> bytes:
    """The certificate as PDF; the same document gives the same bytes."""
    page = _Page(language, zone)
    serial = document["serial"]
    file = io.BytesIO()
    made = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=f"{page.word('title')} {serial['serial_number']}",
        author=f"Andon MES {document['issued_by_release']}",
        invariant=1,
    )
    made.build(
        [
            *_head(page, document),
            *_attempts(page, document),
            *_measurements(page, document),
            *_components(page, document),
            *_defects(page, document),
            *_holds(page, document),
            *_labels(page, document),
            *_foot(page, document, is_signed=is_signed),
        ]
    )
    return file.getvalue()


def symbol_text(serial: Document) -> str:
    """What the Data Matrix says: the number and its check characters, as they are typed."""
    return f"{serial['serial_number']} {serial['checksum']}"


def _head(page: _Page, document: Document) -> list[Flowable]:
    serial, lot, model = document["serial"], document["lot"], document["product_model"]
    facts = [
        ("serial", serial["serial_number"]),
        ("checksum", serial["checksum"]),
        ("status", serial["status"]),
        ("model", f"{model['code']} {model['name']}"),
        ("lot", f"{lot['lot_number']} ({lot['status']})"),
        ("production", f"{lot['production_date']} {lot['shift']}"),
        ("made", f"{page.time(serial['started_at'])} - {page.time(serial['completed_at'])}"),
    ]
    if document["inside_of"]:
        outer = ", ".join(each["serial_number"] for each in document["inside_of"])
        facts.append(("inside_of", outer))
    side = 24 * mm
    square = Drawing(side, side)
    square.add(drawing(symbol_text(serial), side))
    lines = [
        [page.cell(page.word(name), quiet=True), page.cell(value, bold=name == "serial")]
        for name, value in facts
    ]
    left = Table(lines, colWidths=[32 * mm, _WIDTH - 32 * mm - side - 4 * mm], style=_TIGHT)
    title = page.cell(page.word("title"), bold=True, size=14)
    both = Table([[left, square]], colWidths=[_WIDTH - side - 2 * mm, side + 2 * mm], style=_TIGHT)
    return [title, Spacer(0, 3 * mm), both, Spacer(0, 2 * mm)]


def _attempts(page: _Page, document: Document) -> list[Flowable]:
    heads = ("process", "attempt", "result", "began", "ended", "cycle", "operator", "equipment", "versions")
    rows = [
        (
            each["process"],
            each["attempt"],
            each["status"] if each["defect_code"] is None else f"{each['status']} {each['defect_code']}",
            page.time(each["started_at"]),
            page.time(each["completed_at"]),
            each["cycle_time"],
            each["operator_id"],
            each["equipment_id"] or each["station"],
            " / ".join(each[name] for name in ("release", "application_version") if each[name]),
        )
        for each in document["attempts"]
    ]
    return page.table("attempts", heads, rows, (12, 5, 11, 18, 18, 8, 11, 12, 13))


def _measurements(page: _Page, document: Document) -> list[Flowable]:
    rows = [
        (
            each["process"],
            each["attempt"],
            known["name"],
            f"{_plain(known['value'])} {known['unit']}",
            f"{_plain(known['lower'])} ... {_plain(known['upper'])} {known['limit_unit']}",
            page.word("yes" if known["is_within"] else "no"),
        )
        for each in document["attempts"]
        for known in each["measurements"]
    ]
    found = page.table(
        "measurements",
        ("process", "attempt", "name", "value", "limits", "within"),
        rows,
        (12, 6, 22, 18, 26, 10),
    )
    results = [
        (each["process"], each["attempt"], _pairs(each["inspection_result"]))
        for each in document["attempts"]
        if each["inspection_result"]
    ]
    if results:
        found += page.table("inspection", ("process", "attempt", "value"), results, (12, 6, 76))
    return found


def _components(page: _Page, document: Document) -> list[Flowable]:
    rows = [
        (
            f"{'  ' * depth}{'> ' if depth else ''}{each['component']}",
            each["component_serial"],
            each["component_lot"],
            each["quantity"],
            each["process"],
            page.time(each["scanned_at"]),
            f"{page.time(each['removed_at'])} {each['removal_reason']}" if each["removed_at"] else None,
        )
        for depth, each in _flat(document["components"], 0)
    ]
    heads = ("component", "number", "lot", "quantity", "process", "scanned", "removed")
    return page.table("components", heads, rows, (16, 26, 18, 7, 9, 18, 20))


def _defects(page: _Page, document: Document) -> list[Flowable]:
    defects = [
        (
            each["process"],
            each["defect_code"],
            each["status"],
            page.time(each["opened_at"]),
            each["disposition"],
            each["reason"],
            _signature(page, each["signature"]),
        )
        for each in document["defects"]
    ]
    reworks = [
        (
            each["process"],
            each["defect_code"],
            each["reason"],
            page.time(each["started_at"]),
            page.time(each["completed_at"]),
            each["operator"],
            each["final_result"],
        )
        for each in document["reworks"]
    ]
    return [
        *page.table(
            "defects",
            ("process", "code", "status", "opened", "disposition", "reason", "signed"),
            defects,
            (9, 7, 14, 18, 12, 22, 20),
        ),
        *page.table(
            "reworks",
            ("process", "code", "reason", "began", "ended", "operator", "result"),
            reworks,
            (10, 8, 26, 18, 18, 12, 10),
        ),
    ]


def _signature(page: _Page, signature: Document | None) -> str | None:
    """Who signed a concession, in what sense and when (21 CFR 11.50); None where nobody did."""
    if signature is None:
        return None
    name = signature.get("full_name") or signature["user"]
    return f"{name}, {page.word('signed.' + signature['meaning'])}, {page.time(signature['signed_at'])}"


def _holds(page: _Page, document: Document) -> list[Flowable]:
    holds = [
        (page.time(each["from"]), page.time(each["to"]), each["reason"], each["held_by"], each["released_by"])
        for each in document["holds"]
    ]
    recalls = [
        (
            page.time(each["opened_at"]),
            page.time(each["ended_at"]),
            f"{each['number']} {each['reason']}",
            page.word(f"outcome.{each['outcome']}"),
            None,
        )
        for each in document["recalls"]
    ]
    heads = ("from", "to", "reason", "held_by", "released_by")
    return page.table("holds", heads, [*holds, *recalls], (18, 18, 34, 16, 14))


def _labels(page: _Page, document: Document) -> list[Flowable]:
    rows = [
        (
            each["template_code"],
            each["copy_number"],
            page.time(each["printed_at"]),
            each["printed_by"],
            each["reason"],
        )
        for each in document["labels"]
    ]
    return page.table("labels", ("template", "copy", "printed", "by", "reason"), rows, (22, 8, 20, 18, 32))


def _foot(page: _Page, document: Document, *, is_signed: bool) -> list[Flowable]:
    seal = document["audit"]["seal"]
    sealed = (
        f"{seal['id']} {seal['digest']} {page.time(seal['sealed_at'])}" if seal else page.word("not_sealed")
    )
    issued = page.word("issued").format(
        release=document["issued_by_release"],
        at=page.time(document["issued_at"]),
        zone=document["plant"]["zone"],
    )
    return [
        page.cell(f"{page.word('audit')}: {sealed}", quiet=True),
        page.cell(issued, quiet=True),
        page.cell(page.word("is_signed" if is_signed else "unsigned"), bold=not is_signed),
    ]


def _flat(components: Sequence[Document], depth: int) -> list[tuple[int, Document]]:
    found = []
    for each in components:
        found += [(depth, each), *_flat(each["contains"], depth + 1)]
    return found


def _pairs(result: Document) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in result.items())


def _plain(value: object) -> str:
    if value is None:
        return "-"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


_TIGHT = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 0.4),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 0.4),
]
