"""Which font a text is set in: Helvetica, or one that every PDF reader has for Korean (Adobe-Korea1)."""

from functools import cache

LATIN = "Helvetica"
LATIN_BOLD = "Helvetica-Bold"
KOREAN = "HYGothic-Medium"


def font_of(text: str, *, bold: bool = False) -> str:
    """The font that has all of `text`'s characters."""
    if all(ord(each) < 256 for each in text):
        return LATIN_BOLD if bold else LATIN
    _register_korean()
    return KOREAN


@cache
def _register_korean() -> None:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont

    pdfmetrics.registerFont(UnicodeCIDFont(KOREAN))
