"""Labels on paper: a layout drawn as PDF, one label a page, or as SVG for a screen."""

import io
from collections.abc import Sequence
from typing import assert_never

from reportlab.graphics import renderPDF, renderSVG
from reportlab.graphics.shapes import Drawing, Line, String
from reportlab.lib.colors import black
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from andon_mes.labels.template import Element, Layout, LineElement, SymbolElement, TextElement
from andon_mes.paper.datamatrix import drawing
from andon_mes.paper.fonts import font_of

_THIN = 0.5


def render_pdf(layouts: Sequence[Layout], title: str) -> bytes:
    """One page a label; the same labels give the same bytes. Raises: ValueError for a bad Data Matrix."""
    file = io.BytesIO()
    canvas = Canvas(file, invariant=1)
    canvas.setTitle(title)
    for each in layouts:
        canvas.setPageSize((each.width * mm, each.height * mm))
        renderPDF.draw(_drawn(each), canvas, 0, 0)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def render_svg(layout: Layout) -> str:
    """The label as SVG. Raises: ValueError for a bad Data Matrix."""
    text: str = renderSVG.drawToString(_drawn(layout))
    return text


def _drawn(layout: Layout) -> Drawing:
    drawn = Drawing(layout.width * mm, layout.height * mm)
    for each in layout.elements:
        drawn.add(_shape(each, layout.height))
    return drawn


def _shape(element: Element, height: float) -> object:
    """From millimetres below the top to points above the bottom."""
    match element:
        case TextElement():
            return _string(element, height)
        case SymbolElement(text, x, y, side):
            symbol = drawing(text, side * mm)
            symbol.translate(x * mm, (height - y - side) * mm)
            return symbol
        case LineElement(x, y, to_x, to_y):
            return Line(
                x * mm,
                (height - y) * mm,
                to_x * mm,
                (height - to_y) * mm,
                strokeColor=black,
                strokeWidth=_THIN,
            )
        case _:
            assert_never(element)


def _string(element: TextElement, height: float) -> String:
    font = font_of(element.text, bold=element.is_bold)
    wide = stringWidth(element.text, font, element.size) / mm
    size = element.size if wide <= element.width else element.size * element.width / wide
    return String(
        element.x * mm, (height - element.y) * mm, element.text, fontName=font, fontSize=size, fillColor=black
    )
