"""A report as PDF on A4 across: a heading on each page, page numbers, plant time, English and Korean.

Rows are drawn one by one. Korean is set in a font that every PDF reader has (it is named, not embedded), and
what is plain Latin in Helvetica.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import IO, Any

from andon_mes.exports.model import Column, Head, Kind, Row, Value, said
from andon_mes.paper.fonts import LATIN, font_of

_WIDTH, _HEIGHT = 841.9, 595.3
_MARGIN = 28.0
_SIZE, _LINE = 7.5, 10.0
_PAD = 2.0
_TO_THE_RIGHT = frozenset({Kind.COUNT, Kind.PERCENT, Kind.SECONDS})
_MOST_LINES = 6


def write(head: Head, rows: Iterable[Row], file: IO[bytes]) -> None:
    """The title and what the report says of itself, then the rows, page after page."""
    from reportlab.pdfgen.canvas import Canvas  # here: start-up that scanning does not need

    canvas = Canvas(file, pagesize=(_WIDTH, _HEIGHT), pageCompression=1)
    canvas.setTitle(said(head.table.title, head.language))
    canvas.setAuthor("Andon MES")
    _Pages(canvas, head).draw(rows)
    canvas.save()


class _Pages:
    """Where the pen is."""

    def __init__(self, canvas: Any, head: Head) -> None:
        self._canvas = canvas
        self._head = head
        self._page = 0
        self._y = 0.0
        wanted = [float(each.width) for each in head.table.columns]
        scale = (_WIDTH - 2 * _MARGIN) / sum(wanted)
        self._widths = [each * scale for each in wanted]

    def draw(self, rows: Iterable[Row]) -> None:
        """All pages, and their number where each one names it."""
        self._begin()
        for row in rows:
            self._row([written(value, self._head) for value in row])
        self._end()
        self._canvas.beginForm("pages", 0, 0, 60, 12)
        self._canvas.setFont(LATIN, _SIZE)
        self._canvas.drawString(0, 0, str(self._page))
        self._canvas.endForm()

    def _begin(self) -> None:
        self._page += 1
        self._y = _HEIGHT - _MARGIN - _LINE
        if self._page == 1:
            self._title()
        self._row(self._head.headings(), is_heading=True)
        self._canvas.line(_MARGIN, self._y + _LINE - 2, _WIDTH - _MARGIN, self._y + _LINE - 2)

    def _title(self) -> None:
        title = said(self._head.table.title, self._head.language)
        self._canvas.setFont(font_of(title, bold=True), 13)
        self._canvas.drawString(_MARGIN, self._y, title)
        self._y -= 1.6 * _LINE
        for label, value in self._head.lines():
            line = f"{label}: {value}"
            self._canvas.setFont(font_of(line), _SIZE)
            self._canvas.drawString(_MARGIN, self._y, line)
            self._y -= _LINE
        self._y -= _LINE / 2

    def _end(self) -> None:
        self._canvas.setFont(LATIN, _SIZE)
        self._canvas.drawRightString(_WIDTH / 2, _MARGIN / 2, f"{self._page} / ")
        self._canvas.saveState()
        self._canvas.translate(_WIDTH / 2, _MARGIN / 2)
        self._canvas.doForm("pages")
        self._canvas.restoreState()
        self._canvas.showPage()

    def _row(self, cells: Sequence[str], *, is_heading: bool = False) -> None:
        wrapped = [
            list(_wrapped(text, width - 2 * _PAD, is_bold=is_heading))
            for text, width in zip(cells, self._widths, strict=True)
        ]
        height = _LINE * max(map(len, wrapped), default=1)
        if self._y - height < _MARGIN and not is_heading:
            self._end()
            self._begin()
        x = _MARGIN
        for lines, column, width in zip(wrapped, self._head.table.columns, self._widths, strict=True):
            self._cell(lines, column, (x, width), is_heading=is_heading)
            x += width
        self._y -= height

    def _cell(
        self, lines: Sequence[str], column: Column, place: tuple[float, float], *, is_heading: bool
    ) -> None:
        x, width = place
        for number, line in enumerate(lines):
            self._canvas.setFont(font_of(line, bold=is_heading), _SIZE)
            y = self._y - number * _LINE
            if column.kind in _TO_THE_RIGHT:
                self._canvas.drawRightString(x + width - _PAD, y, line)
            else:
                self._canvas.drawString(x + _PAD, y, line)


def written(value: Value, head: Head) -> str:
    """A cell as it is read on paper; what is unknown is a dash."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return head.local(value)
    if isinstance(value, date):
        return value.isoformat()
    return "".join(each if each.isprintable() else " " for each in str(value))


def _wrapped(text: str, width: float, *, is_bold: bool = False) -> Iterator[str]:
    """`text` in lines of at most `width` points: broken after a space where there is one, else anywhere."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    font = font_of(text, bold=is_bold)
    for _ in range(_MOST_LINES - 1):
        if stringWidth(text, font, _SIZE) <= width:
            break
        fits = 1
        while fits < len(text) and stringWidth(text[: fits + 1], font, _SIZE) <= width:
            fits += 1
        space = text.rfind(" ", 1, fits)
        cut = space + 1 if space > 0 else fits
        yield text[:cut].rstrip()
        text = text[cut:]
    yield text
